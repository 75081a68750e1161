/**
 * What a worker reports while it loads the apps: each thing once.
 *
 * @module
 */

import type { AppSet } from "../worker/protocol.ts";
import { modulesOf } from "../worker/protocol.ts";

/** The reports that a worker still has to make. */
export class LoadingReports {
  /** How often each module is still to be loaded, for each mount that it is in. */
  readonly #due = new Map<string, number>();
  #isOver = false;

  /** Makes the reports that are due from a worker that loads `apps`. */
  constructor(apps: AppSet) {
    for (const url of modulesOf(apps)) this.#due.set(url, (this.#due.get(url) ?? 0) + 1);
  }

  /** URLs of the modules that are still being loaded. */
  get loading(): Iterable<string> {
    return this.#due.keys();
  }

  /** Takes word that the module at `url` was loaded; whether that was due. */
  onLoaded(url: string): boolean {
    const due = this.#due.get(url);
    if (due === undefined || this.#isOver) return false;
    if (due === 1) this.#due.delete(url);
    else this.#due.set(url, due - 1);
    return true;
  }

  /** Takes word of how it ended; whether that was due. */
  onOutcome(): boolean {
    const wasOver = this.#isOver;
    this.#isOver = true;
    return !wasOver;
  }
}
