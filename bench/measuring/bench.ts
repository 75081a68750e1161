/**
 * What a bench is, and what is done with one: gatehouse with some numbers of workers is measured beside its
 * peers, or beside itself of another revision. Every bench that is a {@linkcode Bench} can be run alone,
 * be compared with other revisions (`compare.ts`), and takes part in the table of all (`all.ts`).
 *
 * @module
 */

import { contest } from "./contest.ts";
import type { PreparedLoad } from "./contest.ts";
import type { Figure } from "./figures.ts";
import type { Contestant } from "./processes.ts";
import { checkOut, HERE } from "./revisions.ts";
import { standingsOf, tableOf } from "./standings.ts";
import type { Result } from "./standings.ts";

/** A bench: some cases that need the same things. */
export interface Bench {
  /** How it is called, such as `"FastCGI"`. */
  readonly name: string;
  /** Makes its cases ready. `folder` is temporary, and for what they need. */
  cases(folder: string, options: BenchOptions): Promise<readonly Case[]>;
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
  /** What is to be reached. Default: nothing. */
  readonly goals?: readonly Goal[];
  /** What is to be known before a table is read. */
  readonly remark?: (seconds: number) => string;
  /** A peer of the name `peer`, under the name `name`. */
  peer(peer: string, name: string): Contestant;
  /** The gatehouse that is in `folder`, under the name `name`. */
  gatehouse(name: string, folder: string, workers: number): Contestant | Promise<Contestant>;
  /** Measures all these, as often as the options say. */
  measure(contestants: readonly Contestant[], options: BenchOptions): Promise<readonly Result[]>;
}

/** What a figure of gatehouse is to be: beside that of another one, or by itself. */
export type Goal = RatioGoal | FigureGoal;

/** A limit. */
interface Limit {
  /** With how many workers. */
  readonly workers: number;
  readonly figure: Figure;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** A limit to a ratio. */
export interface RatioGoal extends Limit {
  readonly of?: "ratio";
  /** The contestant that it is a ratio to. Default: the first reference. */
  readonly reference?: string;
}

/** A limit to the figure itself. */
export interface FigureGoal extends Limit {
  readonly of: "figure";
  readonly reference?: undefined;
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
  /** Whether to leave out cases without a goal, and peers that no goal is about. Default: `"all"`. */
  readonly scope?: "all" | "goals";
  /** An executable of this gatehouse to be measured, where a bench can measure one. */
  readonly executable?: string;
  /** How many packages to measure, where a bench measures many. Default: all. */
  readonly packages?: number;
}

/** What the contestants of a case came to. */
export interface CaseResult {
  readonly bench: string;
  readonly measured: Case;
  /** Nothing if it could not be measured. */
  readonly results: readonly Result[];
}

/** Measures contestants under a load. */
export function underLoad(
  prepare: (contestants: readonly Contestant[]) => Promise<PreparedLoad>,
): Case["measure"] {
  return async (contestants, options) => {
    await using load = await prepare(contestants);
    return await contest(contestants, load, options);
  };
}

/** The name of gatehouse with so many workers in results. */
export function gatehouseName(workers: number): string {
  return `gatehouse, workers ${workers}`;
}

/** Those of a case's peers that have a table each. */
export function referencesOf({ peers, references = peers.slice(0, 1) }: Case): readonly string[] {
  return references;
}

/** Measures gatehouse beside the peers of each case, and prints a table for each reference. */
export async function measureBench(bench: Bench, options: BenchOptions): Promise<CaseResult[]> {
  const found: CaseResult[] = [];
  await forEachCase(bench, options, async (each) => {
    const measured = options.scope === "goals" ? onlyGoalsOf(each) : each;
    if (measured === null) return;
    const { name, peers } = measured;
    let results: readonly Result[] = [];
    try {
      const contestants = [
        ...await Promise.all(
          workersOf(measured, options).map((workers) =>
            measured.gatehouse(gatehouseName(workers), HERE, workers)
          ),
        ),
        ...peers.map((peer) => measured.peer(peer, peer)),
        ...peers.slice(0, 1).map((peer) => measured.peer(peer, `${peer} again`)),
      ];
      results = await measured.measure(contestants, options);
      if (measured.remark !== undefined) console.log(`(${measured.remark(options.seconds)})`);
      const references = referencesOf(measured);
      for (const reference of references) {
        const title = references.length > 1 ? `${name}, beside ${reference}` : name;
        console.log(`${tableOf(`### ${title}`, standingsOf(results, reference))}\n`);
      }
    } catch (error) {
      reportFailure(name, error);
    }
    found.push({ bench: bench.name, measured, results });
  });
  return found;
}

/**
 * Measures gatehouse beside another revision of itself, and prints a table for each number of workers.
 *
 * @returns The names of the cases that could not be measured.
 */
export async function compareBench(
  bench: Bench,
  revision: string,
  options: BenchOptions,
): Promise<string[]> {
  await using old = await checkOut(revision);
  const failed: string[] = [];
  await forEachCase(bench, options, async (measured) => {
    for (const workers of workersOf(measured, options)) {
      const title = `${measured.name}, --workers ${workers}`;
      try {
        const contestants = [
          await measured.gatehouse(revision, old.folder, workers),
          await measured.gatehouse(`${revision} again`, old.folder, workers),
          await measured.gatehouse("this one", HERE, workers),
        ];
        const results = await measured.measure(contestants, options);
        console.log(`${tableOf(`### ${title}`, standingsOf(results, revision))}\n`);
      } catch (error) {
        reportFailure(title, error);
        failed.push(title);
      }
    }
  });
  return failed;
}

/** Says that a case could not be measured: the others are, all the same. */
function reportFailure(name: string, error: unknown): void {
  console.log(`### ${name}\n\nnot measured: ${error instanceof Error ? error.message : error}\n`);
}

/** A case with the peers that its goals are about, and the one that takes part twice; `null` if it has none. */
function onlyGoalsOf(measured: Case): Case | null {
  const { goals = [], peers } = measured;
  if (goals.length === 0) return null;
  const needed = new Set([peers[0], ...goals.flatMap(({ reference }) => reference ?? [])]);
  const isNeeded = (peer: string) => needed.has(peer);
  return {
    ...measured,
    peers: peers.filter(isNeeded),
    references: referencesOf(measured).filter(isNeeded),
  };
}

async function forEachCase(
  bench: Bench,
  options: BenchOptions,
  work: (measured: Case) => Promise<void>,
): Promise<void> {
  const { only = "" } = options;
  const folder = await Deno.makeTempDir({ prefix: "gatehouse-bench-" });
  try {
    for (const each of await bench.cases(folder, options)) {
      if (each.name.includes(only)) await work(each);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function workersOf({ workers = [0, 1, 2] }: Case, options: BenchOptions): readonly number[] {
  return workers.filter((each) => options.workers?.includes(each) ?? true);
}
