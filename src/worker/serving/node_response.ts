/**
 * Responses of Node's kind: `ServerResponse`s that become a `Response`.
 *
 * @module
 */

// @ts-types="../../types/std_status.d.ts"
import { STATUS_TEXT } from "@std/http/status";
import type { EventEmitter } from "node:events";
import type { OutgoingMessage, ServerResponse } from "node:http";
import { nextTick } from "node:process";
import type { Deferred } from "../../base/captured.ts";
import { deferred } from "../../base/captured.ts";
import { copyOfBytes } from "../byte_source.ts";
import { lightResponse } from "../response.ts";
import type { Chunk } from "./node_chunks.ts";
import { bodyOf, bytesOf } from "./node_chunks.ts";
import type { GivenFields } from "./node_fields.ts";
import { givenLines, OutgoingFields } from "./node_fields.ts";
import { nodeError, shareMembers } from "./node_members.ts";
import type { BridgedRequest } from "./node_request.ts";
import type { BridgedSocket } from "./node_socket.ts";
import { MAX_WHOLE_BYTES, OutgoingBody } from "./outgoing_body.ts";

/** A response of Node's kind. */
export interface BridgedResponse extends EventEmitter {
  readonly statusCode: number;
}

/** What a response of Node's kind needs of who makes it. */
export interface ResponseParts {
  /** What may wait to be sent before `write()` says that it is enough, in bytes. */
  readonly highWaterMark: number;
  /** Sends an interim response; 100 lets the client send its body. */
  inform(status: number, fieldLines: string): void;
  /** The response is complete, and has gone. */
  onFinished(): void;
}

/** Makes responses of Node's kind, and the platform's of them. */
export interface ResponseMaker {
  /** The class, for classes of apps to extend. */
  readonly class: ResponseClass;
  /** Makes the one to `req`, of `Kind` if that is given. */
  make(
    parts: ResponseParts,
    req: BridgedRequest,
    socket: BridgedSocket,
    Kind?: ResponseClass,
  ): BridgedResponse;
  /** What it becomes, as soon as its head is there. */
  responseOf(res: BridgedResponse): Response | Promise<Response>;
  /** Whether there is nothing more to come. */
  isDone(res: BridgedResponse): boolean;
  /** Whether it has begun, and is not complete. */
  isStreaming(res: BridgedResponse): boolean;
  /** Its socket has ended. */
  onSocketEnded(res: BridgedResponse, reason: Error | undefined): void;
}

/** A class of responses. */
export type ResponseClass = new (req: BridgedRequest, options?: unknown) => EventEmitter;

type Callback = (error?: Error | null) => void;

const { Array, Error, Number } = globalThis;
const { setPrototypeOf } = Object;

const BAD_REASON = /[^\t\x20-\x7e\x80-\xff]/;

/** What the next one is made of: classes of apps may have constructors of their own. */
let nextParts: ResponseParts | null = null;
let nextSocket: BridgedSocket | null = null;

/** Makes the class of responses. They are {@linkcode ServerResponse}s to those who ask. */
export function responseMaker(
  Emitter: typeof EventEmitter,
  Native: typeof ServerResponse,
  Outgoing: typeof OutgoingMessage,
  reasons: Readonly<Record<number, string>>,
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
    readonly #parts: ResponseParts;
    readonly #socket: BridgedSocket;
    readonly #fields = new OutgoingFields();
    /** The response, once its head was given; a promise of it, if somebody waits for it. */
    #response: Response | null = null;
    #waiting: Deferred<Response> | null = null;
    #body: OutgoingBody | null = null;
    /** What to call when there is room again. */
    #callbacks: Callback[] = [];
    #trailerLines = "";
    /** The status and the reason of the head, once it is written: what is set later says nothing. */
    #status = 0;
    #reason: string | undefined = undefined;
    #failure: Error | null = null;
    /** Bytes of the body so far, if they are counted. */
    #bodyBytes = 0;

    static isOurs(object: object): boolean {
      return #parts in object;
    }

    constructor(req: BridgedRequest) {
      super();
      this.#parts = nextParts!;
      this.#socket = nextSocket!;
      this.req = req;
      this.socket = this.#socket;
      this._hasBody = req.method !== "HEAD";
    }

    static responseOf(res: NodeResponse): Response | Promise<Response> {
      if (res.#response !== null) return res.#response;
      if (res.#failure !== null) throw res.#failure;
      res.#waiting ??= deferred();
      return res.#waiting.promise;
    }

    static isDone(res: NodeResponse): boolean {
      return res.writableFinished || res.destroyed;
    }

    static isStreaming(res: NodeResponse): boolean {
      return res.#body !== null && !res.writableEnded;
    }

    static onSocketEnded(res: NodeResponse, reason: Error | undefined): void {
      if (NodeResponse.isDone(res)) return;
      res.destroyed = true;
      res.errored = reason ?? null;
      const failure = reason ?? new Error("the app destroyed its response");
      if (res.#response === null) res.#fail(failure);
      else res.#body?.fail(failure);
      res.#release(nodeError("ERR_STREAM_DESTROYED", "the client has gone"));
      nextTick(() => res.#close());
    }

    static #finishOf(res: NodeResponse): void {
      res.#finish();
    }

    get connection(): BridgedSocket | null {
      return this.socket;
    }

    set connection(socket: BridgedSocket | null) {
      this.socket = socket;
    }

    get writableLength(): number {
      return this.#body?.waitingBytes ?? 0;
    }

    get writableHighWaterMark(): number {
      return this.#parts.highWaterMark;
    }

    setHeader(name: string, value: unknown): this {
      this.#beforeHead("set");
      this.#fields.set(name, value);
      return this;
    }

    setHeaders(headers: Headers | ReadonlyMap<string, unknown>): this {
      this.#beforeHead("set");
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
        throw nodeError("ERR_HTTP_INVALID_STATUS_CODE", `Invalid status code: ${status}`, "range");
      }
      const hasMessage = typeof message === "string";
      this.#fields.take(hasMessage ? given : message ?? given);
      if (hasMessage) this.statusMessage = message;
      else this.statusMessage ||= reasons[code] ?? "unknown";
      if (this.statusMessage !== reasons[code] && BAD_REASON.test(`${this.statusMessage}`)) {
        throw nodeError("ERR_INVALID_CHAR", "Invalid character in statusMessage", "type");
      }
      this.statusCode = code;
      this.#status = code;
      const reason = `${this.statusMessage}`;
      this.#reason = reason === "" || reason === STATUS_TEXT[code] ? undefined : reason;
      this._hasBody &&= code !== 204 && code !== 205 && code !== 304;
      this._header = `HTTP/1.1 ${code}`;
      this.headersSent = true;
      return this;
    }

    writeHeader(status: number, message?: string | GivenFields, given?: GivenFields): this {
      return this.writeHead(status, message, given);
    }

    write(chunk: Chunk, encoding?: string | Callback | null, callback?: Callback): boolean {
      if (typeof encoding === "function") return this.write(chunk, null, encoding);
      // Before anything else: what is no chunk is the caller's fault.
      const content = bodyOf(chunk, encoding);
      if (this.#isOver(callback)) return false;
      if (this.strictContentLength) this.#count(content, "more may come");
      const body = this.#streamed();
      if (!this._hasBody || content.length === 0) {
        if (callback !== undefined) nextTick(callback);
        return true;
      }
      this.#socket.touch();
      if (body.write(content)) {
        if (callback !== undefined) nextTick(callback);
        return true;
      }
      if (callback !== undefined) this.#callbacks.push(callback);
      if (body.waitingBytes < this.#parts.highWaterMark) return true;
      this.writableNeedDrain = true;
      return false;
    }

    end(
      chunk?: Chunk | Callback | null,
      encoding?: string | Callback | null,
      callback?: Callback | null,
    ): this {
      if (typeof chunk === "function") return this.end(null, null, chunk);
      if (typeof encoding === "function") return this.end(chunk, null, encoding);
      if (this.writableEnded || this.destroyed) {
        this.#endAgain(chunk, callback);
        return this;
      }
      const content = chunk === null || chunk === undefined ? null : bodyOf(chunk, encoding);
      if (this.strictContentLength) this.#count(content, "at the end");
      if (callback) this.once("finish", callback);
      const isWhole = this.#response === null && this.#trailerLines === "" &&
        (content === null || content.length <= MAX_WHOLE_BYTES);
      if (isWhole) this.#giveWhole(content);
      else this.#endStream(content);
      return this;
    }

    flushHeaders(): void {
      if (!NodeResponse.isDone(this) && !this.writableEnded) this.#streamed();
    }

    destroy(error?: Error): this {
      if (this.destroyed) return this;
      this.errored = error ?? null;
      this.#socket.destroy(error);
      if (!this.destroyed) {
        // It was complete, and nothing but its end is left.
        this.destroyed = true;
        nextTick(() => this.#close());
      }
      return this;
    }

    assignSocket(): void {
      throw nodeError("ERR_HTTP_SOCKET_ASSIGNED", "The response has a socket of the gateway's");
    }

    detachSocket(): void {
      this.socket = null;
    }

    addTrailers(given: GivenFields): void {
      this.#trailerLines += givenLines(given, "trailers");
    }

    cork(): void {
      this.writableCorked++;
    }

    uncork(): void {
      if (this.writableCorked > 0) this.writableCorked--;
    }

    writeContinue(callback?: Callback): void {
      this._sent100 = true;
      this.#parts.inform(100, "");
      if (callback !== undefined) nextTick(callback);
    }

    writeProcessing(callback?: Callback): void {
      this.#parts.inform(102, "");
      if (callback !== undefined) nextTick(callback);
    }

    writeEarlyHints(hints: Readonly<Record<string, unknown>>, callback?: Callback): void {
      if (typeof hints !== "object" || hints === null) {
        throw nodeError("ERR_INVALID_ARG_TYPE", 'The "hints" argument must be an object', "type");
      }
      const { link, ...others } = hints;
      if (link === null || link === undefined) return;
      const links = Array.isArray(link) ? link.join(", ") : link;
      if (links === "") return;
      this.#parts.inform(103, givenLines({ Link: links, ...others }, "hints"));
      if (callback !== undefined) nextTick(callback);
    }

    setTimeout(timeoutMs: number, onTimeout?: () => void): this {
      if (onTimeout !== undefined) this.on("timeout", onTimeout);
      this.#socket.setTimeout(timeoutMs);
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
    #isOver(callback: Callback | undefined): boolean {
      if (!this.writableEnded && !this.destroyed) return false;
      const error = this.writableEnded
        ? nodeError("ERR_STREAM_WRITE_AFTER_END", "write after end")
        : nodeError("ERR_STREAM_DESTROYED", "Cannot call write after a stream was destroyed");
      if (callback !== undefined) nextTick(callback, error);
      // In Node it would be nobody's error, and end the process, if nobody listened.
      if (!this.destroyed) nextTick(() => this.#tell(error));
      return true;
    }

    #endAgain(chunk: Chunk | null | undefined, callback: Callback | null | undefined): void {
      if (chunk !== null && chunk !== undefined) this.#isOver(callback ?? undefined);
      else if (!callback) return;
      else if (this.writableEnded && !this.writableFinished && !this.destroyed) {
        this.once("finish", callback);
      } else {
        nextTick(
          callback,
          this.writableFinished
            ? nodeError(
              "ERR_STREAM_ALREADY_FINISHED",
              "Cannot call end after a stream was finished",
            )
            : nodeError("ERR_STREAM_DESTROYED", "Cannot call end after a stream was destroyed"),
        );
      }
    }

    #tell(error: Error): void {
      this.errored = error;
      if (this.listenerCount("error") === 0) return;
      this.#socket.guard(() => this.emit("error", error));
    }

    /** The field lines, if the head can be sent. */
    #head(): string {
      // Frameworks wrap writeHead() to be told.
      if (this._header === null) this._implicitHeader();
      let lines = this.#fields.lines();
      if (!this.shouldKeepAlive && !this.#fields.has("connection")) {
        lines += "Connection: close\r\n";
      }
      return lines;
    }

    #give(response: Response): void {
      this.#response = response;
      this.#waiting?.resolve(response);
    }

    /** Gives the gateway the whole response. */
    #giveWhole(content: Chunk | null): void {
      const fieldLines = this.#head();
      const body = !this._hasBody && this.req.method !== "HEAD" || content === null
        ? null
        : typeof content === "string"
        ? content
        : copyOfBytes(content);
      this.#give(lightResponse({ status: this.#status, reason: this.#reason, fieldLines, body }));
      this.#setEnded();
      nextTick(NodeResponse.#finishOf, this);
    }

    /** The body that is streamed; the head is given before. */
    #streamed(length?: number): OutgoingBody {
      if (this.#body !== null) return this.#body;
      let fieldLines = this.#head();
      if (length !== undefined && !this.#fields.has("content-length") && this._hasBody) {
        fieldLines += `Content-Length: ${length}\r\n`;
      }
      this.#body = new OutgoingBody({
        onRoom: () => {
          this.#socket.touch();
          this.#release(null);
        },
        onDone: () => nextTick(() => this.#finish()),
        onUnwanted: () => void this.#socket.destroy(nodeError("ECONNRESET", "aborted")),
      }, this.#saidLength());
      this.#give(
        lightResponse({
          status: this.#status,
          reason: this.#reason,
          fieldLines,
          body: null,
          source: this.#body,
          announcesTrailers: this.#fields.has("trailer"),
        }),
      );
      return this.#body;
    }

    /** Counts some of the body, and throws, as Node does, if it is not as long as the fields say. */
    #count(content: Chunk | null, where: "more may come" | "at the end"): void {
      // The head tells whether there is a body.
      if (this._header === null) this._implicitHeader();
      const said = this.#saidLength();
      if (said === undefined || !this._hasBody) return;
      const bytes = this.#bodyBytes + (content === null ? 0 : bytesOf(content, null).length);
      if (bytes > said || where === "at the end" && bytes !== said) {
        throw nodeError(
          "ERR_HTTP_CONTENT_LENGTH_MISMATCH",
          `Response body's content-length of ${bytes} byte(s) does not match the content-length of ` +
            `${said} byte(s) set in header`,
        );
      }
      this.#bodyBytes = bytes;
    }

    /** The length of the body, if the fields say it. */
    #saidLength(): number | undefined {
      const length = this.#fields.get("content-length");
      return typeof length === "number" || typeof length === "string" ? Number(length) : undefined;
    }

    #endStream(content: Chunk | null): void {
      const bytes = content === null ? null : bytesOf(content, null);
      const isOnly = this.#response === null && this.#trailerLines === "";
      const body = this.#streamed(isOnly ? bytes?.length : undefined);
      this.#setEnded();
      if (bytes !== null && bytes.length > 0 && this._hasBody) body.write(bytes);
      body.end(this.#trailerLines);
    }

    #setEnded(): void {
      this.finished = true;
      this.writableEnded = true;
    }

    #fail(error: Error): void {
      this.#failure = error;
      this.#waiting?.reject(error);
    }

    /** There is room again, or, with an error, there never will be. */
    #release(error: Error | null): void {
      const callbacks = this.#callbacks;
      if (callbacks.length > 0) this.#callbacks = [];
      for (const callback of callbacks) nextTick(callback, error);
      if (!this.writableNeedDrain) return;
      this.writableNeedDrain = false;
      if (error !== null || this.writableEnded) return;
      nextTick(() => this.#socket.guard(() => this.emit("drain")));
    }

    #finish(): void {
      if (this.destroyed) return;
      this.#release(null);
      this.writableFinished = true;
      try {
        this.emit("prefinish");
        this.emit("finish");
      } catch (error) {
        this.#socket.fail(error);
      }
      this.#parts.onFinished();
      this.#close();
    }

    #close(): void {
      if (this.closed) return;
      this.closed = true;
      this._closed = true;
      this.destroyed = true;
      try {
        this.emit("close");
      } catch (error) {
        this.#socket.fail(error);
      }
    }
  }
  const natives = [Native.prototype, Outgoing.prototype];
  shareMembers(NodeResponse.prototype, natives, NodeResponse.isOurs);
  setPrototypeOf(NodeResponse.prototype, Native.prototype);
  return {
    class: NodeResponse as unknown as ResponseClass,
    make: (parts, req, socket, Kind) => {
      nextParts = parts;
      nextSocket = socket;
      const res = Kind === undefined ? new NodeResponse(req) : new Kind(req, {});
      return (NodeResponse.isOurs(res) ? res : new NodeResponse(req)) as NodeResponse;
    },
    responseOf: (res) => NodeResponse.responseOf(res as NodeResponse),
    isDone: (res) => NodeResponse.isDone(res as NodeResponse),
    isStreaming: (res) => NodeResponse.isStreaming(res as NodeResponse),
    onSocketEnded: (res, reason) => NodeResponse.onSocketEnded(res as NodeResponse, reason),
  };
}
