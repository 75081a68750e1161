/**
 * One request of an HTTP/1.1 connection and its response. A response that comes before its turn is
 * held until those of the requests before it are complete.
 *
 * @module
 */

import { InvalidResponseError } from "../base/errors.ts";
import type { ProtocolError } from "../base/errors.ts";
import type {
  AbortReason,
  DirectOutput,
  EndpointAnswer,
  Exchange,
  ExchangeReceiver,
  RequestHead,
  ResponseHead,
  UpgradeHead,
} from "../message/exchange.ts";
import { BODY_WINDOW_BYTES, NO_ANSWER, NOBODY, WHOLE_BODY } from "../message/exchange.ts";
import { errorResponse } from "../message/error_response.ts";
import type { HttpConnection } from "./connection.ts";
import { HeldResponse } from "./held_response.ts";
import type { Successor } from "../net/successor.ts";
import { bodyTooLong } from "../message/response_fields.ts";
import { HandshakeError } from "../websocket/codec/handshake.ts";
import {
  FIRST_WINDOW_BYTES,
  LARGEST_WINDOW_BYTES,
  MAX_DISCARDED_BYTES,
  WINDOW_PIECE_BYTES,
} from "./codec/limits.ts";

/** What a request gets whose handler takes too long, and one whose response cannot be sent. */
const TIMED_OUT: EndpointAnswer = { status: 504, message: "" };
const BROKEN: EndpointAnswer = { status: 500, message: "" };

/** Waiting for the response, within it, or done with it. */
const AWAITING = 0;
const RESPONDING = 1;
const COMPLETE = 2;

/** An exchange over HTTP/1.1. */
export class HttpExchange implements DirectOutput, Exchange {
  readonly head: RequestHead;
  receiver: ExchangeReceiver = NOBODY;
  reportSent = false;
  /** Never: what is written goes to the connection's own buffer. */
  readonly congested = false;
  /** Bytes of the request's body that the handler will take now. */
  granted: number;
  /** Whether the client still waits for `100 Continue`. */
  awaitsContinue: boolean;
  /** Whether the connection ends with this exchange. */
  isLast = false;
  /** When the request was begun, on the endpoint's clock. */
  startedAt: number;
  /** What its response takes, or may take, of what its connection holds ({@linkcode Pipeline.hold}). */
  heldBytes = 0;
  /** Whether its response had a small window, and has needed no more. */
  isSmall = false;
  /** Whether the client asks for another protocol to go on with. */
  asksUpgrade = false;

  readonly #connection: HttpConnection;
  #state = AWAITING;
  /** What has taken the connection over. */
  #successor: Successor | null = null;
  #held: HeldResponse | null = null;
  /** Whether no answer will follow, and it is not its turn. */
  #isCutOff = false;
  /** Whether the response's body is written without copies, and no window counts. */
  #isDirect = false;
  /** Whether an interim response could not be sent: no further ones are tried. */
  #isMute = false;
  /**
   * What the window for the response lacks until its turn comes, and while its client takes no
   * more.
   */
  #owedWindow = 0;

  /** Makes the exchange for a request that came over `connection`. */
  constructor(connection: HttpConnection, head: RequestHead, startedAt: number) {
    this.#connection = connection;
    this.head = head;
    this.startedAt = startedAt;
    this.awaitsContinue = head.expectsContinue;
    this.granted = head.expectsContinue ? 0 : BODY_WINDOW_BYTES;
  }

  get isHeld(): boolean {
    return this.#connection.front !== this;
  }

  /** Whether the response has begun. */
  get responded(): boolean {
    return this.#state !== AWAITING;
  }

  /** Bytes of the response's body that its handler may send ahead of its client. */
  get windowBytes(): number {
    return LARGEST_WINDOW_BYTES - this.#owedWindow;
  }

  /** Lets the handler send no more than `bytes` of the response's body, for the time being. */
  openWindow(bytes: number): void {
    this.#owedWindow = LARGEST_WINDOW_BYTES - bytes;
    this.head.responseWindow = bytes;
  }

  /** Gives the handler credit: `bytes`, and if there is room a piece of what its window lacks. */
  giveCredit(bytes: number, hasRoom: boolean): void {
    if (hasRoom && !this.#isDirect) {
      const piece = Math.min(this.#owedWindow, WINDOW_PIECE_BYTES);
      this.#owedWindow -= piece;
      bytes += piece;
      this.isSmall = false;
    }
    if (bytes > 0) this.receiver.onCredit(bytes);
  }

  /** Gives the handler as much credit of `bytes` as a client needs that takes less than it is sent. */
  giveLessCredit(bytes: number): void {
    const surplus = this.#isDirect
      ? 0
      : Math.min(bytes, Math.max(0, this.windowBytes - FIRST_WINDOW_BYTES));
    this.#owedWindow += surplus;
    if (bytes > surplus) this.receiver.onCredit(bytes - surplus);
  }

  grant(bytes: number): void {
    if (this.#state === COMPLETE) return;
    this.granted += bytes;
    this.#connection.onGrant(this);
  }

  /** No file comes with a request over HTTP. */
  grantData(): void {}

  /** HTTP has no way to tell. */
  reportFault(): void {}

  respond(head: ResponseHead, body: Uint8Array | string | null): void {
    if (this.#state !== AWAITING) return;
    this.#state = RESPONDING;
    if (this.#connection.front === this) {
      this.#begin(head, body);
      this.#claimWindow();
    } else {
      this.#held = new HeldResponse(head, body);
      this.#countHeld(this.#held);
    }
  }

  upgrade(head: UpgradeHead): void {
    if (this.#state !== AWAITING) return;
    this.#state = RESPONDING;
    try {
      this.#successor = this.#connection.upgrade(this, head);
    } catch (error) {
      this.#refuseUpgrade(error);
      return;
    }
    this.#claimWindow();
    this.#successor.start();
  }

  write(chunk: Uint8Array): void {
    if (this.#successor !== null) {
      if (this.#state === RESPONDING) this.#successor.write(chunk);
      return;
    }
    if (this.#state !== RESPONDING) {
      if (this.#state === COMPLETE && chunk.length > 0) this.#onSurplus();
      return;
    }
    if (this.#held !== null) {
      this.#held.write(chunk);
      this.#countHeld(this.#held);
      return;
    }
    const { writer } = this.#connection;
    const written = writer.write(chunk);
    this.#connection.countBody(written);
    this.#onBodyWritten(chunk.length - written);
  }

  get direct(): DirectOutput | null {
    const isOpen = this.#state === RESPONDING && this.#held === null && this.#successor === null;
    return isOpen ? this : null;
  }

  get pendingBytes(): number {
    return this.#connection.pendingBytes;
  }

  takeBuffer(bytes: number): Uint8Array {
    return this.#connection.host.buffers.take(bytes);
  }

  giveBuffer(buffer: Uint8Array): void {
    this.#connection.host.buffers.give(buffer);
  }

  writeBuffer(buffer: Uint8Array, length: number): void {
    if (this.direct === null) {
      this.write(buffer.subarray(0, length));
      this.giveBuffer(buffer);
      return;
    }
    this.#isDirect = true;
    const { writer } = this.#connection;
    const written = writer.writeBuffer(buffer, length);
    this.#connection.countBody(written);
    this.#onBodyWritten(length - written);
  }

  inform(status: number, fieldLines: string): void {
    const connection = this.#connection;
    const isHeard = !this.#isMute && this.#state === AWAITING && this.head.minorVersion === 1 &&
      connection.front === this;
    if (!isHeard) return;
    try {
      connection.writer.writeInterim(status, fieldLines);
    } catch (error) {
      if (!(error instanceof InvalidResponseError)) throw error;
      connection.host.log("error", `http: ${error.message}`);
      this.#isMute = true;
      return;
    }
    connection.scheduleFlush();
  }

  end(trailerLines = ""): void {
    if (this.#state !== RESPONDING) return;
    if (this.#successor !== null) {
      this.#successor.end();
      return;
    }
    if (this.#held !== null) {
      this.#held.end(trailerLines);
      this.#countHeld(this.#held);
      return;
    }
    try {
      this.#connection.writer.end(trailerLines);
    } catch (error) {
      this.#onInvalid(error);
      return;
    }
    this.#complete();
  }

  fail(status: number, fieldLines = ""): void {
    if (this.#state === AWAITING) {
      if (status === NO_ANSWER) this.#cutOff();
      else this.#respondWithError(status, "", fieldLines);
    } else if (this.#successor !== null) {
      if (this.#state === RESPONDING) this.#successor.fail(status);
    } else if (this.#held !== null) {
      this.#held.breakOff();
      this.#countHeld(this.#held);
    } else if (this.#state === RESPONDING) {
      this.#state = COMPLETE;
      this.#connection.breakOff();
    }
  }

  /** Closes a connection that was upgraded, after what is in its output. */
  finish(): void {
    if (this.#state === RESPONDING) this.#complete();
  }

  /** Tells the receiver of a connection that was upgraded that there is nothing more to come. */
  abandon(): void {
    const { receiver } = this;
    this.receiver = NOBODY;
    receiver.onAbort("client-gone");
  }

  /** Answers a request that broke the protocol, unless its response has begun: then breaks it off. */
  refuse(error: ProtocolError): void {
    this.receiver = NOBODY;
    if (this.#state === AWAITING) this.#respondWithError(error.status, error.message);
    else this.fail(error.status);
  }

  /** Ends an exchange whose handler took too long: 504 to the client. */
  timeOut(): void {
    const { receiver } = this;
    const isAnswered = this.responded;
    this.fail(TIMED_OUT.status);
    receiver.onAbort("timeout", isAnswered ? undefined : TIMED_OUT);
  }

  /** Is told that all responses before this one are complete. */
  becomeFront(): void {
    if (this.#isCutOff) {
      this.#connection.breakOff();
      return;
    }
    if (this.awaitsContinue && this.granted > 0) this.#connection.onGrant(this);
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    this.#begin(held.head, held.body);
    held.sendRest(this);
    this.#claimWindow();
  }

  /** Is told that its connection is gone or will end before its turn. */
  onAbandoned(reason: AbortReason): void {
    const sent = this.#state === COMPLETE && !this.reportSent;
    this.#state = COMPLETE;
    this.#held = null;
    const { receiver } = this;
    this.receiver = NOBODY;
    if (!sent) receiver.onAbort(reason);
  }

  #begin(head: ResponseHead, body: Uint8Array | string | null): void {
    const connection = this.#connection;
    const { writer } = connection;
    const unreadBytes = head.bodyLength === WHOLE_BODY ? connection.unreadBytes(this) : 0;
    const leavesBody = unreadBytes > MAX_DISCARDED_BYTES && unreadBytes !== Infinity;
    if (leavesBody || connection.isLast(this)) writer.closes = true;
    try {
      writer.begin(this.head, head, body);
    } catch (error) {
      this.#onInvalid(error);
      return;
    }
    if (writer.idle) {
      this.#complete();
      return;
    }
    if (body !== null) connection.countBody(body.length);
    connection.scheduleFlush();
  }

  /** Ends the connection, when it is this request's turn, without an answer. */
  #cutOff(): void {
    this.#state = COMPLETE;
    if (this.#connection.front === this) this.#connection.breakOff();
    else this.#isCutOff = true;
  }

  /** Has the connection give more of the window, if the response needs it. */
  #claimWindow(): void {
    if (this.isSmall && this.#state === RESPONDING) this.#connection.giveOwedCredit(this);
  }

  /** Tells the connection what is held of a response that is complete. */
  #countHeld(held: HeldResponse): void {
    if (held.isComplete) this.#connection.onHeld(this, held.bytes);
  }

  #complete(): void {
    this.#state = COMPLETE;
    this.#connection.onResponseComplete(this);
  }

  #respondWithError(status: number, detail: string, fieldLines = ""): void {
    // A body that may not be read to its end closes the connection, and the client is to know.
    if (this.#connection.unreadBytes(this) > MAX_DISCARDED_BYTES) this.isLast = true;
    const { head, body } = errorResponse(status, detail, fieldLines);
    this.respond(head, body);
  }

  /** Goes on after part of the body, of which `surplusBytes` were not announced. */
  #onBodyWritten(surplusBytes: number): void {
    // What was announced is complete: the client and its connection have no part in what is too much.
    if (surplusBytes > 0) this.#onSurplus();
    if (this.#connection.writer.idle) this.#complete();
    else this.#connection.scheduleFlush();
  }

  /** The body goes on after what was announced of it, which was sent. */
  #onSurplus(): void {
    const { receiver } = this;
    if (receiver === NOBODY) return;
    this.receiver = NOBODY;
    this.#connection.host.log("error", `http: ${bodyTooLong().message}`);
    receiver.onAbort("invalid-response");
  }

  /** Answers, in its turn, a request whose upgrade cannot be granted. */
  #refuseUpgrade(error: unknown): void {
    const { receiver } = this;
    this.receiver = NOBODY;
    this.#state = AWAITING;
    if (error instanceof HandshakeError) {
      this.#respondWithError(error.status, error.message, error.fieldLines);
      receiver.onAbort("bad-request", error);
    } else if (error instanceof InvalidResponseError) {
      this.#connection.host.log("error", `http: ${error.message}`);
      this.#respondWithError(500, "");
      receiver.onAbort("invalid-response", BROKEN);
    } else {
      throw error;
    }
  }

  #onInvalid(error: unknown): void {
    if (!(error instanceof InvalidResponseError)) throw error;
    this.#connection.host.log("error", `http: ${error.message}`);
    const { receiver } = this;
    this.receiver = NOBODY;
    // If the head was refused, nothing of it was written.
    const mayAnswer = this.#connection.writer.idle;
    if (mayAnswer) {
      const { head, body } = errorResponse(500, "");
      this.#begin(head, body);
    } else {
      this.#state = COMPLETE;
      this.#connection.breakOff();
    }
    receiver.onAbort("invalid-response", mayAnswer ? BROKEN : undefined);
  }
}
