/**
 * What happens in a dispatcher, as it is counted and logged.
 *
 * @module
 */

import type { Log } from "../base/log.ts";
import { FaultLog } from "../net/fault_log.ts";
import type { DispatchCounts } from "./counts.ts";
import { newCounts } from "./counts.ts";

/** Takes note of what happens, and knows when that is. */
export class Journal {
  /** What has happened so far. */
  readonly counts: DispatchCounts = newCounts();
  /** When what is being dealt with happened, in milliseconds on the clock of the dispatcher's owner. */
  now = 0;

  readonly #faults: FaultLog;
  /** Limits what is said of handlers that come and go: anybody can. */
  readonly #news: FaultLog;

  /** Makes a journal without an entry. */
  constructor(log: Log) {
    this.#faults = new FaultLog(log);
    this.#news = new FaultLog((_level, text) => log("info", text));
  }

  /** Logs a fault. */
  warn(text: string): void {
    this.#faults.warn(`dispatch: ${text}`, this.now);
  }

  /** Logs what is no fault. */
  note(text: string): void {
    this.#news.warn(`dispatch: ${text}`, this.now);
  }
}
