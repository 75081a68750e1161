/**
 * Results as text for a terminal.
 *
 * @module
 */

import type { Histogram } from "./histogram.ts";
import type { GroupResult } from "./group_record.ts";
import { sum } from "./group_record.ts";
import { PERCENTILES, rateOf } from "./result_json.ts";
import type { RunResult } from "./run.ts";
import { clientShare, total, wasClientBusy } from "./run.ts";
import type { StallResult } from "./stalled_clients.ts";

/** A progress bar: how much of `all` is done. */
export function bar(done: number, all: number, columns = 30): string {
  const full = Math.round(columns * Math.min(1, Math.max(0, done / all)));
  return `[${"#".repeat(full)}${".".repeat(columns - full)}]`;
}

/** What came of `fetch bulk`. */
export function bulkText(result: RunResult, requestCount: number): string {
  const { groups, durationMs } = result;
  const answered = total(groups.map((group) => group.answered));
  const failed = total(groups.map(({ failures }) => sum(failures)));
  const lines = [
    `${answered} of ${requestCount} requests answered in ${seconds(durationMs)}, ${failed} failed`,
  ];
  for (const group of groups) {
    lines.push("", group.name, ...countLines(group), ...latencyLines(group.latency));
  }
  return lines.join("\n");
}

/** What came of a run of `bench`. */
export function runText(result: RunResult, loop: "closed" | "open"): string {
  const { groups, durationMs } = result;
  const lines: string[] = [];
  if (groups.length > 1) {
    lines.push(`all: ${rateText(rateOf(result))} in ${seconds(durationMs)}`, "");
  }
  for (const group of groups) {
    const rate = group.answeredInTime * 1_000 / durationMs;
    lines.push(
      `${group.name}: ${rateText(rate)} over ${count(group.connections, "connection")} in ` +
        seconds(durationMs),
      ...countLines(group),
      ...latencyLines(group.latency),
    );
    if (loop === "closed") {
      const corrected = group.latency.corrected(group.latency.meanUs);
      lines.push(
        `  corrected for requests that were held up (as wrk does): ` +
          `p50 ${time(corrected.percentile(50))}, p99 ${time(corrected.percentile(99))}`,
      );
    } else {
      const { serviceTime } = group;
      lines.push(
        `  from when they were sent: p50 ${time(serviceTime.percentile(50))}, ` +
          `p99 ${time(serviceTime.percentile(99))}`,
      );
    }
    lines.push("");
  }
  lines.push(...cpuLines(result));
  return lines.join("\n").trimEnd();
}

/** Who had how much to do. */
function cpuLines(result: RunResult): string[] {
  const share = clientShare(result);
  if (share === null) return ["client: its CPU time is not known on this system"];
  const lines = [`client: ${percent(share)} of a core`];
  const { serverCpuMs, durationMs } = result;
  if (serverCpuMs !== null) {
    const perRequest = serverCpuMs * 1_000 / Math.max(1, rateOf(result) * durationMs / 1_000);
    lines.push(
      `server: ${percent(serverCpuMs / durationMs)} of a core, ` +
        `${perRequest.toFixed(1)} µs for each request`,
    );
  }
  if (wasClientBusy(result)) {
    lines.push(
      "the client was the bottleneck: the server may be faster than this " +
        "(use fewer connections, a --rate, or several clients)",
    );
  }
  return lines;
}

function countLines(group: GroupResult): string[] {
  const { statuses, failures, lengths, unsent } = group;
  const lines: string[] = [];
  if (statuses.size > 0) {
    const counts = [...statuses].sort(([a], [b]) => a - b)
      .map(([status, times]) => `${status === 0 ? "messages" : status}: ${times}`);
    lines.push(`  answers  ${counts.join(", ")}`);
  }
  const sizes = [...lengths].sort(([a], [b]) => a - b).map(([bytes, times]) =>
    bytes < 0 ? `others: ${times}` : `${bytes} bytes: ${times}`
  );
  if (sizes.length > 0) {
    const shown = sizes.length > 8 ? [...sizes.slice(0, 8), "…"] : sizes;
    lines.push(`  bodies   ${shown.join(", ")}`);
  }
  for (const [reason, times] of failures) lines.push(`  failed   ${times}: ${reason}`);
  if (unsent > 0) lines.push(`  unsent   ${unsent} requests were due and could not be sent`);
  return lines;
}

function latencyLines(latency: Histogram): string[] {
  if (latency.count === 0) return [];
  const cells = [
    `min ${time(latency.minUs)}`,
    ...PERCENTILES.map((each) => `p${each} ${time(latency.percentile(each))}`),
    `max ${time(latency.maxUs)}`,
  ];
  return [`  times    ${cells.slice(0, 5).join(", ")}`, `           ${cells.slice(5).join(", ")}`];
}

/** A time with a unit that suits it. */
export function time(us: number): string {
  if (us < 1_000) return `${Math.round(us)} µs`;
  if (us < 1_000_000) return `${(us / 1_000).toFixed(us < 10_000 ? 2 : 1)} ms`;
  return `${(us / 1_000_000).toFixed(2)} s`;
}

/** A rate, with as many digits as mean something. */
export function rateText(perSecond: number): string {
  return `${perSecond < 100 ? perSecond.toFixed(1) : Math.round(perSecond)} requests/s`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** How many of what. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** What became of clients that stalled. */
export function stallsText(stalls: readonly StallResult[]): string {
  const lines = stalls.map(({ kind, clients, connects, refused, cutOff, held, longestMs }) =>
    `  ${kind.padEnd(10)} ${count(clients, "client")}, ${count(connects, "connection")}, ` +
    `${refused} refused, ${cutOff} cut off by the server, ${held} held at the end, ` +
    `the longest for ${seconds(longestMs)}`
  );
  return ["clients that stalled", ...lines].join("\n");
}
