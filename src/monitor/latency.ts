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

/** Where each bucket ends, as a multiple of the first one's end; the last one has no end. */
const ENDS = Float64Array.from(
  { length: BUCKETS },
  (_, index) => index === BUCKETS - 1 ? Infinity : 2 ** (index / PER_DOUBLING),
);
/** What a number is made of: the upper half of its bits has the exponent, and the first ones after the point. */
const number = new Float64Array(1);
const halves = new Uint32Array(number.buffer);
const UPPER = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 1 : 0;
const EXPONENT_SHIFT = 20;
/** The exponent of 1, in these bits. */
const EXPONENT_OF_ONE = 0x3ff;
/** Bits after the point by which a bucket within a doubling is found, or the one before it. */
const CELL_BITS = 6;
const CELLS = Uint8Array.from(
  { length: 1 << CELL_BITS },
  (_, cell) => Math.ceil(Math.log2(1 + cell / (1 << CELL_BITS)) * PER_DOUBLING),
);

/** The bucket of a duration in milliseconds: the first one that does not end before it. */
function bucketOf(ms: number): number {
  const multiple = ms / FIRST_MS;
  if (multiple <= 1) return 0;
  if (multiple > ENDS[BUCKETS - 2]) return BUCKETS - 1;
  number[0] = multiple;
  const upper = halves[UPPER];
  const doublings = (upper >>> EXPONENT_SHIFT) - EXPONENT_OF_ONE;
  const cell = (upper >>> (EXPONENT_SHIFT - CELL_BITS)) & ((1 << CELL_BITS) - 1);
  const index = doublings * PER_DOUBLING + CELLS[cell];
  // Cells are narrower than buckets: one of them has the end of one bucket at the most.
  return multiple > ENDS[index] ? index + 1 : index;
}

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
    this.#slots[this.#current][bucketOf(ms)]++;
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
