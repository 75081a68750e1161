/**
 * One HTTP/1.1 connection: reads bytes into the parser, hands requests to the handler, and writes
 * the answers in the order of the requests.
 *
 * @module
 */

import { ProtocolError } from "../base/errors.ts";
import { errorBodyBytes } from "../message/error_response.ts";
import type { AbortReason, ExchangeHandler, Peer, UpgradeHead } from "../message/exchange.ts";
import { CHUNK_COST_BYTES, RequestHead } from "../message/exchange.ts";
import { bodyTooSlow, headTooSlow } from "../message/request_faults.ts";
import type { ConnectionNames } from "../net/connection.ts";
import { CLOSED, Connection, FINISHING, OPEN } from "../net/connection.ts";
import { NEW_CONNECTION_MS, QUIET_CONNECTION_MS, TINY_READ_BYTES } from "../net/limits.ts";
import type { ConnectionHost, SocketConnection } from "../net/socket_connection.ts";
import { expired } from "../net/socket_connection.ts";
import type { HttpLimits } from "./codec/limits.ts";
import {
  FEW_UNSENT_BYTES,
  FIRST_WINDOW_BYTES,
  MAX_DISCARDED_BYTES,
  MAX_PIPELINED_REQUESTS,
  WINDOW_PIECE_BYTES,
} from "./codec/limits.ts";
import { BODY, CHUNK, END, HEAD, NEED_DATA, RequestParser } from "./codec/parser.ts";
import { refusedHead } from "./codec/refused_head.ts";
import type { OwnLines } from "./codec/writer.ts";
import { ResponseWriter } from "./codec/writer.ts";
import { Deliveries } from "./deliveries.ts";
import { HttpExchange } from "./http_exchange.ts";
import { Pipeline } from "./pipeline.ts";
import type { Successor } from "../net/successor.ts";
import type { MessageCompression } from "../websocket/codec/deflate_terms.ts";
import { succeed } from "./upgrades.ts";

/** What the HTTP connections of an endpoint have in common. */
export interface HttpHost {
  /** Takes the requests. */
  readonly handler: ExchangeHandler;
  /** Limits of each connection. */
  readonly limits: HttpLimits;
  /** What is done with messages of WebSockets. */
  readonly compression: MessageCompression;
  /** The `Date` line, kept up to date. */
  readonly date: OwnLines;
}

const NAMES: ConnectionNames = { protocol: "http", peer: "a client" };

/** A connection of an HTTP endpoint. */
export class HttpConnection extends Connection {
  /** Writes the responses. */
  readonly writer: ResponseWriter;

  readonly #http: HttpHost;
  readonly #peer: Peer;
  readonly #parser: RequestParser;
  readonly #pipeline = new Pipeline();
  /** The request whose body is being read, unless it is not wanted. */
  #receiving: HttpExchange | null = null;
  #requestCount = 0;
  #discardedBytes = 0;
  /** When the head that is being read began; 0 when none is. */
  #headStartedAt = 0;
  /** Whether a request was refused, so that its client may still be sending. */
  #lingers = false;
  readonly #deliveries = new Deliveries();
  /** A request to upgrade the connection that waits for its answer: what comes after it may not be HTTP. */
  #upgrading: HttpExchange | null = null;
  /** What has taken the connection over. */
  #successor: Successor | null = null;

  /** Makes a connection over `conn`. */
  constructor(
    conn: Deno.Conn,
    peer: Peer,
    http: HttpHost,
    host: ConnectionHost<SocketConnection>,
  ) {
    super(conn, host, NAMES, TINY_READ_BYTES);
    this.isUnread = true;
    this.#http = http;
    this.#peer = peer;
    this.#parser = new RequestParser(http.limits, peer);
    this.#setWindow(FIRST_WINDOW_BYTES);
    this.writer = new ResponseWriter(this.out, http.date);
  }

  protected get requestCount(): number {
    return this.#pipeline.length;
  }

  protected get owesNothing(): boolean {
    return this.state === OPEN && this.#pipeline.length === 0 && !this.#parser.inBody &&
      !this.sender.sending && this.out.length === 0;
  }

  protected get isBetweenRequests(): boolean {
    return this.#requestCount > 0 && this.#parser.betweenRequests;
  }

  protected get hasUntaken(): boolean {
    return this.#successor?.hasUntaken ?? this.#parser.hasUnread;
  }

  protected get isReceiving(): boolean {
    return this.#successor?.isReceiving ?? this.#parser.inBody;
  }

  protected get mayStillSend(): boolean {
    return this.#lingers || this.#parser.inBody || this.#parser.hasUnread;
  }

  protected get isUnderWay(): boolean {
    if (this.#receiving !== null) return false;
    return this.#pipeline.length > 0 || this.sender.sending || this.out.length > 0;
  }

  protected push(buffer: Uint8Array, count: number): void {
    if (this.#successor !== null) this.#successor.push(buffer, count);
    else this.#parser.push(buffer, count);
  }

  protected discardInput(): void {
    this.#parser.close();
    this.#successor?.close();
    this.#discardedBytes = 0;
  }

  protected mayDiscard(count: number): boolean {
    this.readAt = this.host.now;
    this.#discardedBytes += count;
    return this.#discardedBytes <= MAX_DISCARDED_BYTES;
  }

  /** The exchange whose response is next. */
  get front(): HttpExchange | undefined {
    return this.#pipeline.front;
  }

  /** Whether nothing is under way, not even part of a request. */
  get idle(): boolean {
    return this.owesNothing && this.#parser.betweenRequests;
  }

  /** Whether `exchange` is the last that the connection will carry. */
  isLast(exchange: HttpExchange): boolean {
    // A client that was not told to go on may, or may not, send its body.
    if (exchange.awaitsContinue) exchange.isLast = true;
    if (exchange.isLast) return true;
    if (this.host.ending && this.#pipeline.length === 1 && !this.#parser.hasUnread) {
      exchange.isLast = true;
      if (this.#receiving === null) this.#parser.close();
    }
    return exchange.isLast;
  }

  /** Bytes of the body of `exchange` that have not been read; `Infinity` if their number is not known. */
  unreadBytes(exchange: HttpExchange): number {
    return this.#receiving === exchange ? this.#parser.remainingBytes : 0;
  }

  /**
   * Hands the connection over to what is spoken from here on, if `exchange` may have it.
   *
   * @throws {InvalidResponseError} if it may not; nothing was written then
   * @throws {HandshakeError} if it asks in vain; nor was then
   */
  upgrade(exchange: HttpExchange, head: UpgradeHead): Successor {
    const successor = succeed(exchange, this, head);
    this.#upgrading = null;
    this.#successor = successor;
    const rest = this.#parser.takeRest();
    if (rest.length > 0) successor.push(rest, rest.length);
    this.scheduleFlush();
    if (!this.isPumping) queueMicrotask(() => this.#goOn());
    if (this.peerClosed) queueMicrotask(() => this.state === OPEN && successor.onHalfClosed());
    return successor;
  }

  /** Gives the client time to read what it is sent last, for it may still be sending. */
  linger(): void {
    this.#lingers = true;
  }

  /** What the endpoint's connections have in common. */
  get http(): HttpHost {
    return this.#http;
  }

  /** Goes on with what an upgraded connection holds up. */
  goOn(): void {
    if (!this.isPumping) this.#goOn();
  }

  /** Takes note that the response to `exchange`, which comes before its turn, takes `bytes` in all. */
  onHeld(exchange: HttpExchange, bytes: number): void {
    this.#pipeline.hold(exchange, bytes);
    // There may be room for another request now.
    if (this.#pipeline.isWaiting && !this.isPumping) this.#goOn();
  }

  /** Gives the exchange at the front, whose response has begun, the rest of its window if there is room. */
  giveOwedCredit(exchange: HttpExchange): void {
    this.#pipeline.onLarge();
    exchange.giveCredit(0, this.sender.pendingBytes <= FEW_UNSENT_BYTES);
  }

  /** Bytes in the output, and on their way, that the system has not taken. */
  get pendingBytes(): number {
    return this.sender.pendingBytes;
  }

  /** Counts body bytes that were put into the output for the exchange at the front. */
  countBody(bytes: number): void {
    this.#deliveries.count(bytes);
  }

  override scheduleFlush(): void {
    // A handler that has used its window up waits for this: what is sent at once needs no memory.
    const isFull = this.out.length >= this.#pipeline.windowBytes;
    if (isFull && !this.isPumping) this.flush();
    else super.scheduleFlush();
  }

  protected onSending(): void {
    this.#deliveries.onSending();
  }

  /** Is told that the response of the exchange at the front is complete. */
  onResponseComplete(exchange: HttpExchange): void {
    this.#pipeline.shift();
    this.answeredCount++;
    this.#deliveries.onComplete(exchange);
    if (this.#upgrading === exchange) {
      this.#upgrading = null;
      if (exchange.isLast) this.#parser.close();
    }
    // It may have become the last when its head was written already.
    if (this.#successor !== null || exchange.isLast) this.writer.closes = true;
    if (this.#receiving === exchange) {
      this.#receiving = null;
      this.#discardedBytes = 0;
      const { remainingBytes } = this.#parser;
      if (remainingBytes !== Infinity && remainingBytes > MAX_DISCARDED_BYTES) {
        this.writer.closes = true;
      }
    }
    if (this.writer.closes) {
      this.state = FINISHING;
      this.#abandon("client-gone");
    } else {
      this.#pipeline.front?.becomeFront();
      if (!this.isPumping) this.#goOn();
    }
    this.scheduleFlush();
  }

  /** Breaks the connection off after what was already written: the response cannot be completed. */
  breakOff(): void {
    this.writer.closes = true;
    this.state = FINISHING;
    this.#abandon("client-gone");
    this.scheduleFlush();
  }

  /** Is told that the handler takes more of the body that is being read. */
  onGrant(exchange: HttpExchange): void {
    // The client could not go on before this: its time begins now.
    this.readAt = this.host.now;
    if (exchange.awaitsContinue && exchange === this.#pipeline.front && !exchange.responded) {
      exchange.awaitsContinue = false;
      this.writer.writeContinue();
      this.scheduleFlush();
    }
    if (!this.isPumping) this.#goOn();
  }

  protected checkRequests(now: number): void {
    const { limits } = this.#http;
    if (this.sender.sending) {
      if (this.isStuck(now, limits.bodyIdleTimeoutMs)) this.close("timeout");
      return;
    }
    const front = this.#pipeline.front;
    if (this.#successor !== null) this.#successor.checkDeadlines(now);
    if (this.peerClosed) {
      if (this.isForsaken(now)) this.close("client-gone");
    } else if (this.#isAwaitingBody) {
      const bodyOverdue = expired(now, this.readAt, limits.bodyIdleTimeoutMs);
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
    if (this.state !== OPEN) return;
    if (this.host.draining && this.#isQuiet(now)) this.close("shutdown");
    else if (this.#parser.inBody) {
      if (expired(now, this.readAt, limits.bodyIdleTimeoutMs)) this.close("timeout");
    } else if (!this.#parser.betweenRequests) {
      if (expired(now, this.#headStartedAt, limits.headerTimeoutMs)) this.#refuse(headTooSlow());
    } else if (this.#requestCount === 0) {
      if (expired(now, this.readAt, limits.headerTimeoutMs)) this.close("timeout");
    } else {
      if (expired(now, this.quietSince, limits.idleTimeoutMs)) this.close("timeout");
    }
  }

  /**
   * Closes the connection if it is idle, and has been for a while: the next request may be on its way.
   * Else it is closed after what it carries.
   */
  drain(): void {
    if (this.#successor !== null && this.state === OPEN) this.#successor.drain();
    else if (this.#isQuiet(this.host.now)) this.close("shutdown");
  }

  #isQuiet(now: number): boolean {
    const quietMs = now - this.quietSince;
    return this.idle &&
      quietMs > (this.#requestCount > 0 ? QUIET_CONNECTION_MS : NEW_CONNECTION_MS);
  }

  /** Reads events off the parser as long as somebody takes them. */
  protected pump(): void {
    const parser = this.#parser;
    this.isPumping = true;
    try {
      while (this.state === OPEN && this.#successor === null) {
        if (this.#pipeline.isWaiting && !this.#beginNext()) break;
        // It may be answered, or have the connection, by now.
        if (this.#upgrading !== null || this.#successor !== null) break;
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
      if (this.state === OPEN) this.#successor?.pump();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#refuse(error);
    } finally {
      this.isPumping = false;
    }
    const isHeldUp = this.#pipeline.isWaiting || this.#pipeline.length >= MAX_PIPELINED_REQUESTS;
    if (parser.betweenRequests || isHeldUp) this.#headStartedAt = 0;
    else if (this.#headStartedAt === 0) this.#headStartedAt = this.host.now;
    this.flushAnswers();
  }

  #onHead(): void {
    const parser = this.#parser;
    const { limits } = this.#http;
    const exchange = new HttpExchange(this, parser.takeHead(), this.host.now);
    this.#headStartedAt = 0;
    this.#requestCount++;
    exchange.isLast = !parser.keepAlive || this.#requestCount === limits.maxRequestsPerConnection;
    if (parser.asksUpgrade) {
      exchange.asksUpgrade = true;
      this.#upgrading = exchange;
    }
    if (parser.inBody) this.#receiving = exchange;
    else if (exchange.isLast && !exchange.asksUpgrade) parser.close();
    this.#pipeline.add(exchange);
    // The bytes of its head are those of the read buffer.
    if (!this.#beginNext()) exchange.head.detach();
  }

  /** Hands the request that waits to the handler; `false` if it has to wait on. */
  #beginNext(): boolean {
    const exchange = this.#pipeline.begin(this.sender.pendingBytes);
    if (exchange === null) return false;
    // The client could not go on with its body before this.
    exchange.startedAt = this.readAt = this.host.now;
    this.#http.handler.handle(exchange);
    if (this.peerClosed) exchange.receiver.onAbort("client-half-closed");
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

  /** Counts part of an unread body: a long one is not worth its connection. */
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
      const { handler } = this.#http;
      if (handler.onRefused === undefined) return;
      handler.onRefused(refusedHead(this.#parser.unfinished, this.#peer), {
        status: error.status,
        bodyBytes: errorBodyBytes(error),
        durationMs: this.#headStartedAt === 0 ? 0 : this.host.now - this.#headStartedAt,
      });
      return;
    }
    this.#receiving = null;
    this.#lingers = true;
    exchange.isLast = true;
    const reason = error.status === 408 ? "timeout" : "bad-request";
    exchange.receiver.onAbort(reason, exchange.responded ? undefined : error);
    exchange.refuse(error);
  }

  protected onHalfClosed(): void {
    if (this.#successor !== null) {
      this.#successor.onHalfClosed();
      return;
    }
    if (this.#pipeline.length === 0) this.state = FINISHING;
    for (const exchange of [...this.#pipeline]) {
      exchange.receiver.onAbort("client-half-closed");
    }
    const { last } = this.#pipeline;
    if (last !== undefined) last.isLast = true;
    else this.scheduleFlush();
  }

  /** Goes on with what waits: the next request, or what is left in the read buffer. */
  #goOn(): void {
    if (this.isReadingHeldUp || this.#pipeline.isWaiting || this.#successor !== null) this.resume();
  }

  onSent(): void {
    const bytes = this.#deliveries.onSent();
    const { front } = this.#pipeline;
    if (front !== undefined && front.responded) this.#giveCredit(front, bytes);
    if (this.#pipeline.isWaiting) this.#goOn();
    this.flush();
    this.takePlace();
    // The response may have begun before there was a reason to announce the end.
    if (this.host.draining) this.drain();
  }

  /** Gives the exchange at the front credit for `bytes` of its response that were sent. */
  #giveCredit(front: HttpExchange, bytes: number): void {
    // The system holds much for a client that is behind, and there is no need to hold much more here.
    if (this.sender.wasHeldUp) front.giveLessCredit(bytes);
    else front.giveCredit(bytes, this.out.length <= FEW_UNSENT_BYTES);
    if (!front.isSmall) this.#setWindow(front.windowBytes);
  }

  #setWindow(bytes: number): void {
    this.#pipeline.windowBytes = bytes;
    this.out.roomBytes = bytes - WINDOW_PIECE_BYTES;
  }

  protected onClosed(reason: AbortReason): void {
    this.#abandon(reason);
  }

  /** Tells the handlers of all requests under way that their answers will not arrive. */
  #abandon(reason: AbortReason): void {
    const unsent = this.state === CLOSED ? this.#deliveries.abandon() : [];
    const abandoned = [...this.#pipeline.clear(), ...unsent];
    this.#receiving = null;
    for (const exchange of abandoned) exchange.onAbandoned(reason);
  }
}

/** Whether the handler takes more of the body now. */
function mayGoOn({ granted, receiver }: HttpExchange): boolean {
  return granted > 0 && !receiver.congested;
}
