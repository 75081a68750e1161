/**
 * Generations of workers: a reload starts new ones beside those that serve, and gives them the
 * requests when all of them are ready. No listener has a part in it.
 *
 * @module
 */

import type { Bus } from "../bus/bus.ts";
import type { WorkerPermissions } from "../config/app_permissions.ts";
import type { Exchange, ExchangeHandler } from "../message/exchange.ts";
import type { Log } from "../base/log.ts";
import type { OpeningWorker } from "../pool/descriptor_watch.ts";
import { Denials } from "../pool/denials.ts";
import type { WorkerCounts } from "../pool/counts.ts";
import type { GenerationReport } from "../monitor/report.ts";
import type { ModuleSupply } from "../pool/pool.ts";
import { WorkerPool } from "../pool/pool.ts";
import type { ThreadProfiles } from "../pool/thread_profiles.ts";
import type { SendGrantedFile } from "./file_desk.ts";
import { readGrantOf } from "./file_desk.ts";
import type { Route } from "./router.ts";
import type { SocketPlaces } from "./socket_keeper.ts";
import { GatewaySockets } from "./socket_keeper.ts";
import type { KeptSocket } from "../websocket/kept_socket.ts";
import { routed } from "./router.ts";
import type { Switchboard } from "../signals/switchboard.ts";
import { timerMs } from "../base/timers.ts";
import type { ReservedAddresses } from "../sandbox/rules.ts";
import type { AppSet } from "../worker/protocol.ts";
import type { WorkerLimits } from "../limits/worker_limits.ts";

/** Apps that are ready for workers to load them, and share these. */
export interface LoadableApps {
  /** Number of workers. */
  readonly workers: number;
  /** The apps. */
  readonly apps: AppSet;
  /** What they may do. */
  readonly permissions: WorkerPermissions;
  /** The built-in loader, if they come from it. */
  readonly modules: ModuleSupply | null;
}

/** What generations are made of. */
export interface GenerationOptions {
  /** Makes the apps ready, as they are now. */
  readonly prepare: () => Promise<readonly LoadableApps[]>;
  /** Whether there is room for one more worker. */
  readonly hasRoom: () => boolean;
  /** Addresses of the gateway's. */
  readonly reserved: ReservedAddresses;
  /** Bytes of the largest request head. */
  readonly maxHeadBytes: number;
  /** Limits of each worker. */
  readonly workerLimits: WorkerLimits;
  /** How long a generation may finish its requests when there is a new one, in milliseconds. */
  readonly drainTimeoutMs: number;
  /** Answers with files for apps that may read those granted. Default: 501. */
  readonly sendFile?: SendGrantedFile;
  /** Name of a response header that says the generation; `""` for none. */
  readonly headerName: string;
  /** Whether jobs of the apps run here, or in another process. Default: here. */
  readonly jobs?: "here" | "elsewhere";
  /** Carries messages to the gateway's other processes. Default: there are none. */
  readonly bus?: Bus;
  /** Connects workers to the hub of signals and topics. */
  readonly switchboard: Switchboard;
  /** Who takes profiles of the workers. Default: nobody. */
  readonly profiles?: ThreadProfiles;
  /** Counts what befalls the workers. Default: counts of each pool's own. */
  readonly counts?: WorkerCounts;
  /** Whether workers say what memory they take though nothing depends on it. Default: they need not. */
  readonly memoryReports?: "always" | "for limits";
  /** Rejects if what `handler` leads to is not fit to serve. Default: all are. */
  readonly checkHealth?: (handler: ExchangeHandler) => Promise<void>;
  /** Takes messages. */
  readonly log: Log;
}

/** Workers that were started together, and what leads requests to their mounts. */
interface Generation {
  readonly number: number;
  readonly pools: readonly WorkerPool[];
  /** The path prefixes of each pool's apps. */
  readonly mounts: readonly (readonly string[])[];
  readonly handler: ExchangeHandler;
  /** Where the app of each prefix is. */
  readonly places: ReadonlyMap<string, { readonly pool: WorkerPool; readonly mount: number }>;
}

/** The outcome of a reload. */
export type ReloadOutcome =
  /** New workers serve. */
  | { readonly kind: "reloaded"; readonly generation: number }
  /** The apps could not be loaded; the workers that served go on. */
  | { readonly kind: "failed"; readonly error: Error };

/** Runs apps in workers that can be replaced while they serve. */
export class Generations implements ExchangeHandler, SocketPlaces {
  readonly #options: GenerationOptions;
  readonly #denials: Denials;
  readonly #sockets: GatewaySockets;
  #current: Generation;
  #lastNumber: number;
  /** The reload that is under way, or has ended with another one to come. */
  #reloading: Promise<ReloadOutcome> | null = null;
  /** The one reload for all that were asked for meanwhile. */
  #next: Promise<ReloadOutcome> | null = null;
  /** The generation that is loading. */
  #starting: Generation | null = null;
  /** Generations that finish their requests. */
  readonly #retiring = new Map<Generation, Promise<void>>();
  #closed = false;
  #complete: Promise<void> = Promise.resolve();

  private constructor(
    options: GenerationOptions,
    denials: Denials,
    sockets: GatewaySockets,
    first: Generation,
  ) {
    this.#options = options;
    this.#denials = denials;
    this.#sockets = sockets;
    sockets.places = this;
    this.#current = first;
    this.#lastNumber = first.number;
  }

  /**
   * Starts the first generation. Resolves when every app has a worker; {@linkcode complete} tells of the
   * others.
   *
   * @throws {LoadError} when the apps cannot be loaded
   */
  static async start(options: GenerationOptions): Promise<Generations> {
    const denials = new Denials(options.log);
    const sockets = new GatewaySockets(options.bus);
    const first = await makeGeneration(options, denials, sockets, 1);
    const generations = new Generations(options, denials, sockets, first);
    const starting = first.pools.map((pool) => pool.startInTurn());
    try {
      await Promise.all(starting.map(({ serving }) => serving));
      await options.checkHealth?.(first.handler);
    } catch (error) {
      terminate(first);
      throw error;
    }
    // What is not fit to serve runs no jobs, either.
    beginJobs(options, first, "ever");
    const complete = Promise.all(starting.map(({ complete }) => complete)).then(() => {});
    complete.catch(() => {});
    generations.#complete = complete;
    return generations;
  }

  /** Resolves when all workers of the first generation are ready; rejects when one cannot load the apps. */
  get complete(): Promise<void> {
    return this.#complete;
  }

  /** Number of the generation that serves, from 1. */
  get number(): number {
    return this.#current.number;
  }

  /** Number of workers that serve. */
  get workerCount(): number {
    return this.#current.pools.reduce((sum, { workerCount }) => sum + workerCount, 0);
  }

  /** All workers, those that are loading or retiring included. */
  get allWorkers(): OpeningWorker[] {
    const starting = this.#starting === null ? [] : [this.#starting];
    return [this.#current, ...starting, ...this.#retiring.keys()]
      .flatMap(({ pools }) => pools.flatMap(({ allWorkers }) => allWorkers));
  }

  /** Whether each app has a worker that is ready for requests. */
  get isAlive(): boolean {
    return this.#current.pools.every(({ isAlive }) => isAlive);
  }

  /** How each generation does, the one that serves first. */
  report(): GenerationReport[] {
    return [
      reportOf(this.#current, "serving"),
      ...this.#starting === null ? [] : [reportOf(this.#starting, "loading")],
      ...[...this.#retiring.keys()].map((each) => reportOf(each, "finishing")),
    ];
  }

  /**
   * Replaces the worker `number` of the pool that has the app at `mount`, `"/"` for the root; `false` if there
   * is none, or it cannot be done now.
   */
  retire(mount: string, number: number): boolean {
    if (this.#closed) return false;
    const { pools, mounts } = this.#current;
    return pools[mounts.findIndex((each) => each.includes(mount))]?.retire(number) ?? false;
  }

  /** Tells the apps, in one worker each, what addresses are listened at. */
  announce(addresses: readonly Deno.Addr[]): void {
    for (const pool of this.#current.pools) pool.announce(addresses);
  }

  handle(exchange: Exchange): void {
    this.#current.handler.handle(exchange);
  }

  place(socket: KeptSocket): "placed" | "later" | "never" {
    const place = this.#current.places.get(socket.prefix);
    if (this.#closed || place === undefined) return "never";
    return place.pool.adopt(place.mount, socket) ? "placed" : "later";
  }

  /**
   * Reloads the apps in new workers, which take over; the old ones finish their requests. Requests
   * for a reload during a reload become one more reload after it.
   */
  reload(reason: string): Promise<ReloadOutcome> {
    if (this.#reloading === null) return this.#begin(reason);
    const begin = () => this.#begin(reason);
    return this.#next ??= this.#reloading.then(begin, begin);
  }

  /** Resolves when all workers have done all that they were given; then ends them. */
  async drain(): Promise<void> {
    this.#close();
    await Promise.all([drained(this.#current), ...this.#retiring.values()]);
  }

  /** Ends all workers at once. */
  terminate(): void {
    this.#close();
    terminate(this.#current);
    for (const generation of this.#retiring.keys()) terminate(generation);
  }

  /** From now on there is no new generation; one that is loading may never finish. */
  #close(): void {
    this.#closed = true;
    this.#sockets.placeFree();
    if (this.#starting !== null) terminate(this.#starting);
  }

  #begin(reason: string): Promise<ReloadOutcome> {
    this.#next = null;
    const reloading = this.#reload(reason).finally(() => {
      // The next one begins in a moment; what is asked for until then is part of it.
      if (this.#next === null) this.#reloading = null;
    });
    return this.#reloading = reloading;
  }

  async #reload(reason: string): Promise<ReloadOutcome> {
    const { log } = this.#options;
    if (this.#closed) return ending();
    log("info", `reloading: ${reason}`);
    let next: Generation;
    try {
      next = await makeGeneration(
        this.#options,
        this.#denials,
        this.#sockets,
        ++this.#lastNumber,
      );
      if (this.#closed) return ending();
      this.#starting = next;
      await startWorkers(next, this.#options);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (this.#closed) return ending();
      log("error", error.message);
      log("info", `generation ${this.#current.number} goes on serving`);
      return { kind: "failed", error };
    } finally {
      this.#starting = null;
    }
    if (this.#closed) {
      terminate(next);
      return ending();
    }
    const old = this.#current;
    this.#current = next;
    for (const pool of old.pools) pool.endJobs();
    beginJobs(this.#options, next, "now");
    for (const pool of old.pools) pool.handWaitingTo(next.handler);
    this.#sockets.placeFree();
    this.#retire(old);
    log("info", `generation ${next.number} serves`);
    return { kind: "reloaded", generation: next.number };
  }

  #retire(generation: Generation): void {
    const { number } = generation;
    const { drainTimeoutMs, log } = this.#options;
    const cutOff = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      log("warning", `generation ${number} is cut off: its requests took too long`);
      cutOff.resolve();
    }, timerMs(drainTimeoutMs));
    const retired = Promise.race([drained(generation), cutOff.promise]).then(() => {
      clearTimeout(timer);
      terminate(generation);
      this.#retiring.delete(generation);
    });
    this.#retiring.set(generation, retired);
  }
}

/** Makes a generation whose workers are not started yet. */
async function makeGeneration(
  options: GenerationOptions,
  denials: Denials,
  sockets: GatewaySockets,
  number: number,
): Promise<Generation> {
  const {
    prepare,
    hasRoom,
    reserved,
    maxHeadBytes,
    workerLimits,
    drainTimeoutMs,
    switchboard,
    headerName,
    sendFile,
    profiles,
    counts,
    memoryReports,
    log,
  } = options;
  const groups = await prepare();
  const fieldLine = headerName === "" ? "" : `${headerName}: ${number}\r\n`;
  const pools: WorkerPool[] = [];
  const routes: Route[] = [];
  const places = new Map<string, { pool: WorkerPool; mount: number }>();
  for (const group of groups) {
    const { mounts } = group.apps;
    const label = [
      groups.length === 1 ? "" : ` of ${mounts[0].prefix || "/"}`,
      number === 1 ? "" : ` of generation ${number}`,
    ].join("");
    const limits = {
      limits: workerLimits,
      drainTimeoutMs,
      switchboard,
      hasRoom,
      reserved,
      maxHeadBytes,
      denials,
      sockets: sockets.keeperFor(mounts.map(({ prefix }) => prefix)),
      onWorkerReady: () => sockets.placeFree(),
      sendFile: sendFile?.bind(null, readGrantOf(group.permissions)),
      profiles,
      counts,
      memoryReports,
    };
    const pool = new WorkerPool({ ...group, ...limits, label, generation: number, fieldLine }, log);
    pools.push(pool);
    for (const [mount, { prefix }] of mounts.entries()) {
      routes.push({ prefix, mount, handler: pool });
      places.set(prefix, { pool, mount });
    }
  }
  const mounts = groups.map(({ apps }) => apps.mounts.map(({ prefix }) => prefix || "/"));
  return { number, pools, mounts, handler: routed(routes), places };
}

async function startWorkers(
  generation: Generation,
  { checkHealth }: GenerationOptions,
): Promise<void> {
  try {
    await Promise.all(generation.pools.map((pool) => pool.start()));
    await checkHealth?.(generation.handler);
  } catch (error) {
    terminate(generation);
    throw error;
  }
}

function beginJobs(
  { jobs }: GenerationOptions,
  { pools }: Generation,
  since: "now" | "ever",
): void {
  if (jobs === "elsewhere") return;
  for (const pool of pools) pool.beginJobs(since);
}

function reportOf(
  { number, pools, mounts }: Generation,
  state: GenerationReport["state"],
): GenerationReport {
  return {
    number,
    state,
    pools: pools.map((pool, index) => ({
      mounts: mounts[index],
      waiting: pool.waitingCount,
      workers: pool.report(),
    })),
  };
}

function ending(): ReloadOutcome {
  return { kind: "failed", error: new Error("the gateway is ending") };
}

async function drained({ pools }: Generation): Promise<void> {
  await Promise.all(pools.map((pool) => pool.drain()));
}

function terminate({ pools }: Generation): void {
  for (const pool of pools) pool.terminate();
}
