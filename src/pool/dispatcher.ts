/**
 * Gives requests to the workers of a pool: each to the least busy one that is not blocked. While there is
 * none, they wait, and go to the first one that is free.
 *
 * @module
 */

import type { Exchange, ExchangeHandler } from "../message/exchange.ts";
import { Queue } from "../base/queue.ts";
import { timerMs } from "../base/timers.ts";
import type { Backlog } from "./backlog.ts";
import { WorkerCounts } from "./counts.ts";
import { WaitingExchange } from "./waiting.ts";

/** Requests that wait without a limit; what comes while all workers are blocked is given to one then. */
const MAX_WAITING = 1_024;
/** Status of requests for which there is no room, or that have waited too long. */
const UNAVAILABLE = 503;

/** What is put up with from requests that wait. 0 disables a limit. */
export interface QueueLimits {
  /** How many may wait; others get 503. Without a limit, others are given to a blocked worker. */
  readonly maxQueue: number;
  /** How long each may wait before it gets 503, in milliseconds. */
  readonly queueTimeoutMs: number;
}

const NO_LIMITS: QueueLimits = { maxQueue: 0, queueTimeoutMs: 0 };

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
  readonly #limits: QueueLimits;
  /** The workers that are ready. */
  #ready: W[] = [];
  #last = 0;
  #waiting = new Queue<WaitingExchange>();
  /** Those among them whose clients have gone. */
  #goneCount = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  readonly #counts: WorkerCounts;

  /** Makes a dispatcher for `workerCount` workers, none of which is ready. `counts` has those that wait. */
  constructor(
    workerCount: number,
    limits: QueueLimits = NO_LIMITS,
    counts: WorkerCounts = new WorkerCounts(),
  ) {
    this.#workerCount = workerCount;
    this.#limits = limits;
    this.#counts = counts;
  }

  /** Requests that wait. */
  get waitingCount(): number {
    return this.#waiting.length - this.#goneCount;
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
    } else if (this.#limits.maxQueue > 0 && !this.#closed) {
      exchange.fail(UNAVAILABLE);
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
    const { maxQueue, queueTimeoutMs } = this.#limits;
    const most = maxQueue === 0 ? MAX_WAITING : maxQueue;
    if (this.#closed || this.#waiting.length - this.#goneCount >= most) return false;
    this.#forgetGone();
    this.#waiting.push(new WaitingExchange(exchange, this.#onGone));
    if (queueTimeoutMs > 0) this.#timer ??= setTimeout(this.#refuseLate, timerMs(queueTimeoutMs));
    this.#counts.queueWaits++;
    return true;
  }

  readonly #onGone = (): void => void this.#goneCount++;

  /** Forgets those whose clients have gone, once they are most of them. */
  #forgetGone(): void {
    if (this.#goneCount <= MAX_WAITING || this.#goneCount * 2 <= this.#waiting.length) return;
    const rest = new Queue<WaitingExchange>();
    for (const each of this.#waiting) if (!each.isGone) rest.push(each);
    this.#waiting = rest;
    this.#goneCount = 0;
  }

  /** Takes the next one that waits. */
  #next(): WaitingExchange | undefined {
    const next = this.#waiting.shift();
    if (next?.isGone) this.#goneCount--;
    if (this.#waiting.length === 0) this.#stopTimer();
    return next;
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Gives up those that have waited too long: the first ones. */
  readonly #refuseLate = (): void => {
    this.#timer = undefined;
    const { queueTimeoutMs } = this.#limits;
    const now = performance.now();
    for (let first; (first = this.#waiting.first) !== undefined;) {
      const restMs = first.since + queueTimeoutMs - now;
      if (restMs > 0 && !first.isGone) {
        this.#timer = setTimeout(this.#refuseLate, timerMs(restMs));
        return;
      }
      this.#counts.queueWaitMs += now - first.since;
      this.#next()!.fail(UNAVAILABLE);
    }
  };

  /**
   * Gives what waits to the workers that are free for it. The others will ring when they have read
   * what they have: then call this again.
   */
  handOut(): void {
    while (this.#waiting.length > 0 && this.#ready.length > 0) {
      if (this.#waiting.first!.isGone) {
        this.#next();
        continue;
      }
      const now = performance.now();
      const worker = this.#nextFree(now) ?? this.#awaitReaders();
      if (worker === null) return;
      const next = this.#next()!;
      this.#counts.queueWaitMs += now - next.since;
      next.handTo({ handle: (exchange) => this.#give(worker, exchange, now) });
    }
  }

  /** Takes all that wait. */
  takeWaiting(): WaitingExchange[] {
    const taken: WaitingExchange[] = [];
    const now = performance.now();
    for (let next; (next = this.#next()) !== undefined;) {
      this.#counts.queueWaitMs += now - next.since;
      taken.push(next);
    }
    return taken;
  }

  /** Whether one worker may come to be free before another, or those that wait are bounded: else nothing is gained. */
  get #hasChoice(): boolean {
    const { maxQueue, queueTimeoutMs } = this.#limits;
    return (this.#workerCount > 1 || maxQueue > 0 || queueTimeoutMs > 0) && !this.#closed;
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
