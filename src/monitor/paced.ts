/**
 * Keeps what is costly to make from being made too often.
 *
 * @module
 */

import { timerMs } from "../base/timers.ts";

/** Makes something anew for all who ask within a time, and never gives what was made before they asked. */
export class Paced<Made> {
  readonly #make: () => Promise<Made>;
  readonly #intervalMs: number;
  #madeAt = -Infinity;
  #next: Promise<Made> | null = null;

  /** Makes by `make`, once in `intervalMs` at the most. */
  constructor(intervalMs: number, make: () => Promise<Made>) {
    this.#make = make;
    this.#intervalMs = intervalMs;
  }

  /** What is made from now on. */
  get(): Promise<Made> {
    return this.#next ??= this.#later();
  }

  async #later(): Promise<Made> {
    const waitMs = this.#madeAt + this.#intervalMs - performance.now();
    // Whoever asks in the same turn gets the same.
    if (waitMs <= 0) await null;
    else await new Promise((resolve) => setTimeout(resolve, timerMs(waitMs)));
    // Who asks from here on gets the next one.
    this.#next = null;
    this.#madeAt = performance.now();
    return await this.#make();
  }
}
