/**
 * One request of an HTTP/1.1 connection and its response. A response that comes before its turn is
 * held until those of the requests before it are complete.
 *
 * @module
 */

import { InvalidResponseError } from "../errors.ts";
import type { ProtocolError } from "../errors.ts";
import type {
  AbortReason,
  Exchange,
  ExchangeReceiver,
  RequestHead,
  ResponseHead,
} from "../exchange.ts";
import { BODY_WINDOW_BYTES, NOBODY } from "../exchange.ts";
import { errorResponse } from "../error_response.ts";
import type { HttpConnection } from "./connection.ts";

/** Waiting for the response, within it, or done with it. */
const AWAITING = 0;
const RESPONDING = 1;
const COMPLETE = 2;

/** A response, or part of one, that came before its turn. */
interface HeldResponse {
  readonly head: ResponseHead;
  readonly body: Uint8Array | string | null;
  readonly chunks: Uint8Array[];
  ending: "open" | "ended" | "broken";
}

/** An exchange over HTTP/1.1. */
export class HttpExchange implements Exchange {
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
  /** When the request's head was complete, on the endpoint's clock. */
  readonly startedAt: number;

  readonly #connection: HttpConnection;
  #state = AWAITING;
  #held: HeldResponse | null = null;

  /** Makes the exchange for a request that came over `connection`. */
  constructor(connection: HttpConnection, head: RequestHead, startedAt: number) {
    this.#connection = connection;
    this.head = head;
    this.startedAt = startedAt;
    this.awaitsContinue = head.expectsContinue;
    this.granted = head.expectsContinue ? 0 : BODY_WINDOW_BYTES;
  }

  /** Whether the response has begun. */
  get responded(): boolean {
    return this.#state !== AWAITING;
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
    if (this.#connection.front === this) this.#begin(head, body);
    else this.#hold(head, body);
  }

  write(chunk: Uint8Array): void {
    if (this.#state !== RESPONDING) return;
    if (this.#held !== null) {
      this.#held.chunks.push(chunk.slice());
      return;
    }
    const { writer } = this.#connection;
    try {
      writer.write(chunk);
    } catch (error) {
      this.#onInvalid(error);
      return;
    }
    this.#connection.countBody(chunk.length);
    if (writer.idle) this.#complete();
    else this.#connection.scheduleFlush();
  }

  end(): void {
    if (this.#state !== RESPONDING) return;
    if (this.#held !== null) {
      this.#held.ending = "ended";
      return;
    }
    try {
      this.#connection.writer.end();
    } catch (error) {
      this.#onInvalid(error);
      return;
    }
    this.#complete();
  }

  fail(status: number, fieldLines = ""): void {
    if (this.#state === AWAITING) {
      this.#respondWithError(status, "", fieldLines);
    } else if (this.#held !== null) {
      this.#held.ending = "broken";
    } else if (this.#state === RESPONDING) {
      this.#state = COMPLETE;
      this.#connection.breakOff();
    }
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
    this.fail(504);
    receiver.onAbort("timeout");
  }

  /** Is told that all responses before this one are complete. */
  becomeFront(): void {
    if (this.awaitsContinue && this.granted > 0) this.#connection.onGrant(this);
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    this.#begin(held.head, held.body);
    for (const chunk of held.chunks) this.write(chunk);
    if (held.ending === "ended") this.end();
    else if (held.ending === "broken") this.fail(502);
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
    if (connection.isLast(this)) writer.closes = true;
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

  #hold(head: ResponseHead, body: Uint8Array | string | null): void {
    const { fieldLines } = head;
    this.#held = {
      head: {
        status: head.status,
        fieldLines: typeof fieldLines === "string" ? fieldLines : fieldLines.slice(),
        bodyLength: head.bodyLength,
      },
      body: body === null || typeof body === "string" ? body : body.slice(),
      chunks: [],
      ending: "open",
    };
  }

  #complete(): void {
    this.#state = COMPLETE;
    this.#connection.onResponseComplete(this);
  }

  #respondWithError(status: number, detail: string, fieldLines = ""): void {
    const { head, body } = errorResponse(status, detail, fieldLines);
    this.respond(head, body);
  }

  #onInvalid(error: unknown): void {
    if (!(error instanceof InvalidResponseError)) throw error;
    this.#connection.host.log("error", `http: ${error.message}`);
    const { receiver } = this;
    this.receiver = NOBODY;
    if (this.#connection.writer.idle) {
      // The head was refused, so nothing of it was written.
      const { head, body } = errorResponse(500, "");
      this.#begin(head, body);
    } else {
      this.#state = COMPLETE;
      this.#connection.breakOff();
    }
    receiver.onAbort("invalid-response");
  }
}
