/**
 * Servers as families of processes: how they are started, stopped and ended, what CPU time they use, and
 * whether anything else used the machine meanwhile.
 *
 * @module
 */

import { delay } from "./harness.ts";

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

/** Attempts at a quiet sample. */
const MAX_ATTEMPTS = 4;
/** The system counts CPU time in steps of 10 ms. */
const TICKS_PER_SECOND = 100;

/** A contestant's processes. */
export class Running implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  /** Starts them. What they print on the standard error is dropped, or can be read. */
  constructor(readonly contestant: Contestant, stderr: "null" | "piped" = "null") {
    const [program, ...args] = contestant.command;
    this.#child = new Deno.Command(program, {
      args,
      env: { ...contestant.env },
      stdin: "null",
      stdout: "null",
      stderr,
    }).spawn();
  }

  /** The process that was started. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Resolves when that one has ended. */
  get ended(): Promise<unknown> {
    return this.#child.status;
  }

  /** What is printed on the standard error, to its end. */
  errorText(): Promise<string> {
    return new Response(this.#child.stderr).text();
  }

  /** Stops all of them, or lets them go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    for (const pid of familyOf(this.#child.pid)) sendSignal(pid, signal);
  }

  /** CPU time used by it and its children, in seconds. */
  cpuSeconds(): number {
    return cpuSecondsOf(this.#child.pid);
  }

  /** CPU time used by those of its own threads that live, in milliseconds: to the nanosecond, unlike the rest. */
  threadsCpuMs(): number {
    const { pid } = this.#child;
    let nanoseconds = 0;
    for (const { name } of readDir(`/proc/${pid}/task`)) {
      try {
        nanoseconds += Number(
          Deno.readTextFileSync(`/proc/${pid}/task/${name}/schedstat`).split(" ")[0],
        );
      } catch (error) {
        if (!isGone(error)) throw error;
      }
    }
    return nanoseconds / 1e6;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGCONT");
    const pids = familyOf(this.#child.pid);
    for (const pid of pids.reverse()) sendSignal(pid, "SIGKILL");
    await this.#child.status;
  }
}

/** What a quiet measurement is about. */
export interface QuietOptions {
  /** Who is measured. */
  readonly name: string;
  /** Share of one core that others may use before a measurement is thrown away. */
  readonly noise: number;
  /** CPU time that belongs to the measurement, beside this process and the children that it waited for. */
  readonly cpuSeconds?: () => number;
}

/**
 * Measures until nothing else used the machine meanwhile.
 *
 * @throws {Error} The machine does not get quiet.
 */
export async function quietly<T>(options: QuietOptions, measure: () => Promise<T>): Promise<T> {
  const { name, noise, cpuSeconds = () => 0 } = options;
  const expectedSeconds = () => ownCpuSeconds() + cpuSeconds();
  for (let attempt = 1;; attempt++) {
    const [since, expected, busy] = [performance.now(), expectedSeconds(), busySeconds()];
    const found = await measure();
    const seconds = (performance.now() - since) / 1_000;
    const foreign = busySeconds() - busy - (expectedSeconds() - expected);
    if (foreign <= noise * seconds) return found;
    console.log(`(a sample of ${name} was thrown away: others used ${foreign.toFixed(2)} s)`);
    if (attempt === MAX_ATTEMPTS) {
      throw new Error(
        `the machine is not quiet: others used ${foreign.toFixed(2)} s of CPU time in ` +
          `${seconds.toFixed(1)} s; end them, and run the bench again`,
      );
    }
  }
}

/** CPU time used by a process and its children, in seconds. */
export function cpuSecondsOf(root: number): number {
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

/** CPU time of the processes that this one has waited for, in seconds. */
export function waitedForCpuSeconds(): number {
  const fields = statOf("self")!;
  return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
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
export async function untilListening(
  { name, port }: Pick<Contestant, "name" | "port">,
): Promise<void> {
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
