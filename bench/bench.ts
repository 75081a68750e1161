/**
 * What a bench is, and what is done with one: gatehouse with some numbers of workers is measured beside its
 * peers, or beside itself of another revision. Every bench that is a {@linkcode Bench} can be run alone,
 * be compared with other revisions (`compare.ts`), and takes part in the table of all (`all.ts`).
 *
 * @module
 */

import { contest, standingsOf, tableOf } from "./contest.ts";
import type { Contestant, Load, Result, Sample } from "./contest.ts";
import { checkOut } from "./revisions.ts";

/** A bench: some cases that need the same things. */
export interface Bench {
  /** How it is called, such as `"FastCGI"`. */
  readonly name: string;
  /** Makes its cases ready. `folder` is temporary, and for what they need. */
  cases(folder: string): Promise<readonly Case[]>;
}

/** One thing that servers are asked to do. */
export interface Case {
  readonly name: string;
  /** Others that do it, by name. The first one takes part twice, which says how far to trust ratios. */
  readonly peers: readonly string[];
  /** Those of the peers that each have a table of ratios to them. Default: the first one. */
  readonly references?: readonly string[];
  /** Numbers of gatehouse's workers. Default: 0, 1 and 2. */
  readonly workers?: readonly number[];
  /** What is to be reached beside the peers. Default: nothing. */
  readonly goals?: readonly Goal[];
  /** What is to be known before a table is read. */
  readonly remark?: (seconds: number) => string;
  /** A peer of the name `peer`, under the name `name`. */
  peer(peer: string, name: string): Contestant;
  /** The gatehouse that is in `folder`, under the name `name`. */
  gatehouse(name: string, folder: string, workers: number): Contestant;
  /** Makes a load ready that can be put on all these. */
  prepare(contestants: readonly Contestant[]): Promise<PreparedLoad>;
}

/** A figure that can be compared. */
export type Figure = keyof Sample;

/** A ratio that is to be reached. */
export interface Goal {
  /** With how many workers. */
  readonly workers: number;
  readonly figure: Figure;
  /** The contestant that it is a ratio to. Default: the first reference. */
  readonly reference?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** A load that is ready to be put on contestants. */
export interface PreparedLoad extends AsyncDisposable {
  /** Puts it on one of them. */
  put(contestant: Contestant, seconds: number): Promise<Load>;
  /** Processes that belong to it, such as a web server in front. Default: none. */
  readonly pids?: readonly number[];
  /** Resolves when a contestant can be measured. Default: when it listens. */
  untilReady?(contestant: Contestant): Promise<void>;
}

/** How long to measure, and what. */
export interface BenchOptions {
  /** Rounds after the warm-up. */
  readonly rounds: number;
  /** Seconds of each sample. */
  readonly seconds: number;
  /** Share of one core that others may use before a sample is thrown away. */
  readonly noise: number;
  /** Only cases whose names have this in them. Default: all. */
  readonly only?: string;
  /** Only these numbers of workers. Default: those of each case. */
  readonly workers?: readonly number[];
}

/** What the contestants of a case came to. */
export interface CaseResult {
  readonly bench: string;
  readonly measured: Case;
  readonly results: readonly Result[];
}

/** A load that needs nothing to be made ready. */
export function simply(put: PreparedLoad["put"]): Case["prepare"] {
  return () => Promise.resolve({ put, [Symbol.asyncDispose]: () => Promise.resolve() });
}

/** The name of gatehouse with so many workers in results. */
export function gatehouseName(workers: number): string {
  return `gatehouse, workers ${workers}`;
}

const HERE = new URL("..", import.meta.url).pathname;

/** Measures gatehouse beside the peers of each case, and prints a table for each reference. */
export async function measureBench(bench: Bench, options: BenchOptions): Promise<CaseResult[]> {
  const found: CaseResult[] = [];
  await forEachCase(bench, options, async (measured) => {
    const { name, peers, references = peers.slice(0, 1) } = measured;
    const contestants = [
      ...workersOf(measured, options).map((workers) =>
        measured.gatehouse(gatehouseName(workers), HERE, workers)
      ),
      ...peers.map((peer) => measured.peer(peer, peer)),
      ...peers.slice(0, 1).map((peer) => measured.peer(peer, `${peer} again`)),
    ];
    const results = await measureAll(measured, contestants, options);
    for (const reference of references) {
      const title = references.length > 1 ? `${name}, beside ${reference}` : name;
      console.log(`${tableOf(`### ${title}`, standingsOf(results, reference))}\n`);
    }
    found.push({ bench: bench.name, measured, results });
  });
  return found;
}

/** Measures gatehouse beside another revision of itself, and prints a table for each number of workers. */
export async function compareBench(
  bench: Bench,
  revision: string,
  options: BenchOptions,
): Promise<void> {
  await using old = await checkOut(revision);
  await forEachCase(bench, options, async (measured) => {
    for (const workers of workersOf(measured, options)) {
      const contestants = [
        measured.gatehouse(revision, old.folder, workers),
        measured.gatehouse(`${revision} again`, old.folder, workers),
        measured.gatehouse("this one", HERE, workers),
      ];
      const results = await measureAll(measured, contestants, options);
      const title = `### ${measured.name}, --workers ${workers}`;
      console.log(`${tableOf(title, standingsOf(results, revision))}\n`);
    }
  });
}

async function forEachCase(
  bench: Bench,
  { only = "" }: BenchOptions,
  work: (measured: Case) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "gatehouse-bench-" });
  try {
    for (const each of await bench.cases(folder)) if (each.name.includes(only)) await work(each);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function workersOf({ workers = [0, 1, 2] }: Case, options: BenchOptions): readonly number[] {
  return workers.filter((each) => options.workers?.includes(each) ?? true);
}

async function measureAll(
  measured: Case,
  contestants: readonly Contestant[],
  { rounds, seconds, noise }: BenchOptions,
): Promise<Result[]> {
  await using load = await measured.prepare(contestants);
  const results = await contest({
    contestants,
    rounds,
    maxForeignShare: noise,
    loadPids: load.pids,
    untilReady: load.untilReady && ((contestant) => load.untilReady!(contestant)),
    measure: (contestant) => load.put(contestant, seconds),
    onThrownAway: (name, foreign) =>
      console.log(`(a sample of ${name} was thrown away: others used ${foreign.toFixed(2)} s)`),
  });
  if (measured.remark !== undefined) console.log(`(${measured.remark(seconds)})`);
  return results;
}
