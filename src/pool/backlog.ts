/**
 * What a worker was given and has not read: tells whether its thread is blocked, and paces what has waited
 * for it.
 *
 * @module
 */

import type { RingWriter } from "../ring/ring.ts";

/**
 * A worker is blocked if it has not come to the end of what it was given so long ago, in milliseconds. A
 * thread that only waits for its turn of a core takes less.
 */
const BLOCKED_MS = 2;
/** By how much the number of those that are given at a time grows when all were read. */
const GROWTH = 0.25;
/** No mark is set. */
const NEVER = Infinity;

/** The ring to a worker, as far as it tells what was read. */
export type WatchedRing = Pick<RingWriter, "position" | "isRead" | "hasPassed" | "awaitReader">;

/** What one worker has not read yet. */
export class Backlog {
  readonly #ring: WatchedRing;
  /** Where a request ends that it was given, and when that was. */
  #mark = 0;
  #markedAt = NEVER;
  /** Requests that it was given since it had last read all. */
  #given = 0;
  /** How many there may be of those that have waited. */
  #allowance = 1;

  /** Watches the ring to the worker. */
  constructor(ring: WatchedRing) {
    this.#ring = ring;
  }

  /** Takes note that a request was written at `now`. */
  onGiven(now: number): void {
    this.#given++;
    if (this.#markedAt !== NEVER && !this.#ring.hasPassed(this.#mark)) return;
    this.#mark = this.#ring.position;
    this.#markedAt = now;
  }

  /** Whether the worker's thread is blocked at `now`, as far as that shows: what comes had better wait. */
  isBlocked(now: number): boolean {
    if (now - this.#markedAt < BLOCKED_MS) return false;
    if (this.#ring.hasPassed(this.#mark)) {
      this.#markedAt = NEVER;
      return false;
    }
    this.#allowance = 0;
    return true;
  }

  /**
   * Whether a request that has waited may be given to the worker at `now`: one at a time at first, since
   * each may block the worker for those behind it, and gradually more, since it may be fast.
   */
  admits(now: number): boolean {
    if (this.#ring.isRead) {
      if (this.#given > 0) this.#allowance = Math.max(1, this.#allowance + GROWTH);
      this.#given = 0;
    }
    return this.#given === 0 || !this.isBlocked(now) && this.#given + 1 <= this.#allowance;
  }

  /** Has the worker ring when it has read on; `false` if it has read all. */
  awaitReader(): boolean {
    return this.#ring.awaitReader();
  }
}
