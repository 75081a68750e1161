/**
 * What users see of fetching: on a terminal one line that changes, elsewhere a few lines.
 *
 * @module
 */

import type { Log } from "../../base/log.ts";
import { showStatus } from "../../base/log.ts";

/** How many fetches have a line of their own where there is no terminal. */
const MAX_NAMED = 5;
/** How often the line of a terminal changes at the most, in milliseconds. */
const REDRAW_MS = 50;

/** Tells of the fetches of one request. */
export class FetchProgress {
  readonly #log: Log;
  #count = 0;
  /** Bytes that were fetched before. */
  #bytesBefore: number | undefined;
  #shownMs = -Infinity;

  /** Nothing is fetched yet. Lines go to `log`. */
  constructor(log: Log) {
    this.#log = log;
  }

  /** `url` is being fetched, when the thread has fetched `totalBytes` in all. */
  onFetch(url: string, totalBytes: number): void {
    this.#bytesBefore ??= totalBytes;
    this.#count++;
    const nowMs = performance.now();
    if (nowMs - this.#shownMs < REDRAW_MS) return;
    const bytes = megabytes(totalBytes - this.#bytesBefore);
    if (showStatus(`fetching ${this.#count} modules and packages (${bytes}): ${url}`)) {
      this.#shownMs = nowMs;
    } else if (this.#count <= MAX_NAMED) this.#log("info", `fetching ${url}`);
  }

  /** All that was asked for is there, or is given up. */
  end(): void {
    const isTerminal = this.#shownMs > 0;
    if (isTerminal) showStatus("");
    else if (this.#count > MAX_NAMED) {
      this.#log("info", `fetched ${this.#count} modules and packages`);
    }
    this.#count = 0;
    this.#bytesBefore = undefined;
    this.#shownMs = -Infinity;
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
