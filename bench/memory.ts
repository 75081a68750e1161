/**
 * What gatehouse takes of memory, with workers 0, 1 and 2, beside `deno serve` with the same app: at rest,
 * after load, for another worker, for connections that are idle, and for clients that are slow; and what CPU
 * time it takes at rest. `deno task bench:memory --help` has the options.
 *
 * "RSS" is what is in RAM of the whole process, parts of files included; "own memory" is what of it is the
 * process's own. What is garbage by then counts.
 *
 * @module
 */

import { together } from "./measuring/anew.ts";
import type { Bench, BenchOptions, Case, Goal } from "./measuring/bench.ts";
import { number, whole } from "./command_line.ts";
import type { Figure, Sample } from "./measuring/figures.ts";
import { delay, freePort } from "./measuring/harness.ts";
import { HeldConnections, SLOW } from "./loads/held.ts";
import { wrk } from "./loads/wrk.ts";
import { EXECUTABLE, runAlone } from "./main.ts";
import type { Contestant, Running } from "./measuring/processes.ts";
import { HERE } from "./measuring/revisions.ts";

const MEBIBYTE = 1_048_576;
/** Time for which CPU time at rest is counted, in milliseconds. */
const REST_MS = 5_000;
/** Time in which an engine tidies up what a start has left, in milliseconds. */
const TIDYING_MS = 6_000;
/** How long servers are left alone after something has happened, in milliseconds. */
const SETTLE_MS = 2_000;
/** Time in which servers notice that connections have ended, in milliseconds. */
const CLOSE_MS = 1_000;
const IDLE_CONNECTIONS = 1_000;
/** Connections that come and go before: what is made once is there then. */
const FIRST_CONNECTIONS = 50;
const SLOW_CLIENTS = 500;

const DENO_SERVE = "deno serve";
const APP = new URL("./apps/large.ts", import.meta.url).pathname;

/** A limit to a figure with any number of workers. */
function withAnyWorkers(figure: Figure, atMost: number): Goal[] {
  return [0, 1, 2].map((workers) => ({ workers, of: "figure", figure, atMost }));
}

/** Memory. */
export const memoryBench: Bench = {
  name: "memory",
  cases(folder, options) {
    const servers = new Servers(folder, options);
    return Promise.resolve([
      servers.case(`at rest, and after ${options.seconds} s of load and a rest`, restAndLoad, [
        { workers: 1, figure: "residentMiB", atMost: 1.5 },
        ...withAnyWorkers("restCpuMs", 0),
        ...withAnyWorkers("loadedTimes", 2),
      ]),
      servers.anotherWorker(),
      servers.case(
        `${IDLE_CONNECTIONS} idle connections`,
        idle,
        withAnyWorkers("connectionKiB", 5),
      ),
      ...Object.entries(SLOW).map(([what, message]) =>
        servers.case(
          `${SLOW_CLIENTS} slow clients ${what}`,
          (running) => slow(running, message),
          withAnyWorkers("grownMiB", 64),
        )
      ),
    ]);
  },
};

/** A server, and another one with one thread more. */
interface Pair extends Contestant {
  readonly larger: Contestant;
}

/** Makes the contestants. */
class Servers {
  readonly #env: Readonly<Record<string, string>>;
  readonly #executable: string | undefined;

  constructor(folder: string, { executable }: BenchOptions) {
    this.#env = { GATEHOUSE_CACHE: `${folder}/cache` };
    this.#executable = executable;
  }

  case(
    name: string,
    sample: (running: readonly Running[], options: BenchOptions) => Promise<Sample[]>,
    goals: readonly Goal[],
  ): Case {
    return {
      name,
      goals,
      peers: [DENO_SERVE],
      peer: (_peer, name) => this.#deno(name, 1),
      gatehouse: (name, folder, workers) => this.#gatehouse(name, folder, workers),
      measure: (contestants, options) =>
        together(contestants, options, (running) => sample(running, options)),
    };
  }

  /** What another worker, or thread of `deno serve`, takes. */
  anotherWorker(): Case {
    return {
      name: "another worker, or thread",
      workers: [1, 2],
      goals: [1, 2].map((workers) => ({ workers, of: "figure", figure: "furtherMB", atMost: 9 })),
      peers: [DENO_SERVE],
      peer: (_peer, name): Pair => ({ ...this.#deno(name, 1), larger: this.#deno(name, 2) }),
      gatehouse: (name, folder, workers): Pair => ({
        ...this.#gatehouse(name, folder, workers),
        larger: this.#gatehouse(name, folder, workers + 1),
      }),
      async measure(contestants, options) {
        const pairs = contestants as readonly Pair[];
        const all = pairs.flatMap((pair) => [pair, pair.larger]);
        const results = await together(all, options, (running) => {
          const memory = running.map(memoryOf);
          return Promise.resolve(memory.map(({ residentMiB }, i) => ({
            furtherMB: i % 2 === 0 ? (memory[i + 1].residentMiB - residentMiB) * MEBIBYTE / 1e6 : 0,
          })));
        });
        return results.filter((_, i) => i % 2 === 0);
      },
    };
  }

  #deno(name: string, threads: number): Contestant {
    const port = freePort();
    const args = ["-A", "--no-check", "--no-lock", "--host=127.0.0.1", `--port=${port}`];
    if (threads > 1) args.push("--parallel");
    const command = [Deno.execPath(), "serve", ...args, APP];
    return { name, port, command, env: { DENO_JOBS: String(threads) } };
  }

  #gatehouse(name: string, folder: string, workers: number): Contestant {
    const port = freePort();
    const source = [Deno.execPath(), "run", "-A", "--no-check", `${folder}/cli.ts`];
    const isExecutable = this.#executable !== undefined && folder === HERE;
    const program = isExecutable ? [this.#executable!] : source;
    const args = [APP, `--http=127.0.0.1:${port}`, `--workers=${workers}`];
    return { name, port, command: [...program, ...args], env: this.#env };
  }
}

/** Memory of a process, in MiB. */
export function memoryOf(
  { pid }: Running,
): { readonly residentMiB: number; readonly ownMiB: number } {
  const rollup = Deno.readTextFileSync(`/proc/${pid}/smaps_rollup`);
  const mebibytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1] ?? 0) / 1_024;
  // Memory that threads share counts as anonymous; what processes share is the own of each in part.
  return { residentMiB: mebibytes("Rss"), ownMiB: mebibytes("Anonymous") + mebibytes("Pss_Shmem") };
}

async function restAndLoad(
  running: readonly Running[],
  { seconds }: BenchOptions,
): Promise<Sample[]> {
  await delay(TIDYING_MS);
  const before = running.map((server) => server.cpuSeconds());
  await delay(REST_MS);
  const atRest = running.map((server, i) => ({
    memory: memoryOf(server),
    restCpuMs: Math.round((server.cpuSeconds() - before[i]) * 1_000),
  }));
  const resting: Promise<number>[] = [];
  for (const server of running) {
    const { port } = server.contestant;
    for (const path of ["/", "/large"]) {
      await wrk({ port, path, connections: 32, seconds: seconds / 2 });
    }
    // The next one's load is no reason for this one to rest longer.
    const rested = delay(Math.max(seconds * 1_000, SETTLE_MS));
    resting.push(rested.then(() => memoryOf(server).residentMiB));
  }
  const loaded = await Promise.all(resting);
  return atRest.map(({ memory, restCpuMs }, i) => {
    const loadedMiB = loaded[i];
    const loadedTimes = loadedMiB / memory.residentMiB;
    return { ...memory, restCpuMs, loadedMiB, loadedTimes };
  });
}

async function idle(running: readonly Running[]): Promise<Sample[]> {
  const growth = await grownWith(running, async (held, port) => {
    for (let i = 0; i < IDLE_CONNECTIONS; i++) await held.openIdle(port);
  });
  return growth.map((grownMiB) => ({ connectionKiB: grownMiB * 1_024 / IDLE_CONNECTIONS }));
}

async function slow(running: readonly Running[], message: string): Promise<Sample[]> {
  const growth = await grownWith(running, async (held, port) => {
    for (let i = 0; i < SLOW_CLIENTS; i++) await held.open(port, message);
  });
  return growth.map((grownMiB) => ({ grownMiB }));
}

/** By how many MiB each grows when there are connections. */
async function grownWith(
  running: readonly Running[],
  open: (held: HeldConnections, port: number) => Promise<void>,
): Promise<number[]> {
  for (const { contestant: { port } } of running) {
    using first = new HeldConnections();
    for (let i = 0; i < FIRST_CONNECTIONS; i++) await first.openIdle(port);
  }
  await delay(CLOSE_MS);
  const before = running.map(memoryOf);
  using held = new HeldConnections();
  for (const { contestant: { port } } of running) await open(held, port);
  await delay(SETTLE_MS);
  return running.map((server, i) => memoryOf(server).ownMiB - before[i].ownMiB);
}

if (import.meta.main) {
  await runAlone(memoryBench, {
    task: "bench:memory",
    about: `All servers are restarted
for each round, and run at the same time, since their memory does not depend on each other.
Load is put on them one by one. Gatehouse runs from source, or as the executable that is
named.`,
    options: {
      ...EXECUTABLE,
      rounds: whole(3, "rounds after the warm-up"),
      seconds: number(10, "seconds of load on each, and of rest after it, which is at least 2", 1),
    },
  });
}
