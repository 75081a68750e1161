/**
 * Tracks which of a connection's responses are on their way to the client: gives credit to the
 * handler of the first one, and tells handlers when their response was sent.
 *
 * @module
 */

import type { HttpExchange } from "./http_exchange.ts";

/** Nothing is put into it. */
const NONE: HttpExchange[] = [];

/** The responses of one connection on their way. */
export class Deliveries {
  /** Bytes of the body at the front in the output since the last write began, and in the write under way. */
  #outBytes = 0;
  #inFlightBytes = 0;
  /** Complete responses that somebody asks after: in the output, and in the write under way. Few connections have any. */
  #unreported: HttpExchange[] = NONE;
  #reporting: HttpExchange[] = NONE;

  /** Counts bytes of the body at the front that were put into the output. */
  count(bytes: number): void {
    this.#outBytes += bytes;
  }

  /** Takes note that all of the response to `exchange` is in the output. */
  onComplete(exchange: HttpExchange): void {
    if (exchange.reportSent) {
      if (this.#unreported === NONE) this.#unreported = [exchange];
      else this.#unreported.push(exchange);
    }
    // What is on its way is no credit for the next one.
    this.#outBytes = this.#inFlightBytes = 0;
  }

  /** Takes note that a write of all that is in the output begins. */
  onSending(): void {
    this.#inFlightBytes = this.#outBytes;
    this.#outBytes = 0;
    if (this.#unreported.length > 0) {
      this.#reporting = this.#unreported;
      this.#unreported = NONE;
    }
  }

  /** Tells whose responses were sent; returns the bytes of the body at the front that were. */
  onSent(): number {
    if (this.#reporting.length > 0) {
      const sent = this.#reporting;
      this.#reporting = NONE;
      for (const exchange of sent) exchange.receiver.onSent();
    }
    const bytes = this.#inFlightBytes;
    this.#inFlightBytes = 0;
    return bytes;
  }

  /** Gives up what is on its way; returns those who wait for it. */
  abandon(): readonly HttpExchange[] {
    const unsent = [...this.#reporting, ...this.#unreported];
    this.#reporting = NONE;
    this.#unreported = NONE;
    return unsent;
  }
}
