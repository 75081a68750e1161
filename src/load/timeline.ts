/**
 * What happened in each part of a measurement.
 *
 * @module
 */

import { Histogram } from "./histogram.ts";

/** A part of a measurement. */
export interface TimelinePart {
  /** When it began, in milliseconds from the start of the measurement. */
  readonly atMs: number;
  /** Requests that were answered in it. */
  readonly answered: number;
  /** Requests that failed in it. */
  readonly failed: number;
  /** Median of the times of those that were answered, in microseconds. */
  readonly p50Us: number;
  /** The time that 99 of 100 did not exceed. */
  readonly p99Us: number;
  /** The longest time. */
  readonly maxUs: number;
}

/** Parts of a measurement at the most: those of a longer one are longer. */
const MAX_PARTS = 300;
const MIN_PART_MS = 250;

/** Length of the parts of a measurement of `durationMs`. */
export function partMsOf(durationMs: number): number {
  return Math.max(MIN_PART_MS, Math.ceil(durationMs / MAX_PARTS));
}

/** Takes what happens, in the order in which it does. */
export class Timeline {
  /** Length of a part. */
  readonly partMs: number;
  readonly #parts: TimelinePart[] = [];
  readonly #current = new Histogram();
  #failed = 0;

  /** Makes a timeline whose parts are `partMs` long. */
  constructor(partMs: number) {
    this.partMs = partMs;
  }

  /** A request was answered `atMs` after the start, and took `us`. */
  answered(atMs: number, us: number): void {
    this.#advance(atMs);
    this.#current.record(us);
  }

  /** A request failed `atMs` after the start. */
  failed(atMs: number): void {
    this.#advance(atMs);
    this.#failed++;
  }

  /** All parts up to `endMs`; what comes after is left out. */
  finish(endMs: number): readonly TimelinePart[] {
    this.#advance(endMs);
    return this.#parts;
  }

  #advance(atMs: number): void {
    // A part for each moment that nothing happened in, too: a gap is what is looked for.
    while ((this.#parts.length + 1) * this.partMs <= atMs) {
      const current = this.#current;
      this.#parts.push({
        atMs: this.#parts.length * this.partMs,
        answered: current.count,
        failed: this.#failed,
        p50Us: current.percentile(50),
        p99Us: current.percentile(99),
        maxUs: current.maxUs,
      });
      current.clear();
      this.#failed = 0;
    }
  }
}
