/** What is fuzzed, and how it is called. */

import type { Random } from "../support/random.ts";

/** Attempts of a round, where each takes no longer than is usual. */
export const ROUND_ATTEMPTS = 200;

/** Something that is given random input. */
export interface FuzzTarget {
  /** Name for the command line. */
  readonly name: string;
  /** Attempts of a round. */
  readonly attempts: number;
  /** Makes a round of attempts that follow from `random`. Throws at the first one that comes out wrong. */
  run(random: Random): Promise<void>;
}
