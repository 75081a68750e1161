/**
 * The monotonic clock, read once for all that happens in a turn: reading it takes as long as much of what is
 * done for a request.
 *
 * @module
 */

/** Who wants to know when a turn ends. */
export interface TurnWaiter {
  /** The turn ends, at `now`. */
  onTurnEnd(now: number): void;
}

/**
 * A clock that stands still while one thing is done after another, up to the microtasks that wait. On a thread
 * without apps it is late by the time that one batch of requests or answers takes, which is less than a
 * millisecond; it never goes back.
 */
export class TurnClock {
  #now = 0;
  #isRead = false;
  #waiting: TurnWaiter[] = [];

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

  /** Tells `waiter` the time at the end of this turn, when what was written in it is sent. */
  atEnd(waiter: TurnWaiter): void {
    if (!this.#isRead) this.now();
    this.#waiting.push(waiter);
  }

  readonly #onTurn = (): void => {
    this.#isRead = false;
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    const now = performance.now();
    for (let i = 0; i < waiting.length; i++) waiting[i].onTurnEnd(now);
  };
}
