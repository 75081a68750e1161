/**
 * The command line of a bench that is run alone.
 *
 * @module
 */

import { compareBench, measureBench } from "./bench.ts";
import type { Bench, BenchOptions } from "./bench.ts";
import { commandLine, number, text, whole, wholes } from "./command_line.ts";
import type { OptionKind } from "./command_line.ts";

/** The options of all benches. */
export const OPTIONS = {
  rounds: whole(7, "rounds after the warm-up"),
  seconds: whole(2, "seconds of each sample"),
  noise: number(0.1, "share of a core that others may use before a sample is thrown away"),
  only: text("TEXT", "only cases whose names have this in them"),
  workers: wholes([0, 1, 2], "numbers of workers"),
} satisfies Record<string, OptionKind<unknown>>;

const ABOUT = `Gatehouse with workers 0, 1 and 2 beside others, or, with a revision of git, beside
gatehouse of that revision. One server runs at a time, the others are stopped. A table for
each case and reference has the rate, the CPU time a request of all processes, waits where
the load measures them, and the ratios to the reference in neighbouring samples (median and
quartiles). The row 'again' is the reference a second time: how far it is from 1 is how far
to trust the rest.`;

/** Runs a bench as the command line says. */
export async function runAlone(bench: Bench, task: string): Promise<void> {
  const options = commandLine({
    usage: `${task} [REV]`,
    about: ABOUT,
    options: OPTIONS,
    maxArguments: 1,
  });
  console.log(`${headline(options)}\n`);
  const [revision] = options.given;
  if (revision === undefined) await measureBench(bench, options);
  else await compareBench(bench, revision, options);
}

/** What is to be known of all figures. */
export function headline({ rounds, seconds }: BenchOptions): string {
  return `Deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} cores, load average ` +
    `${Deno.loadavg()[0].toFixed(2)}, ${rounds} rounds of ${seconds} s`;
}
