/**
 * So many of something in a period, and no more.
 *
 * @module
 */

/** Admits things up to a number in each period. */
export class RateLimit {
  /** How many were refused since this was last set to 0. */
  refused = 0;

  readonly #max: number;
  readonly #periodMs: number;
  #admitted = 0;
  #periodEnd = 0;

  /** Makes a limit of `max` in `periodMs`. */
  constructor(max: number, periodMs: number) {
    this.#max = max;
    this.#periodMs = periodMs;
  }

  /** Whether one more is within the limit. */
  admits(): boolean {
    const now = performance.now();
    if (now >= this.#periodEnd) {
      this.#periodEnd = now + this.#periodMs;
      this.#admitted = 0;
    }
    if (this.#admitted < this.#max) {
      this.#admitted++;
      return true;
    }
    this.refused++;
    return false;
  }
}
