/**
 * One FastCGI connection: reads records, keeps its requests apart, and writes what they answer.
 *
 * @module
 */

import { ProtocolError } from "../base/errors.ts";
import type { AbortReason } from "../message/exchange.ts";
import type { ConnectionNames } from "../net/connection.ts";
import { Connection, FINISHING, OPEN } from "../net/connection.ts";
import { SMALL_READ_BYTES } from "../net/limits.ts";
import type { ConnectionHost, SocketConnection } from "../net/socket_connection.ts";
import { expired } from "../net/socket_connection.ts";
import { HOLD_UP_MS } from "./codec/limits.ts";
import { RecordReader } from "./codec/records.ts";
import type { Admission, FastCgiHost } from "./connection_host.ts";
import { Intake } from "./intake.ts";
import type { ServerRequest } from "./server_request.ts";
import { SharedWindow } from "./shared_window.ts";

const NAMES: ConnectionNames = { protocol: "fastcgi", peer: "the web server" };

/** A connection of a FastCGI endpoint. */
export class FastCgiConnection extends Connection {
  readonly #fastcgi: FastCgiHost;
  readonly #intake: Intake;
  readonly #reader = new RecordReader();
  readonly #window = new SharedWindow();
  /** Requests that have written since the last sending began, and those whose bytes are being sent. */
  #unsent: ServerRequest[] = [];
  #inFlight: ServerRequest[] = [];

  /** Makes a connection over `conn`. */
  constructor(
    conn: Deno.Conn,
    fastcgi: FastCgiHost,
    host: ConnectionHost<SocketConnection>,
    admission: Admission,
  ) {
    super(conn, host, NAMES, SMALL_READ_BYTES);
    this.#fastcgi = fastcgi;
    this.#intake = new Intake(this, fastcgi, admission, this.#reader, this.#window);
  }

  protected get requestCount(): number {
    return this.#intake.requests.size;
  }

  protected get owesNothing(): boolean {
    return this.state === OPEN && this.#intake.requests.size === 0 && !this.sender.sending &&
      this.out.length === 0;
  }

  protected get isBetweenRequests(): boolean {
    return this.#intake.requestCount > 0 && this.idle;
  }

  protected get hasUntaken(): boolean {
    return this.#reader.hasUnread && this.state === OPEN;
  }

  protected get isReceiving(): boolean {
    if (!this.#reader.betweenRecords) return true;
    for (const request of this.#intake.requests.values()) if (!request.inputIsComplete) return true;
    return false;
  }

  protected get mayStillSend(): boolean {
    return this.#intake.lingers;
  }

  protected get isUnderWay(): boolean {
    return this.#intake.requests.size > 0 || this.sender.sending || this.out.length > 0;
  }

  protected push(buffer: Uint8Array, count: number): void {
    this.#reader.push(buffer, count);
  }

  protected discardInput(): void {
    this.#reader.discard();
  }

  protected mayDiscard(): boolean {
    // It lingers for a time, whatever comes.
    return true;
  }

  /** Whether several requests are under way. */
  get isShared(): boolean {
    return this.#intake.requests.size > 1;
  }

  /** Whether nothing is under way, not even part of a record. */
  get idle(): boolean {
    return this.owesNothing && this.#reader.betweenRecords && !this.#reader.hasUnread;
  }

  /** Called when a request has written something, or wants to know when it was sent. */
  enlist(request: ServerRequest): void {
    this.#unsent.push(request);
  }

  protected onSending(): void {
    this.#inFlight = this.#unsent;
    this.#unsent = [];
    for (const request of this.#inFlight) request.onSending();
  }

  onSent(): void {
    const sent = this.#inFlight;
    this.#inFlight = [];
    for (const request of sent) request.onSent();
    if (this.#intake.isBackedUp && !this.hasBacklog) this.#goOn();
    this.flush();
    this.takePlace();
    if (this.host.draining) this.drain();
  }

  /** Is told that a request takes more of its input. */
  onGrant(): void {
    if (!this.isPumping) this.#resume();
  }

  /** Makes the window of a request as large as there is room for; returns what was added. */
  widen(request: ServerRequest): number {
    return this.#window.widen(request);
  }

  /** Is told by a request that it has ended. */
  onRequestEnded(request: ServerRequest): void {
    this.answeredCount++;
    this.#window.close(request);
    this.#intake.forgetParams(request);
    // After the end of its connection, its number may be another's.
    if (this.#intake.requests.get(request.id) === request) this.#intake.requests.delete(request.id);
    if (request.isAdmitted) this.#fastcgi.release();
    if (!request.keepConn || this.host.draining) this.#intake.closes = true;
    if (!request.inputIsComplete) this.#intake.lingers = true;
    if (!this.isPumping) this.#resume();
    this.#finishIfLast();
    this.scheduleFlush();
  }

  /** Breaks the connection off after what was already written. */
  breakOff(): void {
    this.state = FINISHING;
    this.#reader.discard();
    this.#intake.lingers = false;
    this.#intake.loseRequests("client-gone");
    this.scheduleFlush();
  }

  protected checkRequests(now: number): void {
    const { limits } = this.#fastcgi;
    if (this.#intake.heldUpAt > 0 && now - this.#intake.heldUpAt > HOLD_UP_MS) this.#resume();
    const { sending } = this.sender;
    if (this.isStuck(now, limits.bodyIdleTimeoutMs)) {
      this.close("timeout");
    } else if (this.peerClosed) {
      if (!sending && this.isForsaken(now)) this.close("client-gone");
    } else if (this.#intake.requests.size === 0) {
      if (this.state === OPEN && !sending) this.#checkIdleDeadlines(now);
    } else {
      this.#intake.checkDeadlines(now);
    }
  }

  /** Closes the connection if it is idle; else it is closed after what it carries. */
  drain(): void {
    if (this.idle) this.close("shutdown");
  }

  #checkIdleDeadlines(now: number): void {
    const { limits } = this.#fastcgi;
    const isNew = this.#intake.requestCount === 0 || !this.#reader.betweenRecords;
    const timeoutMs = isNew ? limits.headerTimeoutMs : limits.idleTimeoutMs;
    if (expired(now, this.quietSince, timeoutMs)) this.close("timeout");
  }

  /** Reads records as long as somebody takes them. */
  protected pump(): void {
    this.isPumping = true;
    try {
      this.#intake.read();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#onProtocolError(error);
    } finally {
      this.isPumping = false;
    }
    this.#finishIfLast();
    this.flushAnswers();
  }

  /** Whether requests can come, and be answered. */
  get isOpen(): boolean {
    return this.state === OPEN;
  }

  /** Whether too much waits to be sent to answer more. */
  get hasBacklog(): boolean {
    return this.#window.isExceeded(this.sender.pendingBytes, this.#intake.requests.size);
  }

  /** Takes the record that has waited. */
  #goOn(): void {
    this.#intake.isBackedUp = false;
    if (!this.isReadingHeldUp) this.pump();
    else this.#resume();
  }

  #onProtocolError(error: ProtocolError): void {
    const { remoteAddr } = this.conn;
    const from = "hostname" in remoteAddr ? ` from ${remoteAddr.hostname}:${remoteAddr.port}` : "";
    this.#fastcgi.faultLog.warn(
      `fastcgi: ${error.message} (${error.section})${from}: the connection is closed`,
    );
    this.#reader.discard();
    this.state = FINISHING;
    this.#intake.lingers = true;
    this.#intake.loseRequests("bad-request");
  }

  protected onHalfClosed(): void {
    this.#intake.closes = true;
    for (const request of [...this.#intake.requests.values()]) {
      if (request.inputIsComplete) request.receiver.onAbort("client-half-closed");
      else request.abort("client-gone");
    }
    this.#finishIfLast();
    this.scheduleFlush();
  }

  /** Goes on with what is left in the read buffer, if reading waits for it. */
  #resume(): void {
    if (this.isReadingHeldUp) this.resume();
  }

  /** Ends the connection, unless something is under way, or has come already. */
  #finishIfLast(): void {
    if (!this.#intake.closes || this.state !== OPEN || this.#intake.requests.size > 0) return;
    if (this.isPumping || (this.#reader.hasUnread && !this.peerClosed)) return;
    this.state = FINISHING;
  }

  protected onClosed(reason: AbortReason): void {
    this.#intake.loseRequests(reason);
    const unsent = [...this.#inFlight, ...this.#unsent];
    this.#inFlight = this.#unsent = [];
    for (const request of unsent) {
      if (request.ended) request.onConnectionLost(reason);
    }
  }
}
