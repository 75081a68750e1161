/**
 * One app worker as the gateway sees it: its thread, its rings, and the exchanges that it works on.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { ConfigError, LoadError } from "../errors.ts";
import { concatenated } from "../bytes.ts";
import type { Exchange, ResponseHead } from "../exchange.ts";
import type { Log } from "../log.ts";
import { LOG_LEVELS } from "../log.ts";
import {
  BODY,
  CREDIT,
  DRAINED,
  END,
  FAIL,
  FAULT,
  FRAMES_VERSION,
  LOG,
  PING,
  PONG,
  readText,
  RESPONSE,
  writeRequest,
  writeSignal,
} from "../ring/frames.ts";
import type { RingReader } from "../ring/ring.ts";
import { allocateRing, RingError, RingReader as Reader, RingWriter } from "../ring/ring.ts";
import type {
  AppSet,
  Imported,
  ImportedMessage,
  ImportRequest,
  StartMessage,
  WorkerReport,
} from "../worker/protocol.ts";
import { DOORBELL, modulesOf } from "../worker/protocol.ts";
import { ForwardedExchange } from "./forwarded_exchange.ts";
import type { ExchangeWorker } from "./forwarded_exchange.ts";
import type { BeatingWorker } from "./heartbeat.ts";
import type { WornWorker } from "./lifetime.ts";
import { RateLimit } from "./rate_limit.ts";

/** What runs in the worker. */
const WORKER_MODULE = new URL("../worker/main.ts", import.meta.url);

/** Statuses that a worker may give a failed request. */
const FAIL_STATUSES = new Set([500, 501, 502, 503, 504]);

/** Imports that a worker may wait for at a time. */
const MAX_PENDING_IMPORTS = 10_000;
/** Longest specifier or URL of an import, in characters; `data:` URLs are long. */
const MAX_SPECIFIER_LENGTH = 16 * 1_048_576;

/** Bytes that are read from a worker's ring before others have their turn. */
const MAX_BYTES_AT_A_TIME = 1_048_576;
/** Doorbells in a row that may be about nothing: some cross what was read already. */
const MAX_IDLE_RINGS = 10_000;
/** Longest text in a message, in characters. */
const MAX_TEXT_LENGTH = 65_536;
/** Log lines of one worker in a period. */
const MAX_LOG_LINES = 1_000;
const LOG_PERIOD_MS = 1_000;
/** What counts as in flight beyond the requests themselves while a worker is sluggish. */
const SLUGGISH_LOAD = 1_000_000;
/** Status for requests whose worker ends. */
const BAD_GATEWAY = 502;

/** What a worker's owner is told and asked. */
export interface AppWorkerOwner {
  /** An app imports a module that its worker does not have. */
  supply(request: ImportRequest): Promise<Imported>;
  /** The worker has ended without being asked to. */
  onDeath(worker: AppWorker, reason: string): void;
  /** The worker was given as many requests as its limit says. */
  onRequestLimit(worker: AppWorker): void;
}

/** What a worker is made of. */
export interface AppWorkerOptions {
  /** Name for the log, such as `"worker 1"`. */
  readonly name: string;
  /** The apps to load. */
  readonly apps: AppSet;
  /** What they may do. */
  readonly permissions: Deno.PermissionOptions;
  /** Size of each ring. */
  readonly ringBytes: number;
  /** Field line, with CRLF, that is added to each response; `""` for none. */
  readonly fieldLine?: string;
  /** Module to run in the worker. */
  readonly module?: URL;
}

/** A Web Worker that runs apps. */
export class AppWorker implements ExchangeWorker, BeatingWorker, WornWorker {
  /** Name for the log, such as `"worker 1"`. */
  readonly name: string;
  /** Field line, with CRLF, that is added to each response; `""` for none. */
  readonly fieldLine: string;
  /** Resolves when the apps are loaded; rejects with a {@linkcode LoadError} if they cannot be. */
  readonly ready: Promise<void>;
  /** Number of the request at which the owner is told; 0 for none. */
  requestLimit = 0;
  /** Memory of its own as it last said, in bytes. */
  memoryBytes = 0;

  readonly #thread: Worker;
  readonly #fieldLineBytes: Uint8Array;
  readonly #writer: RingWriter;
  readonly #reader: Reader;
  readonly #owner: AppWorkerOwner;
  readonly #log: Log;
  readonly #exchanges = new Map<number, ForwardedExchange>();
  readonly #started = Promise.withResolvers<void>();
  readonly #drained = Promise.withResolvers<void>();
  /** URLs of the modules that are still being loaded. */
  readonly #loading: Set<string>;
  #nextId = 1;
  #inFlight = 0;
  #isAsked = false;
  #isSluggish = false;
  #dead = false;
  #publishing = false;
  #pendingImports = 0;
  #isDraining = false;
  #isResuming = false;
  /** Doorbells in a row that brought nothing. */
  #idleRings = 0;
  readonly #logLimit = new RateLimit(MAX_LOG_LINES, LOG_PERIOD_MS);

  /**
   * Starts a worker.
   *
   * @throws {ConfigError} if it cannot have these permissions
   */
  constructor(options: AppWorkerOptions, owner: AppWorkerOwner, log: Log) {
    const { name, apps, permissions, ringBytes, fieldLine = "" } = options;
    this.name = name;
    this.fieldLine = fieldLine;
    this.#fieldLineBytes = new TextEncoder().encode(fieldLine);
    this.#owner = owner;
    this.#log = log;
    this.ready = this.#started.promise;
    this.#loading = new Set(modulesOf(apps));
    const toWorker = allocateRing(ringBytes);
    const toGateway = allocateRing(ringBytes);
    this.#writer = new RingWriter(toWorker, this.#ring);
    this.#reader = new Reader(toGateway, this.#ring);
    this.#thread = startThread(options.module ?? WORKER_MODULE, name, permissions);
    this.#thread.onmessage = (event) => this.#onMessage(event.data);
    this.#thread.onerror = (event) => {
      event.preventDefault();
      this.#die(`uncaught error: ${textOf(event.message)}`);
    };
    this.#thread.onmessageerror = () => this.#die("it sent a message that cannot be read");
    this.#thread.postMessage(
      { framesVersion: FRAMES_VERSION, toWorker, toGateway, apps } satisfies StartMessage,
    );
  }

  /** Requests that the worker has not answered in full. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** What another request would have to share the worker with. */
  get load(): number {
    return this.#isSluggish ? this.#inFlight + SLUGGISH_LOAD : this.#inFlight;
  }

  /** Requests that it was given. */
  get requestCount(): number {
    return this.#nextId - 1;
  }

  get isAsked(): boolean {
    return this.#isAsked;
  }

  get progress(): number {
    return this.#writer.readerProgress;
  }

  get isSluggish(): boolean {
    return this.#isSluggish;
  }

  set isSluggish(isSluggish: boolean) {
    this.#isSluggish = isSluggish;
  }

  ask(): void {
    this.#isAsked = true;
    writeSignal(this.writing(), PING, 0, 0);
  }

  catchUp(): void {
    this.#exchangeFrames();
  }

  /** Gives the worker a request. */
  handle(exchange: Exchange): void {
    const id = this.#nextId;
    this.#nextId = id === 0xffff_ffff ? 1 : id + 1;
    if (id === this.requestLimit) this.#owner.onRequestLimit(this);
    const forwarded = new ForwardedExchange(this, id, exchange);
    exchange.receiver = forwarded;
    this.#exchanges.set(id, forwarded);
    this.#inFlight++;
    writeRequest(this.writing(), id, exchange.head);
  }

  /** Resolves when the worker has done all that it was given, work after responses included. */
  drain(): Promise<void> {
    this.#isDraining = true;
    writeSignal(this.writing(), DRAINED, 0, 0);
    return this.#drained.promise;
  }

  /**
   * Ends the worker at once. Its requests get `status`, or broken connections. A thread that is blocked
   * may outlive this: Deno stops it when it is no longer blocked, and some versions of it not before.
   */
  terminate(status: number = BAD_GATEWAY): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#thread.terminate();
    this.#started.promise.catch(() => {});
    this.#started.reject(new Error(`${this.name} was ended`));
    this.#drained.resolve();
    const forwarded = [...this.#exchanges.values()];
    this.#exchanges.clear();
    for (const each of forwarded) each.onWorkerEnd(status);
  }

  /** Ends the worker, which is at fault for `reason`; its requests get `status`. */
  giveUp(reason: string, status: number): void {
    this.#die(reason, status);
  }

  /** Ends the worker, which has not loaded the apps in `timeoutMs`. */
  giveUpLoading(timeoutMs: number): void {
    this.#started.reject(LoadError.timedOut(this.#loading, timeoutMs));
    this.terminate();
  }

  /** The ring to the worker; what is written to it is published soon, once for all that is. */
  writing(): RingWriter {
    if (!this.#publishing) {
      this.#publishing = true;
      queueMicrotask(this.#publish);
    }
    return this.#writer;
  }

  /** A response's head as it goes out. */
  completed(head: ResponseHead): ResponseHead {
    if (this.#fieldLineBytes.length === 0) return head;
    // What a worker sends is bytes.
    const fieldLines = concatenated([head.fieldLines as Uint8Array, this.#fieldLineBytes]);
    return { ...head, fieldLines };
  }

  /** Is told by an exchange that the worker has no more to say about it. */
  onEnded(): void {
    this.#inFlight--;
  }

  /** Forgets an exchange: nothing more is expected either way. */
  forget(id: number): void {
    this.#exchanges.delete(id);
  }

  readonly #ring = (): void => this.#thread.postMessage(DOORBELL);

  readonly #publish = (): void => {
    this.#publishing = false;
    if (this.#dead) return;
    this.#exchangeFrames();
  };

  /** Writes what is to be written, and reads what is there: a ring full of it at a time. */
  readonly #exchangeFrames = (): void => {
    if (this.#dead) return;
    try {
      this.#writer.publish();
      // The worker may have answered in the meantime: this saves its doorbell.
      const done = this.#reader.drain(this.#onFrame, MAX_BYTES_AT_A_TIME);
      // Others are to have their turn with a worker that never stops.
      if (done || this.#isResuming) return;
      this.#isResuming = true;
      setImmediate(this.#resume);
    } catch (error) {
      this.#onBroken(error);
    }
  };

  readonly #resume = (): void => {
    this.#isResuming = false;
    this.#exchangeFrames();
  };

  /** Takes what the worker posted, which can be anything that can be cloned. */
  #onMessage(message: unknown): void {
    if (this.#dead) return;
    if (message === DOORBELL) {
      this.#idleRings++;
      this.#exchangeFrames();
      if (this.#idleRings > MAX_IDLE_RINGS) this.#die("it rings without end");
      return;
    }
    const report = message as Partial<Extract<WorkerReport, { kind: "failed" }>> | null | undefined;
    switch ((message as WorkerReport | null | undefined)?.kind) {
      case "loaded":
        this.#loading.delete(textOf(report?.url));
        return;
      case "ready":
        this.#started.resolve();
        return;
      case "failed":
        this.#started.reject(new LoadError(textOf(report?.url), textOf(report?.message)));
        return;
      case "closed":
        this.#die(`the app called ${textOf((message as { by?: unknown }).by)}`);
        return;
      case "import": {
        const { id, request } = message as Extract<WorkerReport, { kind: "import" }>;
        this.#import(id, request);
        return;
      }
      default:
        this.#die("it sent a message that is none of the gateway's");
    }
  }

  #import(id: number, request: ImportRequest): void {
    if (
      typeof id !== "number" || !isImportRequest(request) ||
      this.#pendingImports === MAX_PENDING_IMPORTS
    ) {
      this.#die("it imports in a way that modules do not");
      return;
    }
    this.#pendingImports++;
    const { specifier, referrer, type } = request;
    this.#owner.supply({ specifier, referrer, type }).then((answer) => {
      this.#pendingImports--;
      if (this.#dead) return;
      this.#thread.postMessage({ imported: id, answer } satisfies ImportedMessage);
    }).catch((error) => this.#onBroken(error));
  }

  readonly #onFrame = (frame: RingReader): void => {
    this.#idleRings = 0;
    if (frame.kind === LOG) {
      this.#onLogLine(frame);
      return;
    }
    if (frame.kind === DRAINED) {
      if (!this.#isDraining) throw new RingError("the end of work that was not asked for");
      this.#drained.resolve();
      return;
    }
    if (frame.kind === PONG) {
      if (!this.#isAsked) throw new RingError("a sign of life that was not asked for");
      this.#isAsked = this.#isSluggish = false;
      this.memoryBytes = frame.value * 1024;
      return;
    }
    // What comes for an exchange that has ended here crossed its end on the way.
    const forwarded = this.#exchanges.get(frame.id);
    if (forwarded === undefined) return;
    switch (frame.kind) {
      case RESPONSE:
        forwarded.onResponse(frame);
        break;
      case BODY:
        forwarded.onResponseBody(frame.bytes.subarray(frame.at, frame.at + frame.length));
        break;
      case END:
        forwarded.onResponseEnd();
        break;
      case CREDIT:
        forwarded.onGrant(frame.value, frame.flags);
        break;
      case FAULT:
        forwarded.onFault(readText(frame));
        break;
      case FAIL:
        if (!FAIL_STATUSES.has(frame.value)) throw new RingError("a failure of no known status");
        forwarded.onFail(frame.value);
        break;
      default:
        throw new RingError(`a frame of the unknown kind ${frame.kind}`);
    }
  };

  #onLogLine(frame: RingReader): void {
    const limit = this.#logLimit;
    if (!limit.admits()) return;
    if (limit.refused > 0) {
      this.#log("warning", `${this.name}: ${limit.refused} more lines, too many to be logged`);
      limit.refused = 0;
    }
    this.#log(LOG_LEVELS[frame.value] ?? "info", `${this.name}: ${readText(frame)}`);
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
    if (this.#dead) return;
    this.#started.promise.catch(() => {});
    this.#started.reject(new LoadError("", `${this.name} ended while it was loading: ${reason}`));
    this.terminate(status);
    this.#owner.onDeath(this, reason);
  }
}

/** Text that a worker sent, if it is that. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value.slice(0, MAX_TEXT_LENGTH) : "";
}

function isImportRequest(request: Partial<ImportRequest> | undefined): request is ImportRequest {
  const isText = (text: unknown) => typeof text === "string" && text.length <= MAX_SPECIFIER_LENGTH;
  return isText(request?.specifier) && isText(request?.referrer) && isText(request?.type);
}

function startThread(module: URL, name: string, permissions: Deno.PermissionOptions): Worker {
  if (permissions === "inherit") return new Worker(module, { type: "module", name });
  try {
    return new Worker(module, { type: "module", name, deno: { permissions } });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new ConfigError(
      error instanceof Deno.errors.NotCapable
        ? "apps cannot be given permissions that gatehouse itself has not " +
          `(run it with deno run -A): ${error.message}`
        : `the permissions for apps are not understood: ${error.message}`,
    );
  }
}
