/**
 * The monotonic clock, read once for all that happens in a turn: reading it takes as long as much of what is
 * done for a request.
 *
 * @module
 */

/**
 * A clock that stands still while one thing is done after another, up to the microtasks that wait. On a thread
 * without apps it is late by the time that one batch of requests or answers takes, which is less than a
 * millisecond; it never goes back.
 */
export class TurnClock {
  #now = 0;
  #isRead = false;

  /** The time of this turn, in milliseconds. */
  now(): number {
    if (this.#isRead) return this.#now;
    this.#isRead = true;
    queueMicrotask(this.#onTurn);
    return this.#now = performance.now();
  }

  /** The time right now, also for those who ask after this: an app may have kept the turn long. */
  readAnew(): number {
    if (!this.#isRead) return this.now();
    return this.#now = performance.now();
  }

  readonly #onTurn = (): void => {
    this.#isRead = false;
  };
}
