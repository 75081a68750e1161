/**
 * A report of measurements: one page of HTML that needs nothing else, neither scripts nor the network.
 *
 * @module
 */

import type { HotFunction } from "./hot_functions.ts";
import type { GroupResult } from "./group_record.ts";
import { sum } from "./group_record.ts";
import { escaped } from "./markup.ts";
import { plot } from "./plots.ts";
import { PERCENTILES, rateOf } from "./result_json.ts";
import type { RunResult } from "./run.ts";
import { allLatencies, clientShare, wasClientBusy } from "./run.ts";
import type { StallResult } from "./stalled_clients.ts";
import { rateText, time } from "./summary.ts";

/** What a report is about. */
export interface ReportSubject {
  /** Heading. */
  readonly title: string;
  /** What was measured with what, in pairs of a name and a text. */
  readonly facts: readonly (readonly [string, string])[];
  /** The measurements, in their order. */
  readonly runs: readonly ReportRun[];
  /** Clients that stalled, if there were any. */
  readonly stalls: readonly StallResult[];
  /** Functions that took the most CPU time, if profiles were made. */
  readonly hottest: readonly HotFunction[];
}

/** A measurement. */
export interface ReportRun {
  /** Name, if there are several. */
  readonly name: string;
  /** What came of it. */
  readonly result: RunResult;
}

const STYLE = `
:root{color-scheme:light dark;--page:#fff;--ink:#1d2129;--soft:#5b6472;--rule:#dfe3e8;--panel:#f6f7f9;
--s0:#0b62d6;--s1:#c2410c;--s2:#15803d;--s3:#9333ea;--s4:#b4235a;--s5:#0e7490;--bad:#b42318}
@media(prefers-color-scheme:dark){:root{--page:#14171c;--ink:#e6e9ee;--soft:#9aa4b2;--rule:#2d333c;--panel:#1c2027;
--s0:#6ea8fe;--s1:#fb923c;--s2:#4ade80;--s3:#c084fc;--s4:#f472b6;--s5:#22d3ee;--bad:#f97066}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:70rem;padding:1rem;background:var(--page);color:var(--ink);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.2;margin:.5rem 0}h2{font-size:1.15rem;margin:2rem 0 .5rem}
.facts{color:var(--soft);margin:0;padding:0;list-style:none}
.tiles{display:grid;gap:.6rem;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));margin:1rem 0}
.tile{background:var(--panel);border:1px solid var(--rule);border-radius:.5rem;padding:.6rem .8rem}
.tile b{display:block;font-size:1.3rem;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:.85rem}
.plots{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr))}
figure{margin:0;background:var(--panel);border:1px solid var(--rule);border-radius:.5rem;padding:.6rem}
figcaption{font-weight:600}svg{display:block;width:100%;height:auto}
svg text{font-size:12px;fill:var(--soft)}svg .y{text-anchor:end}svg .x{text-anchor:middle}
.grid{stroke:var(--rule);stroke-width:1}.line{fill:none;stroke-width:2;stroke-linejoin:round}
.s0{stroke:var(--s0)}.s1{stroke:var(--s1)}.s2{stroke:var(--s2)}.s3{stroke:var(--s3)}.s4{stroke:var(--s4)}.s5{stroke:var(--s5)}
.legend{list-style:none;margin:.3rem 0 0;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.85rem}
.legend svg{display:inline-block;width:1.2rem;height:.35rem;margin-right:.4rem;vertical-align:middle}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.9rem}
th,td{text-align:right;padding:.3rem .5rem;border-bottom:1px solid var(--rule);white-space:nowrap}
th:first-child,td:first-child{text-align:left;white-space:normal;min-width:9rem}th{color:var(--soft);font-weight:600}
.warn{border-left:4px solid var(--bad);padding:.4rem .8rem;background:var(--panel)}
`;

/** The page. */
export function reportPage({ title, facts, runs, stalls, hottest }: ReportSubject): string {
  const main = runs[runs.length - 1].result;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title><style>${STYLE}</style></head><body>
<h1>${escaped(title)}</h1>
<ul class="facts">${
    facts.map(([name, text]) => `<li>${escaped(name)}: ${escaped(text)}</li>`).join("")
  }</ul>
${
    wasClientBusy(main)
      ? '<p class="warn">The client was the bottleneck: the server may be faster than this.</p>'
      : ""
  }
${tiles(main)}
<div class="plots">${plots(runs).join("\n")}</div>
<h2>Requests</h2>${runs.map(groupsTable).join("")}
${failuresOf(runs)}
${stalls.length === 0 ? "" : `<h2>Clients that stalled</h2>${stallsTable(stalls)}`}
${hottest.length === 0 ? "" : `<h2>Hottest functions</h2>${hottestTable(hottest)}`}
</body></html>
`;
}

function tiles(result: RunResult): string {
  const latency = allLatencies(result);
  const share = clientShare(result);
  const { serverCpuMs, durationMs } = result;
  const cells: [string, string][] = [
    [rateText(rateOf(result)).replace(" requests", ""), "requests answered"],
    [time(latency.percentile(50)), "half were faster"],
    [time(latency.percentile(99)), "99 % were faster"],
    [time(latency.maxUs), "the slowest"],
    ...share === null ? [] : [[`${Math.round(share * 100)} %`, "of a core, client"]] as const,
    ...serverCpuMs === null
      ? []
      : [[`${Math.round(serverCpuMs / durationMs * 100)} %`, "of a core, server"]] as const,
  ].map(([a, b]): [string, string] => [a, b]);
  return `<div class="tiles">${
    cells.map(([value, name]) =>
      `<div class="tile"><b>${escaped(value)}</b><span>${escaped(name)}</span></div>`
    ).join("")
  }</div>`;
}

/** The groups of all runs, with names that tell them apart. */
function named(runs: readonly ReportRun[]): [string, GroupResult, RunResult][] {
  return runs.flatMap(({ name, result }) =>
    result.groups.map((group): [string, GroupResult, RunResult] => [
      runs.length > 1 ? `${name}${result.groups.length > 1 ? ` ${group.name}` : ""}` : group.name,
      group,
      result,
    ])
  );
}

function plots(runs: readonly ReportRun[]): string[] {
  const groups = named(runs);
  const seconds = (ms: number) => ms / 1_000;
  return [
    plot({
      title: "Times by percentile",
      xLabel: "percent of requests",
      xTicks: [[0, "0"], [1, "90"], [2, "99"], [3, "99.9"], [4, "99.99"]],
      yScale: "log",
      yText: time,
      series: groups.map(([name, { latency }]) => ({
        name,
        points: Array.from({ length: 161 }, (_, place): [number, number] => {
          const nines = place / 40;
          return [nines, Math.max(1, latency.percentile(100 * (1 - 10 ** -nines)))];
        }),
      })),
    }),
    plot({
      title: "Requests answered each second",
      xLabel: "seconds",
      yScale: "linear",
      yText: (rate) => String(rate),
      series: groups.map(([name, { timeline }, { partMs }]) => ({
        name,
        points: timeline.map((
          { atMs, answered },
        ): [number, number] => [seconds(atMs), answered * 1_000 / partMs]),
      })),
    }),
    plot({
      title: "Slowest of 100 requests (p99)",
      xLabel: "seconds",
      yScale: "log",
      yText: time,
      series: groups.map(([name, { timeline }]) => ({
        name,
        // Nothing was answered then: no time is a gap.
        points: timeline.map(({ atMs, answered, p99Us }): [number, number] => [
          seconds(atMs),
          answered > 0 ? Math.max(1, p99Us) : NaN,
        ]),
      })),
    }),
    plot({
      title: "Failures each second",
      xLabel: "seconds",
      yScale: "linear",
      yText: (rate) => String(rate),
      series: groups.some(([, { failures }]) => failures.size > 0)
        ? groups.map(([name, { timeline }, { partMs }]) => ({
          name,
          points: timeline.map((
            { atMs, failed },
          ): [number, number] => [seconds(atMs), failed * 1_000 / partMs]),
        }))
        : [],
    }),
  ].filter((svg) => svg !== "");
}

function groupsTable(run: ReportRun): string {
  const { result } = run;
  const rows = named([run]).map(([name, group]) => [
    run.name === "" ? name : `${run.name}: ${name}`,
    String(group.connections),
    rateText(group.answeredInTime * 1_000 / result.durationMs),
    ...PERCENTILES.map((percent) => time(group.latency.percentile(percent))),
    time(group.latency.maxUs),
    String(sum(group.failures) + group.unsent),
  ]);
  return table(
    ["", "connections", "rate", ...PERCENTILES.map((each) => `p${each}`), "max", "failed"],
    rows,
  );
}

function failuresOf(runs: readonly ReportRun[]): string {
  const rows = named(runs).flatMap(([name, { failures }]) =>
    [...failures].map(([reason, times]) => [`${name}: ${reason}`, String(times)])
  );
  return rows.length === 0 ? "" : `<h2>Failures</h2>${table(["reason", "times"], rows)}`;
}

function stallsTable(stalls: readonly StallResult[]): string {
  return table(
    ["", "clients", "connects", "refused", "cut off", "held at the end", "held longest"],
    stalls.map((each) => [
      each.kind,
      ...[each.clients, each.connects, each.refused, each.cutOff, each.held].map(String),
      time(each.longestMs * 1_000),
    ]),
  );
}

function hottestTable(hottest: readonly HotFunction[]): string {
  return table(
    ["function", "own time"],
    hottest.map(({ name, place, share }) => [
      `${name} ${place}`.trim(),
      `${(share * 100).toFixed(1)} %`,
    ]),
  );
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = heads.map((each) => `<th>${escaped(each)}</th>`).join("");
  const body = rows.map((row) =>
    `<tr>${row.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`
  ).join("");
  return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}
