/**
 * Gives requests to the workers of a pool: each to the least busy one that is not blocked. While there is
 * none, they wait, and go to the first one that is free.
 *
 * @module
 */

import type { Exchange, ExchangeHandler } from "../message/exchange.ts";
import { Queue } from "../base/queue.ts";
import type { Backlog } from "./backlog.ts";
import { WorkerCounts } from "./counts.ts";
import { WaitingExchange } from "./waiting.ts";

/** Requests that wait at the most; what comes while all workers are blocked is given to one then. */
const MAX_WAITING = 1_024;

/** A worker, as far as requests are given to it. */
export interface DispatchedWorker extends ExchangeHandler {
  /** What another request would have to share the worker with. */
  readonly load: number;
  /** What it has not read yet. */
  readonly backlog: Backlog;
}

/** What requests go through to workers. */
export class Dispatcher<W extends DispatchedWorker> {
  readonly #workerCount: number;
  /** The workers that are ready. */
  #ready: W[] = [];
  #last = 0;
  readonly #waiting = new Queue<WaitingExchange>();
  #closed = false;

  readonly #counts: WorkerCounts;

  /** Makes a dispatcher for `workerCount` workers, none of which is ready. `counts` has those that wait. */
  constructor(workerCount: number, counts: WorkerCounts = new WorkerCounts()) {
    this.#workerCount = workerCount;
    this.#counts = counts;
  }

  /** Requests that wait. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Whether a worker is ready. */
  get hasReady(): boolean {
    return this.#ready.length > 0;
  }

  /** Adds a worker that is ready, in the place of another one if there is one. */
  add(worker: W, replaced: W | null): void {
    this.#ready = [...this.#ready.filter((each) => each !== replaced), worker];
    this.handOut();
  }

  /** Gives no more to a worker. */
  remove(worker: W): void {
    this.#ready = this.#ready.filter((each) => each !== worker);
    this.handOut();
  }

  /** Gives no more to any worker. */
  removeAll(): void {
    this.#ready = [];
  }

  /** Lets nothing wait any more. */
  close(): void {
    this.#closed = true;
    this.handOut();
  }

  /** Gives an exchange to a worker, or lets it wait for one that is ready; whether there is one. */
  dispatch(exchange: Exchange): boolean {
    if (this.#ready.length === 0) return false;
    const now = this.#hasChoice ? performance.now() : 0;
    const worker = this.#waiting.length > 0 ? null : this.#leastBusy(now);
    if (worker !== null) {
      this.#give(worker, exchange, now);
    } else if (this.keep(exchange)) {
      this.handOut();
    } else {
      this.#give(this.#leastLoaded()!, exchange, now);
    }
    return true;
  }

  /** A worker for something that has no need to be quick: the one with the fewest requests, if one is ready. */
  get leastLoaded(): W | null {
    return this.#leastLoaded();
  }

  /** Lets an exchange wait, if it may. */
  keep(exchange: Exchange): boolean {
    if (this.#closed || this.#waiting.length >= MAX_WAITING) return false;
    this.#waiting.push(new WaitingExchange(exchange));
    this.#counts.queueWaits++;
    return true;
  }

  /**
   * Gives what waits to the workers that are free for it. The others will ring when they have read
   * what they have: then call this again.
   */
  handOut(): void {
    const waiting = this.#waiting;
    while (waiting.length > 0 && this.#ready.length > 0) {
      if (waiting.first!.isGone) {
        waiting.shift();
        continue;
      }
      const now = performance.now();
      const worker = this.#nextFree(now) ?? this.#awaitReaders();
      if (worker === null) return;
      const next = waiting.shift()!;
      this.#counts.queueWaitMs += now - next.since;
      next.handTo({ handle: (exchange) => this.#give(worker, exchange, now) });
    }
  }

  /** Takes all that wait. */
  takeWaiting(): WaitingExchange[] {
    const taken: WaitingExchange[] = [];
    const now = performance.now();
    for (let next; (next = this.#waiting.shift()) !== undefined;) {
      this.#counts.queueWaitMs += now - next.since;
      taken.push(next);
    }
    return taken;
  }

  /** Whether one worker may come to be free before another: else nothing is gained by waiting. */
  get #hasChoice(): boolean {
    return this.#workerCount > 1 && !this.#closed;
  }

  /**
   * The worker with the fewest requests in flight that is not blocked; among equals, the next after the
   * last one.
   */
  #leastBusy(now: number): W | null {
    if (!this.#hasChoice) return this.#leastLoaded();
    const ready = this.#ready;
    const { length } = ready;
    let best: W | null = null;
    const first = this.#last + 1;
    for (let i = 0; i < length && best?.load !== 0; i++) {
      const index = (first + i) % length;
      const worker = ready[index];
      if ((best === null || worker.load < best.load) && !worker.backlog.isBlocked(now)) {
        best = worker;
        this.#last = index;
      }
    }
    return best;
  }

  /** The worker with the fewest requests in flight, blocked or not. */
  #leastLoaded(): W | null {
    let best: W | null = null;
    for (const worker of this.#ready) if (best === null || worker.load < best.load) best = worker;
    return best;
  }

  #give(worker: W, exchange: Exchange, now: number): void {
    worker.handle(exchange);
    if (this.#hasChoice) worker.backlog.onGiven(now);
  }

  /** The least busy worker that may be given something that waits. */
  #nextFree(now: number): W | null {
    if (!this.#hasChoice) return this.#leastLoaded();
    let best: W | null = null;
    for (const worker of this.#ready) {
      if ((best === null || worker.load < best.load) && worker.backlog.admits(now)) best = worker;
    }
    return best;
  }

  /** Has the workers ring when they go on; gives one that has done so in the meantime. */
  #awaitReaders(): W | null {
    let free: W | null = null;
    for (const worker of this.#ready) if (!worker.backlog.awaitReader()) free = worker;
    return free;
  }
}
