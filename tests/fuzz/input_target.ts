/** Targets that are given one text after another, each made anew; one that fails is cut down first. */

import type { Random } from "../support/random.ts";
import { Random as Generator } from "../support/random.ts";
import type { FuzzTarget } from "./target.ts";
import { ROUND_ATTEMPTS } from "./target.ts";

/** A target that reads a text; where it is bytes, they are code units. */
export interface InputTarget {
  /** Name for the command line. */
  readonly name: string;
  /** Attempts of a round; {@linkcode ROUND_ATTEMPTS} if it is not slow. */
  readonly attempts?: number;
  /** Makes an input. */
  make(random: Random): string;
  /** Throws if anything but right comes of `input`. All that is left to chance follows from `random`. */
  check(input: string, random: Random): void | Promise<void>;
}

/** Checks of smaller inputs, when one has failed. */
const MAX_CUTS = 2_000;

/** What is wrong with an input; `null` if nothing is. */
type Verdict = (input: string) => Promise<Error | null>;

/** What two faults of the same cause have in common. */
function kindOf({ name, message }: Error): string {
  return `${name} ${message.slice(0, 20)}`;
}

/** The target as all others are. */
export function inputTarget(
  { name, attempts = ROUND_ATTEMPTS, make, check }: InputTarget,
): FuzzTarget {
  return {
    name,
    attempts,
    async run(random) {
      for (let i = 0; i < attempts; i++) {
        const seed = random.below(2 ** 32);
        const input = make(new Generator(seed));
        try {
          const checked = check(input, new Generator(seed));
          if (checked !== undefined) await checked;
        } catch (error) {
          const [least, cause] = await cutDown(input, error as Error, async (smaller) => {
            try {
              await check(smaller, new Generator(seed));
              return null;
            } catch (error) {
              return error as Error;
            }
          });
          throw new Error(`with the input ${JSON.stringify(least)}`, { cause });
        }
      }
    },
  };
}

/** Takes away of a failing input what it fails without in the same way, the largest pieces first. */
async function cutDown(input: string, fault: Error, verdict: Verdict): Promise<[string, Error]> {
  let least = input;
  let cause = fault;
  let cuts = 0;
  for (let size = input.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at + size <= least.length && cuts < MAX_CUTS;) {
      const smaller = least.slice(0, at) + least.slice(at + size);
      cuts++;
      const error = await verdict(smaller);
      if (error === null || kindOf(error) !== kindOf(fault)) at += size;
      else [least, cause] = [smaller, error];
    }
  }
  return [least, cause];
}
