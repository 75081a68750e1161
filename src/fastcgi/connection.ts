/**
 * One FastCGI connection: reads records, keeps its requests apart, and writes what they answer.
 *
 * @module
 */

import type { OutputBuffer } from "../base/buffers.ts";
import { ProtocolError } from "../base/errors.ts";
import type { AbortReason } from "../message/exchange.ts";
import {
  HALF_CLOSED_TIMEOUT_MS,
  LARGE_READ_BYTES,
  LINGER_TIMEOUT_MS,
  SMALL_READ_BYTES,
} from "../net/limits.ts";
import { isConnectionError, Sender } from "../net/sender.ts";
import type { SenderOwner } from "../net/sender.ts";
import type { ConnectionHost, SocketConnection } from "../net/socket_endpoint.ts";
import { expired } from "../net/socket_endpoint.ts";
import { WaitingPlace } from "../net/waiting_list.ts";
import type { Admission, FastCgiHost } from "./connection_host.ts";
import { Intake } from "./intake.ts";
import { HOLD_UP_MS } from "./codec/limits.ts";
import { RecordReader } from "./codec/records.ts";
import type { ServerRequest } from "./server_request.ts";
import { SharedWindow } from "./shared_window.ts";

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
  readonly place: WaitingPlace<SocketConnection> = new WaitingPlace(this);

  readonly #host: FastCgiHost;
  readonly #intake: Intake;
  readonly #sender: Sender;
  readonly #reader = new RecordReader();
  #state = OPEN;
  #readBuffer: Uint8Array;
  #resumeReading: (() => void) | null = null;
  #pumping = false;
  /** Requests that were answered since the last sending began. */
  #answeredCount = 0;
  readonly #window = new SharedWindow();
  #peerClosed = false;
  #readAt: number;
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
    this.#sender = new Sender(conn, sockets.buffers, sockets, this);
    this.out = this.#sender.out;
    this.#intake = new Intake(this, host, admission, this.#reader, this.#window);
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
    } finally {
      // Nothing is read into it any more, and what was in it has been taken.
      this.sockets.buffers.give(this.#readBuffer);
    }
  }

  /** Whether several requests are under way. */
  get isShared(): boolean {
    return this.#intake.requests.size > 1;
  }

  /** Whether nothing is under way, not even part of a record. */
  get idle(): boolean {
    return this.#owesNothing && this.#reader.betweenRecords && !this.#reader.hasUnread;
  }

  get owedCount(): number {
    if (this.#state >= LINGERING) return 0;
    return this.#intake.requests.size || (this.#sender.pendingBytes > 0 ? 1 : 0);
  }

  /** Whether all requests that have come are answered, and the answers sent. */
  get #owesNothing(): boolean {
    return this.#state === OPEN && this.#intake.requests.size === 0 && !this.#sender.sending &&
      this.out.length === 0;
  }

  /** Takes the place that the connection has now among those that can be closed to make room. */
  #takePlace(): void {
    const { place, sockets } = this;
    if (!this.#owesNothing) {
      place.leave();
      return;
    }
    const list = this.#intake.requestCount > 0 && this.idle ? sockets.idle : sockets.awaited;
    if (place.list !== list) list.add(place, sockets.now);
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
    this.#answeredCount = 0;
    this.#inFlight = this.#unsent;
    this.#unsent = [];
    for (const request of this.#inFlight) request.onSending();
    this.#sender.start();
  }

  onSent(): void {
    const sent = this.#inFlight;
    this.#inFlight = [];
    for (const request of sent) request.onSent();
    if (this.#intake.isBackedUp && !this.hasBacklog) this.#goOn();
    this.flush();
    this.#takePlace();
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

  /** Makes the window of a request as large as there is room for; returns what was added. */
  widen(request: ServerRequest): number {
    return this.#window.widen(request);
  }

  /** Is told by a request that it has ended. */
  onRequestEnded(request: ServerRequest): void {
    this.#answeredCount++;
    this.#window.close(request);
    this.#intake.forgetParams(request);
    // After the end of its connection, its number may be another's.
    if (this.#intake.requests.get(request.id) === request) this.#intake.requests.delete(request.id);
    if (request.isAdmitted) this.#host.release();
    if (!request.keepConn || this.sockets.draining) this.#intake.closes = true;
    if (!request.inputIsComplete) this.#intake.lingers = true;
    if (!this.#pumping) this.#resume();
    this.#finishIfLast();
    this.scheduleFlush();
  }

  /** Breaks the connection off after what was already written. */
  breakOff(): void {
    this.#state = FINISHING;
    this.#reader.discard();
    this.#intake.lingers = false;
    this.#intake.loseRequests("client-gone");
    this.scheduleFlush();
  }

  /** Ends what has taken too long. */
  checkDeadlines(now: number): void {
    const { limits } = this.#host;
    if (this.#state === LINGERING) {
      if (now - this.#readAt > LINGER_TIMEOUT_MS) this.#close("client-gone");
      return;
    }
    if (this.#intake.heldUpAt > 0 && now - this.#intake.heldUpAt > HOLD_UP_MS) this.#resume();
    const { sending, progressAt } = this.#sender;
    if (sending && expired(now, progressAt, limits.bodyIdleTimeoutMs)) {
      this.#close("timeout");
    } else if (this.#peerClosed) {
      const since = Math.max(this.#readAt, progressAt);
      if (!sending && now - since > HALF_CLOSED_TIMEOUT_MS) this.#close("client-gone");
    } else if (this.#intake.requests.size === 0) {
      if (this.#state === OPEN && !sending) this.#checkIdleDeadlines(now);
    } else {
      this.#intake.checkDeadlines(now);
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
    const isNew = this.#intake.requestCount === 0 || !this.#reader.betweenRecords;
    const timeoutMs = isNew ? limits.headerTimeoutMs : limits.idleTimeoutMs;
    const since = Math.max(this.#readAt, this.#sender.progressAt);
    if (expired(now, since, timeoutMs)) this.#close("timeout");
  }

  /** Reads records as long as somebody takes them. */
  #pump(): void {
    this.#pumping = true;
    try {
      this.#intake.read();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#onProtocolError(error);
    } finally {
      this.#pumping = false;
    }
    this.#finishIfLast();
    // A single answer waits until the other connections have been read, too: a web server that is woken
    // by each answer alone costs both sides more than the answer does.
    if (this.#answeredCount === 1 && this.#state === OPEN) this.scheduleFlush();
    else this.flush();
    this.#takePlace();
  }

  /** Whether requests can come, and be answered. */
  get isOpen(): boolean {
    return this.#state === OPEN;
  }

  /** Whether so much waits to be sent that nothing more is to be answered. */
  get hasBacklog(): boolean {
    return this.#window.isExceeded(this.#sender.pendingBytes, this.#intake.requests.size);
  }

  /** Takes the record that has waited. */
  #goOn(): void {
    this.#intake.isBackedUp = false;
    if (this.#resumeReading === null) this.#pump();
    else this.#resume();
  }

  #onProtocolError(error: ProtocolError): void {
    const { remoteAddr } = this.conn;
    const from = "hostname" in remoteAddr ? ` from ${remoteAddr.hostname}:${remoteAddr.port}` : "";
    this.#host.faultLog.warn(
      `fastcgi: ${error.message} (${error.section})${from}: the connection is closed`,
    );
    this.#reader.discard();
    this.#state = FINISHING;
    this.#intake.lingers = true;
    this.#intake.loseRequests("bad-request");
  }

  /** The web server will send no more. */
  #onEnd(): void {
    this.#peerClosed = true;
    this.#readAt = this.sockets.now;
    const requests = [...this.#intake.requests.values()];
    if (
      this.#state === LINGERING ||
      requests.length === 0 && !this.#sender.sending && this.out.length === 0
    ) {
      this.#close("client-gone");
      return;
    }
    this.#intake.closes = true;
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
    } else if (!this.#isReceiving()) {
      this.#useReadBuffer(SMALL_READ_BYTES);
    }
  }

  /** Whether more of a request is to come. */
  #isReceiving(): boolean {
    if (!this.#reader.betweenRecords) return true;
    for (const request of this.#intake.requests.values()) if (!request.inputIsComplete) return true;
    return false;
  }

  #useReadBuffer(bytes: number): void {
    this.sockets.buffers.give(this.#readBuffer);
    this.#readBuffer = this.sockets.buffers.take(bytes);
  }

  /** Ends the connection, unless something is under way, or has come already. */
  #finishIfLast(): void {
    if (!this.#intake.closes || this.#state !== OPEN || this.#intake.requests.size > 0) return;
    if (this.#pumping || (this.#reader.hasUnread && !this.#peerClosed)) return;
    this.#state = FINISHING;
  }

  /** Everything was sent: ends the connection so that the web server gets all of it. */
  #finish(): void {
    if (!this.#intake.lingers || this.#peerClosed) {
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
    this.#intake.loseRequests(reason);
    const unsent = [...this.#inFlight, ...this.#unsent];
    this.#inFlight = this.#unsent = [];
    for (const request of unsent) {
      if (request.ended) request.onConnectionLost(reason);
    }
    const { writing } = this.#sender;
    this.#sender.release();
    this.#wakeReading();
    this.sockets.close(this, { conn: this.conn, isUnread: false, writing });
  }
}
