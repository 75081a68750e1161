/**
 * Tells what apps were denied: each denial once, whichever worker it comes from.
 *
 * @module
 */

import type { Log } from "../base/log.ts";

/** Lines about the apps of one pool, and of those that come after it. */
const MAX_LINES = 64;
/** Longest denial, in characters. */
const MAX_LENGTH = 1_000;

/** Denials of apps that were logged. */
export class Denials {
  readonly #log: Log;
  readonly #told = new Map<string, Set<string>>();

  /** Makes a list without any. */
  constructor(log: Log) {
    this.#log = log;
  }

  /** Logs that apps, called `who`, were denied something, as `denial` says. */
  note(who: string, denial: string): void {
    let told = this.#told.get(who);
    if (told === undefined) this.#told.set(who, told = new Set());
    const text = denial.slice(0, MAX_LENGTH);
    if (told.size >= MAX_LINES || told.has(text)) return;
    told.add(text);
    const rest = told.size < MAX_LINES ? "" : " (no more of this kind are logged)";
    this.#log("warning", `denied to ${who}: ${text}${rest}`);
  }
}
