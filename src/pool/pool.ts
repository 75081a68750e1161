/**
 * The workers of a gateway: gives each request to the least busy one, and sees to it that those that die,
 * hang or wear out are replaced.
 *
 * @module
 */

import { LoadError } from "../base/errors.ts";
import type { Exchange, ExchangeHandler } from "../message/exchange.ts";
import type { SendFile } from "../message/file_order.ts";
import type { Log } from "../base/log.ts";
import { NeedHints } from "./need_hints.ts";
import type { ReservedAddresses } from "../sandbox/rules.ts";
import type { Switchboard } from "../signals/switchboard.ts";
import { inTime } from "../base/deadline.ts";
import type { AppSet, Imported, ImportRequest } from "../worker/protocol.ts";
import type { MovableSocket, SocketKeeper } from "../message/kept_sockets.ts";
import type { AppWorkerOwner } from "./app_worker.ts";
import type { WorkerLimits } from "../limits/worker_limits.ts";
import { AppWorker } from "./app_worker.ts";
import { WorkerCounts } from "./counts.ts";
import { CronDuty } from "./cron_duty.ts";
import { Denials } from "./denials.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { HeartbeatOwner } from "./heartbeat.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { SlotOwner } from "./slot.ts";
import type { ThreadProfiles } from "./thread_profiles.ts";
import { WorkerSlot } from "./slot.ts";

/** With no worker at hand, requests wait if the next one is started within this time. */
const MAX_WAIT_MS = 1_000;
/** How long the first worker is loading alone at the most, in milliseconds. */
const HEAD_START_MS = 1_000;
/** Time between the starts of two workers, each of which holds up this thread, in milliseconds. */
const PAUSE_MS = 10;
/** How often workers without requests say how much memory they take, if there is a limit, in milliseconds. */
const MEMORY_BEAT_MS = 5_000;
/** Status for the requests of a worker that hangs. */
const GATEWAY_TIMEOUT = 504;
/** Rings hold at least this much, in bytes. */
const MIN_RING_BYTES = 4_194_304;

/** Where apps' modules come from, when they do not come from the platform. */
export interface ModuleSupply {
  /** Finds a module that an app imports while it runs. */
  supply(request: ImportRequest): Promise<Imported>;
  /** Says in terms of the sources why a worker could not load the apps. */
  explain(message: string): Promise<string>;
  /** Says what packages need that an error may be of; `null` if that is not known. */
  needs(message: string): Promise<string | null>;
}

/** What a pool is made of. */
export interface PoolOptions {
  /** Apps that each worker runs. */
  readonly apps: AppSet;
  /** The built-in loader, if it made them. */
  readonly modules: ModuleSupply | null;
  /** What the apps may do. */
  readonly permissions: Deno.PermissionOptions;
  /** Addresses that they may not listen at. Default: none. */
  readonly reserved?: ReservedAddresses;
  /** Whether there is room for one more worker. Deno ends the process if there are no descriptors left. */
  readonly hasRoom?: () => boolean;
  /** Number of workers, 1 or more. */
  readonly workers: number;
  /** Bytes of the largest request head. */
  readonly maxHeadBytes: number;
  /** Limits of each worker. */
  readonly limits: WorkerLimits;
  /** How long a worker that is replaced may finish its requests, in milliseconds. */
  readonly drainTimeoutMs: number;
  /** Denials that were logged. Default: nothing so far. */
  readonly denials?: Denials;
  /** What the names of the workers end with. */
  readonly label?: string;
  /** The generation of the workers, from 1. Default 1. */
  readonly generation?: number;
  /** Field line, with CRLF, that is added to each response; `""` for none. */
  readonly fieldLine?: string;
  /** Who keeps the sockets of the apps that outlive their code. Default: nobody. */
  readonly sockets?: SocketKeeper<MovableSocket>;
  /** Is called when another worker is ready. */
  readonly onWorkerReady?: () => void;
  /** Connects workers to the hub of signals and topics. Default: there is none. */
  readonly switchboard?: Switchboard;
  /** Answers with files that the apps may read. Default: 501. */
  readonly sendFile?: SendFile;
  /** Who takes profiles of the workers. Default: nobody. */
  readonly profiles?: ThreadProfiles;
  /** Counts what befalls the workers. Default: counts of its own. */
  readonly counts?: WorkerCounts;
  /** Whether workers say what memory they take though nothing depends on it. Default: they need not. */
  readonly memoryReports?: "always" | "for limits";
}

/** A worker, as who watches the gateway sees it. */
export interface WorkerReport {
  /** Its number in the pool, from 1. */
  readonly number: number;
  /** Whether it loads the apps, serves, or finishes its requests before another one takes its place. */
  readonly state: "loading" | "serving" | "finishing";
  /** Whether its thread is blocked, as far as that shows. */
  readonly isBlocked: boolean;
  /** Requests that it was given. */
  readonly requests: number;
  /** Requests that it has not answered, without sockets. */
  readonly inFlight: number;
  /** Sockets that are open. */
  readonly sockets: number;
  /** Memory of its own as it last said, in bytes; `null` before that. */
  readonly memoryBytes: number | null;
  /** How long it took for its last sign of life, in milliseconds; `null` before the first. */
  readonly delayMs: number | null;
  /** How long it has served, in milliseconds; `null` for one that does not serve. */
  readonly ageMs: number | null;
}

/** What comes of workers that are started one after the other. */
export interface StartingWorkers {
  /** Resolves when the first one is ready for requests. */
  readonly serving: Promise<void>;
  /** Resolves when all of them are. */
  readonly complete: Promise<void>;
}

/** Workers that all run the same apps. */
export class WorkerPool
  implements ExchangeHandler, AppWorkerOwner, SlotOwner, HeartbeatOwner<AppWorker> {
  readonly #options: PoolOptions;
  /** Only its workers share this. */
  readonly #group = crypto.randomUUID();
  readonly #log: Log;
  readonly #slots: readonly WorkerSlot[];
  readonly #heartbeat: Heartbeat<AppWorker>;
  readonly #dispatcher: Dispatcher<AppWorker>;
  readonly #denials: Denials;
  /** Who runs the jobs of the apps. */
  readonly #jobs = new CronDuty();
  readonly #counts: WorkerCounts;
  /** The worker that is being ended because its thread is blocked. */
  #hanging: AppWorker | null = null;
  #closed = false;
  readonly #ending = Promise.withResolvers<void>();

  /** Makes a pool; {@linkcode start} starts its workers. */
  constructor(options: PoolOptions, log: Log) {
    const { workers, limits, drainTimeoutMs, label = "" } = options;
    this.#options = options;
    const { modules } = options;
    this.#log = modules === null ? log : new NeedHints(log, (text) => modules.needs(text)).log;
    this.#denials = options.denials ?? new Denials(this.#log);
    const counts = this.#counts = options.counts ?? new WorkerCounts();
    const common = { limits, drainTimeoutMs, label, counts, log: this.#log };
    this.#slots = Array.from({ length: workers }, (_, i) => new WorkerSlot(i + 1, this, common));
    this.#dispatcher = new Dispatcher(workers, limits, this.#counts);
    this.#heartbeat = new Heartbeat(this, {
      hangTimeoutMs: limits.hangTimeoutMs,
      roundMs: limits.maxWorkerMemoryBytes > 0 || options.memoryReports === "always"
        ? MEMORY_BEAT_MS
        : Infinity,
    });
  }

  /** Number of workers. */
  get workerCount(): number {
    return this.#slots.length;
  }

  /** Requests that wait for a worker to be free. */
  get waitingCount(): number {
    return this.#dispatcher.waitingCount;
  }

  /** Whether a worker is ready for requests. */
  get isAlive(): boolean {
    return this.#dispatcher.hasReady;
  }

  /** How each worker does. */
  report(): WorkerReport[] {
    const now = performance.now();
    return this.#slots.flatMap((slot) => slot.all.map((worker) => reportOf(slot, worker, now)));
  }

  /** Replaces the worker `number` by another one; `false` if that cannot be done now. */
  retire(number: number): boolean {
    const slot = this.#slots.find((slot) => slot.number === number);
    if (this.#closed || slot === undefined || !slot.isReplaceable) return false;
    slot.replace({ reason: "asked", text: "somebody has asked for it" });
    return true;
  }

  /** All workers, those that are loading included. */
  get allWorkers(): AppWorker[] {
    return this.#slots.flatMap(({ all }) => all);
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

  /**
   * Starts the workers one after the other, so that the first one serves soon. Both promises reject with a
   * {@linkcode LoadError} when a worker cannot load the apps.
   */
  startInTurn(): StartingWorkers {
    const first = this.#slots[0].start();
    const all = this.#startOthers(first);
    // If another one fails before the first is ready, its reason counts, and not that the first was ended for it.
    const serving = Promise.race([first, all]);
    const complete = all.catch((error) => {
      // A worker that is ended while it loads is no reason to cut short what the others do to the end.
      if (!this.#closed) this.terminate();
      throw error;
    });
    // Who hears that the first one has failed may not ask for the others.
    complete.catch(() => {});
    return { serving, complete };
  }

  async #startOthers(first: Promise<void>): Promise<void> {
    await inTime(first, HEAD_START_MS);
    const all = [first];
    for (const slot of this.#slots.slice(1)) {
      await inTime(this.#ending.promise, PAUSE_MS);
      if (this.#closed) break;
      const started = slot.start();
      // It is waited for when all of them are on their way.
      started.catch(() => {});
      all.push(started);
    }
    await Promise.all(all);
  }

  /** Tells the apps of the first worker what addresses are listened at. */
  announce(addresses: readonly Deno.Addr[]): void {
    this.#slots[0].announce(addresses);
  }

  /** From now on one of the workers runs the jobs of the apps: all of them, or those that are due from now on. */
  beginJobs(since: "now" | "ever"): void {
    this.#jobs.begin(since, this.#servingWorkers());
  }

  /** From now on none of them does; what runs goes on. */
  endJobs(): void {
    this.#jobs.end();
  }

  #servingWorkers(): AppWorker[] {
    return this.#slots.map(({ worker }) => worker).filter((worker) => worker !== null);
  }

  handle(exchange: Exchange): void {
    if (this.#dispatcher.dispatch(exchange)) {
      if (!this.#heartbeat.isBeating) this.#heartbeat.start();
      return;
    }
    // It may wait if a worker is ready soon.
    const mayWait = !this.#closed && this.#workerIsDue();
    if (!mayWait || !this.#dispatcher.keep(exchange)) exchange.fail(503);
  }

  /** Gives a worker a socket of the app at `mount` that was opened elsewhere; whether there is one. */
  adopt(mount: number, socket: MovableSocket): boolean {
    const worker = this.#closed ? null : this.#dispatcher.leastLoaded;
    if (worker === null) return false;
    worker.adopt(mount, socket);
    if (!this.#heartbeat.isBeating) this.#heartbeat.start();
    return true;
  }

  /** Resolves when the workers have done all that they were given; then ends them. */
  async drain(): Promise<void> {
    this.#close();
    this.#dispatcher.close();
    this.#watchOver();
    await Promise.all(this.#slots.map((slot) => slot.drain()));
    this.terminate();
  }

  /** Hands the requests that wait for a worker to a pool that has one. */
  handWaitingTo(handler: ExchangeHandler): void {
    for (const each of this.#dispatcher.takeWaiting()) each.handTo(handler);
  }

  /** Ends all workers at once. */
  terminate(): void {
    this.#close();
    this.#dispatcher.removeAll();
    this.#heartbeat.stop();
    for (const slot of this.#slots) slot.terminate();
    for (const each of this.#dispatcher.takeWaiting()) each.fail(503);
  }

  #close(): void {
    this.#closed = true;
    this.endJobs();
    this.#ending.resolve();
  }

  makeWorker({ name, number }: WorkerSlot): AppWorker {
    const { apps, permissions, reserved, maxHeadBytes, fieldLine, hasRoom, profiles } =
      this.#options;
    const { sockets, switchboard, sendFile, generation = 1 } = this.#options;
    const counts = this.#counts;
    if (hasRoom?.() === false) {
      throw new LoadError("", `${name} cannot be started: the process has too many files open`);
    }
    let ringBytes = MIN_RING_BYTES;
    while (ringBytes < maxHeadBytes * 4) ringBytes *= 2;
    const group = this.#group;
    const own = { name, apps, permissions, group, reserved, profiles };
    const place = { worker: number, generation };
    const shared = { sockets, switchboard, sendFile, counts };
    const options = { ...own, ringBytes, fieldLine, place, ...shared };
    return new AppWorker(options, this, this.#log);
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
    this.#jobs.settle(this.#servingWorkers());
    this.#dispatcher.add(worker, replaced);
    this.#options.onWorkerReady?.();
    this.#watchOver();
    this.onSettled();
  }

  onLost(worker: AppWorker): void {
    this.#jobs.settle(this.#servingWorkers());
    this.#dispatcher.remove(worker);
    this.#watchOver();
  }

  onRing(): void {
    this.#dispatcher.handOut();
    this.#watchOver();
  }

  /** Sees to it that workers which were given what had waited are asked for signs of life. */
  #watchOver(): void {
    if (this.#heartbeat.isBeating) return;
    if (this.workers().some(({ inFlight }) => inFlight > 0)) this.#heartbeat.start();
  }

  onSettled(): void {
    if (this.#closed) return;
    this.#refuseWaiting();
    this.#replaceNext();
    this.#heartbeat.refresh();
  }

  onDeath(worker: AppWorker, reason: string): void {
    const kind = worker === this.#hanging ? "hung" : "died";
    for (const slot of this.#slots) slot.onDeath(worker, reason, kind);
  }

  onUncaught(worker: AppWorker, text: string): void {
    for (const slot of this.#slots) slot.onUncaught(worker, text);
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
    this.#hanging = worker;
    worker.giveUp(reason, GATEWAY_TIMEOUT);
    this.#hanging = null;
  }

  onBeat(): number {
    this.#replaceNext();
    const now = performance.now();
    return Math.min(...this.#slots.map((slot) => slot.endsIn(now)));
  }

  async supply(request: ImportRequest): Promise<Imported> {
    const { modules } = this.#options;
    if (modules === null) return { message: "modules come from the platform here" };
    const imported = await modules.supply(request);
    if ("message" in imported && imported.message.includes("--app-allow-")) {
      this.onDenied(imported.message);
    }
    return imported;
  }

  onDenied(denial: string): void {
    const { mounts } = this.#options.apps;
    this.#denials.note(mounts.map(({ prefix }) => prefix || "/").join(", "), denial);
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

  #refuseWaiting(): void {
    if (this.#dispatcher.hasReady || this.#workerIsDue()) return;
    for (const each of this.#dispatcher.takeWaiting()) each.fail(503);
  }

  #workerIsDue(): boolean {
    const latest = performance.now() + MAX_WAIT_MS;
    return this.#slots.some((slot) => slot.isDue(latest));
  }
}

function reportOf(slot: WorkerSlot, worker: AppWorker, now: number): WorkerReport {
  const isServing = worker === slot.worker;
  const { upgraded, memoryBytes } = worker;
  return {
    number: slot.number,
    state: isServing ? "serving" : slot.workers.includes(worker) ? "finishing" : "loading",
    isBlocked: worker.isSluggish,
    requests: worker.requestCount,
    inFlight: worker.inFlight - upgraded,
    sockets: upgraded,
    memoryBytes: memoryBytes === 0 ? null : memoryBytes,
    delayMs: worker.delayMs,
    ageMs: isServing ? slot.ageMs(now) : null,
  };
}
