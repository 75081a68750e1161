/** An exchange that holds its handler to the rules of `src/message/exchange.ts`, whoever speaks through it. */

import type {
  Exchange,
  ExchangeReceiver,
  ResponseHead,
  UpgradeHead,
} from "../../src/message/exchange.ts";
import {
  BODY_WINDOW_BYTES,
  CHUNK_COST_BYTES,
  NO_ANSWER,
  NOBODY,
  RequestHead,
  UNKNOWN_LENGTH,
  WHOLE_BODY,
} from "../../src/message/exchange.ts";
import { assert } from "./assert.ts";

/** Statuses with which an exchange may be given up. */
const FAILURES = [NO_ANSWER, 500, 501, 502, 503, 504];

/** The head of a request for `target`. */
export function headOf(target: string, options: Partial<RequestHead> = {}): RequestHead {
  const head = new RequestHead();
  head.method = "GET";
  head.block = new TextEncoder().encode(`${target}host: a\r\n`);
  head.targetEnd =
    head.authorityStart =
    head.authorityEnd =
    head.fieldsStart =
      target.length;
  head.fieldsEnd = head.paramsStart = head.paramsEnd = head.block.length;
  return Object.assign(head, options);
}

/** An exchange that throws at what no handler may do. */
export class CheckedExchange implements Exchange {
  readonly head: RequestHead;
  receiver: ExchangeReceiver = NOBODY;
  reportSent = false;
  readonly congested = false;
  /** The response's body so far. */
  body = "";
  /** Status of the response, or with which the exchange was given up; 0 before that. */
  status = 0;
  /** Whether the response is complete, or was given up. */
  isOver = false;

  #isResponding = false;
  #remaining = UNKNOWN_LENGTH;
  #window = BODY_WINDOW_BYTES;
  #granted: number;
  #grantedOfData = 0;

  /** Makes the exchange about a request with `head`. */
  constructor(head: RequestHead) {
    this.head = head;
    this.#granted = head.expectsContinue ? BODY_WINDOW_BYTES : 0;
  }

  /** Delivers some of the request's body. */
  deliver(chunk: Uint8Array): void {
    this.#granted += chunk.length;
    this.receiver.onBody(chunk);
  }

  /** Tells that a chunk of the request's body begins. */
  beginChunk(declaredBytes: number): void {
    this.#granted += CHUNK_COST_BYTES;
    this.receiver.onChunk(declaredBytes);
  }

  /** Delivers some of the request's file. */
  deliverData(chunk: Uint8Array): void {
    this.#grantedOfData += chunk.length;
    this.receiver.onData(chunk);
  }

  /** Gives credit for the response's body. */
  giveCredit(bytes: number): void {
    this.#window += bytes;
    this.receiver.onCredit(bytes);
  }

  inform(status: number): void {
    assert(status === 102 || status === 103, `an interim response ${status}`);
    assert(!this.#isResponding, "an interim response within the response");
  }

  grant(bytes: number): void {
    assert(Number.isInteger(bytes) && bytes > 0 && bytes <= this.#granted, `a grant of ${bytes}`);
    this.#granted -= bytes;
  }

  grantData(bytes: number): void {
    const isDue = Number.isInteger(bytes) && bytes > 0 && bytes <= this.#grantedOfData;
    assert(isDue, `a grant of ${bytes} of the file`);
    this.#grantedOfData -= bytes;
  }

  reportFault(text: string): void {
    assert(!this.isOver, "a fault after the end");
    assert(text.length <= 65_536, `a fault of ${text.length} characters`);
  }

  respond(head: ResponseHead, body: Uint8Array | string | null): void {
    assert(!this.#isResponding && !this.isOver, "a second response");
    this.#isResponding = true;
    const { status, fieldLines, bodyLength } = head;
    assert(Number.isInteger(status), `the status ${status}`);
    assert(Number.isInteger(fieldLines.length), "field lines of no length");
    const isLength = bodyLength === UNKNOWN_LENGTH || bodyLength === WHOLE_BODY ||
      (Number.isSafeInteger(bodyLength) && bodyLength >= 0);
    assert(isLength, `a body of ${bodyLength} bytes`);
    this.status = status;
    this.#remaining = bodyLength === WHOLE_BODY ? UNKNOWN_LENGTH : bodyLength;
    if (body !== null) this.#take(body as Uint8Array);
    if (bodyLength === WHOLE_BODY || this.#remaining === 0) this.isOver = true;
  }

  upgrade(head: UpgradeHead): void {
    assert(!this.#isResponding && !this.isOver, "an upgrade after the response");
    this.#isResponding = true;
    assert(head.protocol !== "" && Number.isInteger(head.idleTimeoutMs), "a malformed upgrade");
    this.status = 101;
  }

  write(chunk: Uint8Array): void {
    assert(this.#isResponding && !this.isOver, "a body before its response, or after its end");
    assert(chunk.length > 0, "a body of nothing");
    this.#window -= chunk.length;
    assert(this.#window >= 0, "a body without credit");
    this.#take(chunk);
    if (this.#remaining === 0) this.isOver = true;
  }

  end(): void {
    assert(this.#isResponding && !this.isOver, "an end before the response, or after its end");
    this.isOver = true;
  }

  fail(status: number): void {
    assert(!this.isOver, "given up after the end");
    assert(FAILURES.includes(status), `given up with ${status}`);
    this.status = status;
    this.isOver = true;
  }

  #take(chunk: Uint8Array): void {
    assert(Number.isInteger(chunk.length) && chunk.length <= 65_536, `${chunk.length} bytes`);
    if (this.#remaining !== UNKNOWN_LENGTH) {
      this.#remaining -= chunk.length;
      assert(this.#remaining >= 0, "a body longer than it was announced");
    }
    for (const byte of chunk) this.body += String.fromCharCode(byte);
  }
}
