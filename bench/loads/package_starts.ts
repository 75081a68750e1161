/**
 * Starts of many apps, each of which has packages of its own: the rounds of a bench are the packages.
 *
 * @module
 */

import type { Figure, Sample } from "../measuring/figures.ts";
import { fixed, headOf, numberText, ratioOf } from "../measuring/figures.ts";
import { median } from "../measuring/harness.ts";
import type { Contestant } from "../measuring/processes.ts";
import type { Result } from "../measuring/standings.ts";
import type { StartCost } from "./first_response.ts";

/** What is measured of each package. */
export const START_FIGURES = [
  "coldMs",
  "coldCpuMs",
  "diskMB",
  "warmMs",
  "warmCpuMs",
] as const satisfies readonly Figure[];

/** How starts are made. */
export interface Starter {
  /** Starts a contestant that serves the app of a package, with an empty cache, and ends it. */
  cold(contestant: Contestant, specifier: string): Promise<FirstStart>;
  /** Starts it again, with what it has put into its cache. */
  warm(contestant: Contestant, specifier: string, cache: string): Promise<StartCost>;
}

/** What a start with an empty cache came to. */
export interface FirstStart extends StartCost {
  /** The folder of the cache. */
  readonly cache: string;
  /** What is in it, in units of 10⁶ bytes. */
  readonly diskMB: number;
}

/** What packages came to. */
export interface PackageResults {
  /** Those that could be measured with every contestant, in order: their samples are those of the results. */
  readonly specifiers: readonly string[];
  readonly results: readonly Result[];
  /** Why the others could not, by package. */
  readonly failures: ReadonlyMap<string, string>;
}

/**
 * Measures one package after the other: each contestant starts with an empty cache, and then as often as
 * `warmStarts` says with what it has put into it, in turns.
 *
 * @param report Is told what a package came to at once.
 */
export async function packageStarts(
  specifiers: readonly string[],
  contestants: readonly Contestant[],
  warmStarts: number,
  starter: Starter,
  report: (specifier: string, samples: readonly Sample[]) => void,
): Promise<PackageResults> {
  const measured: string[] = [];
  const samples = contestants.map((): Sample[] => []);
  const failures = new Map<string, string>();
  for (const specifier of specifiers) {
    try {
      const found = await startsOf(specifier, contestants, warmStarts, starter);
      measured.push(specifier);
      for (const [i, sample] of found.entries()) samples[i].push(sample);
      report(specifier, found);
    } catch (error) {
      failures.set(specifier, error instanceof Error ? error.message : String(error));
    }
  }
  const results = contestants.map(({ name }, i) => ({ name, samples: samples[i] }));
  return { specifiers: measured, results, failures };
}

/** The samples of a package, one for each contestant. */
async function startsOf(
  specifier: string,
  contestants: readonly Contestant[],
  warmStarts: number,
  starter: Starter,
): Promise<Sample[]> {
  const firsts: FirstStart[] = [];
  for (const contestant of contestants) firsts.push(await starter.cold(contestant, specifier));
  const others = contestants.map((): StartCost[] => []);
  for (let i = 0; i < warmStarts; i++) {
    for (const [j, contestant] of contestants.entries()) {
      others[j].push(await starter.warm(contestant, specifier, firsts[j].cache));
    }
  }
  return firsts.map(({ startMs, cpuMs, diskMB }, i) => ({
    coldMs: startMs,
    coldCpuMs: cpuMs,
    diskMB,
    warmMs: median(others[i].map(({ startMs }) => startMs)),
    warmCpuMs: median(others[i].map(({ cpuMs }) => cpuMs)),
  }));
}

/**
 * The packages with the highest ratios of each figure, worst first, in lines.
 *
 * @param count How many of them.
 */
export function worstText(
  { specifiers, results }: PackageResults,
  own: string,
  reference: string,
  count: number,
): string {
  const samplesOf = (wanted: string) => results.find(({ name }) => name === wanted)!.samples;
  const [ours, theirs] = [samplesOf(own), samplesOf(reference)];
  const worst = (figure: Figure) =>
    specifiers
      .map((name, i) => ({ name, ratio: ratioOf(figure, ours[i][figure]!, theirs[i][figure]!)! }))
      .toSorted((a, b) => b.ratio - a.ratio)
      .slice(0, count)
      .map(({ name, ratio }) => `${name} ${fixed(ratio, 2)}`)
      .join(", ");
  return START_FIGURES.map((figure) => `${headOf(figure)}: ${worst(figure)}`).join("\n");
}

/** What a package came to, in a line. */
export function lineOf(
  specifier: string,
  names: readonly string[],
  samples: readonly Sample[],
): string {
  const texts = samples.map((sample, i) =>
    `${names[i]} ${START_FIGURES.map((figure) => numberText(figure, sample[figure]!)).join(" ")}`
  );
  return `${specifier}: ${texts.join(", ")}`;
}
