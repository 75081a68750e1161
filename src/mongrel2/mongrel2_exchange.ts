/**
 * One request from Mongrel2 as the exchange that every protocol has in common.
 *
 * @module
 */

import type { OutputBuffer } from "../base/buffers.ts";
import { errorResponse } from "../message/error_response.ts";
import { InvalidResponseError } from "../base/errors.ts";
import type { ProtocolError } from "../base/errors.ts";
import type {
  AbortReason,
  EndpointAnswer,
  Exchange,
  ExchangeReceiver,
  RequestHead,
  ResponseHead,
  UpgradeHead,
} from "../message/exchange.ts";
import { NO_ANSWER, NOBODY, UNKNOWN_LENGTH } from "../message/exchange.ts";
import type { OwnLines } from "../http1/codec/writer.ts";
import { ResponseWriter } from "../http1/codec/writer.ts";
import type { Log } from "../base/log.ts";
import { bodyTooLong } from "../message/response_fields.ts";
import { parseFieldLines } from "../message/fields.ts";
import { cannotUpgrade } from "../message/upgrade_faults.ts";
import { acceptHandshake, HandshakeError, readHandshake } from "../websocket/codec/handshake.ts";
import type { BodySource, BodyTaker } from "./body_source.ts";
import type { SocketExchange } from "./socket_link.ts";
import { Mongrel2Socket } from "./socket_link.ts";
import type { SocketSharers } from "./transport.ts";

/** The connection of a client, as its exchange sees it. */
export interface ExchangeChannel {
  /** Where responses are written to. */
  readonly out: OutputBuffer;
  /** Whether what is sent would only pile up. */
  readonly isCongested: boolean;
  /** A coarse clock in milliseconds. */
  readonly now: number;
  /** Bytes of a WebSocket's message at the most. */
  readonly maxMessageBytes: number;
  /** Who else would get part of a WebSocket's messages; `null` if nobody would. */
  readonly sharing: SocketSharers | null;
  /** Takes note that there is something in its exchange's output, or that it has ended. */
  onOutput(): void;
}

const NOT_IMPLEMENTED = 501;
const CANNOT_CARRY = "Mongrel2 cannot carry it";
/** What a request gets whose handler takes too long, and one whose response cannot be sent. */
export const TIMED_OUT: EndpointAnswer = { status: 504, message: "" };
const BROKEN: EndpointAnswer = { status: 500, message: "" };

/** Waiting for the response, within it, or done with it. */
const AWAITING = 0;
const RESPONDING = 1;
const COMPLETE = 2;

/** An exchange over Mongrel2. */
export class Mongrel2Exchange implements Exchange, BodyTaker, SocketExchange {
  readonly head: RequestHead;
  receiver: ExchangeReceiver = NOBODY;
  reportSent = false;
  /** Bytes of the body that were written, for which the handler gets credit when they are sent. */
  bodyBytes = 0;
  /** Where the request's body comes from; `null` if it has none. */
  source: BodySource | null = null;
  /** Whether Mongrel2 takes what the client sends after the answer for frames of a WebSocket. */
  asksUpgrade = false;
  /** The WebSocket that it was upgraded to. */
  socket: Mongrel2Socket | null = null;
  /** When it began, on the endpoint's clock. */
  readonly startedAt: number;

  readonly #channel: ExchangeChannel;
  readonly #writer: ResponseWriter;
  readonly #log: Log;
  #state = AWAITING;
  #isBroken = false;

  /** Makes the exchange for a request of the client behind `channel`. */
  constructor(
    channel: ExchangeChannel,
    head: RequestHead,
    keepsAlive: boolean,
    date: OwnLines,
    startedAt: number,
    log: Log,
  ) {
    this.#channel = channel;
    this.head = head;
    this.#writer = new ResponseWriter(channel.out, date);
    this.#writer.closes = !keepsAlive;
    this.#log = log;
    this.startedAt = startedAt;
  }

  get congested(): boolean {
    return this.#channel.isCongested;
  }

  /** Whether the response has begun. */
  get responded(): boolean {
    return this.#state !== AWAITING;
  }

  /** Whether the response is complete, be it not sent. */
  get complete(): boolean {
    return this.#state === COMPLETE;
  }

  /** Whether the client's connection has to be closed after the response. */
  get closes(): boolean {
    return this.#isBroken || this.#writer.closes;
  }

  get out(): OutputBuffer {
    return this.#channel.out;
  }

  get now(): number {
    return this.#channel.now;
  }

  grant(bytes: number): void {
    if (this.socket === null) {
      this.source?.grant(bytes);
    } else if (this.#state === RESPONDING) {
      this.socket.granted += bytes;
      this.socket.resume();
    }
  }

  /** No file comes with a request from Mongrel2. */
  grantData(): void {}

  /** Mongrel2 has no way to report it. */
  reportFault(): void {}

  respond(head: ResponseHead, body: Uint8Array | string | null): void {
    if (this.#state !== AWAITING) return;
    this.#state = RESPONDING;
    try {
      this.#writer.begin(this.head, head, body);
    } catch (error) {
      this.#onInvalid(error);
      return;
    }
    this.#onWritten(body?.length ?? 0);
  }

  write(chunk: Uint8Array): void {
    if (this.socket !== null) {
      if (this.#state === RESPONDING) this.socket.write(chunk);
      return;
    }
    if (this.#state !== RESPONDING) {
      if (this.#state === COMPLETE && chunk.length > 0) this.#onSurplus();
      return;
    }
    const written = this.#writer.write(chunk);
    if (written < chunk.length) this.#writer.closes = true;
    this.#onWritten(written);
    if (written < chunk.length) this.#onSurplus();
  }

  /** Mongrel2 keeps its client's connection, and passes nothing on but HTTP and frames of WebSockets. */
  upgrade(head: UpgradeHead): void {
    if (this.#state !== AWAITING) return;
    const { sharing } = this.#channel;
    if (head.kind !== "websocket" || sharing !== null) {
      const { receiver } = this;
      this.receiver = NOBODY;
      const name = sharing === null ? "Mongrel2" : `Mongrel2, ${sharing},`;
      this.#log("error", cannotUpgrade("mongrel2", name, head.protocol));
      this.#respondWithError(NOT_IMPLEMENTED, CANNOT_CARRY);
      receiver.onAbort("invalid-response", { status: NOT_IMPLEMENTED, message: CANNOT_CARRY });
      return;
    }
    try {
      this.#beginSocket(head);
    } catch (error) {
      this.#refuseUpgrade(error);
    }
  }

  #beginSocket({ fieldLines, idleTimeoutMs }: UpgradeHead): void {
    const { block, fieldsStart, fieldsEnd, method, minorVersion, bodyLength } = this.head;
    const fields = parseFieldLines(block, fieldsStart, fieldsEnd);
    const offer = readHandshake({ method, minorVersion, bodyLength, fields });
    if (!this.asksUpgrade) {
      throw new InvalidResponseError(
        "an upgrade of a request that Mongrel2 takes for no handshake",
      );
    }
    const answer = acceptHandshake(offer, "", null);
    this.#writer.beginUpgrade("websocket", fieldLines, answer.fieldLines);
    this.#state = RESPONDING;
    this.source?.cancel();
    this.socket = new Mongrel2Socket(this, this.#channel.maxMessageBytes, idleTimeoutMs);
    this.socket.start();
    this.#channel.onOutput();
  }

  /** Answers a request whose upgrade cannot be granted. */
  #refuseUpgrade(error: unknown): void {
    const { receiver } = this;
    this.receiver = NOBODY;
    if (error instanceof HandshakeError) {
      this.#respondWithError(error.status, error.message, error.fieldLines);
      receiver.onAbort("bad-request", error);
    } else if (error instanceof InvalidResponseError) {
      this.#log("error", `mongrel2: ${error.message}`);
      this.#respondWithError(500, "");
      receiver.onAbort("invalid-response", BROKEN);
    } else {
      throw error;
    }
  }

  onOutput(): void {
    this.#channel.onOutput();
  }

  countBody(bytes: number): void {
    this.bodyBytes += bytes;
  }

  finish(): void {
    if (this.#state !== RESPONDING) return;
    this.#state = COMPLETE;
    this.#writer.closes = true;
    this.#channel.onOutput();
  }

  abandon(): void {
    const { receiver } = this;
    this.receiver = NOBODY;
    receiver.onAbort("client-gone");
  }

  /** Mongrel2 has no place for interim responses: it takes a client's first reply for the response. */
  inform(): void {}

  end(trailerLines = ""): void {
    if (this.#state !== RESPONDING) return;
    if (this.socket !== null) {
      this.socket.end();
      return;
    }
    try {
      this.#writer.end(trailerLines);
    } catch (error) {
      this.#onInvalid(error);
      return;
    }
    this.#onWritten(0);
  }

  fail(status: number, fieldLines = ""): void {
    if (this.#state === COMPLETE) return;
    if (this.socket !== null) {
      this.socket.fail(status);
      return;
    }
    const isUnanswered = this.#state === AWAITING && status !== NO_ANSWER;
    if (isUnanswered) this.#respondWithError(status, "", fieldLines);
    else this.#breakOff();
  }

  /** Answers a request that cannot be served as it is, unless its response has begun: then breaks it off. */
  refuse(error: ProtocolError): void {
    this.receiver = NOBODY;
    this.#writer.closes = true;
    if (this.#state === AWAITING) this.#respondWithError(error.status, error.message);
    else this.fail(error.status);
  }

  /** Refuses a request whose body turned out too large, and tells its handler. */
  refuseBody(error: ProtocolError): void {
    if (this.complete) return;
    const { receiver, responded } = this;
    this.refuse(error);
    receiver.onAbort("bad-request", responded ? undefined : error);
  }

  /** Ends an exchange whose handler took too long: 504 to the client. */
  timeOut(): void {
    const { receiver, responded } = this;
    this.fail(TIMED_OUT.status);
    receiver.onAbort("timeout", responded ? undefined : TIMED_OUT);
  }

  /** Is told that the client has gone, or the gateway goes. */
  abort(reason: AbortReason): void {
    const wasSent = this.#state === COMPLETE && !this.reportSent;
    this.#state = COMPLETE;
    this.source?.cancel();
    this.socket?.close();
    const { receiver } = this;
    this.receiver = NOBODY;
    if (!wasSent) receiver.onAbort(reason);
  }

  onBody(chunk: Uint8Array): void {
    this.receiver.onBody(chunk);
  }

  onBodyEnd(): void {
    if (this.head.bodyLength === UNKNOWN_LENGTH) this.receiver.onEnd(NO_TRAILERS);
  }

  onBodyFailed(reason: string): void {
    this.#log("warning", `mongrel2: ${reason}`);
    const { receiver, responded } = this;
    this.#writer.closes = true;
    this.fail(500);
    receiver.onAbort("bad-request", responded ? undefined : BROKEN);
  }

  #onWritten(bodyBytes: number): void {
    this.bodyBytes += bodyBytes;
    if (this.#writer.idle) {
      this.#state = COMPLETE;
      this.source?.cancel();
    }
    this.#channel.onOutput();
  }

  /** The client can tell, since the connection closes before the end that was announced. */
  #breakOff(): void {
    this.#isBroken = true;
    this.#state = COMPLETE;
    this.source?.cancel();
    this.#channel.onOutput();
  }

  #respondWithError(status: number, detail: string, fieldLines = ""): void {
    const { head, body } = errorResponse(status, detail, fieldLines);
    this.respond(head, body);
  }

  /** The body goes on after what was announced of it, which was sent. */
  #onSurplus(): void {
    const { receiver } = this;
    if (receiver === NOBODY) return;
    this.receiver = NOBODY;
    this.#log("error", `mongrel2: ${bodyTooLong().message}`);
    receiver.onAbort("invalid-response");
  }

  #onInvalid(error: unknown): void {
    if (!(error instanceof InvalidResponseError)) throw error;
    this.#log("error", `mongrel2: ${error.message}`);
    const { receiver } = this;
    this.receiver = NOBODY;
    // If the head was refused, nothing of it was written.
    const mayAnswer = this.#writer.idle;
    if (mayAnswer) {
      const { head, body } = errorResponse(500, "");
      this.#writer.begin(this.head, head, body);
      this.#onWritten(0);
    } else {
      this.#breakOff();
    }
    receiver.onAbort("invalid-response", mayAnswer ? BROKEN : undefined);
  }
}

const NO_TRAILERS = new Uint8Array(0);
