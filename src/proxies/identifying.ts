/**
 * Gives apps the ids of requests as a field.
 *
 * @module
 */

import type { Exchange, ExchangeHandler } from "../message/exchange.ts";

/** Stands before what takes requests, and has their apps get the ids in `X-Request-Id`. */
export class IdentifyingHandler implements ExchangeHandler {
  readonly #next: ExchangeHandler;

  /** Makes a handler before `next`. */
  constructor(next: ExchangeHandler) {
    this.#next = next;
  }

  handle(exchange: Exchange): void {
    exchange.head.passesId = true;
    this.#next.handle(exchange);
  }
}
