/**
 * Percentiles of durations over the last minute, in buckets that grow: eight for each doubling, so that a
 * percentile is at most 9 % too high.
 *
 * @module
 */

import { timerMs } from "../base/timers.ts";

const PER_DOUBLING = 8;
/** The first bucket ends here, in milliseconds. */
const FIRST_MS = 0.01;
/** The last one has all that takes longer than 2^31 times that. */
const BUCKETS = 31 * PER_DOUBLING;
/** The minute is parts of this length, of which the oldest is dropped. */
const SLOT_MS = 5_000;
const SLOTS = 12;

const { log2, min, ceil } = Math;

/** How many durations were in which bucket: of those that are not empty, index and count. */
export type LatencyCounts = readonly (readonly [number, number])[];

/** The durations of the last minute. */
export class LatencyWindow implements Disposable {
  readonly #slots = Array.from({ length: SLOTS }, () => new Uint32Array(BUCKETS));
  #current = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Begins to drop what is older than a minute. */
  start(): void {
    this.#timer ??= setInterval(() => {
      this.#current = (this.#current + 1) % SLOTS;
      this.#slots[this.#current].fill(0);
    }, timerMs(SLOT_MS));
  }

  /** Drops nothing any more. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Adds a duration, in milliseconds. */
  add(ms: number): void {
    const index = ms <= FIRST_MS ? 0 : min(BUCKETS - 1, ceil(log2(ms / FIRST_MS) * PER_DOUBLING));
    this.#slots[this.#current][index]++;
  }

  /** How many there were. */
  get counts(): LatencyCounts {
    const counts: [number, number][] = [];
    for (let index = 0; index < BUCKETS; index++) {
      let count = 0;
      for (const slot of this.#slots) count += slot[index];
      if (count > 0) counts.push([index, count]);
    }
    return counts;
  }
}

/**
 * The durations, in milliseconds, that `parts` (from 0 to 1) of all that is counted are at or below; `null` if
 * nothing is.
 */
export function percentiles(
  all: readonly LatencyCounts[],
  parts: readonly number[],
): (number | null)[] {
  const sums = new Float64Array(BUCKETS);
  let total = 0;
  for (const counts of all) {
    for (const [index, count] of counts) {
      if (!(index >= 0 && index < BUCKETS)) continue;
      sums[index] += count;
      total += count;
    }
  }
  return parts.map((part) => {
    if (total === 0) return null;
    let left = part * total;
    for (let index = 0; index < BUCKETS; index++) {
      left -= sums[index];
      if (left <= 0 && sums[index] > 0) return FIRST_MS * 2 ** (index / PER_DOUBLING);
    }
    return FIRST_MS * 2 ** (BUCKETS / PER_DOUBLING);
  });
}
