/**
 * A place in a pool that always has a worker, or is about to: starts it, starts another one when it has
 * died, and replaces it without a gap when it has served long enough.
 *
 * @module
 */

import { doubled, FIRST_RESTART_DELAY_MS, HEALTHY_AGE_MS } from "../base/backoff.ts";
import { timerMs } from "../base/timers.ts";
import { messageOf } from "../base/error_message.ts";
import { LoadError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { WorkerLimits } from "../limits/worker_limits.ts";
import type { AppWorker } from "./app_worker.ts";
import type { WorkerCounts } from "./counts.ts";
import type { LifeEnd } from "./lifetime.ts";
import { Lifetime } from "./lifetime.ts";

/** The pool, as its slots see it. */
export interface SlotOwner {
  /** Begins to load the apps in a new worker. */
  makeWorker(slot: WorkerSlot): AppWorker;
  /** Resolves when the worker is ready; rejects with the reason, in terms of the sources. */
  untilReady(worker: AppWorker): Promise<void>;
  /** A worker is ready for requests; `replaced` must get no more. */
  onReady(worker: AppWorker, replaced: AppWorker | null): void;
  /** The slot's worker is gone; there will be another one. */
  onLost(worker: AppWorker): void;
  /** There is nothing under way in the slot any more. */
  onSettled(): void;
}

/** What slots have in common. */
export interface SlotOptions {
  /** Limits of each worker. */
  readonly limits: WorkerLimits;
  /** How long a worker that was replaced may finish its requests, in milliseconds. */
  readonly drainTimeoutMs: number;
  /** What the names of the workers end with. */
  readonly label: string;
  /** Counts the workers that others take the place of. */
  readonly counts: WorkerCounts;
  /** Takes messages. */
  readonly log: Log;
}

/** How long a worker may finish its requests after an error that nobody caught, in milliseconds. */
const UNCAUGHT_GRACE_MS = 2_000;

/** Why a worker gets no more requests. */
type Retirement = "had an error that nobody caught" | "was replaced";

/**
 * One of the places of a pool. One worker of it serves at the most, and another one is loading. One that was
 * replaced may finish its requests, and so may some that had errors: the delays before others start, which
 * grow, keep them few.
 */
export class WorkerSlot {
  /** Name of its workers, such as `"worker 1"`. */
  readonly name: string;
  /** Its number in the pool, from 1. */
  readonly number: number;

  readonly #owner: SlotOwner;
  readonly #options: SlotOptions;
  /** The worker that is ready for requests. */
  #worker: AppWorker | null = null;
  #lifetime: Lifetime;
  /** The worker that is loading. */
  #starting: AppWorker | null = null;
  /** Whether that one has had an error that nobody caught. */
  #hasEarlyError = false;
  /** The workers that get no more requests and finish those that they have; each with its end. */
  readonly #retiring = new Map<AppWorker, Promise<void>>();
  #delayMs = FIRST_RESTART_DELAY_MS;
  /** When a new worker starts after a delay. */
  #dueAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** Makes a slot without a worker. */
  constructor(number: number, owner: SlotOwner, options: SlotOptions) {
    this.number = number;
    this.name = `worker ${number}${options.label}`;
    this.#owner = owner;
    this.#options = options;
    this.#lifetime = new Lifetime(options.limits, performance.now());
  }

  /** The worker that is ready for requests. */
  get worker(): AppWorker | null {
    return this.#worker;
  }

  /** The workers that should be alive. */
  get workers(): AppWorker[] {
    const retiring = [...this.#retiring.keys()];
    return this.#worker === null ? retiring : [this.#worker, ...retiring];
  }

  /** Whether its worker can be replaced now: nothing else is under way here. */
  get isReplaceable(): boolean {
    return this.#worker !== null && this.#isSettled();
  }

  /** What its worker is at `now`, in milliseconds since it was ready. */
  ageMs(now: number): number {
    return now - this.#lifetime.startedAt;
  }

  /** All workers, one that is loading included. */
  get all(): AppWorker[] {
    return this.#starting === null ? this.workers : [...this.workers, this.#starting];
  }

  /** Whether a worker is loading. */
  get isStarting(): boolean {
    return this.#starting !== null;
  }

  /** Whether it has no worker, but may have one until `latest`. */
  isDue(latest: number): boolean {
    return this.#worker === null && (this.isStarting || this.#dueAt <= latest);
  }

  /**
   * Starts a worker, which replaces the current one when it is ready.
   *
   * @throws {LoadError} if it cannot load the apps, or ends as soon as it has
   */
  async start(): Promise<void> {
    const { loadTimeoutMs } = this.#options.limits;
    const worker = this.#starting = this.#owner.makeWorker(this);
    this.#hasEarlyError = false;
    const timer = loadTimeoutMs === 0 ? undefined : setTimeout(
      () => worker.giveUpLoading(loadTimeoutMs),
      timerMs(loadTimeoutMs),
    );
    try {
      await this.#owner.untilReady(worker);
    } finally {
      this.#starting = null;
      clearTimeout(timer);
    }
    if (this.#closed) {
      worker.terminate();
      return;
    }
    // Word that it is ready takes a moment to get here.
    if (worker.endReason !== null) {
      throw new LoadError("", `${worker.name} ended as soon as it was ready: ${worker.endReason}`);
    }
    const replaced = this.#worker;
    this.#worker = worker;
    this.#lifetime = new Lifetime(this.#options.limits, performance.now());
    worker.requestLimit = this.#lifetime.maxRequests;
    if (replaced !== null) {
      this.#finish(replaced, this.#options.drainTimeoutMs, "was replaced");
    }
    this.#owner.onReady(worker, replaced);
    if (this.#hasEarlyError && this.#worker === worker) this.#retire(worker);
  }

  /** Tells the apps of its worker, if there is one, what addresses are listened at. */
  announce(addresses: readonly Deno.Addr[]): void {
    this.#worker?.announce(addresses);
  }

  /** Why its worker has to be replaced at `now`; `null` if it is not, or not yet. */
  reasonToReplace(now: number): LifeEnd | null {
    const worker = this.#worker;
    if (worker === null || !this.#isSettled()) return null;
    const lifetime = this.#lifetime;
    // An app that needs more than the limit from the outset is not to be loaded without end.
    if (lifetime.hasOutgrown(worker) && now < lifetime.startedAt + this.#growthDelayMs(now)) {
      return null;
    }
    return lifetime.reasonToEnd(worker, now);
  }

  /**
   * Time from `now` until its worker is too old, in milliseconds; `Infinity` if it never matters.
   */
  endsIn(now: number): number {
    return this.#worker !== null && this.#isSettled() ? this.#lifetime.endsAt - now : Infinity;
  }

  /** Replaces its worker: a new one is started, and takes over when it is ready. Never rejects. */
  async replace({ reason, text }: LifeEnd): Promise<void> {
    this.#options.log("info", `${this.name} is replaced: ${text}`);
    this.#options.counts.restarts[reason]++;
    const now = performance.now();
    const hasOutgrown = this.#worker !== null && this.#lifetime.hasOutgrown(this.#worker);
    const delayMs = this.#growthDelayMs(now);
    this.#delayMs = hasOutgrown && delayMs > 0 ? doubled(delayMs) : FIRST_RESTART_DELAY_MS;
    await this.#startAgain("replaced");
  }

  /**
   * Handles the end of `worker`, if it is one of its own; the end of one that is loading, or was until a
   * moment ago, is handled where it was started.
   */
  onDeath(worker: AppWorker, reason: string, kind: "died" | "hung" = "died"): void {
    if (!this.workers.includes(worker)) return;
    this.#options.log("error", `${worker.name} died: ${reason}`);
    if (worker !== this.#worker) return;
    this.#options.counts.restarts[kind]++;
    this.#lose(worker);
  }

  /**
   * Takes note of an error that nobody caught in `worker`, with the stack trace `text`. It is replaced, gets
   * no more requests, and may finish those that it has for a moment: they are not to blame.
   */
  onUncaught(worker: AppWorker, text: string): void {
    if (!this.all.includes(worker)) return;
    const { log } = this.#options;
    const has = `${worker.name} has an error that nobody catches`;
    if (worker === this.#starting) {
      log("error", `${has}: ${text}`);
      this.#hasEarlyError = true;
    } else if (this.#closed || this.#retiring.has(worker)) {
      log("error", `${has}: ${text}`);
      this.#cutOffAfter(UNCAUGHT_GRACE_MS, worker, "had an error that nobody caught");
    } else {
      log("error", `${has}; it finishes its requests and is replaced: ${text}`);
      this.#retire(worker);
    }
  }

  /** Has another worker take the place of `worker`, which has had an error. */
  #retire(worker: AppWorker): void {
    this.#options.counts.restarts["uncaught error"]++;
    this.#finish(worker, UNCAUGHT_GRACE_MS, "had an error that nobody caught");
    this.#lose(worker);
  }

  /** Has another worker take the place of `worker`, which is to get no more requests. */
  #lose(worker: AppWorker): void {
    this.#worker = null;
    this.#owner.onLost(worker);
    // It was finishing its requests, or another one is on its way.
    if (this.#closed || !this.#isAlone()) return;
    const age = performance.now() - this.#lifetime.startedAt;
    if (age > HEALTHY_AGE_MS) this.#delayMs = FIRST_RESTART_DELAY_MS;
    this.#startLater();
  }

  /** Resolves when its workers have done all that they were given. */
  async drain(): Promise<void> {
    this.#close();
    await Promise.all([this.#worker?.drain(), ...this.#retiring.values()]);
  }

  /** Ends its workers immediately. */
  terminate(): void {
    this.#close();
    for (const worker of this.workers) worker.terminate();
    this.#worker = null;
  }

  #close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#starting?.terminate();
  }

  /** Whether no other worker is loading, or to be loaded. */
  #isAlone(): boolean {
    return this.#starting === null && this.#timer === undefined;
  }

  #isSettled(): boolean {
    return this.#isAlone() && this.#retiring.size === 0;
  }

  /** How long a worker is put up with that has outgrown its limit: not at all, if that took it long. */
  #growthDelayMs(now: number): number {
    return now - this.#lifetime.startedAt > HEALTHY_AGE_MS ? 0 : this.#delayMs;
  }

  #startLater(): void {
    const delayMs = this.#delayMs;
    this.#delayMs = doubled(delayMs);
    this.#dueAt = performance.now() + delayMs;
    this.#options.log("info", `${this.name} restarts in ${delayMs / 1000} s`);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#startAgain("ready again");
    }, timerMs(delayMs));
    this.#owner.onSettled();
  }

  async #startAgain(outcome: string): Promise<void> {
    const { log } = this.#options;
    try {
      await this.start();
      if (!this.#closed && this.#worker !== null) log("info", `${this.name} is ${outcome}`);
    } catch (error) {
      if (this.#closed) return;
      log("error", messageOf(error));
      this.#startLater();
    }
  }

  /** Lets a worker that gets no more requests finish those that it has within `timeoutMs`. */
  #finish(worker: AppWorker, timeoutMs: number, why: Retirement): void {
    this.#cutOffAfter(timeoutMs, worker, why);
    const end = worker.drain().then(() => {
      worker.terminate();
      this.#retiring.delete(worker);
      this.#owner.onSettled();
    });
    this.#retiring.set(worker, end);
  }

  /** Ends `worker` in `timeoutMs` if it has not finished its requests by then. */
  #cutOffAfter(timeoutMs: number, worker: AppWorker, why: Retirement): void {
    const timer = setTimeout(() => {
      if (worker.endReason !== null) return;
      const text = `${worker.name} ${why}, and is cut off: its requests took too long`;
      this.#options.log("warning", text);
      worker.terminate();
    }, timerMs(timeoutMs));
    worker.drained.then(() => clearTimeout(timer));
  }
}
