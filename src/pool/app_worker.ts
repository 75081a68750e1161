/**
 * One app worker as the gateway sees it: its thread, and the requests that it works on.
 *
 * @module
 */

import { LoadError } from "../base/errors.ts";
import type { Exchange } from "../message/exchange.ts";
import type { Log } from "../base/log.ts";
import { RingError } from "../ring/ring.ts";
import type { Imported, ImportRequest } from "../worker/protocol.ts";
import { ADDRESS_IN_USE, LISTENS_IN_EACH } from "../worker/protocol.ts";
import type { Backlog } from "./backlog.ts";
import type { MovableSocket } from "../message/kept_sockets.ts";
import type { GatewayPortOptions } from "./gateway_port.ts";
import { GatewayPort } from "./gateway_port.ts";
import type { BeatingWorker } from "./heartbeat.ts";
import type { OpeningWorker } from "./descriptor_watch.ts";
import type { WornWorker } from "./lifetime.ts";
import type { WorkerThreadOptions } from "./worker_thread.ts";
import { WorkerThread } from "./worker_thread.ts";

/** What counts as in flight beyond the requests themselves while a worker is sluggish. */
const SLUGGISH_LOAD = 1_000_000;
/** More sockets than a worker can have open. */
const MAX_UPGRADED = 1_000_000;
/** Status for requests whose worker ends. */
const BAD_GATEWAY = 502;

/** Listener of a worker's owner. */
export interface AppWorkerOwner {
  /** An app imports a module that its worker does not have. */
  supply(request: ImportRequest): Promise<Imported>;
  /** Its apps were denied something, as `denial` says. */
  onDenied?(denial: string): void;
  /** Its apps threw an error that nobody caught, with the stack trace `text`: it is to be replaced. */
  onUncaught(worker: AppWorker, text: string): void;
  /** The worker has ended without being asked to. */
  onDeath(worker: AppWorker, reason: string): void;
  /** The worker was given as many requests as its limit says. */
  onRequestLimit(worker: AppWorker): void;
  /** The worker has rung: it may be free for another request. */
  onRing(worker: AppWorker): void;
}

/** What a worker is made of. */
export type AppWorkerOptions = WorkerThreadOptions & GatewayPortOptions;

/** A Web Worker that runs apps. */
export class AppWorker implements BeatingWorker, OpeningWorker, WornWorker {
  /** Name for the log, such as `"worker 1"`. */
  readonly name: string;
  /** Resolves when the apps are loaded; rejects with a {@linkcode LoadError} if they cannot be. */
  readonly ready: Promise<void>;
  /** Number of the request at which the owner is notified; 0 disables. */
  requestLimit = 0;

  readonly #port: GatewayPort;
  readonly #thread: WorkerThread;
  readonly #owner: AppWorkerOwner;
  readonly #started = Promise.withResolvers<void>();
  /** Why it has ended; `null` as long as it has not. */
  #endReason: string | null = null;

  /**
   * Starts a worker.
   *
   * @throws {ConfigError} if it cannot have these permissions
   */
  constructor(options: AppWorkerOptions, owner: AppWorkerOwner, log: Log) {
    this.name = options.name;
    this.#owner = owner;
    this.ready = this.#started.promise;
    const port = this.#port = new GatewayPort(options, {
      ring: () => this.#thread.ring(),
      onFrame: () => this.#thread.onFrame(),
      onBroken: (error) => this.#onBroken(error),
    }, log);
    this.#thread = new WorkerThread(options, port, {
      onDoorbell: () => {
        port.exchangeFrames();
        owner.onRing(this);
      },
      onReady: () => this.#started.resolve(),
      onFailed: (error) => {
        this.#started.reject(error);
        this.terminate();
      },
      onUncaught: (text) => owner.onUncaught(this, text),
      onFault: (reason) => this.#die(reason),
      onDenied: (denial) => owner.onDenied?.(denial),
      onBroken: (error) => this.#onBroken(error),
      supply: (request) => owner.supply(request),
    });
  }

  /** Why it has ended; `null` as long as it has not. */
  get endReason(): string | null {
    return this.#endReason;
  }

  get inFlight(): number {
    return this.#port.inFlight;
  }

  /** What another request would have to share the worker with. */
  get load(): number {
    const { inFlight, upgraded, isSluggish } = this.#port;
    // Open sockets make the difference only where requests do not.
    const load = inFlight - upgraded + upgraded / MAX_UPGRADED;
    return isSluggish ? load + SLUGGISH_LOAD : load;
  }

  /** What it has not read yet. */
  get backlog(): Backlog {
    return this.#port.backlog;
  }

  get requestCount(): number {
    return this.#port.requestCount;
  }

  get memoryBytes(): number {
    return this.#port.memoryBytes;
  }

  /** Open sockets, of connections that go on in another protocol. */
  get upgraded(): number {
    return this.#port.upgraded;
  }

  /** How long it took for its last sign of life, in milliseconds; `null` before the first. */
  get delayMs(): number | null {
    return this.#port.delayMs;
  }

  get opens(): number {
    return this.#thread.opens;
  }

  get isAsked(): boolean {
    return this.#port.isAsked;
  }

  get progress(): number {
    return this.#port.progress;
  }

  get isSluggish(): boolean {
    return this.#port.isSluggish;
  }

  set isSluggish(isSluggish: boolean) {
    this.#port.isSluggish = isSluggish;
  }

  ask(): void {
    this.#port.ask();
  }

  catchUp(): void {
    this.#port.exchangeFrames();
  }

  /** Gives the worker a request. */
  handle(exchange: Exchange): void {
    this.#port.handle(exchange);
    if (this.#port.requestCount === this.requestLimit) this.#owner.onRequestLimit(this);
  }

  /** Gives the worker a socket of the app at `mount` that was opened elsewhere. */
  adopt(mount: number, socket: MovableSocket): void {
    this.#port.adopt(mount, socket);
  }

  /** Memory that says when it runs the jobs of its apps. */
  get cronDuty(): SharedArrayBuffer {
    return this.#thread.cronDuty;
  }

  /** Announces the addresses that are listened on to the apps. */
  announce(addresses: readonly Deno.Addr[]): void {
    this.#thread.announce(addresses);
  }

  /** Resolves when the worker, asked to {@linkcode drain}, has done so, or has ended. */
  get drained(): Promise<void> {
    return this.#port.drained;
  }

  /** Resolves when the worker has done all that it was given, work after responses included. */
  drain(): Promise<void> {
    this.#port.askForEnd();
    return this.drained;
  }

  /**
   * Ends the worker immediately. Its requests get `status`, or broken connections. Its thread may
   * outlive this if it is blocked.
   */
  terminate(status: number = BAD_GATEWAY): void {
    if (this.#endReason !== null) return;
    this.#endReason = "it was ended";
    this.#thread.terminate();
    this.#started.promise.catch(() => {});
    this.#started.reject(new Error(`${this.name} was ended`));
    this.#port.end(status);
  }

  /** Ends the worker, which is at fault for `reason`; its requests get `status`. */
  giveUp(reason: string, status: number): void {
    this.#die(reason, status);
  }

  /** Ends the worker, which has not loaded the apps in `timeoutMs`. */
  giveUpLoading(timeoutMs: number): void {
    this.#started.reject(LoadError.timedOut(this.#thread.loading, timeoutMs));
    this.terminate();
  }

  /** What a worker sends must not do harm here, even if it finds a fault of the gateway's. */
  #onBroken(error: unknown): void {
    if (error instanceof RingError) {
      this.#die(`it broke the rules of its ring: ${error.message}`);
    } else {
      const text = error instanceof Error ? error.stack ?? error.message : String(error);
      this.#die(`the gateway failed at what it sent: ${text}`);
    }
  }

  #die(reason: string, status = BAD_GATEWAY): void {
    if (this.#endReason !== null) return;
    this.#started.promise.catch(() => {});
    const advice = ADDRESS_IN_USE.test(reason) ? `; ${LISTENS_IN_EACH}` : "";
    const text = `${this.name} ended while it was loading: ${reason}${advice}`;
    this.#started.reject(new LoadError("", text));
    this.terminate(status);
    this.#endReason = reason;
    this.#owner.onDeath(this, reason);
  }
}
