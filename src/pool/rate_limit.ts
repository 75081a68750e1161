/**
 * Limits how many of something happen in a period.
 *
 * @module
 */

/** How often the clock is looked at when nothing is admitted: that takes longer than to refuse. */
const REFUSALS_PER_LOOK = 16;

/** Admits things up to a number in each period. */
export class RateLimit {
  /** How many were refused since this was last set to 0. */
  refused = 0;

  readonly #max: number;
  readonly #periodMs: number;
  #admitted = 0;
  #periodEnd = 0;
  #untilLook = 0;

  /** Makes a limit of `max` in `periodMs`. */
  constructor(max: number, periodMs: number) {
    this.#max = max;
    this.#periodMs = periodMs;
  }

  /** Whether one more is within the limit. */
  admits(): boolean {
    if (this.#admitted === 0) this.#periodEnd = performance.now() + this.#periodMs;
    if (this.#admitted < this.#max) {
      this.#admitted++;
      return true;
    }
    if (this.#untilLook === 0) {
      this.#untilLook = REFUSALS_PER_LOOK;
      const now = performance.now();
      if (now >= this.#periodEnd) {
        this.#periodEnd = now + this.#periodMs;
        this.#untilLook = 0;
        this.#admitted = 1;
        return true;
      }
    }
    this.#untilLook--;
    this.refused++;
    return false;
  }

  /** Time until more are admitted, in milliseconds, if none are now. */
  untilNextPeriodMs(): number {
    this.#untilLook = 0;
    return Math.max(0, this.#periodEnd - performance.now());
  }
}
