/**
 * The workers of a gateway: gives each request to the least busy one, and sees to it that those that die,
 * hang or wear out are replaced.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import type { Exchange, ExchangeHandler } from "../exchange.ts";
import type { Log } from "../log.ts";
import type { AppSet, Imported, ImportRequest } from "../worker/protocol.ts";
import type { AppWorkerOwner } from "./app_worker.ts";
import type { WorkerLimits } from "../worker_limits.ts";
import { AppWorker } from "./app_worker.ts";
import type { HeartbeatOwner } from "./heartbeat.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { SlotOwner } from "./slot.ts";
import { WorkerSlot } from "./slot.ts";
import { WaitingExchange } from "./waiting.ts";

/** With no worker at hand, requests wait if the next one is started within this time. */
const MAX_WAIT_MS = 1_000;
/** Requests that wait for a worker at the most. */
const MAX_WAITING = 1_024;
/** How often workers without requests say how much memory they take, if there is a limit, in milliseconds. */
const MEMORY_BEAT_MS = 5_000;
/** Status for the requests of a worker that hangs. */
const GATEWAY_TIMEOUT = 504;
/** Rings hold at least this much, in bytes. */
const MIN_RING_BYTES = 1_048_576;

/** Where apps' modules come from, when they do not come from the platform. */
export interface ModuleSupply {
  /** Finds a module that an app imports while it runs. */
  supply(request: ImportRequest): Promise<Imported>;
  /** Says in terms of the sources why a worker could not load the apps. */
  explain(message: string): Promise<string>;
}

/** What a pool is made of. */
export interface PoolOptions {
  /** Apps that each worker runs. */
  readonly apps: AppSet;
  /** The own loader, if it made them. */
  readonly modules: ModuleSupply | null;
  /** What the apps may do. */
  readonly permissions: Deno.PermissionOptions;
  /** Number of workers, 1 or more. */
  readonly workers: number;
  /** Bytes of the largest request head. */
  readonly maxHeadBytes: number;
  /** Limits of each worker. */
  readonly limits: WorkerLimits;
  /** How long a worker that is replaced may finish its requests, in milliseconds. */
  readonly drainTimeoutMs: number;
  /** What the names of the workers end with. */
  readonly label?: string;
  /** Field line, with CRLF, that is added to each response; `""` for none. */
  readonly fieldLine?: string;
}

/** Workers that all run the same apps. */
export class WorkerPool
  implements ExchangeHandler, AppWorkerOwner, SlotOwner, HeartbeatOwner<AppWorker> {
  readonly #options: PoolOptions;
  readonly #log: Log;
  readonly #slots: readonly WorkerSlot[];
  readonly #heartbeat: Heartbeat<AppWorker>;
  /** The workers that are ready, for the dispatcher. */
  #ready: AppWorker[] = [];
  #last = 0;
  #waiting: WaitingExchange[] = [];
  #closed = false;

  /** Makes a pool; {@linkcode start} starts its workers. */
  constructor(options: PoolOptions, log: Log) {
    const { workers, limits, drainTimeoutMs, label = "" } = options;
    this.#options = options;
    this.#log = log;
    const common = { limits, drainTimeoutMs, label, log };
    this.#slots = Array.from({ length: workers }, (_, i) => new WorkerSlot(i + 1, this, common));
    this.#heartbeat = new Heartbeat(this, {
      hangTimeoutMs: limits.hangTimeoutMs,
      roundMs: limits.maxWorkerMemoryBytes > 0 ? MEMORY_BEAT_MS : Infinity,
    });
  }

  /**
   * Starts the workers; resolves when all of them have loaded the apps.
   *
   * @throws {LoadError} when one cannot
   */
  async start(): Promise<void> {
    try {
      await Promise.all(this.#slots.map((slot) => slot.start()));
    } catch (error) {
      this.terminate();
      throw error;
    }
  }

  handle(exchange: Exchange): void {
    const worker = this.#leastBusy();
    if (worker === null) {
      this.#wait(exchange);
      return;
    }
    worker.handle(exchange);
    if (!this.#heartbeat.isBeating) this.#heartbeat.start();
  }

  /** Resolves when the workers have done all that they were given; then ends them. */
  async drain(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#slots.map((slot) => slot.drain()));
    this.terminate();
  }

  /** Hands the requests that wait for a worker to somebody who has one. */
  handWaitingTo(handler: ExchangeHandler): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each.handTo(handler);
  }

  /** Ends all workers at once. */
  terminate(): void {
    this.#closed = true;
    this.#ready = [];
    this.#heartbeat.stop();
    for (const slot of this.#slots) slot.terminate();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each.fail(503);
  }

  makeWorker({ name }: WorkerSlot): AppWorker {
    const { apps, permissions, maxHeadBytes, fieldLine } = this.#options;
    let ringBytes = MIN_RING_BYTES;
    while (ringBytes < maxHeadBytes * 4) ringBytes *= 2;
    return new AppWorker({ name, apps, permissions, ringBytes, fieldLine }, this, this.#log);
  }

  async untilReady(worker: AppWorker): Promise<void> {
    try {
      await worker.ready;
    } catch (error) {
      const { modules } = this.#options;
      if (modules === null || !(error instanceof LoadError)) throw error;
      throw new LoadError(error.url, await modules.explain(error.message), { cause: error });
    }
  }

  onReady(worker: AppWorker, replaced: AppWorker | null): void {
    this.#ready = [...this.#ready.filter((each) => each !== replaced), worker];
    this.handWaitingTo(this);
    this.onSettled();
  }

  onLost(worker: AppWorker): void {
    this.#ready = this.#ready.filter((each) => each !== worker);
  }

  onSettled(): void {
    if (this.#closed) return;
    this.#refuseWaiting();
    this.#replaceNext();
    this.#heartbeat.refresh();
  }

  onDeath(worker: AppWorker, reason: string): void {
    for (const slot of this.#slots) slot.onDeath(worker, reason);
  }

  onRequestLimit(): void {
    this.#replaceNext();
  }

  workers(): AppWorker[] {
    return this.#slots.flatMap(({ workers }) => workers);
  }

  onHang(worker: AppWorker): void {
    const seconds = this.#options.limits.hangTimeoutMs / 1000;
    const reason = `it gave no sign of life for ${seconds} s (--hang-timeout): ` +
      "its thread is blocked, or has ended";
    worker.giveUp(reason, GATEWAY_TIMEOUT);
  }

  onBeat(): number {
    this.#replaceNext();
    const now = performance.now();
    return Math.min(...this.#slots.map((slot) => slot.endsIn(now)));
  }

  supply(request: ImportRequest): Promise<Imported> {
    const { modules } = this.#options;
    if (modules !== null) return modules.supply(request);
    return Promise.resolve({ message: "modules come from the platform here" });
  }

  /** The worker with the fewest requests in flight; among equals, the next after the last one. */
  #leastBusy(): AppWorker | null {
    const ready = this.#ready;
    const { length } = ready;
    if (length === 0) return null;
    let best = this.#last = (this.#last + 1) % length;
    for (let i = 1; i < length && ready[best].load > 0; i++) {
      const index = (this.#last + i) % length;
      if (ready[index].load < ready[best].load) best = index;
    }
    this.#last = best;
    return ready[best];
  }

  /** Replaces a worker that has served long enough, unless one is loading: they go one by one. */
  #replaceNext(): void {
    if (this.#closed || this.#slots.some(({ isStarting }) => isStarting)) return;
    const now = performance.now();
    for (const slot of this.#slots) {
      const reason = slot.reasonToReplace(now);
      if (reason === null) continue;
      slot.replace(reason);
      return;
    }
  }

  /** Keeps an exchange until a worker is ready, if that will be soon. */
  #wait(exchange: Exchange): void {
    if (this.#closed || this.#waiting.length >= MAX_WAITING || !this.#workerIsDue()) {
      exchange.fail(503);
      return;
    }
    this.#waiting.push(new WaitingExchange(exchange));
  }

  #refuseWaiting(): void {
    if (this.#ready.length > 0 || this.#workerIsDue()) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each.fail(503);
  }

  #workerIsDue(): boolean {
    const latest = performance.now() + MAX_WAIT_MS;
    return this.#slots.some((slot) => slot.isDue(latest));
  }
}
