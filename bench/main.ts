/**
 * The command line of a bench that is run alone.
 *
 * @module
 */

import { compareBench, measureBench } from "./measuring/bench.ts";
import type { Bench, BenchOptions } from "./measuring/bench.ts";
import { commandLine, number, text, whole, wholes } from "./command_line.ts";
import type { OptionKind } from "./command_line.ts";

/** The options of all benches. */
export const OPTIONS = {
  rounds: whole(7, "rounds after the warm-up"),
  seconds: number(2, "seconds of each sample", 0.1),
  noise: number(0.1, "share of a core that others may use before a sample is thrown away"),
  only: text("TEXT", "only cases whose names have this in them"),
  workers: wholes([0, 1, 2], "numbers of workers"),
} satisfies Record<string, OptionKind<unknown>>;

/** The option of benches that measure an executable. */
export const EXECUTABLE = {
  executable: text("FILE", "measure this executable"),
} satisfies Record<string, OptionKind<unknown>>;

/** How servers are measured under load. */
const UNDER_LOAD = `One server runs at a time, the others are stopped. A table for
each case and reference has the rate, the CPU time a request of all processes, waits where
the load measures them, and the ratios to the reference in neighbouring samples (median and
quartiles).`;

/** What a bench says of itself, and can be told. */
interface Alone {
  /** The name of its task. */
  readonly task: string;
  /** How it measures. Default: one server at a time, under load. */
  readonly about?: string;
  /** Options in place of those, or beside them. */
  readonly options?: Readonly<
    Partial<typeof OPTIONS & typeof EXECUTABLE & { packages: OptionKind<number> }>
  >;
}

/** Runs a bench as the command line says; the exit status is 1 if a case could not be measured. */
export async function runAlone(bench: Bench, alone: Alone): Promise<void> {
  const { task, about = UNDER_LOAD, options: more } = alone;
  const options = commandLine({
    usage: `${task} [REV]`,
    about: `Gatehouse with workers 0, 1 and 2 beside others, or, with a revision of git, beside
gatehouse of that revision. ${about}
The row 'again' is the reference a second time: its distance
from 1 shows how far to trust the rest.`,
    options: { ...OPTIONS, ...more },
    maxArguments: 1,
  });
  console.log(`${headline(options)}\n`);
  const [revision] = options.given;
  const isMeasured = revision === undefined
    ? (await measureBench(bench, options)).every(({ results }) => results.length > 0)
    : (await compareBench(bench, revision, options)).length === 0;
  if (!isMeasured) Deno.exit(1);
}

/** What is to be known of all figures. */
export function headline({ rounds, seconds }: BenchOptions): string {
  return `Deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} cores, load average ` +
    `${Deno.loadavg()[0].toFixed(2)}, ${rounds} rounds of ${seconds} s`;
}
