/**
 * One HTTP/1.1 connection: reads bytes into the parser, hands requests to the handler, and writes
 * the answers in the order of the requests.
 *
 * @module
 */

import type { OutputBuffer } from "../base/buffers.ts";
import { ProtocolError } from "../base/errors.ts";
import type { AbortReason, ExchangeHandler, Peer } from "../message/exchange.ts";
import { CHUNK_COST_BYTES, RequestHead } from "../message/exchange.ts";
import {
  HALF_CLOSED_TIMEOUT_MS,
  LINGER_TIMEOUT_MS,
  NEW_CONNECTION_MS,
  QUIET_CONNECTION_MS,
} from "../net/limits.ts";
import { ReadBuffer } from "../net/read_buffer.ts";
import { isConnectionError, Sender } from "../net/sender.ts";
import type { SenderOwner } from "../net/sender.ts";
import type { ConnectionHost, SocketConnection } from "../net/socket_endpoint.ts";
import { expired } from "../net/socket_endpoint.ts";
import { WaitingPlace } from "../net/waiting_list.ts";
import { bodyTooSlow, headTooSlow } from "../message/request_faults.ts";
import { Deliveries } from "./deliveries.ts";
import { HttpExchange } from "./http_exchange.ts";
import type { HttpLimits } from "./codec/limits.ts";
import {
  FEW_UNSENT_BYTES,
  FIRST_WINDOW_BYTES,
  MAX_DISCARDED_BYTES,
  MAX_PIPELINED_REQUESTS,
  WINDOW_PIECE_BYTES,
} from "./codec/limits.ts";
import { BODY, CHUNK, END, HEAD, NEED_DATA, RequestParser } from "./codec/parser.ts";
import { Pipeline } from "./pipeline.ts";
import type { DateLine } from "./codec/writer.ts";
import { ResponseWriter } from "./codec/writer.ts";

/** What the HTTP connections of an endpoint have in common. */
export interface HttpHost {
  /** Takes the requests. */
  readonly handler: ExchangeHandler;
  /** Limits of each connection. */
  readonly limits: HttpLimits;
  /** The `Date` line, kept up to date. */
  readonly date: DateLine;
}

/** Where a connection stands. */
const OPEN = 0;
/** The last response is being sent. */
const FINISHING = 1;
/** Our side is shut down; what the client still sends is discarded, so that it can read our answer. */
const LINGERING = 2;
const CLOSED = 3;

/** A connection of an HTTP endpoint. */
export class HttpConnection implements SocketConnection, SenderOwner {
  /** Writes the responses. */
  readonly writer: ResponseWriter;
  /** What the connections of the endpoint share. */
  readonly host: ConnectionHost<HttpConnection>;
  readonly place: WaitingPlace<SocketConnection> = new WaitingPlace(this);

  readonly #conn: Deno.Conn;
  readonly #http: HttpHost;
  readonly #parser: RequestParser;
  readonly #sender: Sender;
  readonly #out: OutputBuffer;
  #state = OPEN;
  readonly #pipeline = new Pipeline();
  /** The request whose body is being read, unless nobody wants it. */
  #receiving: HttpExchange | null = null;
  #requestCount = 0;
  /** Requests that were answered since the last sending began. */
  #answeredCount = 0;
  #discardedBytes = 0;
  readonly #readBuffer: ReadBuffer;
  #resumeReading: (() => void) | null = null;
  #pumping = false;
  #peerClosed = false;
  /** When the head that is being read began; 0 when none is. */
  #headStartedAt = 0;
  /** Whether a request was refused, so that its client may still be sending. */
  #lingers = false;
  /** Whether nothing has come over the connection. */
  #isUnread = true;
  /** When the client was last seen to send. */
  #readAt: number;
  readonly #deliveries = new Deliveries();

  /** Makes a connection over `conn`. */
  constructor(conn: Deno.Conn, peer: Peer, http: HttpHost, host: ConnectionHost<HttpConnection>) {
    this.#conn = conn;
    this.#http = http;
    this.host = host;
    this.#parser = new RequestParser(http.limits, peer);
    this.#sender = new Sender(conn, host.buffers, host, this);
    this.#out = this.#sender.out;
    this.#setWindow(FIRST_WINDOW_BYTES);
    this.writer = new ResponseWriter(this.#out, http.date);
    this.#readBuffer = new ReadBuffer(host.buffers);
    this.#readAt = host.now;
  }

  get owedCount(): number {
    if (this.#state >= LINGERING) return 0;
    return this.#pipeline.length || (this.#sender.pendingBytes > 0 ? 1 : 0);
  }

  /** Serves the connection until it is closed. Never rejects. */
  async serve(): Promise<void> {
    try {
      while (this.#state < CLOSED) {
        const bytes = await this.#conn.read(this.#readBuffer.bytes);
        if (bytes === null) {
          this.#onEnd();
          return;
        }
        this.#readAt = this.host.now;
        this.#isUnread = false;
        if (this.#state === LINGERING) {
          this.#discardedBytes += bytes;
          if (this.#discardedBytes > MAX_DISCARDED_BYTES) this.#close("client-gone");
          continue;
        }
        this.#parser.push(this.#readBuffer.bytes, bytes);
        this.#pump();
        while (this.#parser.hasUnread) await this.#readingResumed();
        this.#readBuffer.adapt(bytes, this.#parser.inBody ? "in a body" : "between bodies");
      }
    } catch (error) {
      if (!isConnectionError(error)) {
        this.host.log("error", `http: ${error instanceof Error ? error.stack : error}`);
      }
      this.#close("client-gone");
    } finally {
      // Nothing is read into it any more, and what was in it has been taken.
      this.#readBuffer.release();
    }
  }

  /** The exchange whose response is to be sent next. */
  get front(): HttpExchange | undefined {
    return this.#pipeline.front;
  }

  /** Whether nothing is under way, not even part of a request. */
  get idle(): boolean {
    return this.#owesNothing && this.#parser.betweenRequests;
  }

  /** Whether all requests that have come are answered, and the answers sent. */
  get #owesNothing(): boolean {
    return this.#state === OPEN && this.#pipeline.length === 0 && !this.#parser.inBody &&
      !this.#sender.sending && this.#out.length === 0;
  }

  /** Takes the place that the connection has now among those that can be closed to make room. */
  #takePlace(): void {
    const { place, host } = this;
    if (!this.#owesNothing) {
      place.leave();
      return;
    }
    const isIdle = this.#requestCount > 0 && this.#parser.betweenRequests;
    const list = isIdle ? host.idle : host.awaited;
    if (place.list !== list) list.add(place, host.now);
  }

  /** Whether `exchange` is the last that the connection will carry. */
  isLast(exchange: HttpExchange): boolean {
    // A client that was not told to go on may, or may not, send its body.
    if (exchange.awaitsContinue) exchange.isLast = true;
    if (exchange.isLast) return true;
    if (this.host.draining && this.#pipeline.length === 1 && !this.#parser.hasUnread) {
      exchange.isLast = true;
      if (this.#receiving === null) this.#parser.close();
    }
    return exchange.isLast;
  }

  /** Bytes of the body of `exchange` that have not been read; `Infinity` if their number is not known. */
  unreadBytes(exchange: HttpExchange): number {
    return this.#receiving === exchange ? this.#parser.remainingBytes : 0;
  }

  /** Takes note that the response to `exchange`, which comes before its turn, takes `bytes` in all. */
  onHeld(exchange: HttpExchange, bytes: number): void {
    this.#pipeline.hold(exchange, bytes);
    // There may be room for another request now.
    if (this.#pipeline.isWaiting && !this.#pumping) this.#resume();
  }

  /** Gives the exchange at the front, whose response has begun, the rest of its window if there is room. */
  giveOwedCredit(exchange: HttpExchange): void {
    this.#pipeline.onLarge();
    exchange.giveCredit(0, this.#sender.pendingBytes <= FEW_UNSENT_BYTES);
  }

  /** Counts body bytes that were put into the output for the exchange at the front. */
  countBody(bytes: number): void {
    this.#deliveries.count(bytes);
  }

  /** Sees to it that what was written is sent. */
  scheduleFlush(): void {
    if (this.#sender.sending || this.#pumping) return;
    // A handler that has used its window up waits for this: what is sent at once needs no memory.
    if (this.#out.length >= this.#pipeline.windowBytes) this.flush();
    else this.host.scheduleFlush(this);
  }

  /** Sends what was written, unless a write is under way already. */
  flush(): void {
    if (this.#sender.sending || this.#state >= LINGERING) return;
    const out = this.#out;
    if (out.length === 0) {
      if (this.#state === FINISHING && this.#pipeline.length === 0) this.#finish();
      return;
    }
    this.#answeredCount = 0;
    this.#deliveries.onSending();
    this.#sender.start();
  }

  /** Is told that the response of the exchange at the front is complete. */
  onResponseComplete(exchange: HttpExchange): void {
    this.#pipeline.shift();
    this.#answeredCount++;
    this.#deliveries.onComplete(exchange);
    if (this.#receiving === exchange) {
      this.#receiving = null;
      this.#discardedBytes = 0;
      const { remainingBytes } = this.#parser;
      if (remainingBytes !== Infinity && remainingBytes > MAX_DISCARDED_BYTES) {
        this.writer.closes = true;
      }
    }
    if (this.writer.closes) {
      this.#state = FINISHING;
      this.#abandon("client-gone");
    } else {
      this.#pipeline.front?.becomeFront();
      if (!this.#pumping) this.#resume();
    }
    this.scheduleFlush();
  }

  /** Breaks the connection off after what was already written: the response cannot be completed. */
  breakOff(): void {
    this.writer.closes = true;
    this.#state = FINISHING;
    this.#abandon("client-gone");
    this.scheduleFlush();
  }

  /** Is told that the handler takes more of the body that is being read. */
  onGrant(exchange: HttpExchange): void {
    // The client could not go on before this: its time begins now.
    this.#readAt = this.host.now;
    if (exchange.awaitsContinue && exchange === this.#pipeline.front && !exchange.responded) {
      exchange.awaitsContinue = false;
      this.writer.writeContinue();
      this.scheduleFlush();
    }
    if (!this.#pumping) this.#resume();
  }

  /** Ends what has taken too long. */
  checkDeadlines(now: number): void {
    const { limits } = this.#http;
    if (this.#state === LINGERING) {
      if (now - this.#readAt > LINGER_TIMEOUT_MS) this.#close("client-gone");
      return;
    }
    if (this.#sender.sending) {
      if (expired(now, this.#sender.progressAt, limits.bodyIdleTimeoutMs)) this.#close("timeout");
      return;
    }
    const front = this.#pipeline.front;
    if (this.#peerClosed) {
      const since = Math.max(this.#readAt, this.#sender.progressAt);
      if (now - since > HALF_CLOSED_TIMEOUT_MS) this.#close("client-gone");
    } else if (this.#isAwaitingBody) {
      const bodyOverdue = expired(now, this.#readAt, limits.bodyIdleTimeoutMs);
      if (bodyOverdue) this.#refuse(bodyTooSlow());
    } else if (front === undefined) {
      this.#checkIdleDeadlines(now);
      return;
    }
    if (front !== undefined && !front.responded) {
      if (expired(now, front.startedAt, limits.requestTimeoutMs)) front.timeOut();
    }
  }

  /** Whether the client is to send a body that there is room for. */
  get #isAwaitingBody(): boolean {
    return this.#receiving !== null && this.#receiving.granted > 0 && !this.#pipeline.isWaiting &&
      !this.#parser.hasUnread;
  }

  #checkIdleDeadlines(now: number): void {
    const { limits } = this.#http;
    if (this.#state !== OPEN) return;
    if (this.host.draining && this.#isQuiet(now)) this.#close("shutdown");
    else if (this.#parser.inBody) {
      if (expired(now, this.#readAt, limits.bodyIdleTimeoutMs)) this.#close("timeout");
    } else if (!this.#parser.betweenRequests) {
      if (expired(now, this.#headStartedAt, limits.headerTimeoutMs)) this.#refuse(headTooSlow());
    } else if (this.#requestCount === 0) {
      if (expired(now, this.#readAt, limits.headerTimeoutMs)) this.#close("timeout");
    } else {
      const since = Math.max(this.#readAt, this.#sender.progressAt);
      if (expired(now, since, limits.idleTimeoutMs)) this.#close("timeout");
    }
  }

  /**
   * Closes the connection if it is idle, and has been for a while: the next request may be on its way.
   * Else it is closed after what it carries.
   */
  drain(): void {
    if (this.#isQuiet(this.host.now)) this.#close("shutdown");
  }

  #isQuiet(now: number): boolean {
    const quietMs = now - Math.max(this.#readAt, this.#sender.progressAt);
    return this.idle &&
      quietMs > (this.#requestCount > 0 ? QUIET_CONNECTION_MS : NEW_CONNECTION_MS);
  }

  /** Closes the connection at once. */
  abort(reason: AbortReason): void {
    this.#close(reason);
  }

  /** Reads events off the parser as long as somebody takes them. */
  #pump(): void {
    const parser = this.#parser;
    this.#pumping = true;
    try {
      while (this.#state === OPEN) {
        if (this.#pipeline.isWaiting && !this.#beginNext()) break;
        const exchange = this.#receiving;
        if (parser.inBody) {
          if (exchange !== null && parser.atBodyData && !mayGoOn(exchange)) break;
        } else if (this.#pipeline.length >= MAX_PIPELINED_REQUESTS) {
          break;
        }
        const event = parser.next(exchange === null ? Infinity : exchange.granted);
        if (event === NEED_DATA) break;
        if (event === HEAD) this.#onHead();
        else if (event === BODY) this.#onBody(exchange);
        else if (event === CHUNK) this.#onChunk(exchange);
        else if (event === END) this.#onBodyEnd(exchange);
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#refuse(error);
    } finally {
      this.#pumping = false;
    }
    const isHeldUp = this.#pipeline.isWaiting || this.#pipeline.length >= MAX_PIPELINED_REQUESTS;
    if (parser.betweenRequests || isHeldUp) this.#headStartedAt = 0;
    else if (this.#headStartedAt === 0) this.#headStartedAt = this.host.now;
    // A single answer waits until the other connections have been read, too: a client that is woken by
    // each answer alone costs both sides more than the answer does.
    if (this.#answeredCount === 1 && this.#state === OPEN) this.host.scheduleFlush(this);
    else this.flush();
    this.#takePlace();
  }

  #onHead(): void {
    const parser = this.#parser;
    const { limits } = this.#http;
    const exchange = new HttpExchange(this, parser.takeHead(), this.host.now);
    this.#headStartedAt = 0;
    this.#requestCount++;
    exchange.isLast = !parser.keepAlive || this.#requestCount === limits.maxRequestsPerConnection;
    if (parser.inBody) this.#receiving = exchange;
    else if (exchange.isLast) parser.close();
    this.#pipeline.add(exchange);
    // The bytes of its head are those of the read buffer.
    if (!this.#beginNext()) exchange.head.detach();
  }

  /** Hands the request that waits to the handler; `false` if it has to wait on. */
  #beginNext(): boolean {
    const exchange = this.#pipeline.begin(this.#sender.pendingBytes);
    if (exchange === null) return false;
    // The client could not go on with its body before this.
    exchange.startedAt = this.#readAt = this.host.now;
    this.#http.handler.handle(exchange);
    if (this.#peerClosed) exchange.receiver.onAbort("client-half-closed");
    return true;
  }

  #onChunk(exchange: HttpExchange | null): void {
    if (exchange === null) {
      this.#discard(CHUNK_COST_BYTES);
    } else {
      exchange.granted -= CHUNK_COST_BYTES;
      exchange.receiver.onChunk(this.#parser.chunkBytes);
    }
  }

  #onBody(exchange: HttpExchange | null): void {
    const parser = this.#parser;
    const bytes = parser.bodyEnd - parser.bodyStart;
    if (exchange === null) {
      this.#discard(bytes);
      return;
    }
    exchange.granted -= bytes;
    exchange.awaitsContinue = false;
    const complete = !parser.inBody;
    if (complete) this.#onBodyComplete(exchange);
    exchange.receiver.onBody(parser.buffer.subarray(parser.bodyStart, parser.bodyEnd));
  }

  /** Takes note of part of a body that nobody reads: a long one is not worth its connection. */
  #discard(bytes: number): void {
    this.#discardedBytes += bytes;
    if (this.#discardedBytes > MAX_DISCARDED_BYTES) this.breakOff();
  }

  #onBodyEnd(exchange: HttpExchange | null): void {
    if (exchange === null) return;
    const { buffer, bodyStart, bodyEnd } = this.#parser;
    this.#onBodyComplete(exchange);
    exchange.receiver.onEnd(buffer.subarray(bodyStart, bodyEnd));
  }

  #onBodyComplete(exchange: HttpExchange): void {
    this.#receiving = null;
    if (exchange.isLast) this.#parser.close();
  }

  /** Answers what cannot be served, after the responses that are still due, and ends the connection. */
  #refuse(error: ProtocolError): void {
    this.#parser.close();
    const exchange = this.#receiving;
    if (exchange === null) {
      const refused = new HttpExchange(this, new RequestHead(), this.host.now);
      refused.isLast = true;
      this.#lingers = true;
      this.#pipeline.addRefused(refused);
      refused.refuse(error);
      return;
    }
    this.#receiving = null;
    this.#lingers = true;
    exchange.isLast = true;
    exchange.receiver.onAbort(error.status === 408 ? "timeout" : "bad-request");
    exchange.refuse(error);
  }

  /** The client will send no more. */
  #onEnd(): void {
    this.#peerClosed = true;
    this.#readAt = this.host.now;
    const unfinished = this.#receiving !== null || this.#state === LINGERING ||
      this.#pipeline.length === 0 && !this.#sender.sending && this.#out.length === 0;
    if (unfinished) {
      this.#close("client-gone");
      return;
    }
    if (this.#pipeline.length === 0) this.#state = FINISHING;
    for (const exchange of [...this.#pipeline]) {
      exchange.receiver.onAbort("client-half-closed");
    }
    const { last } = this.#pipeline;
    if (last !== undefined) last.isLast = true;
    else this.scheduleFlush();
  }

  #readingResumed(): Promise<void> {
    return new Promise((resolve) => this.#resumeReading = resolve);
  }

  /** Goes on with what is left in the read buffer, and then with reading. */
  #resume(): void {
    if (this.#resumeReading === null && !this.#pipeline.isWaiting) return;
    this.#pump();
    if (this.#parser.hasUnread && this.#state === OPEN) return;
    this.#readAt = this.host.now;
    const resume = this.#resumeReading;
    this.#resumeReading = null;
    resume?.();
  }

  onSent(): void {
    const bytes = this.#deliveries.onSent();
    const { front } = this.#pipeline;
    if (front !== undefined && front.responded) this.#giveCredit(front, bytes);
    if (this.#pipeline.isWaiting) this.#resume();
    this.flush();
    this.#takePlace();
    // The response may have begun before there was a reason to announce the end.
    if (this.host.draining) this.drain();
  }

  /** Gives the exchange at the front credit for `bytes` of its response that were sent. */
  #giveCredit(front: HttpExchange, bytes: number): void {
    // The system holds much for a client that is behind, and there is no need to hold much more here.
    if (this.#sender.wasHeldUp) front.giveLessCredit(bytes);
    else front.giveCredit(bytes, this.#out.length <= FEW_UNSENT_BYTES);
    if (!front.isSmall) this.#setWindow(front.windowBytes);
  }

  #setWindow(bytes: number): void {
    this.#pipeline.windowBytes = bytes;
    this.#out.roomBytes = bytes - WINDOW_PIECE_BYTES;
  }

  onSendFailed(error: unknown): void {
    if (!isConnectionError(error)) {
      this.host.log("error", `http: cannot write to a client: ${error}`);
    }
    this.#close("client-gone");
  }

  /** Everything was sent: ends the connection so that the client gets all of it. */
  #finish(): void {
    const mayStillSend = this.#lingers || this.#parser.inBody || this.#parser.hasUnread;
    if (!mayStillSend || this.#peerClosed) {
      this.#close("client-gone");
      return;
    }
    this.#state = LINGERING;
    this.#discardedBytes = 0;
    this.#readAt = this.host.now;
    this.#parser.close();
    this.#conn.closeWrite().catch(() => this.#close("client-gone"));
    const resume = this.#resumeReading;
    this.#resumeReading = null;
    resume?.();
  }

  #close(reason: AbortReason): void {
    if (this.#state === CLOSED) return;
    this.#state = CLOSED;
    this.#parser.close();
    this.#abandon(reason);
    const { writing } = this.#sender;
    this.#sender.release();
    this.#resumeReading?.();
    this.#resumeReading = null;
    this.host.close(this, { conn: this.#conn, isUnread: this.#isUnread, writing });
  }

  /** Tells the handlers of all requests under way that their answers will not arrive. */
  #abandon(reason: AbortReason): void {
    const unsent = this.#state === CLOSED ? this.#deliveries.abandon() : [];
    const abandoned = [...this.#pipeline.clear(), ...unsent];
    this.#receiving = null;
    for (const exchange of abandoned) exchange.onAbandoned(reason);
  }
}

/** Whether the handler takes more of the body now. */
function mayGoOn({ granted, receiver }: HttpExchange): boolean {
  return granted > 0 && !receiver.congested;
}
