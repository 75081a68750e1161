/**
 * When requests are to be sent.
 *
 * @module
 */

import { timerMs } from "../base/timers.ts";

/** No more requests. */
export const OVER = -1;

/** Gives each request the time that it should be sent at. All times are of `performance.now()`. */
export interface Pace extends Disposable {
  /** When the next request should be sent, which may have been a while ago; {@linkcode OVER} for none. */
  next(): number;
  /** Resolves at a time that {@linkcode next} gave. */
  until(atMs: number): Promise<void> | undefined;
}

/** A closed loop: each connection sends its next request when the last one is answered. */
export class ClosedLoop implements Pace {
  readonly #endMs: number;
  #left: number;

  /** Sends until `endMs`, and no more than `maxCount` requests. */
  constructor(endMs: number, maxCount = Infinity) {
    this.#endMs = endMs;
    this.#left = maxCount;
  }

  next(): number {
    const now = performance.now();
    return now >= this.#endMs || this.#left-- <= 0 ? OVER : now;
  }

  until(): undefined {}

  [Symbol.dispose](): void {}
}

/**
 * An open loop: requests are due at a fixed rate, whether or not others were answered. One that finds no free
 * connection is sent late, and its time counts from when it was due.
 */
export class OpenLoop implements Pace {
  readonly #startMs: number;
  readonly #endMs: number;
  readonly #intervalMs: number;
  #taken = 0;
  /** Who waits, in the order of their times. */
  #waiters: { readonly atMs: number; readonly wake: () => void }[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `rate` requests each second, from `startMs` to `endMs`. */
  constructor(rate: number, startMs: number, endMs: number) {
    this.#startMs = startMs;
    this.#endMs = endMs;
    this.#intervalMs = 1_000 / rate;
  }

  next(): number {
    const atMs = this.#startMs + this.#taken * this.#intervalMs;
    if (atMs >= this.#endMs) return OVER;
    this.#taken++;
    return atMs;
  }

  until(atMs: number): Promise<void> | undefined {
    if (atMs <= performance.now()) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push({ atMs, wake: resolve });
    if (this.#waiters.length === 1) this.#schedule();
    return promise;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const { wake } of this.#waiters) wake();
    this.#waiters = [];
  }

  /** One timer for all: those whose time has come are woken together. */
  #schedule(): void {
    const [first] = this.#waiters;
    if (first === undefined) return;
    const delayMs = Math.max(0, Math.ceil(first.atMs - performance.now()));
    this.#timer = setTimeout(() => {
      const now = performance.now();
      const due = this.#waiters.findIndex(({ atMs }) => atMs > now);
      const woken = this.#waiters.splice(0, due < 0 ? this.#waiters.length : due);
      for (const { wake } of woken) wake();
      this.#schedule();
    }, timerMs(delayMs));
  }
}
