/**
 * Messages about other parties' faults, which must not be able to fill the log.
 *
 * @module
 */

import type { Log } from "../base/log.ts";

/** Messages in one period. */
const MAX_MESSAGES = 20;
/** Length of a period, in milliseconds. */
const PERIOD_MS = 10_000;

/** Logs warnings, but no more than so many in a period; the next one says how many were left out. */
export class FaultLog {
  readonly #log: Log;
  #periodEnd = 0;
  #logged = 0;
  #leftOut = 0;

  /** Makes a log that writes to `log`. */
  constructor(log: Log) {
    this.#log = log;
  }

  /** Logs a warning. `now` is the time in milliseconds, on any clock. */
  warn(text: string, now: number = performance.now()): void {
    if (now >= this.#periodEnd) {
      this.#periodEnd = now + PERIOD_MS;
      this.#logged = 0;
    }
    if (this.#logged === MAX_MESSAGES) {
      this.#leftOut++;
      return;
    }
    this.#logged++;
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    this.#log("warning", leftOut === 0 ? text : `${text} (${leftOut} before it are not shown)`);
  }
}
