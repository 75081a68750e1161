/**
 * Measures servers side by side without flattering any: one of them runs at a time, the others are
 * stopped (SIGSTOP), and a sample during which anything else used the machine is thrown away.
 *
 * Rounds are interleaved and the first one is a warm-up. Ratios are those of neighbouring samples, since
 * the speed of shared machines drifts.
 *
 * @module
 */

import { delay, quantile } from "./harness.ts";

/** A server to be measured. */
export interface Contestant {
  /** What the table calls it. */
  readonly name: string;
  /** Port of 127.0.0.1 where it listens. */
  readonly port: number;
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Environment, beside the bench's own. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What a load came to. */
export interface Load {
  /** Requests that were answered. */
  readonly requests: number;
  /** Duration in seconds. */
  readonly seconds: number;
  /** The median wait for an answer, in milliseconds, where the load measures it. */
  readonly p50Ms?: number;
  /** The wait that 99 of 100 requests did not exceed, in milliseconds, where the load measures it. */
  readonly p99Ms?: number;
  /** Share of the requests that waited for longer than they should, where the load measures it. */
  readonly lateShare?: number;
}

/** One contestant's figures in one round. */
export interface Sample {
  /** Requests a second. */
  readonly rate: number;
  /** CPU time of all its processes, in microseconds a request. */
  readonly cpuUs: number;
  /** The median wait, in milliseconds; `NaN` where it was not measured, as with the next two. */
  readonly p50Ms: number;
  /** The wait that 99 of 100 did not exceed, in milliseconds. */
  readonly p99Ms: number;
  /** Share that waited for longer than it should. */
  readonly lateShare: number;
}

/** One contestant's figures, by round. */
export interface Result {
  readonly name: string;
  readonly samples: readonly Sample[];
}

/** Quartiles of a figure. */
export interface Spread {
  readonly low: number;
  readonly median: number;
  readonly high: number;
}

/** What a contestant came to: medians, and ratios to those of a reference in neighbouring samples. */
export interface Standing extends Sample {
  readonly name: string;
  readonly rateRatio: Spread;
  readonly cpuRatio: Spread;
  readonly p50Ratio: Spread;
  readonly p99Ratio: Spread;
  readonly lateRatio: Spread;
}

/** Attempts at a quiet sample. */
const MAX_ATTEMPTS = 4;
/** The system counts CPU time in steps of 10 ms. */
const TICKS_PER_SECOND = 100;

/** A contestant's processes. */
class Running {
  readonly #child: Deno.ChildProcess;

  constructor(readonly contestant: Contestant) {
    const [program, ...args] = contestant.command;
    this.#child = new Deno.Command(program, {
      args,
      env: { ...contestant.env },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    for (const pid of familyOf(this.#child.pid)) sendSignal(pid, signal);
  }

  /** CPU time used by it and its children, in seconds. */
  cpuSeconds(): number {
    return cpuSecondsOf(this.#child.pid);
  }

  async end(): Promise<void> {
    this.signal("SIGCONT");
    const pids = familyOf(this.#child.pid);
    for (const pid of pids.reverse()) sendSignal(pid, "SIGKILL");
    await this.#child.status;
  }
}

/**
 * Measures contestants, one at a time, in turns.
 *
 * @param measure Puts a load on a contestant.
 * @throws {Error} One of them does not answer, or ends.
 */
export async function contest(options: {
  readonly contestants: readonly Contestant[];
  readonly rounds: number;
  readonly measure: (contestant: Contestant) => Promise<Load>;
  /** Resolves when a contestant can be measured. Default: when it listens. */
  readonly untilReady?: (contestant: Contestant) => Promise<void>;
  /** Processes that belong to the load, such as a web server in front. Default: none. */
  readonly loadPids?: readonly number[];
  /** Share of one core that others may use before a sample is thrown away. Default: 0.1. */
  readonly maxForeignShare?: number;
  /** Called once for each sample that was thrown away. */
  readonly onThrownAway?: (name: string, foreignSeconds: number) => void;
}): Promise<Result[]> {
  const { contestants, rounds, measure, onThrownAway } = options;
  const { loadPids = [], maxForeignShare = 0.1 } = options;
  const { untilReady = ({ name, port }) => untilListening(name, port) } = options;
  const ownSeconds = () => loadPids.reduce((sum, pid) => sum + cpuSecondsOf(pid), ownCpuSeconds());
  const running = contestants.map((contestant) => new Running(contestant));
  const samples = contestants.map((): Sample[] => []);
  try {
    for (const each of running) {
      await untilReady(each.contestant);
      await delay(500);
      each.signal("SIGSTOP");
    }
    for (let round = 0; round <= rounds; round++) {
      for (const [i, each] of running.entries()) {
        each.signal("SIGCONT");
        await delay(50);
        for (let attempt = 1;; attempt++) {
          const before = { server: each.cpuSeconds(), own: ownSeconds(), all: busySeconds() };
          const load = await measure(each.contestant);
          const { requests, seconds, p50Ms = NaN, p99Ms = NaN, lateShare = NaN } = load;
          const server = each.cpuSeconds() - before.server;
          const foreign = busySeconds() - before.all - server - (ownSeconds() - before.own);
          if (foreign > maxForeignShare * seconds) {
            onThrownAway?.(each.contestant.name, foreign);
            if (attempt < MAX_ATTEMPTS) continue;
            throw new Error(
              `the machine is not quiet: others used ${foreign.toFixed(2)} s of CPU time in ` +
                `${seconds.toFixed(1)} s; end them, and run the bench again`,
            );
          }
          if (round > 0) {
            samples[i].push({
              rate: requests / seconds,
              cpuUs: server * 1e6 / requests,
              p50Ms,
              p99Ms,
              lateShare,
            });
          }
          break;
        }
        each.signal("SIGSTOP");
      }
    }
  } finally {
    await Promise.all(running.map((each) => each.end()));
  }
  return contestants.map(({ name }, i) => ({ name, samples: samples[i] }));
}

/** Sums results up, beside those of the contestant that is called `reference`. */
export function standingsOf(results: readonly Result[], reference: string): Standing[] {
  const basis = results.find(({ name }) => name === reference)!.samples;
  return results.map(({ name, samples }) => {
    const typical = (figure: keyof Sample) =>
      quantile(samples.map((sample) => sample[figure]), 0.5);
    const ratio = (figure: keyof Sample) =>
      spreadOf(samples.map((sample, round) => sample[figure] / basis[round][figure]));
    return {
      name,
      rate: typical("rate"),
      cpuUs: typical("cpuUs"),
      p50Ms: typical("p50Ms"),
      p99Ms: typical("p99Ms"),
      lateShare: typical("lateShare"),
      rateRatio: ratio("rate"),
      cpuRatio: ratio("cpuUs"),
      p50Ratio: ratio("p50Ms"),
      p99Ratio: ratio("p99Ms"),
      lateRatio: ratio("lateShare"),
    };
  });
}

/** A table of standings, for the terminal and for bench/RESULTS.md alike. */
export function tableOf(title: string, standings: readonly Standing[]): string {
  const has = (figure: keyof Sample) => standings.some((each) => !Number.isNaN(each[figure]));
  const [hasP50, hasP99, hasLate] = [has("p50Ms"), has("p99Ms"), has("lateShare")];
  const head = [
    ...["", "rate", "ratio", "CPU µs", "ratio"],
    ...hasP50 ? ["p50 ms", "ratio"] : [],
    ...hasP99 ? ["p99 ms", "ratio"] : [],
    ...hasLate ? ["late", "ratio"] : [],
  ];
  const rows = standings.map((each) => [
    each.name,
    each.rate.toFixed(0),
    spreadText(each.rateRatio),
    each.cpuUs.toFixed(1),
    spreadText(each.cpuRatio),
    ...hasP50 ? [each.p50Ms.toFixed(2), spreadText(each.p50Ratio)] : [],
    ...hasP99 ? [each.p99Ms.toFixed(2), spreadText(each.p99Ratio)] : [],
    ...hasLate ? [`${(each.lateShare * 100).toFixed(2)} %`, spreadText(each.lateRatio)] : [],
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i].length)));
  const line = (cells: readonly string[]) =>
    `| ${
      cells.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join(
        " | ",
      )
    } |`;
  const rule = `| ${
    widths.map((width, i) => i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`).join(" | ")
  } |`;
  return [`${title}\n`, line(head), rule, ...rows.map(line)].join("\n");
}

function spreadText({ low, median, high }: Spread): string {
  return `${median.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`;
}

function spreadOf(values: readonly number[]): Spread {
  return {
    low: quantile(values, 0.25),
    median: quantile(values, 0.5),
    high: quantile(values, 0.75),
  };
}

/** CPU time used by a process and its children, in seconds. */
function cpuSecondsOf(root: number): number {
  let ticks = 0;
  for (const pid of familyOf(root)) {
    const fields = statOf(pid);
    if (fields !== null) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_PER_SECOND;
}

/** A process and what it started, the parents first. */
function familyOf(pid: number): number[] {
  const family = [pid];
  for (const parent of family) {
    for (const { name } of readDir(`/proc/${parent}/task`)) {
      let children: string;
      try {
        children = Deno.readTextFileSync(`/proc/${parent}/task/${name}/children`);
      } catch (error) {
        if (isGone(error)) continue;
        throw error;
      }
      family.push(...children.split(" ").filter((text) => text !== "").map(Number));
    }
  }
  return family;
}

function readDir(path: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(path)];
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** Fields of /proc/PID/stat after the name, from the state on; `null` if it ended. */
function statOf(pid: number | "self"): string[] | null {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ").at(-1)!.split(" ");
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Error && error.message.includes("os error 3");
}

/** CPU time of this process and of the load generators that it has waited for, in seconds. */
function ownCpuSeconds(): number {
  const fields = statOf("self")!;
  return [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0) / TICKS_PER_SECOND;
}

/** CPU time that all processes have used, in seconds. Interrupts belong to nobody. */
function busySeconds(): number {
  const [, user, nice, system] = Deno.readTextFileSync("/proc/stat").split(/ +/, 4).map(Number);
  return (user + nice + system) / TICKS_PER_SECOND;
}

function sendSignal(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Resolves when somebody takes connections at `port` of 127.0.0.1.
 *
 * @throws {Error} Nobody does within 20 s.
 */
export async function untilListening(name: string, port: number): Promise<void> {
  for (let i = 0; i < 400; i++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
      await delay(50);
    }
  }
  throw new Error(`${name} does not listen on port ${port}`);
}
