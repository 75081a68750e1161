/**
 * A measurement: groups of connections at the same time, and the CPU time that it took both sides.
 *
 * @module
 */

import { timerMs } from "../base/timers.ts";
import { ownThreadCpuMs, processCpuMs } from "./cpu.ts";
import { Histogram } from "./histogram.ts";
import type { GroupPlan, GroupResult, Measurement } from "./group_record.ts";
import type { GroupRecord } from "./group_record.ts";
import { LoadGroup } from "./load_group.ts";
import { PolledLoad } from "./polled/polled_load.ts";
import { partMsOf } from "./timeline.ts";

/** How long a measurement takes. */
export interface RunTimes {
  /** Time before it, whose requests do not count. */
  readonly warmUpMs: number;
  /** Length of the measurement. */
  readonly durationMs: number;
  /** Time that a request may take. */
  readonly timeoutMs: number;
}

/** How far a measurement is. */
export interface RunProgress {
  /** Time since its start; negative before it. */
  readonly elapsedMs: number;
  /** Its length. */
  readonly durationMs: number;
  /** Requests that were answered. */
  readonly answered: number;
  /** Requests that failed. */
  readonly failed: number;
}

/** What the run is watched by. */
export interface RunWatch {
  /** Process of the server, whose CPU time is told; `null` if it is not ours. */
  readonly serverPid: number | null;
  /**
   * Whose sockets are used, where there is a choice: the system's take a third of the CPU time, and hold up
   * this thread while they wait; the platform's do not.
   */
  readonly sockets: "system" | "platform";
  /** Ends the run early. */
  readonly signal: AbortSignal;
  /** Told several times a second. */
  onProgress(progress: RunProgress): void;
}

/** What came of a measurement. */
export interface RunResult {
  /** Length of the measurement. */
  readonly durationMs: number;
  /** Length of the timelines' parts. */
  readonly partMs: number;
  /** The groups. */
  readonly groups: readonly GroupResult[];
  /** CPU time of the thread that sends and receives, in the measurement; `null` if it is not known. */
  readonly clientCpuMs: number | null;
  /** CPU time of the server's processes, in the measurement; `null` if it is not known. */
  readonly serverCpuMs: number | null;
}

/** How often progress is told. */
const PROGRESS_MS = 200;
/** From this share of a core on, the client may be what limits the rate. */
const BUSY_SHARE = 0.85;

/** Runs the groups that `plan` makes, all at once. */
export async function runGroups(
  plan: (measured: Measurement) => readonly GroupPlan[],
  { warmUpMs, durationMs, timeoutMs }: RunTimes,
  watch: RunWatch,
): Promise<RunResult> {
  const fromMs = performance.now() + warmUpMs;
  const endMs = fromMs + durationMs;
  const partMs = partMsOf(Number.isFinite(durationMs) ? durationMs : 0);
  const measured: Measurement = { fromMs, endMs, timeoutMs, partMs };
  const load = loadOf(plan(measured), measured, watch.sockets);
  const cpu = new CpuWatch(watch.serverPid);
  const timers = [
    setTimeout(() => cpu.begin(), timerMs(warmUpMs)),
    // What goes on after the end is not part of it.
    setTimeout(() => cpu.end(), timerMs(warmUpMs + durationMs)),
  ];
  const ticker = setInterval(() =>
    watch.onProgress({
      elapsedMs: performance.now() - fromMs,
      durationMs,
      answered: total(load.records.map(({ answered }) => answered)),
      failed: total(load.records.map(({ failed }) => failed)),
    }), PROGRESS_MS);
  const stop = () => load.stop();
  watch.signal.addEventListener("abort", stop);
  try {
    if (watch.signal.aborted) stop();
    await load.run();
    cpu.end();
    const elapsedMs = Math.min(durationMs, Math.max(1, performance.now() - fromMs));
    const groups = load.records.map((record) => record.result());
    return { durationMs: elapsedMs, partMs, groups, ...cpu.used() };
  } finally {
    timers.forEach(clearTimeout);
    clearInterval(ticker);
    watch.signal.removeEventListener("abort", stop);
  }
}

/** Groups that run at the same time. */
interface Load {
  /** What happens in each. */
  readonly records: readonly GroupRecord[];
  /** Runs them to their end. */
  run(): Promise<unknown>;
  /** Ends them early. */
  stop(): void;
}

function loadOf(
  plans: readonly GroupPlan[],
  measured: Measurement,
  sockets: RunWatch["sockets"],
): Load {
  const polled = sockets === "system" ? PolledLoad.of(plans, measured) : null;
  if (polled !== null) return polled;
  const groups = plans.map((group) => new LoadGroup(group, measured));
  return {
    records: groups.map(({ record }) => record),
    run: () => Promise.all(groups.map((group) => group.run())),
    stop: () => groups.forEach((group) => group.stop()),
  };
}

/** Share of a core that the client took, from 0 to 1; `null` if it is not known. */
export function clientShare({ clientCpuMs, durationMs }: RunResult): number | null {
  return clientCpuMs === null ? null : Math.min(1, clientCpuMs / durationMs);
}

/** Whether the client had so much to do that the server may be faster than was measured. */
export function wasClientBusy(result: RunResult): boolean {
  return (clientShare(result) ?? 0) >= BUSY_SHARE;
}

/** The latencies of all groups. */
export function allLatencies({ groups }: RunResult): Histogram {
  const all = new Histogram();
  for (const { latency } of groups) all.add(latency);
  return all;
}

/** The sum of `values`. */
export function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** CPU times between two moments. */
class CpuWatch {
  readonly #serverPid: number | null;
  #begun: readonly (number | null)[] | null = null;
  #ended: readonly (number | null)[] | null = null;

  constructor(serverPid: number | null) {
    this.#serverPid = serverPid;
  }

  begin(): void {
    this.#begun = this.#read();
  }

  /** The first call counts. */
  end(): void {
    this.#ended ??= this.#read();
  }

  used(): { readonly clientCpuMs: number | null; readonly serverCpuMs: number | null } {
    const [clientCpuMs, serverCpuMs] = [0, 1].map((i) => {
      const from = this.#begun?.[i] ?? null;
      const to = this.#ended?.[i] ?? null;
      return from === null || to === null ? null : to - from;
    });
    return { clientCpuMs, serverCpuMs };
  }

  #read(): (number | null)[] {
    const pid = this.#serverPid;
    return [ownThreadCpuMs(), pid === null ? null : processCpuMs(pid)];
  }
}
