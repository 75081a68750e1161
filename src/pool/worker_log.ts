/**
 * What a worker has for the log, in bounds.
 *
 * @module
 */

import type { Log } from "../base/log.ts";
import { LOG_LEVELS } from "../base/log.ts";
import { isRequestIdText } from "../message/request_id.ts";
import { NAMES_REQUEST, readText } from "../ring/frames.ts";
import type { RingReader } from "../ring/ring.ts";
import { RingError } from "../ring/ring.ts";
import { RateLimit } from "./rate_limit.ts";

/** Log lines of one worker in a period. */
const MAX_LINES = 1_000;
const PERIOD_MS = 1_000;

/** Logs the lines of one worker. */
export class WorkerLog {
  readonly #worker: string;
  readonly #log: Log;
  readonly #limit = new RateLimit(MAX_LINES, PERIOD_MS);

  /** Logs what the worker of this name says. */
  constructor(worker: string, log: Log) {
    this.#worker = worker;
    this.#log = log;
  }

  /**
   * Logs the line of a LOG frame; `false` if there are too many of them.
   *
   * @throws {RingError} if it is malformed
   */
  take(frame: RingReader): boolean {
    const limit = this.#limit;
    if (!limit.admits()) return false;
    const worker = this.#worker;
    if (limit.refused > 0) {
      this.#log("warning", `${worker}: ${limit.refused} more lines are too many to log`);
      limit.refused = 0;
    }
    const level = LOG_LEVELS[frame.value] ?? "info";
    const text = readText(frame);
    if ((frame.flags & NAMES_REQUEST) === 0) {
      this.#log(level, `${worker}: ${text}`, { worker });
      return true;
    }
    const end = text.indexOf("\n");
    const requestId = text.slice(0, end);
    if (!isRequestIdText(requestId)) throw new RingError("a malformed id of a request");
    this.#log(level, `${worker}: ${text.slice(end + 1)}`, { worker, requestId });
    return true;
  }
}
