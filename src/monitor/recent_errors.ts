/**
 * The last errors and warnings of the log, for the status.
 *
 * @module
 */

import type { Log, LogLevel } from "../base/log.ts";
import { forLog } from "../base/log.ts";
import type { LogReport } from "./report.ts";

const MAX_LINES = 30;
/** Of a message, stack trace included, in characters. */
const MAX_CHARS = 1_000;

/** Keeps the last ones. */
export class RecentErrors {
  #lines: LogReport[] = [];

  /** `log`, and what goes to it that is no mere information is kept, too. */
  watching(log: Log): Log {
    return (level, message, facts) => {
      this.#note(level, message);
      log(level, message, facts);
    };
  }

  /** The last ones, the last one first. */
  get lines(): readonly LogReport[] {
    return this.#lines;
  }

  #note(level: LogLevel, message: string): void {
    if (level !== "error" && level !== "warning") return;
    // As the log has it: without passwords.
    const text = forLog(message).slice(0, MAX_CHARS);
    this.#lines = [{ atMs: Date.now(), level, text }, ...this.#lines.slice(0, MAX_LINES - 1)];
  }
}
