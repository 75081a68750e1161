/**
 * One FastCGI connection: reads records, keeps its requests apart, and writes what they answer.
 *
 * @module
 */

import type { OutputBuffer } from "../buffers.ts";
import { ProtocolError } from "../errors.ts";
import type { AbortReason } from "../exchange.ts";
import {
  HALF_CLOSED_TIMEOUT_MS,
  LARGE_READ_BYTES,
  LINGER_TIMEOUT_MS,
  NEW_CONNECTION_MS,
  SMALL_READ_BYTES,
} from "../net/limits.ts";
import { closeConn, isConnectionError, Sender } from "../net/sender.ts";
import type { SenderOwner } from "../net/sender.ts";
import type { ConnectionHost, SocketConnection } from "../net/socket_endpoint.ts";
import { expired } from "../net/socket_endpoint.ts";
import { decodePairs, writePair } from "../pairs.ts";
import { bodyTooSlow, headerTooLarge, headTooSlow } from "../request_faults.ts";
import type { FastCgiLimits } from "./limits.ts";
import type { RequestHandler } from "./request_handler.ts";
import { HOLD_UP_MS } from "./limits.ts";
import {
  ABORT_REQUEST,
  BEGIN_REQUEST,
  beginRecord,
  DATA,
  finishRecord,
  GET_VALUES,
  GET_VALUES_RESULT,
  isKnownType,
  KEEP_CONN,
  OVERLOADED,
  PARAMS,
  RecordReader,
  STDIN,
  UNKNOWN_ROLE,
  writeEndRequest,
  writeUnknownType,
} from "./records.ts";
import { ServerRequest } from "./server_request.ts";

/** What the FastCGI connections of an endpoint have in common. */
export interface FastCgiHost extends RequestHandler {
  /** Limits of each connection. */
  readonly limits: FastCgiLimits;
  /** The roles that can be asked for. */
  readonly roles: ReadonlySet<number>;
  /** Counts one more request in, unless there are too many. */
  admit(): boolean;
  /** Counts a request out. */
  release(): void;
}

/** What becomes of the requests of a connection: they are served, or told that there is no room. */
export type Admission = "served" | "overloaded";

/** Where a connection stands. */
const OPEN = 0;
/** The last response is being sent. */
const FINISHING = 1;
/** Our side is shut down; what the web server still sends is discarded, so that it can read our answer. */
const LINGERING = 2;
const CLOSED = 3;

/** A connection of a FastCGI endpoint. */
export class FastCgiConnection implements SocketConnection, SenderOwner {
  /** What all connections of the endpoint share. */
  readonly sockets: ConnectionHost<FastCgiConnection>;
  /** Where records are written. */
  readonly out: OutputBuffer;
  /** The socket. */
  readonly conn: Deno.Conn;

  readonly #host: FastCgiHost;
  readonly #admission: Admission;
  readonly #sender: Sender;
  readonly #reader = new RecordReader();
  readonly #requests = new Map<number, ServerRequest>();
  #state = OPEN;
  #readBuffer: Uint8Array;
  #resumeReading: (() => void) | null = null;
  #pumping = false;
  /** A request that begins as soon as it is known whether it has a body. */
  #starting: ServerRequest | null = null;
  #requestCount = 0;
  #peerClosed = false;
  /** Whether the connection ends with the requests that it carries. */
  #closes = false;
  /** Whether the web server may still be sending when the connection ends. */
  #lingers = false;
  #readAt: number;
  /** Since when a stream that nobody reads holds up the others; 0 if none does. */
  #heldUpAt = 0;
  /** When that was last over. */
  #releasedAt = 0;
  /** Requests that have written since the last sending began, and those whose bytes are being sent. */
  #unsent: ServerRequest[] = [];
  #inFlight: ServerRequest[] = [];

  /** Makes a connection over `conn`. */
  constructor(
    conn: Deno.Conn,
    host: FastCgiHost,
    sockets: ConnectionHost<FastCgiConnection>,
    admission: Admission,
  ) {
    this.conn = conn;
    this.#host = host;
    this.sockets = sockets;
    this.#admission = admission;
    this.#sender = new Sender(conn, sockets.buffers, sockets, this);
    this.out = this.#sender.out;
    this.#readBuffer = sockets.buffers.take(SMALL_READ_BYTES);
    this.#readAt = sockets.now;
  }

  /** Serves the connection until it is closed. Never rejects. */
  async serve(): Promise<void> {
    try {
      while (this.#state < CLOSED) {
        const bytes = await this.conn.read(this.#readBuffer);
        if (bytes === null) {
          this.#onEnd();
          return;
        }
        if (this.#state === LINGERING) continue;
        this.#readAt = this.sockets.now;
        this.#reader.push(this.#readBuffer, bytes);
        this.#pump();
        while (this.#reader.hasUnread && this.#state === OPEN) await this.#readingResumed();
        this.#adaptReadBuffer(bytes);
      }
    } catch (error) {
      if (!isConnectionError(error)) {
        this.sockets.log("error", `fastcgi: ${error instanceof Error ? error.stack : error}`);
      }
      this.#close("client-gone");
    }
  }

  /** Whether several requests are under way. */
  get isShared(): boolean {
    return this.#requests.size > 1;
  }

  /** Whether nothing is under way, not even part of a record. */
  get idle(): boolean {
    return this.#state === OPEN && this.#requests.size === 0 && this.#reader.betweenRecords &&
      !this.#reader.hasUnread && !this.#sender.sending && this.out.length === 0;
  }

  /** Whether the connection can be closed to make room: idle, and not so new that it had no chance yet. */
  isSpare(now: number): boolean {
    return this.idle && (this.#requestCount > 0 || now - this.#readAt > NEW_CONNECTION_MS);
  }

  /** Is told that a request has written something, or wants to know when it was sent. */
  enlist(request: ServerRequest): void {
    this.#unsent.push(request);
  }

  /** Sees to it that what was written is sent. */
  scheduleFlush(): void {
    if (!this.#sender.sending && !this.#pumping) this.sockets.scheduleFlush(this);
  }

  /** Sends what was written, unless a sending is under way already. */
  flush(): void {
    if (this.#sender.sending || this.#state >= LINGERING) return;
    if (this.out.length === 0) {
      if (this.#state === FINISHING) this.#finish();
      return;
    }
    this.#inFlight = this.#unsent;
    this.#unsent = [];
    for (const request of this.#inFlight) request.onSending();
    this.#sender.start();
  }

  onSent(): void {
    const sent = this.#inFlight;
    this.#inFlight = [];
    for (const request of sent) request.onSent();
    this.flush();
    if (this.sockets.draining) this.drain();
  }

  onSendFailed(error: unknown): void {
    if (!isConnectionError(error)) {
      this.sockets.log("error", `fastcgi: cannot write to the web server: ${error}`);
    }
    this.#close("client-gone");
  }

  /** Is told that a request takes more of its input. */
  onGrant(): void {
    if (!this.#pumping) this.#resume();
  }

  /** Is told by a request that it has ended. */
  onRequestEnded(request: ServerRequest): void {
    // After the end of its connection, its number may be another's.
    if (this.#requests.get(request.id) === request) this.#requests.delete(request.id);
    this.#host.release();
    if (!request.keepConn || this.sockets.draining) this.#closes = true;
    if (!request.inputIsComplete) this.#lingers = true;
    if (!this.#pumping) this.#resume();
    this.#finishIfLast();
    this.scheduleFlush();
  }

  /** Breaks the connection off after what was already written. */
  breakOff(): void {
    this.#state = FINISHING;
    this.#reader.discard();
    this.#lingers = false;
    this.#loseRequests("client-gone");
    this.scheduleFlush();
  }

  /** Ends what has taken too long. */
  checkDeadlines(now: number): void {
    const { limits } = this.#host;
    if (this.#state === LINGERING) {
      if (now - this.#readAt > LINGER_TIMEOUT_MS) this.#close("client-gone");
      return;
    }
    if (this.#heldUpAt > 0 && now - this.#heldUpAt > HOLD_UP_MS) this.#resume();
    const { sending, progressAt } = this.#sender;
    if (sending && expired(now, progressAt, limits.bodyIdleTimeoutMs)) {
      this.#close("timeout");
    } else if (this.#peerClosed) {
      const since = Math.max(this.#readAt, progressAt);
      if (!sending && now - since > HALF_CLOSED_TIMEOUT_MS) this.#close("client-gone");
    } else if (this.#requests.size === 0) {
      if (this.#state === OPEN && !sending) this.#checkIdleDeadlines(now);
    } else {
      for (const request of [...this.#requests.values()]) this.#checkRequest(request, now);
    }
  }

  /** Closes the connection if it is idle; else it is closed after what it carries. */
  drain(): void {
    if (this.idle) this.#close("shutdown");
  }

  /** Closes the connection at once. */
  abort(reason: AbortReason): void {
    this.#close(reason);
  }

  #checkIdleDeadlines(now: number): void {
    const { limits } = this.#host;
    const isNew = this.#requestCount === 0 || !this.#reader.betweenRecords;
    const timeoutMs = isNew ? limits.headerTimeoutMs : limits.idleTimeoutMs;
    const since = Math.max(this.#readAt, this.#sender.progressAt);
    if (expired(now, since, timeoutMs)) this.#close("timeout");
  }

  #checkRequest(request: ServerRequest, now: number): void {
    const { limits } = this.#host;
    if (request.params !== null) {
      if (expired(now, request.startedAt, limits.headerTimeoutMs)) {
        this.#host.refuse(request, headTooSlow());
      }
      return;
    }
    if (!request.responded && expired(now, request.startedAt, limits.requestTimeoutMs)) {
      request.receiver.onTimeout();
    } else if (
      request.isAwaitingInput && this.#heldUpAt === 0 &&
      expired(now, Math.max(request.inputAt, this.#releasedAt), limits.bodyIdleTimeoutMs)
    ) {
      const { receiver } = request;
      this.#host.refuse(request, bodyTooSlow());
      receiver.onAbort("timeout");
    }
  }

  /** Reads records as long as somebody takes them. */
  #pump(): void {
    const reader = this.#reader;
    this.#pumping = true;
    try {
      while (this.#state === OPEN && (reader.inRecord || reader.readHeader())) {
        if (!this.#readContent()) break;
      }
      if (this.#starting !== null && this.#state === OPEN) this.#start();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#onProtocolError(error);
    } finally {
      this.#pumping = false;
    }
    this.#finishIfLast();
    this.flush();
  }

  /** Takes what there is of a record's content; `false` if the rest has to wait. */
  #readContent(): boolean {
    const reader = this.#reader;
    const { type, requestId } = reader;
    const starting = this.#starting;
    if (starting !== null) {
      // The very next record mostly says that there is no body.
      const isEnd = type === STDIN && requestId === starting.id && reader.contentLength === 0;
      if (isEnd) starting.endInput(STDIN);
      this.#start();
    }
    switch (type) {
      case BEGIN_REQUEST:
        if (!reader.takeAll()) return false;
        this.#onBegin();
        return true;
      case ABORT_REQUEST:
        reader.skip();
        this.#requests.get(requestId)?.abort("client-gone");
        return true;
      case PARAMS:
        return this.#readParams(this.#requests.get(requestId));
      case STDIN:
      case DATA:
        return this.#readInput(type, this.#requests.get(requestId));
      case GET_VALUES:
        if (requestId !== 0) return reader.skip();
        if (!reader.takeAll()) return false;
        this.#onGetValues();
        return true;
      default:
        if (isKnownType(type)) {
          throw new ProtocolError(
            400,
            `a record of type ${type}, which only applications send`,
            "FastCGI 1.0 3.3",
          );
        }
        if (!reader.skip()) return false;
        writeUnknownType(this.out, type);
        return true;
    }
  }

  #onBegin(): void {
    const { content, start, requestId: id } = this.#reader;
    const { limits } = this.#host;
    if (id === 0) {
      throw new ProtocolError(400, "a request with the number 0", "FastCGI 1.0 3.3");
    }
    if (this.#requests.has(id)) {
      throw new ProtocolError(
        400,
        `a second request ${id} before the end of the first`,
        "FastCGI 1.0 3.3",
      );
    }
    const role = (content[start] << 8) | content[start + 1];
    const keepConn = (content[start + 2] & KEEP_CONN) !== 0;
    this.#requestCount++;
    if (this.#requestCount === limits.maxRequestsPerConnection) this.#closes = true;
    if (!this.#host.roles.has(role)) {
      this.#turnAway(id, keepConn, UNKNOWN_ROLE);
    } else if (this.#admission === "overloaded" || !this.#host.admit()) {
      this.#turnAway(id, keepConn && this.#admission === "served", OVERLOADED);
    } else {
      this.#requests.set(id, new ServerRequest(this, id, role, keepConn, this.sockets.now));
    }
  }

  #turnAway(id: number, keepConn: boolean, protocolStatus: number): void {
    writeEndRequest(this.out, id, 0, protocolStatus);
    if (keepConn) return;
    this.#closes = true;
    // Its parameters are on their way.
    this.#lingers = true;
  }

  #readParams(request: ServerRequest | undefined): boolean {
    const reader = this.#reader;
    const params = request?.params ?? null;
    // What comes for a request that has ended crossed its end on the way.
    if (request === undefined || params === null) return reader.skip();
    if (reader.contentLength === 0) {
      reader.skip();
      this.#starting = request;
      return true;
    }
    const { limits } = this.#host;
    const bytes = reader.take(Infinity);
    if (params.length + bytes > limits.maxHeaderBytes) {
      this.#host.refuse(request, headerTooLarge(limits));
    } else if (bytes > 0) {
      params.append(reader.content.subarray(reader.start, reader.end));
    }
    return !reader.inRecord;
  }

  #start(): void {
    const request = this.#starting!;
    this.#starting = null;
    const params = request.params!;
    request.params = null;
    request.startedAt = request.inputAt = this.sockets.now;
    const { bytes, length } = params;
    try {
      this.#host.start(request, bytes, length);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#host.refuse(request, error);
    }
    this.sockets.buffers.give(params.takeBytes());
  }

  #readInput(type: typeof STDIN | typeof DATA, request: ServerRequest | undefined): boolean {
    const reader = this.#reader;
    const stream = request?.params === null ? request.input(type) : null;
    if (request === undefined || stream === null) {
      this.#release();
      return reader.skip();
    }
    if (reader.contentLength === 0) {
      reader.skip();
      request.endInput(type);
      return true;
    }
    if (stream.room <= 0 && this.#mayPutAside()) stream.putAside();
    const { room } = stream;
    if (room <= 0) {
      if (this.#heldUpAt === 0) this.#heldUpAt = this.sockets.now;
      return false;
    }
    this.#release();
    if (reader.take(room) > 0) {
      request.inputAt = this.sockets.now;
      stream.push(reader.content.subarray(reader.start, reader.end));
    }
    return !reader.inRecord || reader.hasUnread;
  }

  #release(): void {
    if (this.#heldUpAt === 0) return;
    this.#heldUpAt = 0;
    this.#releasedAt = this.sockets.now;
  }

  /**
   * Whether a stream that nobody reads is to let others pass: at once if there are others, else when it
   * has waited so long that there might be some behind it.
   */
  #mayPutAside(): boolean {
    return this.#requests.size > 1 ||
      (this.#heldUpAt > 0 && this.sockets.now - this.#heldUpAt > HOLD_UP_MS);
  }

  #onGetValues(): void {
    const { content, start, end } = this.#reader;
    const { maxConns, maxReqs } = this.#host.limits;
    const asked = decodePairs(content, start, end);
    const record = beginRecord(this.out);
    if ("FCGI_MAX_CONNS" in asked) writePair(this.out, "FCGI_MAX_CONNS", String(maxConns));
    if ("FCGI_MAX_REQS" in asked) writePair(this.out, "FCGI_MAX_REQS", String(maxReqs));
    if ("FCGI_MPXS_CONNS" in asked) writePair(this.out, "FCGI_MPXS_CONNS", "1");
    finishRecord(this.out, record, GET_VALUES_RESULT, 0);
  }

  #onProtocolError(error: ProtocolError): void {
    const { remoteAddr } = this.conn;
    const from = "hostname" in remoteAddr ? ` from ${remoteAddr.hostname}:${remoteAddr.port}` : "";
    this.sockets.log(
      "warning",
      `fastcgi: ${error.message} (${error.section})${from}: the connection is closed`,
    );
    this.#reader.discard();
    this.#state = FINISHING;
    this.#lingers = true;
    this.#loseRequests("bad-request");
  }

  /** The web server will send no more. */
  #onEnd(): void {
    this.#peerClosed = true;
    this.#readAt = this.sockets.now;
    const requests = [...this.#requests.values()];
    if (
      this.#state === LINGERING ||
      requests.length === 0 && !this.#sender.sending && this.out.length === 0
    ) {
      this.#close("client-gone");
      return;
    }
    this.#closes = true;
    for (const request of requests) {
      if (request.inputIsComplete) request.receiver.onAbort("client-half-closed");
      else request.abort("client-gone");
    }
    this.#finishIfLast();
    this.scheduleFlush();
  }

  #readingResumed(): Promise<void> {
    return new Promise((resolve) => this.#resumeReading = resolve);
  }

  /** Goes on with what is left in the read buffer, and then with reading. */
  #resume(): void {
    if (this.#resumeReading === null) return;
    this.#pump();
    if (this.#reader.hasUnread && this.#state === OPEN) return;
    this.#readAt = this.sockets.now;
    this.#wakeReading();
  }

  #wakeReading(): void {
    const resume = this.#resumeReading;
    this.#resumeReading = null;
    resume?.();
  }

  #adaptReadBuffer(bytes: number): void {
    if (this.#readBuffer.length !== LARGE_READ_BYTES) {
      if (bytes === this.#readBuffer.length) this.#useReadBuffer(LARGE_READ_BYTES);
    } else if (this.#requests.size === 0) {
      this.#useReadBuffer(SMALL_READ_BYTES);
    }
  }

  #useReadBuffer(bytes: number): void {
    this.sockets.buffers.give(this.#readBuffer);
    this.#readBuffer = this.sockets.buffers.take(bytes);
  }

  /** Ends the connection, unless something is under way, or has come already. */
  #finishIfLast(): void {
    if (!this.#closes || this.#state !== OPEN || this.#requests.size > 0) return;
    if (this.#pumping || (this.#reader.hasUnread && !this.#peerClosed)) return;
    this.#state = FINISHING;
  }

  /** Everything was sent: ends the connection so that the web server gets all of it. */
  #finish(): void {
    if (!this.#lingers || this.#peerClosed) {
      this.#close("client-gone");
      return;
    }
    this.#state = LINGERING;
    this.#readAt = this.sockets.now;
    this.#reader.discard();
    this.conn.closeWrite().catch(() => this.#close("client-gone"));
    this.#wakeReading();
  }

  #close(reason: AbortReason): void {
    if (this.#state === CLOSED) return;
    this.#state = CLOSED;
    this.#reader.discard();
    this.#loseRequests(reason);
    const unsent = [...this.#inFlight, ...this.#unsent];
    this.#inFlight = this.#unsent = [];
    for (const request of unsent) {
      if (request.ended) request.onConnectionLost(reason);
    }
    closeConn(this.conn);
    this.#sender.release();
    this.#wakeReading();
    this.sockets.onClosed(this);
  }

  /** Tells the handlers of all requests under way that their answers will not arrive. */
  #loseRequests(reason: AbortReason): void {
    this.#starting = null;
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    for (const request of requests) {
      this.#host.release();
      request.onConnectionLost(reason);
    }
  }
}
