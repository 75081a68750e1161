/**
 * Measures by how much the event loop of this thread is late: how much later than asked for a timer is called.
 *
 * @module
 */

import { timerMs } from "../base/timers.ts";

const INTERVAL_MS = 250;
/** Measurements of the last 15 s. */
const MEASUREMENTS = 60;

/** Measures, until it is disposed of. */
export class LoopDelay implements Disposable {
  readonly #delays = new Float64Array(MEASUREMENTS);
  #count = 0;
  #dueAt = performance.now() + INTERVAL_MS;
  readonly #timer = setInterval(() => this.#measure(), timerMs(INTERVAL_MS));

  /** By how much it was late in the last 15 s, in milliseconds: on average and at the most. */
  get recent(): { readonly mean: number; readonly max: number } {
    const count = Math.min(this.#count, MEASUREMENTS);
    const delays = this.#delays.subarray(0, count);
    // It may be late right now.
    const late = Math.max(0, performance.now() - this.#dueAt);
    const sum = delays.reduce((sum, each) => sum + each, 0);
    return { mean: count === 0 ? 0 : sum / count, max: Math.max(late, ...delays) };
  }

  /** Measures no more. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #measure(): void {
    const now = performance.now();
    this.#delays[this.#count++ % MEASUREMENTS] = Math.max(0, now - this.#dueAt);
    this.#dueAt = now + INTERVAL_MS;
  }
}
