/**
 * How the gateway did in the last minutes, a point for each second: what the plots of the status show.
 *
 * @module
 */

import { timerMs } from "../base/timers.ts";
import { evenEpochMs } from "./clock.ts";
import { percentiles } from "./latency.ts";
import type { PoolReport, ProcessReport } from "./report.ts";
import { sumOfTotals } from "./report.ts";
import type { Collected, ReportSource } from "./report_source.ts";

const INTERVAL_MS = 1_000;
/** Five minutes. */
const MAX_POINTS = 300;

/** What each point has, in this order. */
export const HISTORY_COLUMNS = [
  "atMs",
  "requestsPerSecond",
  "failuresPerSecond",
  "bytesInPerSecond",
  "bytesOutPerSecond",
  "p50Ms",
  "p99Ms",
  "inFlight",
  "connections",
  "rssBytes",
  "loopDelayMs",
  "workerDelayMs",
] as const;

/** A point: the numbers of {@linkcode HISTORY_COLUMNS}. */
export type HistoryPoint = readonly (number | null)[];

/** The points, until it is disposed of. */
export class History implements Disposable {
  readonly #source: ReportSource;
  readonly #points: HistoryPoint[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  #totals = sumOfTotals([]);
  #at = 0;

  /** Begins to take points of what `source` reports. */
  constructor(source: ReportSource) {
    this.#source = source;
    this.#timer = setInterval(() => this.#take(), timerMs(INTERVAL_MS));
    this.#take();
  }

  /** The points after `sinceMs`, in milliseconds since 1970. */
  since(sinceMs: number): HistoryPoint[] {
    return this.#points.filter(([atMs]) => atMs! > sinceMs);
  }

  /** The last point, once there are two. */
  get last(): HistoryPoint | undefined {
    return this.#points.at(-1);
  }

  /** Takes no more points. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #take(): void {
    const collected = this.#source.latest();
    const now = performance.now();
    const totals = totalsOf(collected);
    const seconds = (now - this.#at) / 1_000;
    const before = this.#totals;
    const isFirst = this.#at === 0;
    this.#totals = totals;
    this.#at = now;
    // There is nothing to compare it with.
    if (isFirst) return;
    // What a process that died has counted last may be lost.
    const rate = (name: keyof typeof totals) =>
      Math.max(0, (totals[name] - before[name]) / seconds);
    const { processes } = collected;
    const [p50, p99] = percentiles(processes.map(({ latency }) => latency), [0.5, 0.99]);
    this.#points.push([
      Math.round(evenEpochMs()),
      rounded(rate("requests")),
      rounded(rate("failures")),
      Math.round(rate("bytesIn")),
      Math.round(rate("bytesOut")),
      p50 === null ? null : rounded(p50),
      p99 === null ? null : rounded(p99),
      sumOfEndpoints(processes, "unanswered"),
      sumOfEndpoints(processes, "connections"),
      processes.reduce((sum, { rssBytes }) => sum + rssBytes, 0),
      rounded(Math.max(0, ...processes.map(({ loopDelayMs }) => loopDelayMs.mean))),
      rounded(workersOf(processes).reduce((most, each) => Math.max(most, each.delayMs ?? 0), 0)),
    ]);
    if (this.#points.length > MAX_POINTS) this.#points.shift();
  }
}

/** What has passed in all processes, those that have ended included. */
export function totalsOf({ processes, ended }: Collected): ReturnType<typeof sumOfTotals> {
  return sumOfTotals([ended.totals, ...processes.map(({ totals }) => totals)]);
}

/** What the endpoints of all processes have in all. */
export function sumOfEndpoints(
  processes: readonly ProcessReport[],
  name: "connections" | "unanswered",
): number {
  return processes.reduce(
    (sum, { endpoints }) => endpoints.reduce((sum, endpoint) => sum + endpoint[name], sum),
    0,
  );
}

function workersOf(processes: readonly ProcessReport[]): PoolReport["workers"] {
  return processes.flatMap(({ generations }) =>
    generations.flatMap(({ pools }) => pools.flatMap(({ workers }) => workers))
  );
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
