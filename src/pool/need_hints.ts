/**
 * Follows errors of workers in the log by what their packages need, each once: the errors themselves seldom
 * tell.
 *
 * @module
 */

import type { Log } from "../base/log.ts";

/** Hints that are remembered, so that none is logged twice. */
const MAX_HINTS = 100;

/** A log that tells more of errors. */
export class NeedHints {
  readonly #log: Log;
  readonly #needs: (message: string) => Promise<string | null>;
  readonly #told = new Set<string>();
  #isLooking = false;

  /** Makes one that writes to `log`; `needs` says what is needed by packages that an error is of. */
  constructor(log: Log, needs: (message: string) => Promise<string | null>) {
    this.#log = log;
    this.#needs = needs;
  }

  /** Logs a message. */
  readonly log: Log = (level, message, facts) => {
    this.#log(level, message, facts);
    // One at a time: apps can log much, and what the next one of a kind tells is the same.
    const isDue = level === "error" && !this.#isLooking && this.#told.size < MAX_HINTS;
    if (isDue) this.#look(message);
  };

  async #look(message: string): Promise<void> {
    this.#isLooking = true;
    try {
      const hint = await this.#needs(message);
      if (hint === null || this.#told.has(hint)) return;
      this.#told.add(hint);
      this.#log("info", hint);
    } catch (error) {
      this.#log("warning", `cannot find out what packages need: ${error}`);
    } finally {
      this.#isLooking = false;
    }
  }
}
