/**
 * Requests of Node's kind: `IncomingMessage`s that read what a client sends.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { nextTick } from "node:process";
import type { Members } from "../../sandbox/locks.ts";
import type { RequestBody } from "../request_body.ts";
import { internalSlot } from "../stand_for.ts";
import type { Fields } from "./incoming_fields.ts";
import { distinctFields, joinedFields, namesPrototype } from "./incoming_fields.ts";
import { nodeError, shareMembers } from "./node_members.ts";
import type { BridgedSocket } from "./node_socket.ts";

/** A request of Node's kind. */
export interface BridgedRequest extends Readable {
  readonly method: string;
  readonly url: string;
  readonly headers: Fields;
}

/** What a request of Node's kind is made of. */
export interface RequestParts {
  readonly method: string;
  readonly url: string;
  /** Names and values by turns. */
  readonly rawHeaders: string[];
  readonly minorVersion: number;
  /** Whether fields that Node has only the first of are joined, too. */
  readonly joinsAll: boolean;
  /** Bytes that it reads ahead, or the default. */
  readonly highWaterMark: number | undefined;
  /** Where the body comes from; `null` for none. */
  readonly body: BodyReader | null;
}

/** Reads a body piece by piece. */
export interface BodyReader {
  /** The next piece, or `null` at the end. */
  read(): Uint8Array<ArrayBuffer> | null | Promise<Uint8Array<ArrayBuffer> | null>;
  /** Names and values of the trailer fields by turns, at the end. */
  trailers(): string[];
  /** Gives the rest up. */
  cancel(): void;
}

/** Makes requests of Node's kind, and ends them. */
export interface RequestMaker {
  /** The class, for classes of apps to extend. */
  readonly class: new (socket: BridgedSocket) => Readable;
  /** Makes one, of `Kind` if that is given. */
  make(parts: RequestParts, socket: BridgedSocket, Kind?: RequestClass): BridgedRequest;
  /** Its socket has ended. */
  onSocketEnded(req: BridgedRequest, error: Error | undefined): void;
  /** Its client will send no more: listeners may take it for gone. */
  onHalfClosed(req: BridgedRequest): void;
  /** The response has ended: what is left of the body is not read. */
  onResponseEnded(req: BridgedRequest): void;
}

/** A class of requests. */
export type RequestClass = new (socket: BridgedSocket) => Readable;

type ReadableClass = typeof Readable;

const { Promise, Set } = globalThis;
const { apply } = Reflect;
const { defineProperty, hasOwn, setPrototypeOf } = Object;

/** Events that the stream of a request tells by itself. */
const GUARDED_EVENTS = new Set<string | symbol>([
  "aborted",
  "close",
  "data",
  "end",
  "readable",
  "timeout",
]);

/** What the next one is made of: classes of apps may have constructors of their own. */
let parts: RequestParts | null = null;

/** Makes the class of requests. They are {@linkcode IncomingMessage}s to those who ask. */
export function requestMaker(
  Stream: ReadableClass,
  Incoming: typeof IncomingMessage,
): RequestMaker {
  const headersCount = headersCountSymbol(Incoming);
  const emit = Stream.prototype.emit as (this: unknown, ...args: unknown[]) => boolean;
  class NodeRequest extends Stream {
    method: string;
    url: string;
    rawHeaders: string[];
    // Node's accessor, where it has one, makes them when they are asked for.
    declare headers: Fields;
    rawTrailers: string[] = [];
    trailers: Fields = {};
    httpVersion: string;
    httpVersionMajor = 1;
    httpVersionMinor: number;
    statusCode = null;
    statusMessage = null;
    upgrade = false;
    joinDuplicateHeaders: boolean;
    socket: BridgedSocket;
    client: BridgedSocket;
    complete = false;
    aborted = false;
    readonly #body: BodyReader | null;
    #isAnswered = false;
    #isReading = false;

    static isOurs(object: object): boolean {
      return #body in object;
    }

    constructor(socket: BridgedSocket) {
      const own = parts!;
      super(own.highWaterMark === undefined ? undefined : { highWaterMark: own.highWaterMark });
      this.#body = own.body;
      this.method = own.method;
      this.url = own.url;
      this.rawHeaders = own.rawHeaders;
      if (headersCount === null || namesPrototype(own.rawHeaders)) {
        const value = joinedFields(own.rawHeaders, own.joinsAll);
        const writable = { writable: true, enumerable: true, configurable: true };
        defineProperty(this, "headers", { value, ...writable });
      }
      if (headersCount !== null) {
        (this as unknown as Record<symbol, number>)[headersCount] = own.rawHeaders.length;
      }
      this.httpVersionMinor = own.minorVersion;
      this.httpVersion = own.minorVersion === 0 ? "1.0" : "1.1";
      this.joinDuplicateHeaders = own.joinsAll;
      this.socket = socket;
      this.client = socket;
    }

    get connection(): BridgedSocket {
      return this.socket;
    }

    set connection(socket: BridgedSocket) {
      this.socket = socket;
    }

    get headersDistinct(): Record<string, string[]> {
      return distinctFields(this.rawHeaders);
    }

    get trailersDistinct(): Record<string, string[]> {
      return distinctFields(this.rawTrailers);
    }

    override _read(): void {
      if (!this.#isReading) this.#pull();
    }

    override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
      const isCutShort = !this.#isAnswered && !(this.complete && this.readableEnded);
      if (!this.complete) this.#body?.cancel();
      if (isCutShort) {
        if (!this.aborted) {
          this.aborted = true;
          this.emit("aborted");
        }
        this.socket.destroy(error ?? undefined);
      }
      // Who does not listen for errors of requests is not told of clients that leave.
      nextTick(callback, error !== null && this.listenerCount("error") > 0 ? error : null);
    }

    _dump(): void {
      this.resume();
    }

    /** As events that the stream itself tells have nobody who catches what listeners throw, the request does. */
    override emit(event: string | symbol, ...args: unknown[]): boolean {
      if (!GUARDED_EVENTS.has(event)) return apply(emit, this, [event, ...args]);
      let isHeard = false;
      this.socket.guard(() => isHeard = apply(emit, this, [event, ...args]));
      return isHeard;
    }

    setTimeout(timeoutMs: number, onTimeout?: () => void): this {
      if (onTimeout !== undefined) this.on("timeout", onTimeout);
      this.socket.setTimeout(timeoutMs);
      return this;
    }

    static onSocketEnded(req: NodeRequest, error: Error | undefined): void {
      if (req.destroyed || req.#isAnswered) return;
      req.destroy(error ?? nodeError("ECONNRESET", "aborted"));
    }

    static onHalfClosed(req: NodeRequest): void {
      if (req.destroyed || req.#isAnswered || req.#body !== null || req.readableEnded) return;
      req.#isAnswered = true;
      req.aborted = true;
      req.emit("aborted");
      req.destroy(nodeError("ECONNRESET", "aborted"));
    }

    static onResponseEnded(req: NodeRequest): void {
      if (req.#isAnswered) return;
      req.#isAnswered = true;
      if (req.destroyed || req.readableEnded) return;
      if (req.#body !== null && !req.complete) req.destroy();
      else if (req.#body === null && isUnheard(req)) endUnheard(req);
      else req.resume();
    }

    #pull(): void {
      const body = this.#body;
      if (body === null) {
        this.complete = true;
        this.push(null);
        return;
      }
      const piece = body.read();
      if (!(piece instanceof Promise)) {
        this.#take(piece);
        return;
      }
      this.#isReading = true;
      piece.then((later) => {
        this.#isReading = false;
        this.#take(later);
      }, (error) => {
        this.#isReading = false;
        if (!this.destroyed) this.destroy(error as Error);
      });
    }

    #take(piece: Uint8Array<ArrayBuffer> | null): void {
      if (this.destroyed) return;
      this.socket.touch();
      if (piece === null) {
        this.rawTrailers = this.#body!.trailers();
        this.trailers = joinedFields(this.rawTrailers, this.joinDuplicateHeaders);
        this.complete = true;
        this.push(null);
        return;
      }
      this.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
    }
  }
  shareMembers(NodeRequest.prototype, [Incoming.prototype], NodeRequest.isOurs);
  setPrototypeOf(NodeRequest.prototype, Incoming.prototype);
  return {
    class: NodeRequest,
    make: (given, socket, Kind = NodeRequest) => {
      parts = given;
      const req = new Kind(socket);
      return (NodeRequest.isOurs(req) ? req : new NodeRequest(socket)) as NodeRequest;
    },
    onSocketEnded: (req, error) => NodeRequest.onSocketEnded(req as NodeRequest, error),
    onHalfClosed: (req) => NodeRequest.onHalfClosed(req as NodeRequest),
    onResponseEnded: (req) => NodeRequest.onResponseEnded(req as NodeRequest),
  };
}

/** Whether nobody listens to a stream, nor has taken its place in telling. */
function isUnheard(stream: Readable): boolean {
  return (stream as unknown as Members)._eventsCount === 0 && !hasOwn(stream, "emit");
}

/** Has an empty stream be where it would be after its last event: to get there takes it several turns. */
function endUnheard(req: Readable & { complete: boolean }): void {
  req.complete = true;
  const state = (req as unknown as Members)._readableState as Members;
  state.flowing = true;
  state.ended = true;
  state.endEmitted = true;
  state.destroyed = true;
  state.closed = true;
  state.closeEmitted = true;
}

/** Where Node's accessor of `headersDistinct`, which cannot be replaced, looks for the number of fields. */
function headersCountSymbol(Incoming: typeof IncomingMessage): symbol | null {
  try {
    return internalSlot(new Incoming(null as never), "kHeadersCount");
  } catch {
    // In older versions there is no such thing, nor such a request without a socket.
    return null;
  }
}

/** Reads the body of a request that was not inspected. */
export function bodyReader(body: RequestBody): BodyReader {
  type Piece = Uint8Array<ArrayBuffer> | null;
  return {
    read() {
      let now: Piece | undefined;
      let resolve = (piece: Piece): void => {
        now = piece;
      };
      let reject = (error: Error): void => {
        throw error;
      };
      // Who waits for a promise goes on in the context that it began in.
      body.readPiece((piece) => resolve(piece), (error) => reject(error));
      if (now !== undefined) return now;
      return new Promise((onPiece, onError) => {
        resolve = onPiece;
        reject = onError;
      });
    },
    trailers: () => body.rawTrailers.flat(),
    cancel() {},
  };
}

/** Reads a stream. */
export function streamReader(stream: ReadableStream<Uint8Array<ArrayBuffer>>): BodyReader {
  const reader = stream.getReader();
  return {
    read: async () => (await reader.read()).value ?? null,
    trailers: () => [],
    cancel: () => void reader.cancel().catch(() => {}),
  };
}
