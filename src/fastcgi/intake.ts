/**
 * What comes in over a FastCGI connection: its records, and the requests that they make up.
 *
 * @module
 */

import type { OutputBuffer } from "../base/buffers.ts";
import { ProtocolError } from "../base/errors.ts";
import type { AbortReason } from "../message/exchange.ts";
import { expired } from "../net/socket_connection.ts";
import type { ConnectionHost, SocketConnection } from "../net/socket_connection.ts";
import { decodePairs, writePair } from "../message/pairs.ts";
import { bodyTooSlow, headTooSlow, paramsTooLarge } from "../message/request_faults.ts";
import type { FastCgiConnection } from "./connection.ts";
import type { Admission, FastCgiHost } from "./connection_host.ts";
import { HOLD_UP_MS, MAX_UNSTARTED_REQUESTS, PARAMS_PER_HEADER_BYTES } from "./codec/limits.ts";
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
} from "./codec/records.ts";
import type { TurningAway } from "./request_handler.ts";
import { ServerRequest } from "./server_request.ts";
import { SharedWindow } from "./shared_window.ts";

/** Reads the records of a connection, and keeps its requests apart. */
export class Intake {
  /** The requests under way, by their numbers. */
  readonly requests = new Map<number, ServerRequest>();
  /** Requests that have begun, ever. */
  requestCount = 0;
  /** Whether a record waits until more of the answers to those before it was sent. */
  isBackedUp = false;
  /** Whether the connection ends with the requests that it carries. */
  closes = false;
  /** Whether the web server may still be sending when the connection ends. */
  lingers = false;
  /** Since when an unread stream has blocked the others; 0 if none does. */
  heldUpAt = 0;
  /** When that was last over. */
  releasedAt = 0;

  readonly #connection: FastCgiConnection;
  readonly #host: FastCgiHost;
  readonly #sockets: ConnectionHost<SocketConnection>;
  readonly #out: OutputBuffer;
  readonly #admission: Admission;
  readonly #reader: RecordReader;
  readonly #window: SharedWindow;
  /** A request that begins as soon as it is known whether it has a body. */
  #starting: ServerRequest | null = null;
  /** Requests whose parameters are not complete, and bytes of these. */
  #unstarted = 0;
  #paramsBytes = 0;
  /** The request whose parameters are still where they were read. */
  #borrower: ServerRequest | null = null;
  /** Whether it was logged that there is no room for bodies. */
  #hasToldNoFile = false;

  /** Makes one for `connection`, which reads with `reader`. */
  constructor(
    connection: FastCgiConnection,
    host: FastCgiHost,
    admission: Admission,
    reader: RecordReader,
    window: SharedWindow,
  ) {
    this.#connection = connection;
    this.#host = host;
    this.#sockets = connection.host;
    this.#out = connection.out;
    this.#admission = admission;
    this.#reader = reader;
    this.#window = window;
  }

  /**
   * Reads records as long as somebody takes them.
   *
   * @throws {ProtocolError} if one is malformed
   */
  read(): void {
    const reader = this.#reader;
    const connection = this.#connection;
    while (connection.isOpen && (reader.inRecord || reader.readHeader())) {
      if (!this.#readContent()) break;
    }
    if (this.#starting !== null && connection.isOpen) this.#start();
    // What they were read into is used for what comes next.
    this.#borrower?.params.keep();
    this.#borrower = null;
  }

  /** Ends those of the requests that have taken too long. */
  checkDeadlines(now: number): void {
    for (const request of [...this.requests.values()]) this.#checkRequest(request, now);
  }

  /** Tells the handlers of all requests under way that their answers will not arrive. */
  loseRequests(reason: AbortReason): void {
    this.#starting = null;
    const requests = [...this.requests.values()];
    this.requests.clear();
    for (const request of requests) {
      if (request.isAdmitted) this.#host.release();
      this.#window.close(request);
      this.forgetParams(request);
      request.onConnectionLost(reason);
    }
  }

  #checkRequest(request: ServerRequest, now: number): void {
    const { limits } = this.#host;
    if (request.awaitsParams) {
      if (expired(now, request.startedAt, limits.headerTimeoutMs)) {
        this.#host.refuse(request, headTooSlow());
      }
      return;
    }
    if (!request.responded && expired(now, request.startedAt, limits.requestTimeoutMs)) {
      request.receiver.onTimeout();
    } else if (request.isHeldBack) {
      if (expired(now, request.inputAt, limits.bodyIdleTimeoutMs)) request.giveUpInput();
    } else if (
      request.isAwaitingInput && this.heldUpAt === 0 &&
      expired(now, Math.max(request.inputAt, this.releasedAt), limits.bodyIdleTimeoutMs)
    ) {
      const { receiver } = request;
      this.#host.refuse(request, bodyTooSlow());
      request.giveUpInput();
      receiver.onAbort("timeout");
    }
  }

  /** Lets the record wait that was begun, if its answer would only wait, too. */
  #backUp(): boolean {
    this.isBackedUp = this.#connection.hasBacklog;
    return this.isBackedUp;
  }

  /** Takes what there is of a record's content; `false` if the rest has to wait. */
  #readContent(): boolean {
    const reader = this.#reader;
    const { type, requestId } = reader;
    const starting = this.#starting;
    if (starting !== null) {
      // Usually the next record says that there is no body.
      const isEnd = type === STDIN && requestId === starting.id && reader.contentLength === 0;
      if (isEnd) starting.endInput(STDIN);
      this.#start();
    }
    const request = this.requests.get(requestId);
    // It has no receiver: it may have crossed the end of its request (FastCGI 1.0 3.3).
    if (request === undefined && requestId !== 0 && type !== BEGIN_REQUEST) {
      this.#release();
      return reader.skip();
    }
    reader.checkLength();
    switch (type) {
      case BEGIN_REQUEST:
        if (this.#backUp() || !reader.takeAll()) return false;
        this.#onBegin();
        return true;
      case ABORT_REQUEST:
        reader.skip();
        request?.abort("client-gone");
        return true;
      case PARAMS:
        return this.#readParams(request);
      case STDIN:
      case DATA:
        return this.#readInput(type, request);
      case GET_VALUES:
        if (requestId !== 0) return reader.skip();
        if (this.#backUp() || !reader.takeAll()) return false;
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
        if (this.#backUp() || !reader.skip()) return false;
        writeUnknownType(this.#out, type);
        return true;
    }
  }

  #onBegin(): void {
    const { content, start, requestId: id } = this.#reader;
    const { limits } = this.#host;
    if (id === 0) {
      throw new ProtocolError(400, "a request with the number 0", "FastCGI 1.0 3.3");
    }
    if (this.requests.has(id)) {
      throw new ProtocolError(
        400,
        `a second request ${id} before the end of the first`,
        "FastCGI 1.0 3.3",
      );
    }
    const role = (content[start] << 8) | content[start + 1];
    const keepConn = (content[start + 2] & KEEP_CONN) !== 0;
    this.requestCount++;
    if (this.requestCount === limits.maxRequestsPerConnection) this.closes = true;
    if (!this.#host.roles.has(role)) {
      this.#turnAway(id, keepConn, UNKNOWN_ROLE);
    } else if (this.#admission === "overloaded" || this.#unstarted === MAX_UNSTARTED_REQUESTS) {
      this.#turnAway(id, keepConn && this.#admission === "served", OVERLOADED);
    } else {
      this.#unstarted++;
      this.requests.set(
        id,
        new ServerRequest(this.#connection, id, role, keepConn, this.#sockets.now),
      );
    }
  }

  #turnAway(id: number, keepConn: boolean, reason: TurningAway): void {
    this.#host.onTurnedAway?.(reason, this.#connection.conn, null);
    writeEndRequest(this.#out, id, 0, reason);
    if (keepConn) return;
    this.closes = true;
    // Its parameters are on their way.
    this.lingers = true;
  }

  /** Counts a request in, or sends it away if the endpoint has as many as it may. */
  #admit(request: ServerRequest): boolean {
    if (request.isAdmitted) return true;
    if (this.#host.admit()) return request.isAdmitted = true;
    this.#turnAwayBegun(request);
    return false;
  }

  /** Sends a request away that has begun, and not started. */
  #turnAwayBegun(request: ServerRequest): void {
    this.#host.onTurnedAway?.(OVERLOADED, this.#connection.conn, request);
    this.requests.delete(request.id);
    if (request.isAdmitted) this.#host.release();
    this.forgetParams(request);
    request.turnAway();
    if (request.keepConn) return;
    this.closes = this.lingers = true;
  }

  /** Gives back what the parameters of a request take that has not started. */
  forgetParams(request: ServerRequest): void {
    if (!request.awaitsParams) return;
    this.#countOut(request);
    request.params.release();
  }

  #readParams(request: ServerRequest | undefined): boolean {
    const reader = this.#reader;
    // What comes for a request that has ended crossed its end on the way.
    if (request === undefined || !request.awaitsParams) return reader.skip();
    const { params } = request;
    if (reader.contentLength === 0) {
      reader.skip();
      this.#starting = request;
      return true;
    }
    const maxBytes = this.#host.limits.maxHeaderBytes * PARAMS_PER_HEADER_BYTES;
    const bytes = reader.take(Infinity);
    if (params.length + bytes > maxBytes) {
      this.#host.refuse(request, paramsTooLarge(maxBytes));
    } else if (this.#paramsBytes + bytes > 2 * maxBytes) {
      this.#turnAwayBegun(request);
    } else if (bytes > 0) {
      this.#paramsBytes += bytes;
      if (params.add(reader.content.subarray(reader.start, reader.end)) === "borrowed") {
        this.#borrower?.params.keep();
        this.#borrower = request;
      }
    }
    return !reader.inRecord;
  }

  #start(): void {
    const request = this.#starting!;
    this.#starting = null;
    if (!this.#admit(request)) return;
    const { params } = request;
    this.#countOut(request);
    request.startedAt = request.inputAt = this.#sockets.now;
    this.#window.open(request);
    const { bytes, length } = params;
    try {
      this.#host.start(request, bytes, length);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#host.refuse(request, error);
    }
    params.release();
    if (!request.ended) request.releaseInput();
  }

  #readInput(type: typeof STDIN | typeof DATA, request: ServerRequest | undefined): boolean {
    const reader = this.#reader;
    const stream = request?.input(type) ?? null;
    if (request === undefined || stream === null) {
      this.#release();
      return reader.skip();
    }
    if (request.awaitsParams) {
      // It may come before the parameters are complete, and counts from then on.
      if (!this.#admit(request)) return true;
      stream.hold(this.#host.tempFolder, this.#onNoFile);
    }
    if (reader.contentLength === 0) {
      reader.skip();
      request.endInput(type);
      return true;
    }
    if (stream.room <= 0 && this.#mayPutAside()) {
      stream.putAside(this.#host.tempFolder, this.#onNoFile);
    }
    const { room } = stream;
    if (room <= 0) {
      if (this.heldUpAt === 0) this.heldUpAt = this.#sockets.now;
      return false;
    }
    this.#release();
    if (reader.take(room) > 0) {
      request.inputAt = this.#sockets.now;
      stream.push(reader.content.subarray(reader.start, reader.end));
    }
    return !reader.inRecord || reader.hasUnread;
  }

  #release(): void {
    if (this.heldUpAt === 0) return;
    this.heldUpAt = 0;
    this.releasedAt = this.#sockets.now;
  }

  /**
   * Whether an unread stream must let others pass: at once if there are others, else after a wait,
   * since some may be behind it.
   */
  #mayPutAside(): boolean {
    return this.requests.size > 1 ||
      (this.heldUpAt > 0 && this.#sockets.now - this.heldUpAt > HOLD_UP_MS);
  }

  #onGetValues(): void {
    const { content, start, end } = this.#reader;
    const { maxConns, maxReqs } = this.#host.limits;
    const asked = decodePairs(content, start, end);
    const record = beginRecord(this.#out);
    if ("FCGI_MAX_CONNS" in asked) writePair(this.#out, "FCGI_MAX_CONNS", String(maxConns));
    if ("FCGI_MAX_REQS" in asked) writePair(this.#out, "FCGI_MAX_REQS", String(maxReqs));
    if ("FCGI_MPXS_CONNS" in asked) writePair(this.#out, "FCGI_MPXS_CONNS", "1");
    finishRecord(this.#out, record, GET_VALUES_RESULT, 0);
  }

  /** Bodies wait on their connections then, and hold up what comes behind them. */
  readonly #onNoFile = (reason: string): void => {
    if (this.#hasToldNoFile) return;
    this.#hasToldNoFile = true;
    const { tempFolder } = this.#host;
    this.#sockets.log(
      "warning",
      `fastcgi: cannot write request bodies to ${tempFolder}: ` +
        `${reason}`,
    );
  };

  /** Counts a request out whose parameters are not awaited any more. */
  #countOut(request: ServerRequest): void {
    request.awaitsParams = false;
    this.#unstarted--;
    this.#paramsBytes -= request.params.length;
    if (this.#borrower === request) this.#borrower = null;
  }
}
