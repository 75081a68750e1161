/**
 * Durations, as far as percentiles need them: few are kept as they are, many are counted.
 *
 * @module
 */

/** So many are kept as they are. */
const MAX_KEPT = 16;
/** The shortest that is told from none, in milliseconds. */
const MIN_MS = 0.001;
/** By how much each count's durations may differ. */
const STEP = 1.05;
const LOG_STEP = Math.log(STEP);
/** Counts: up to about 50 hours. */
const COUNTS = 530;

/** The durations of some requests. */
export class Durations {
  /** How many there are. */
  count = 0;
  /** Their sum, in milliseconds. */
  sumMs = 0;
  #kept: number[] = [];
  #counts: Uint32Array | null = null;

  /** Adds one, in milliseconds. */
  add(durationMs: number): void {
    this.count++;
    this.sumMs += durationMs;
    if (this.#counts !== null) {
      this.#counts[placeOf(durationMs)]++;
      return;
    }
    this.#kept.push(durationMs);
    if (this.#kept.length > MAX_KEPT) this.#countKept();
  }

  /** Adds all of `others`. */
  merge(others: Durations): void {
    this.count += others.count;
    this.sumMs += others.sumMs;
    if (others.#counts === null && this.#counts === null) {
      this.#kept.push(...others.#kept);
      if (this.#kept.length > MAX_KEPT) this.#countKept();
      return;
    }
    const counts = this.#counts ?? this.#countKept();
    for (const each of others.#kept) counts[placeOf(each)]++;
    for (let i = 0; i < COUNTS && others.#counts !== null; i++) counts[i] += others.#counts[i];
  }

  /** The mean, in milliseconds; `NaN` of none. */
  get meanMs(): number {
    return this.sumMs / this.count;
  }

  /** The duration that this part of all do not exceed, in milliseconds, to 2.5 %; `NaN` of none. */
  percentileMs(part: number): number {
    if (this.count === 0) return NaN;
    const rank = Math.max(1, Math.ceil(part * this.count));
    const counts = this.#counts;
    if (counts === null) return this.#kept.toSorted((a, b) => a - b)[rank - 1];
    let seen = 0;
    for (let i = 0; i < COUNTS; i++) {
      seen += counts[i];
      if (seen >= rank) return durationAt(i);
    }
    return durationAt(COUNTS - 1);
  }

  #countKept(): Uint32Array {
    const counts = this.#counts = new Uint32Array(COUNTS);
    for (const each of this.#kept) counts[placeOf(each)]++;
    this.#kept = [];
    return counts;
  }
}

function placeOf(durationMs: number): number {
  if (!(durationMs > MIN_MS)) return 0;
  return Math.min(COUNTS - 1, 1 + Math.floor(Math.log(durationMs / MIN_MS) / LOG_STEP));
}

/** The middle of what is counted at `place`. */
function durationAt(place: number): number {
  return place === 0 ? MIN_MS : MIN_MS * STEP ** (place - 0.5);
}
