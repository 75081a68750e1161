/**
 * Sends a text as a response, as fast as its client takes it, within a time limit.
 *
 * @module
 */

import { timerMs } from "../base/timers.ts";
import type { Exchange, ExchangeReceiver } from "../message/exchange.ts";
import type { AdminAnswer } from "./admin_routes.ts";

/** A client that has not taken an answer by then does not want it, in milliseconds. */
const SEND_TIMEOUT_MS = 10_000;

const encoder = new TextEncoder();

/** Sends `answer`, with `fieldLines` besides its own. */
export function sendText(exchange: Exchange, answer: AdminAnswer, fieldLines: string): void {
  const bytes = encoder.encode(answer.body);
  const head = {
    status: answer.status,
    fieldLines: `content-type: ${answer.type}\r\n${answer.fieldLines ?? ""}${fieldLines}`,
    bodyLength: bytes.length,
  };
  if (exchange.head.method === "HEAD") {
    exchange.respond(head, null);
    return;
  }
  const sender = new Sender(exchange, bytes);
  exchange.receiver = sender;
  sender.begin(head);
}

/** Sends what is left of a body as credit comes. */
class Sender implements ExchangeReceiver {
  readonly congested = false;
  readonly #exchange: Exchange;
  readonly #bytes: Uint8Array;
  #sent = 0;
  #window: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(exchange: Exchange, bytes: Uint8Array) {
    this.#exchange = exchange;
    this.#bytes = bytes;
    this.#window = exchange.head.responseWindow;
  }

  begin(head: Parameters<Exchange["respond"]>[0]): void {
    const first = this.#next();
    if (this.#sent < this.#bytes.length) {
      this.#timer = setTimeout(() => this.#exchange.fail(503), timerMs(SEND_TIMEOUT_MS));
    }
    this.#exchange.respond(head, first);
  }

  /** As much of the rest as the window allows. */
  #next(): Uint8Array {
    const end = Math.min(this.#bytes.length, this.#sent + this.#window);
    const part = this.#bytes.subarray(this.#sent, end);
    this.#window -= part.length;
    this.#sent = end;
    if (end === this.#bytes.length) clearTimeout(this.#timer);
    return part;
  }

  onCredit(bytes: number): void {
    this.#window += bytes;
    if (this.#sent < this.#bytes.length) this.#exchange.write(this.#next());
  }

  onAbort(reason: string): void {
    if (reason !== "client-half-closed") clearTimeout(this.#timer);
  }

  onBody(): void {}
  onChunk(): void {}
  onEnd(): void {}
  onData(): void {}
  onDataEnd(): void {}
  onSent(): void {}
}
