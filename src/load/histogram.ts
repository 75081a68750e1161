/**
 * A histogram of times, to three digits: in the form of HdrHistogram, whose classes are as wide as a
 * thousandth of the times in them. Recording is a few operations, and takes no memory.
 *
 * @module
 */

/** Classes of each doubling: half of them are below it. */
const HALF_COUNT = 1_024;
const HALF_BITS = 10;
/** The longest time, in microseconds: more than an hour. Longer ones count as this. */
const MAX_US = 0xffff_ffff;
const CLASS_COUNT = HALF_COUNT * (32 - HALF_BITS + 1);

/** A class that has times in it. */
export interface HistogramClass {
  /** The longest time of the class, in microseconds. */
  readonly upToUs: number;
  /** How many times are in it. */
  readonly count: number;
}

/** Times from 1 µs to more than an hour. */
export class Histogram {
  /** How many times were recorded. */
  count = 0;
  readonly #counts = new Float64Array(CLASS_COUNT);
  #sumUs = 0;
  #minUs = Infinity;
  #maxUs = 0;

  /** Records a time. Negative ones count as 0. */
  record(us: number, count = 1): void {
    const whole = us >= MAX_US ? MAX_US : us > 0 ? Math.round(us) : 0;
    this.#counts[classOf(whole)] += count;
    this.count += count;
    this.#sumUs += whole * count;
    if (whole < this.#minUs) this.#minUs = whole;
    if (whole > this.#maxUs) this.#maxUs = whole;
  }

  /** Shortest time, in microseconds; 0 if there is none. */
  get minUs(): number {
    return this.count === 0 ? 0 : this.#minUs;
  }

  /** Longest time, in microseconds. */
  get maxUs(): number {
    return this.#maxUs;
  }

  /** Mean, in microseconds; 0 if there is no time. */
  get meanUs(): number {
    return this.count === 0 ? 0 : this.#sumUs / this.count;
  }

  /** The time that `percent` of all do not exceed, in microseconds; 0 if there is none. */
  percentile(percent: number): number {
    const wanted = Math.max(1, Math.ceil(this.count * percent / 100 - 1e-9));
    let seen = 0;
    for (const { upToUs, count } of this.classes()) {
      seen += count;
      if (seen >= wanted) return Math.min(upToUs, this.#maxUs);
    }
    return 0;
  }

  /** The classes that have times, the shortest first. */
  *classes(): Generator<HistogramClass> {
    const counts = this.#counts;
    for (let i = 0; i < CLASS_COUNT; i++) {
      if (counts[i] > 0) yield { upToUs: upperEndOf(i), count: counts[i] };
    }
  }

  /** Adds what `other` has. */
  add(other: Histogram): void {
    const counts = other.#counts;
    for (let i = 0; i < CLASS_COUNT; i++) this.#counts[i] += counts[i];
    this.count += other.count;
    this.#sumUs += other.#sumUs;
    this.#minUs = Math.min(this.#minUs, other.#minUs);
    this.#maxUs = Math.max(this.#maxUs, other.#maxUs);
  }

  /** Forgets all. */
  clear(): void {
    this.#counts.fill(0);
    this.count = this.#sumUs = this.#maxUs = 0;
    this.#minUs = Infinity;
  }

  /**
   * What would have been seen if requests had gone out every `intervalUs` whether or not the one before was
   * answered: each time that is longer stands for as many further ones as were held up, each shorter by the
   * interval (as HdrHistogram and wrk correct coordinated omission).
   */
  corrected(intervalUs: number): Histogram {
    const corrected = new Histogram();
    for (const { upToUs, count } of this.classes()) {
      const us = Math.min(upToUs, this.#maxUs);
      corrected.record(us, count);
      if (!(intervalUs > 0)) continue;
      for (let missed = us - intervalUs; missed >= intervalUs; missed -= intervalUs) {
        corrected.record(missed, count);
      }
    }
    return corrected;
  }
}

/** The class of a time: exact below 2,048 µs, then each doubling has 1,024 classes. */
function classOf(us: number): number {
  const shift = 32 - Math.clz32(us) - HALF_BITS - 1;
  if (shift <= 0) return us;
  return shift * HALF_COUNT + Math.floor(us / 2 ** shift);
}

/** The longest time of a class. */
function upperEndOf(index: number): number {
  if (index < 2 * HALF_COUNT) return index;
  const shift = Math.floor(index / HALF_COUNT) - 1;
  return (index - shift * HALF_COUNT + 1) * 2 ** shift - 1;
}
