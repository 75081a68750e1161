/**
 * A request that waits for a worker: keeps what its client sends in the meantime.
 *
 * @module
 */

import type { AbortReason, Exchange, ExchangeHandler, ExchangeReceiver } from "../exchange.ts";
import { NOBODY } from "../exchange.ts";

/** Holds an exchange until there is somebody to handle it. At most a window of its body is kept. */
export class WaitingExchange implements ExchangeReceiver {
  /** The exchange that waits. */
  readonly exchange: Exchange;
  readonly #events: ((receiver: ExchangeReceiver) => void)[] = [];
  #gone = false;

  /** Takes charge of `exchange`. */
  constructor(exchange: Exchange) {
    this.exchange = exchange;
    exchange.head.detach();
    exchange.receiver = this;
  }

  /** Hands the exchange, and all that has come for it, to `handler`; nothing if the client has gone. */
  handTo(handler: ExchangeHandler): void {
    if (this.#gone) return;
    // A handler that answers at once leaves the rest of the request to nobody, and not to this one.
    this.exchange.receiver = NOBODY;
    handler.handle(this.exchange);
    for (const event of this.#events) event(this.exchange.receiver);
  }

  /** Gives the exchange up with `status`. */
  fail(status: number): void {
    if (!this.#gone) this.exchange.fail(status);
  }

  onBody(chunk: Uint8Array): void {
    const kept = chunk.slice();
    this.#events.push((receiver) => receiver.onBody(kept));
  }

  onChunk(declaredBytes: number): void {
    this.#events.push((receiver) => receiver.onChunk(declaredBytes));
  }

  onEnd(trailers: Uint8Array): void {
    const kept = trailers.slice();
    this.#events.push((receiver) => receiver.onEnd(kept));
  }

  onData(chunk: Uint8Array): void {
    const kept = chunk.slice();
    this.#events.push((receiver) => receiver.onData(kept));
  }

  onDataEnd(): void {
    this.#events.push((receiver) => receiver.onDataEnd());
  }

  onAbort(reason: AbortReason): void {
    if (reason === "client-half-closed") {
      this.#events.push((receiver) => receiver.onAbort(reason));
    } else {
      this.#gone = true;
    }
  }

  // Nothing is sent while it waits.
  onCredit(): void {}
  onSent(): void {}
}
