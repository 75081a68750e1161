/**
 * A picture of a study: p99 and loss against what is varied, or against time.
 *
 * @module
 */

import type { PlotSpec } from "../../src/load/plots.ts";
import { drawing, DRAWING_RATIO } from "../../src/load/plots.ts";
import { escaped } from "../../src/load/markup.ts";
import { time } from "../../src/load/summary.ts";
import { lossOf } from "./recorder.ts";
import type { Scenario, Sweep } from "./scenario.ts";
import type { Run } from "./study.ts";

const WIDTH = 940;
const PLOT_WIDTH = 450;
const MARGIN = 20;
const TOP = 64;
const LEGEND_STEP = 130;
/** A logarithmic scale has no 0. */
const LEAST_US = 1;

const STYLE = `
text { font: 12px system-ui, sans-serif; fill: #57606a; }
.title { font-size: 15px; font-weight: 600; fill: #24292f; }
.head { font-size: 13px; font-weight: 600; fill: #24292f; }
.x { text-anchor: middle; } .y { text-anchor: end; }
.grid { stroke: #d0d7de; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.s0 { stroke: #0969da; } .s1 { stroke: #bc4c00; } .s2 { stroke: #1a7f37; }
.s3 { stroke: #8250df; } .s4 { stroke: #bf3989; }
@media (prefers-color-scheme: dark) {
  text { fill: #9198a1; } .title, .head { fill: #e6edf3; } .grid { stroke: #30363d; }
  .s0 { stroke: #58a6ff; } .s1 { stroke: #f0883e; } .s2 { stroke: #3fb950; }
  .s3 { stroke: #a371f7; } .s4 { stroke: #f778ba; }
}`;

/** Draws runs, as SVG. */
export function picture(scenario: Scenario, runs: readonly Run[]): string {
  const plots = scenario.sweep === null
    ? timePlots(scenario, runs)
    : sweepPlots(scenario.sweep, scenario, runs);
  const height = TOP + 30 + PLOT_WIDTH * DRAWING_RATIO;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${
      Math.ceil(height)
    }" role="img">`,
    `<title>${escaped(scenario.name)}</title>`,
    `<style>${STYLE}\n</style>`,
    `<text class="title" x="${MARGIN}" y="22">${escaped(scenario.name)}</text>`,
    ...scenario.policies.map((policy, place) => {
      const x = MARGIN + place * LEGEND_STEP;
      return `<path class="line s${place}" d="M${x} 40h16"/><text x="${
        x + 22
      }" y="44">${policy}</text>`;
    }),
    ...plots.flatMap((spec, place) => {
      const x = MARGIN + place * (PLOT_WIDTH + MARGIN / 2);
      return [
        `<text class="head" x="${x}" y="${TOP + 14}">${escaped(spec.title)}</text>`,
        drawing(spec, { x, y: TOP + 20, width: PLOT_WIDTH }),
      ];
    }),
    "</svg>",
  ];
  return `${parts.join("\n")}\n`;
}

/** Times on a scale that shows how they differ: logarithmic if one is ten times another. */
function timesOf(series: PlotSpec["series"]): Pick<PlotSpec, "yScale" | "yText" | "series"> {
  const times = series.flatMap(({ points }) => points.map(([, us]) => us)).filter(Number.isFinite);
  const [least, most] = [Math.min, Math.max].map((choose) =>
    times.reduce((a, b) => choose(a, b), times[0])
  );
  return { yScale: most > 10 * least ? "log" : "linear", yText: time, series };
}

const LOSS = {
  yScale: "linear",
  yText: (share: number) => `${Number((share * 100).toPrecision(3))} %`,
} as const;

function sweepPlots(
  { of, values }: Sweep,
  { policies }: Scenario,
  runs: readonly Run[],
): PlotSpec[] {
  const xLabel = {
    load: "load",
    nodes: "nodes",
    dispatchers: "dispatchers",
    perSecond: "requests a second",
  }[of];
  const series = (yOf: (run: Run) => number) =>
    policies.map((policy) => ({
      name: policy,
      points: runs.filter((run) => run.policy === policy)
        .map((run): [number, number] => [run.value!, yOf(run)])
        .sort(([a], [b]) => a - b),
    }));
  const xTicks = values.map((value): [number, string] => [value, String(value)]);
  return [
    {
      title: "Slowest of 100 requests (p99)",
      xLabel,
      xTicks,
      ...timesOf(
        series(({ outcome: { latency } }) =>
          latency.count === 0 ? NaN : Math.max(LEAST_US, latency.percentile(99))
        ),
      ),
    },
    { title: "Lost", xLabel, xTicks, ...LOSS, series: series(({ outcome }) => lossOf(outcome)) },
  ];
}

function timePlots({ policies }: Scenario, runs: readonly Run[]): PlotSpec[] {
  const series = (yOf: (part: Run["outcome"]["timeline"][number]) => number) =>
    policies.map((policy) => ({
      name: policy,
      points: runs.filter((run) => run.policy === policy).flatMap(({ outcome: { timeline } }) =>
        timeline.map((part): [number, number] => [part.atMs / 1_000, yOf(part)])
      ),
    }));
  return [
    {
      title: "Slowest of 100 requests (p99), by the time of the answer",
      xLabel: "seconds",
      ...timesOf(series(({ answered, p99Us }) => answered === 0 ? NaN : Math.max(LEAST_US, p99Us))),
    },
    {
      title: "Lost, of those that ended then",
      xLabel: "seconds",
      ...LOSS,
      series: series(({ answered, failed }) =>
        answered + failed === 0 ? NaN : failed / (answered + failed)
      ),
    },
  ];
}
