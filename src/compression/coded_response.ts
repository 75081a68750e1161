/**
 * A response in a content coding, between the handler that gives it and the exchange that sends it.
 *
 * @module
 */

import { ByteQueue } from "../base/byte_queue.ts";
import type { Log } from "../base/log.ts";
import type { AbortReason, Exchange, ExchangeReceiver, ResponseHead } from "../message/exchange.ts";
import { UNKNOWN_LENGTH, WHOLE_BODY } from "../message/exchange.ts";
import { bodyTooLong, bodyTooShort } from "../message/response_fields.ts";
import type { ResponsePlan } from "./codec/response_plan.ts";
import type { Coding } from "./codec/settings.ts";
import type { BodyEncoder, BodyUser } from "./compressor.ts";

/** What the handler may send ahead of the encoder, at the least, in bytes. */
const INPUT_WINDOW_BYTES = 65_536;
/** The client of a response that breaks sees its connection end. */
const BAD_GATEWAY = 502;

/** What a response is made of. */
export interface CodedParts {
  /** What sends it. */
  readonly exchange: Exchange;
  /** The handler. */
  readonly receiver: ExchangeReceiver;
  /** What encodes it. */
  readonly encoder: BodyEncoder;
  /** Its coding. */
  readonly coding: Coding;
  /** What becomes of its field lines. */
  readonly plan: ResponsePlan;
  /** Takes messages about faults. */
  readonly log: Log;
}

/** Passes on to the handler what it is to know. */
abstract class CodedResponse implements ExchangeReceiver {
  /** The handler. */
  receiver: ExchangeReceiver;
  protected readonly exchange: Exchange;
  protected readonly encoder: BodyEncoder;
  protected readonly log: Log;
  /** Whether the handler has given all of it. */
  protected isGiven = false;
  /** The encoder's number for it; 0 for none. */
  protected id = 0;

  constructor({ exchange, receiver, encoder, log }: CodedParts) {
    this.exchange = exchange;
    this.receiver = receiver;
    this.encoder = encoder;
    this.log = log;
    exchange.receiver = this;
  }

  get congested(): boolean {
    return this.receiver.congested;
  }

  onBody(chunk: Uint8Array): void {
    this.receiver.onBody(chunk);
  }

  onChunk(declaredBytes: number): void {
    this.receiver.onChunk(declaredBytes);
  }

  onEnd(trailers: Uint8Array): void {
    this.receiver.onEnd(trailers);
  }

  onData(chunk: Uint8Array): void {
    this.receiver.onData(chunk);
  }

  onDataEnd(): void {
    this.receiver.onDataEnd();
  }

  onCredit(_bytes: number): void {}

  onAbort(reason: AbortReason): void {
    if (reason !== "client-half-closed") this.abandon();
    // Who has given all, and did not ask what became of it, knows nothing of it any more.
    if (!this.isGiven || this.exchange.reportSent) this.receiver.onAbort(reason);
  }

  onSent(): void {
    this.receiver.onSent();
  }

  /** Encodes no more of it. */
  protected abandon(): void {
    if (this.id !== 0) this.encoder.close(this.id);
    this.id = 0;
  }
}

/** A response that was given whole, and is sent when it is encoded: its length is known then. */
export class WholeResponse extends CodedResponse implements BodyUser {
  readonly #head: ResponseHead;
  readonly #body: Uint8Array;
  readonly #plan: ResponsePlan;
  readonly #coding: Coding;
  /** Whether the client takes nothing that is not encoded. */
  readonly #isDemanded: boolean;

  /** Encodes `body`, which is not to change. */
  constructor(
    parts: CodedParts,
    head: ResponseHead,
    body: Uint8Array,
    demand: "demanded" | "preferred",
  ) {
    super(parts);
    this.#head = head;
    this.#body = body;
    this.#plan = parts.plan;
    this.#coding = parts.coding;
    this.#isDemanded = demand === "demanded";
    this.isGiven = true;
    this.id = this.encoder.encodeWhole(this, this.#coding, body);
  }

  onPiece(): void {}

  onTaken(): void {}

  onDone(body: Uint8Array): void {
    this.id = 0;
    if (body.length >= this.#body.length && !this.#isDemanded) this.#sendPlain();
    else this.#send(this.#plan.coded(this.#coding), body);
  }

  onFault(): void {
    this.id = 0;
    this.#sendPlain();
  }

  #sendPlain(): void {
    this.#send(this.#plan.plain, this.#body);
  }

  #send(fieldLines: string, body: Uint8Array): void {
    this.exchange.respond({ ...this.#head, fieldLines, bodyLength: WHOLE_BODY }, body);
  }
}

/** A response that is encoded as it comes. */
export class StreamedResponse extends CodedResponse implements BodyUser {
  /** Bytes of the body that are still to come, as far as that was said. */
  #expected: number;
  /** Whether the response ends when they are there. */
  readonly #endsByItself: boolean;
  /** Bytes that the client can be sent. */
  #window: number;
  readonly #pieces = new ByteQueue();
  #isEncoded = false;
  #isOver = false;
  #trailerLines = "";

  /** Makes the response; {@linkcode begin} begins it. */
  constructor(parts: CodedParts, { bodyLength }: ResponseHead) {
    super(parts);
    const { coding, plan } = parts;
    this.#endsByItself = bodyLength !== UNKNOWN_LENGTH;
    this.#expected = this.#endsByItself ? bodyLength : plan.declaredLength;
    this.#window = this.exchange.head.responseWindow;
    const flushing = this.#endsByItself ? "gathers" : "flushes";
    this.id = this.encoder.open(this, coding, flushing);
  }

  /** Sends the head, and lets the handler give more than the client's window has room for. */
  begin(head: ResponseHead): void {
    const more = INPUT_WINDOW_BYTES - this.#window;
    this.exchange.respond(head, null);
    if (more > 0 && !this.#isOver) this.receiver.onCredit(more);
  }

  /** Takes some of the body. */
  write(chunk: Uint8Array): void {
    if (this.isGiven) {
      if (chunk.length > 0 && this.#expected === 0) this.#onSurplus();
      return;
    }
    const isKnown = this.#expected >= 0;
    const isSurplus = isKnown && chunk.length > this.#expected;
    const part = isSurplus ? chunk.subarray(0, this.#expected) : chunk;
    if (isKnown) this.#expected -= part.length;
    this.encoder.write(this.id, part);
    if (this.#expected === 0 && (this.#endsByItself || isSurplus)) this.#finish();
    if (isSurplus) this.#onSurplus();
  }

  /** Takes the end of the body. */
  end(trailerLines: string): void {
    if (this.isGiven) return;
    if (this.#expected > 0) {
      this.#fail(bodyTooShort(this.#expected).message);
      return;
    }
    this.#trailerLines = trailerLines;
    this.#finish();
  }

  /** Breaks the response off. */
  fail(status: number): void {
    if (this.#isOver) return;
    this.abandon();
    this.exchange.fail(status);
  }

  override onCredit(bytes: number): void {
    this.#window += bytes;
    this.#sendOn();
  }

  onPiece(piece: Uint8Array): void {
    const passes = this.#pieces.length === 0 && piece.length <= this.#window && !this.#isOver &&
      !this.exchange.congested;
    if (!passes) {
      this.#pieces.push(piece);
      this.#sendOn();
      return;
    }
    this.#window -= piece.length;
    this.encoder.credit(this.id, piece.length);
    this.exchange.write(piece);
  }

  onTaken(bytes: number): void {
    if (!this.isGiven) this.receiver.onCredit(bytes);
  }

  onDone(): void {
    this.id = 0;
    this.#isEncoded = true;
    this.#sendOn();
  }

  onFault(): void {
    this.id = 0;
    this.#fail("the response could not be compressed");
  }

  protected override abandon(): void {
    super.abandon();
    this.#isOver = true;
    this.#pieces.clear();
  }

  #finish(): void {
    this.isGiven = true;
    this.encoder.finish(this.id);
  }

  #sendOn(): void {
    let sent = 0;
    while (this.#window > 0 && !this.#isOver && !this.exchange.congested) {
      const piece = this.#pieces.shift(this.#window);
      if (piece === null) break;
      sent += piece.length;
      this.#window -= piece.length;
      this.exchange.write(piece);
    }
    if (this.id !== 0 && sent > 0) this.encoder.credit(this.id, sent);
    if (!this.#isEncoded || this.#pieces.length > 0 || this.#isOver) return;
    this.#isOver = true;
    this.exchange.end(this.#trailerLines);
  }

  /** The body goes on after what was announced of it, which is sent. */
  #onSurplus(): void {
    this.#expected = -1;
    this.log("error", `compression: ${bodyTooLong().message}`);
    if (!this.#isOver) this.receiver.onAbort("invalid-response");
  }

  #fail(message: string): void {
    if (this.#isOver) return;
    const tells = !this.isGiven || this.exchange.reportSent;
    this.log("error", `compression: ${message}`);
    this.abandon();
    this.exchange.fail(BAD_GATEWAY);
    if (tells) this.receiver.onAbort("invalid-response");
  }
}
