/**
 * All benches that measure gatehouse beside others.
 *
 * @module
 */

import type { Bench } from "./measuring/bench.ts";
import { coldStartBench } from "./cold_start.ts";
import { compressionBench } from "./compression.ts";
import { fastCgiBench } from "./fastcgi.ts";
import { filesBench } from "./files.ts";
import { httpBench } from "./http.ts";
import { liveBench } from "./live.ts";
import { loadingBench } from "./loading.ts";
import { memoryBench } from "./memory.ts";
import { mongrel2Bench } from "./mongrel2.ts";
import { observingBench } from "./observing.ts";

/** The benches. */
export const benches: readonly Bench[] = [
  httpBench,
  fastCgiBench,
  mongrel2Bench,
  memoryBench,
  coldStartBench,
  loadingBench,
  liveBench,
  compressionBench,
  filesBench,
  observingBench,
];

/** The names of the benches. */
export const NAMES = benches.map(({ name }) => name).join(", ");

/** Those of all that are called so, or all. */
export function named<T extends { readonly name: string }>(
  all: readonly T[],
  name: string | undefined,
): readonly T[] {
  return all.filter((each) => name === undefined || each.name.toLowerCase() === name.toLowerCase());
}
