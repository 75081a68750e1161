/**
 * A request that waits for a worker: keeps what its client sends in the meantime.
 *
 * @module
 */

import { BufferPool, OutputBuffer } from "../base/buffers.ts";
import type {
  AbortReason,
  Exchange,
  ExchangeHandler,
  ExchangeReceiver,
} from "../message/exchange.ts";
import { NOBODY } from "../message/exchange.ts";

/** Buffers for what is kept: they are not used again. */
const unpooled = new BufferPool(0);

/** Holds an exchange until there is somebody to handle it. At most a window of its body is kept. */
export class WaitingExchange implements ExchangeReceiver {
  /** Never: what comes is kept. */
  readonly congested = false;
  /** The exchange that waits. */
  readonly exchange: Exchange;
  /** Since when it waits, as `performance.now()` has it. */
  readonly since: number;
  readonly #onGone: () => void;
  readonly #events: ((receiver: ExchangeReceiver) => void)[] = [];
  /** Where the data goes that comes next, if it follows other data: small pieces cost as little as large ones. */
  #body: OutputBuffer | null = null;
  /** Bytes of the response that may be sent beyond those that the head tells of. */
  #credit = 0;
  #gone = false;

  /** Takes charge of `exchange`; calls `onGone` when its client has gone before somebody handles it. */
  constructor(exchange: Exchange, onGone: () => void = () => {}) {
    this.exchange = exchange;
    this.since = performance.now();
    this.#onGone = onGone;
    exchange.head.detach();
    exchange.onQueued?.();
    exchange.receiver = this;
  }

  /** Whether the client has gone: it waits for nothing. */
  get isGone(): boolean {
    return this.#gone;
  }

  /** Hands the exchange, and all that has come for it, to `handler`; nothing if the client has gone. */
  handTo(handler: ExchangeHandler): void {
    if (this.#gone) return;
    // A handler that answers immediately ignores the rest of the request; it is not for this one.
    this.exchange.receiver = NOBODY;
    handler.handle(this.exchange);
    for (const event of this.#events) event(this.exchange.receiver);
    if (this.#credit > 0) this.exchange.receiver.onCredit(this.#credit);
  }

  /** Gives the exchange up with `status`. */
  fail(status: number): void {
    if (this.#gone) return;
    this.exchange.receiver = NOBODY;
    this.exchange.fail(status);
  }

  onBody(chunk: Uint8Array): void {
    if (this.#body === null) {
      const body = new OutputBuffer(unpooled);
      this.#events.push((receiver) => receiver.onBody(body.bytes.subarray(0, body.length)));
      this.#body = body;
    }
    this.#body.append(chunk);
  }

  onChunk(declaredBytes: number): void {
    this.#events.push((receiver) => receiver.onChunk(declaredBytes));
    this.#body = null;
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
      if (!this.#gone) this.#onGone();
      this.#gone = true;
    }
  }

  onCredit(bytes: number): void {
    this.#credit += bytes;
  }

  // Nothing is sent while it waits.
  onSent(): void {}
}
