/**
 * The workers of a gateway: gives each request to the least busy one, and replaces those that die.
 *
 * @module
 */

import { LoadError } from "../errors.ts";
import type { Exchange, ExchangeHandler } from "../exchange.ts";
import type { Log } from "../log.ts";
import type { AppSet, Imported, ImportRequest } from "../worker/protocol.ts";
import type { AppWorkerOwner } from "./app_worker.ts";
import { AppWorker } from "./app_worker.ts";
import { WaitingExchange } from "./waiting.ts";

/** Delay before a worker that died is replaced, in milliseconds; doubled each time. */
const FIRST_RESTART_DELAY_MS = 100;
const MAX_RESTART_DELAY_MS = 30_000;
/** A worker that lived this long counts as healthy: the next delay is the first one again. */
const HEALTHY_AGE_MS = 60_000;
/** With no worker at hand, requests wait if the next one is started within this time. */
const MAX_WAIT_MS = 1_000;
/** Requests that wait for a worker at the most. */
const MAX_WAITING = 1_024;
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
  /** What the names of the workers end with. */
  readonly label?: string;
  /** Field line, with CRLF, that is added to each response; `""` for none. */
  readonly fieldLine?: string;
}

/** A place in the pool that always has a worker, or is about to. */
interface Slot {
  readonly number: number;
  /** The worker, if it is ready for requests. */
  worker: AppWorker | null;
  /** The worker that is loading. */
  starting: AppWorker | null;
  startedAt: number;
  delayMs: number;
  /** When a new worker is to be started, for a slot without one. */
  dueAt: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** Workers that all run the same apps. */
export class WorkerPool implements ExchangeHandler, AppWorkerOwner {
  readonly #options: PoolOptions;
  readonly #log: Log;
  readonly #slots: Slot[] = [];
  /** The workers that are ready, for the dispatcher. */
  #ready: AppWorker[] = [];
  #last = 0;
  #waiting: WaitingExchange[] = [];
  #closed = false;

  /** Makes a pool; {@linkcode start} starts its workers. */
  constructor(options: PoolOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  /**
   * Starts the workers; resolves when all of them have loaded the apps.
   *
   * @throws {LoadError} when one cannot
   */
  async start(): Promise<void> {
    for (let number = 1; number <= this.#options.workers; number++) {
      this.#slots.push({
        number,
        worker: null,
        starting: null,
        startedAt: 0,
        delayMs: FIRST_RESTART_DELAY_MS,
        dueAt: 0,
        timer: undefined,
      });
    }
    try {
      await Promise.all(this.#slots.map((slot) => this.#startWorker(slot)));
    } catch (error) {
      this.terminate();
      throw error;
    }
  }

  handle(exchange: Exchange): void {
    const worker = this.#leastBusy();
    if (worker !== null) worker.handle(exchange);
    else this.#wait(exchange);
  }

  /** Resolves when the workers have done all that they were given; then ends them. */
  async drain(): Promise<void> {
    this.#closed = true;
    for (const slot of this.#slots) clearTimeout(slot.timer);
    await Promise.all(this.#ready.map((worker) => worker.drain()));
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
    for (const slot of this.#slots) {
      clearTimeout(slot.timer);
      slot.worker?.terminate();
      slot.starting?.terminate();
      slot.worker = slot.starting = null;
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each.fail(503);
  }

  onDeath(worker: AppWorker, reason: string): void {
    const slot = this.#slots.find((each) => each.worker === worker);
    // One that dies while it is loading is its starter's business.
    if (slot === undefined) return;
    this.#log("error", `${worker.name} died: ${reason}`);
    slot.worker = null;
    this.#ready = this.#ready.filter((each) => each !== worker);
    // It was finishing its requests: nobody needs another one.
    if (this.#closed) return;
    if (performance.now() - slot.startedAt > HEALTHY_AGE_MS) slot.delayMs = FIRST_RESTART_DELAY_MS;
    this.#restartLater(slot);
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
    for (let i = 1; i < length && ready[best].inFlight > 0; i++) {
      const index = (this.#last + i) % length;
      if (ready[index].inFlight < ready[best].inFlight) best = index;
    }
    this.#last = best;
    return ready[best];
  }

  async #startWorker(slot: Slot): Promise<void> {
    const { apps, permissions, maxHeadBytes, label = "", fieldLine = "" } = this.#options;
    let ringBytes = MIN_RING_BYTES;
    while (ringBytes < maxHeadBytes * 4) ringBytes *= 2;
    const name = `worker ${slot.number}${label}`;
    const options = { name, apps, permissions, ringBytes, fieldLine };
    const worker = new AppWorker(options, this, this.#log);
    slot.starting = worker;
    try {
      await this.#explained(worker.ready);
    } finally {
      slot.starting = null;
    }
    slot.worker = worker;
    slot.startedAt = performance.now();
    this.#ready.push(worker);
    this.handWaitingTo(this);
  }

  #restartLater(slot: Slot): void {
    const { delayMs } = slot;
    const { label = "" } = this.#options;
    slot.delayMs = Math.min(delayMs * 2, MAX_RESTART_DELAY_MS);
    slot.dueAt = performance.now() + delayMs;
    this.#log("info", `worker ${slot.number}${label} is started again in ${delayMs / 1000} s`);
    slot.timer = setTimeout(async () => {
      try {
        await this.#startWorker(slot);
        this.#log("info", `worker ${slot.number}${label} is ready again`);
      } catch (error) {
        if (this.#closed) return;
        this.#log("error", error instanceof Error ? error.message : String(error));
        this.#restartLater(slot);
      }
    }, delayMs);
    this.#refuseWaiting();
  }

  async #explained(ready: Promise<void>): Promise<void> {
    try {
      await ready;
    } catch (error) {
      const { modules } = this.#options;
      if (modules === null || !(error instanceof LoadError)) throw error;
      throw new LoadError(error.url, await modules.explain(error.message), { cause: error });
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
    return this.#slots.some((slot) =>
      slot.worker === null && (slot.starting !== null || slot.dueAt <= latest)
    );
  }
}
