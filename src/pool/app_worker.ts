/**
 * One app worker as the gateway sees it: its thread, its rings, and the exchanges that it works on.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { ConfigError, LoadError } from "../errors.ts";
import { concatenated } from "../bytes.ts";
import type { AbortReason, Exchange, ExchangeReceiver, ResponseHead } from "../exchange.ts";
import { BODY_WINDOW_BYTES, UNKNOWN_LENGTH, WHOLE_BODY } from "../exchange.ts";
import type { Log } from "../log.ts";
import { LOG_LEVELS } from "../log.ts";
import {
  ABORT,
  abortValue,
  BODY,
  CREDIT,
  DATA,
  DATA_END,
  DRAINED,
  END,
  FAIL,
  FAULT,
  FRAMES_VERSION,
  LOG,
  MAX_BODY_FRAME_BYTES,
  OF_DATA,
  readResponse,
  readText,
  REPORT_SENT,
  RESPONSE,
  SENT,
  writeBody,
  writeChunk,
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
import { DOORBELL } from "../worker/protocol.ts";
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
/** Reports of faults on one request, in bytes. */
const MAX_FAULT_BYTES = 1_048_576;

/** What a worker's owner is told and asked. */
export interface AppWorkerOwner {
  /** An app imports a module that its worker does not have. */
  supply(request: ImportRequest): Promise<Imported>;
  /** The worker has ended without being asked to. */
  onDeath(worker: AppWorker, reason: string): void;
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
export class AppWorker {
  /** Name for the log, such as `"worker 1"`. */
  readonly name: string;
  /** Field line, with CRLF, that is added to each response; `""` for none. */
  readonly fieldLine: string;
  /** Resolves when the apps are loaded; rejects with a {@linkcode LoadError} if they cannot be. */
  readonly ready: Promise<void>;

  readonly #thread: Worker;
  readonly #fieldLineBytes: Uint8Array;
  readonly #writer: RingWriter;
  readonly #reader: Reader;
  readonly #owner: AppWorkerOwner;
  readonly #log: Log;
  readonly #exchanges = new Map<number, ForwardedExchange>();
  readonly #started = Promise.withResolvers<void>();
  readonly #drained = Promise.withResolvers<void>();
  #nextId = 1;
  #inFlight = 0;
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

  /** Gives the worker a request. */
  handle(exchange: Exchange): void {
    const id = this.#nextId;
    this.#nextId = id === 0xffff_ffff ? 1 : id + 1;
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

  /** Ends the worker at once. Its requests get 502, or broken connections. */
  terminate(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#thread.terminate();
    this.#started.promise.catch(() => {});
    this.#started.reject(new Error(`${this.name} was ended`));
    this.#drained.resolve();
    const forwarded = [...this.#exchanges.values()];
    this.#exchanges.clear();
    for (const each of forwarded) each.onWorkerDeath();
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

  #die(reason: string): void {
    if (this.#dead) return;
    this.#started.promise.catch(() => {});
    this.#started.reject(new LoadError("", `${this.name} ended while it was loading: ${reason}`));
    this.terminate();
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

/** Where an exchange stands, seen from the gateway. */
const AWAITING = 0;
const RESPONDING = 1;
const ENDED = 2;

/** An exchange that a worker works on: passes on what the client and the worker say. */
class ForwardedExchange implements ExchangeReceiver {
  readonly #worker: AppWorker;
  readonly #id: number;
  readonly #exchange: Exchange;
  #state = AWAITING;
  /** Body bytes that the worker still has to send, when their number is known. */
  #remaining = UNKNOWN_LENGTH;
  /** Body bytes that the worker may send. */
  #window = BODY_WINDOW_BYTES;
  /** Bytes that the worker may still grant, of the request's body and of its file. */
  #grantable: number;
  #grantableOfData = 0;
  #faultBytes = 0;

  constructor(worker: AppWorker, id: number, exchange: Exchange) {
    this.#worker = worker;
    this.#id = id;
    this.#exchange = exchange;
    this.#grantable = exchange.head.expectsContinue ? BODY_WINDOW_BYTES : 0;
  }

  onBody(chunk: Uint8Array): void {
    this.#grantable += chunk.length;
    if (this.#state !== ENDED) writeBody(this.#worker.writing(), BODY, this.#id, chunk);
  }

  onChunk(declaredBytes: number): void {
    if (this.#state !== ENDED) writeChunk(this.#worker.writing(), this.#id, declaredBytes);
  }

  onEnd(trailers: Uint8Array): void {
    if (this.#state !== ENDED) this.#worker.writing().write(END, 0, this.#id, 0, trailers);
  }

  onData(chunk: Uint8Array): void {
    this.#grantableOfData += chunk.length;
    if (this.#state !== ENDED) writeBody(this.#worker.writing(), DATA, this.#id, chunk);
  }

  onDataEnd(): void {
    if (this.#state !== ENDED) writeSignal(this.#worker.writing(), DATA_END, this.#id, 0);
  }

  onCredit(bytes: number): void {
    this.#window += bytes;
    if (this.#state !== ENDED) writeSignal(this.#worker.writing(), CREDIT, this.#id, bytes);
  }

  onAbort(reason: AbortReason): void {
    writeSignal(this.#worker.writing(), ABORT, this.#id, abortValue(reason));
    if (reason === "client-half-closed") return;
    this.#worker.forget(this.#id);
    this.#end();
  }

  onSent(): void {
    writeSignal(this.#worker.writing(), SENT, this.#id, 0);
    this.#worker.forget(this.#id);
  }

  onResponse(frame: RingReader): void {
    if (this.#state !== AWAITING) throw new RingError("a second response to a request");
    const { head, body } = readResponse(frame);
    if (body.length > MAX_BODY_FRAME_BYTES) throw new RingError("a response of more than a frame");
    this.#state = RESPONDING;
    const { bodyLength } = head;
    this.#exchange.reportSent = (frame.flags & REPORT_SENT) !== 0;
    if (bodyLength === WHOLE_BODY) {
      this.#complete();
    } else if (bodyLength !== UNKNOWN_LENGTH) {
      this.#remaining = bodyLength;
      this.#count(body.length);
    }
    this.#exchange.respond(this.#worker.completed(head), body);
  }

  onResponseBody(chunk: Uint8Array): void {
    if (this.#state === ENDED) return;
    if (this.#state !== RESPONDING) throw new RingError("a body before its response");
    this.#window -= chunk.length;
    if (this.#window < 0) throw new RingError("more of a body than there was credit for");
    this.#count(chunk.length);
    this.#exchange.write(chunk);
  }

  onResponseEnd(): void {
    if (this.#state === ENDED) return;
    if (this.#state !== RESPONDING) throw new RingError("an end before its response");
    this.#complete();
    this.#exchange.end();
  }

  onGrant(bytes: number, flags: number): void {
    if (this.#state === ENDED) return;
    if ((flags & OF_DATA) !== 0) {
      this.#grantableOfData -= bytes;
      if (this.#grantableOfData < 0) throw new RingError("a credit for more than has come");
      this.#exchange.grantData(bytes);
    } else {
      this.#grantable -= bytes;
      if (this.#grantable < 0) throw new RingError("a credit for more than has come");
      this.#exchange.grant(bytes);
    }
  }

  onFault(text: string): void {
    if (this.#state === ENDED || this.#faultBytes > MAX_FAULT_BYTES) return;
    this.#faultBytes += text.length;
    this.#exchange.reportFault(text);
  }

  onFail(status: number): void {
    this.#worker.forget(this.#id);
    this.#end();
    this.#exchange.fail(status, this.#worker.fieldLine);
  }

  onWorkerDeath(): void {
    const complete = this.#state === ENDED;
    this.#end();
    if (!complete) this.#exchange.fail(502, this.#worker.fieldLine);
  }

  #count(bytes: number): void {
    if (this.#remaining === UNKNOWN_LENGTH) return;
    this.#remaining -= bytes;
    if (this.#remaining < 0) throw new RingError("a body longer than it was announced");
    if (this.#remaining === 0) this.#complete();
  }

  /** The response is here in full; only word that it was sent may still be owed. */
  #complete(): void {
    if (!this.#exchange.reportSent) this.#worker.forget(this.#id);
    this.#end();
  }

  #end(): void {
    if (this.#state === ENDED) return;
    this.#state = ENDED;
    this.#worker.onEnded();
  }
}
