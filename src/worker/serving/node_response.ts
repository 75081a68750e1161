/**
 * Responses of Node's kind: `ServerResponse`s that become a `Response`.
 *
 * @module
 */

import type { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { nextTick } from "node:process";
import type { Deferred } from "../../captured.ts";
import { deferred } from "../../captured.ts";
import { Light } from "../response.ts";
import type { Chunk } from "./node_chunks.ts";
import { bodyOf, bytesOf } from "./node_chunks.ts";
import { OutgoingFields } from "./node_fields.ts";
import { keepMembers, nodeError } from "./node_members.ts";
import type { BridgedRequest, RequestMaker } from "./node_request.ts";
import type { BridgedSocket } from "./node_socket.ts";

/** A response of Node's kind. */
export type BridgedResponse = EventEmitter;

/** Makes responses of Node's kind, and the platform's of them. */
export interface ResponseMaker {
  /** Makes the one to `req`. */
  make(req: BridgedRequest, socket: BridgedSocket): BridgedResponse;
  /** What it becomes, as soon as its head is there. */
  responseOf(res: BridgedResponse): Response | Promise<Response>;
  /** Whether there is nothing more to come. */
  isDone(res: BridgedResponse): boolean;
  /** Its socket has ended. */
  onSocketEnded(res: BridgedResponse, error: Error | undefined): void;
}

type Callback = (error?: Error | null) => void;
type GivenFields = Readonly<Record<string, unknown>> | readonly unknown[];

const { Error, Number, ReadableStream } = globalThis;
const { setPrototypeOf } = Object;

/** What may wait to be sent before `write()` says that it is enough, in bytes. */
const HIGH_WATER_BYTES = 65_536;
const BY_BYTES = {
  highWaterMark: HIGH_WATER_BYTES,
  size: (chunk: Uint8Array<ArrayBuffer>) => chunk.byteLength,
};

/**
 * Makes the class of responses. They are {@linkcode ServerResponse}s to those who ask. Frameworks put
 * prototypes of their own before Node's, so what has to be found on them is their own.
 */
export function responseMaker(
  Emitter: typeof EventEmitter,
  Native: typeof ServerResponse,
  requests: RequestMaker,
): ResponseMaker {
  class NodeResponse extends Emitter {
    statusCode = 200;
    statusMessage: string | undefined = undefined;
    headersSent = false;
    finished = false;
    writable = true;
    writableEnded = false;
    writableFinished = false;
    writableNeedDrain = false;
    writableLength = 0;
    writableHighWaterMark = HIGH_WATER_BYTES;
    writableObjectMode = false;
    writableCorked = 0;
    destroyed = false;
    closed = false;
    errored: Error | null = null;
    sendDate = true;
    shouldKeepAlive = true;
    strictContentLength = false;
    chunkedEncoding = false;
    useChunkedEncodingByDefault = true;
    // Streams know responses by these.
    _closed = false;
    _sent100 = false;
    _removedConnection = false;
    _removedContLen = false;
    _removedTE = false;
    _defaultKeepAlive = true;
    _header: string | null = null;
    _hasBody: boolean;
    req: BridgedRequest;
    socket: BridgedSocket | null;
    connection: BridgedSocket | null;
    readonly #fields = new OutgoingFields();
    readonly #socket: BridgedSocket;
    /** The response; a promise of it, if somebody waits for it. */
    #response: Response | null = null;
    #waiting: Deferred<Response> | null = null;
    #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | null = null;
    /** What to call when there is room again. */
    #callbacks: Callback[] = [];
    #failure: Error | null = null;

    constructor(req: BridgedRequest, socket: BridgedSocket) {
      super();
      this.req = req;
      this.#socket = socket;
      this.socket = socket;
      this.connection = socket;
      this._hasBody = req.method !== "HEAD";
      keepMembers(this, OWN_MEMBERS);
    }

    static responseOf(res: NodeResponse): Response | Promise<Response> {
      if (res.#response !== null) return res.#response;
      if (res.#failure !== null) throw res.#failure;
      res.#waiting ??= deferred();
      return res.#waiting.promise;
    }

    static isDone(res: NodeResponse): boolean {
      return res.writableEnded || res.destroyed;
    }

    static onSocketEnded(res: NodeResponse, error: Error | undefined): void {
      if (NodeResponse.isDone(res)) return;
      res.destroyed = true;
      res.writable = false;
      const reason = error ?? new Error("the app destroyed its response");
      if (!res.headersSent) res.#fail(reason);
      else res.#controller?.error(reason);
      res.#release();
      nextTick(() => res.#close());
    }

    setHeader(name: string, value: unknown): this {
      this.#beforeHead("set");
      this.#fields.set(name, value);
      return this;
    }

    setHeaders(headers: Headers | ReadonlyMap<string, unknown>): this {
      for (const [name, value] of headers) {
        if (name === "set-cookie") this.appendHeader(name, value);
        else this.setHeader(name, value);
      }
      return this;
    }

    appendHeader(name: string, value: unknown): this {
      this.#beforeHead("append");
      this.#fields.append(name, value);
      return this;
    }

    getHeader(name: string): unknown {
      return this.#fields.get(name);
    }

    getHeaders(): Record<string, unknown> {
      return this.#fields.all();
    }

    getHeaderNames(): string[] {
      return this.#fields.names();
    }

    getRawHeaderNames(): string[] {
      return this.#fields.rawNames();
    }

    hasHeader(name: string): boolean {
      return this.#fields.has(name);
    }

    removeHeader(name: string): void {
      this.#beforeHead("remove");
      this.#fields.remove(name);
    }

    writeHead(status: number, message?: string | GivenFields, given?: GivenFields): this {
      this.#beforeHead("write");
      const code = Number(status) | 0;
      if (code < 200 || code > 599) {
        throw nodeError("ERR_HTTP_INVALID_STATUS_CODE", `Invalid status code: ${status}`);
      }
      this.statusCode = code;
      if (typeof message === "string") this.statusMessage = message;
      this.#fields.take(typeof message === "string" ? given : message ?? given);
      this._header = `HTTP/1.1 ${code}`;
      return this;
    }

    write(chunk: Chunk, encoding?: string | Callback | null, callback?: Callback): boolean {
      if (typeof encoding === "function") return this.write(chunk, null, encoding);
      if (this.#isOver(callback)) return false;
      const bytes = bytesOf(chunk, encoding);
      this.#sendHead("streamed");
      if (!this._hasBody || this.#controller === null || bytes.length === 0) {
        if (callback !== undefined) nextTick(callback);
        return true;
      }
      // The app may write into it again.
      this.#controller.enqueue(bytes.slice());
      const room = this.#controller.desiredSize ?? 0;
      this.writableLength = HIGH_WATER_BYTES - room;
      if (room > 0) {
        if (callback !== undefined) nextTick(callback);
        return true;
      }
      this.writableNeedDrain = true;
      if (callback !== undefined) this.#callbacks.push(callback);
      return false;
    }

    end(
      chunk?: Chunk | Callback | null,
      encoding?: string | Callback | null,
      callback?: Callback | null,
    ): this {
      if (typeof chunk === "function") return this.end(null, null, chunk);
      if (typeof encoding === "function") return this.end(chunk, null, encoding);
      if (this.#isOver(callback ?? undefined, chunk)) return this;
      if (callback) this.once("finish", callback);
      if (this.#controller === null && !this.headersSent) {
        this.#sendHead("whole", chunk ? bodyOf(chunk, encoding) : null);
      } else {
        if (chunk) this.write(chunk, encoding);
        this.#controller?.close();
      }
      this.finished = true;
      this.writable = false;
      this.writableEnded = true;
      nextTick(() => this.#finish());
      return this;
    }

    flushHeaders(): void {
      if (!this.headersSent && !NodeResponse.isDone(this)) this.#sendHead("streamed");
    }

    destroy(error?: Error): this {
      this.#socket.destroy(error);
      return this;
    }

    assignSocket(): void {
      throw nodeError("ERR_HTTP_SOCKET_ASSIGNED", "The response has a socket of the gateway's");
    }

    detachSocket(): void {}

    addTrailers(): void {}

    cork(): void {}

    uncork(): void {}

    writeContinue(callback?: Callback): void {
      this._sent100 = true;
      if (callback !== undefined) nextTick(callback);
    }

    writeProcessing(callback?: Callback): void {
      if (callback !== undefined) nextTick(callback);
    }

    writeEarlyHints(_hints: unknown, callback?: Callback): void {
      if (callback !== undefined) nextTick(callback);
    }

    setTimeout(_timeoutMs: number, onTimeout?: () => void): this {
      if (onTimeout !== undefined) this.once("timeout", onTimeout);
      return this;
    }

    _implicitHeader(): void {
      this.writeHead(this.statusCode);
    }

    #beforeHead(what: string): void {
      if (!this.headersSent) return;
      throw nodeError(
        "ERR_HTTP_HEADERS_SENT",
        `Cannot ${what} headers after they are sent to the client`,
      );
    }

    /** Whether nothing can be written any more, which is told as Node does. */
    #isOver(callback?: Callback, chunk: unknown = ""): boolean {
      if (this.writableEnded) {
        if (chunk === null || chunk === undefined) {
          if (callback !== undefined) nextTick(callback);
          return true;
        }
        const error = nodeError("ERR_STREAM_WRITE_AFTER_END", "write after end");
        if (callback !== undefined) nextTick(callback, error);
        nextTick(() => this.#tell(error));
        return true;
      }
      if (!this.destroyed) return false;
      if (callback !== undefined) {
        nextTick(callback, nodeError("ERR_STREAM_DESTROYED", "the client has gone"));
      }
      return true;
    }

    #tell(error: Error): void {
      this.errored = error;
      if (this.listenerCount("error") > 0) this.emit("error", error);
    }

    /** Gives the gateway the head, with the whole body if that is known. */
    #sendHead(kind: "streamed" | "whole", body: Chunk | null = null): void {
      if (this.headersSent) return;
      // Frameworks wrap writeHead() to be told.
      if (this._header === null) this._implicitHeader();
      this.headersSent = true;
      const status = this.statusCode;
      this._hasBody &&= status !== 204 && status !== 205 && status !== 304;
      try {
        const init = {
          status,
          statusText: this.statusMessage ?? "",
          headers: this.#fields.lines(),
        };
        const content = !this._hasBody ? null : kind === "whole" ? body : this.#stream();
        const response = new Light(content, init);
        this.#response = response;
        this.#waiting?.resolve(response);
      } catch (error) {
        this.#fail(error as Error);
      }
    }

    #fail(error: Error): void {
      this.#failure = error;
      this.#waiting?.reject(error);
    }

    #stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
      return new ReadableStream({
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#release(),
        cancel: () => void this.#socket.destroy(nodeError("ECONNRESET", "aborted")),
      }, BY_BYTES);
    }

    /** There is room again, or there never will be. */
    #release(): void {
      this.writableLength = 0;
      const callbacks = this.#callbacks;
      this.#callbacks = [];
      for (const callback of callbacks) nextTick(callback);
      if (!this.writableNeedDrain) return;
      this.writableNeedDrain = false;
      if (!NodeResponse.isDone(this)) nextTick(() => this.emit("drain"));
    }

    #finish(): void {
      if (this.destroyed) return;
      this.writableFinished = true;
      this.emit("prefinish");
      this.emit("finish");
      requests.onResponseEnded(this.req);
      nextTick(() => this.#close());
    }

    #close(): void {
      if (this.closed) return;
      this.closed = true;
      this._closed = true;
      this.destroyed = true;
      this.emit("close");
    }
  }
  setPrototypeOf(NodeResponse.prototype, Native.prototype);
  return {
    make: (req, socket) => new NodeResponse(req, socket),
    responseOf: (res) => NodeResponse.responseOf(res as NodeResponse),
    isDone: (res) => NodeResponse.isDone(res as NodeResponse),
    onSocketEnded: (res, error) => NodeResponse.onSocketEnded(res as NodeResponse, error),
  };
}

const OWN_MEMBERS = [
  "setHeader",
  "setHeaders",
  "appendHeader",
  "getHeader",
  "getHeaders",
  "getHeaderNames",
  "getRawHeaderNames",
  "hasHeader",
  "removeHeader",
  "writeHead",
  "write",
  "end",
  "flushHeaders",
  "destroy",
  "assignSocket",
  "detachSocket",
  "addTrailers",
  "cork",
  "uncork",
  "writeContinue",
  "writeProcessing",
  "writeEarlyHints",
  "setTimeout",
  "_implicitHeader",
];
