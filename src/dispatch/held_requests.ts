/**
 * The requests that a dispatcher keeps copies of, since they may have to be given to another handler.
 *
 * @module
 */

import type { DispatchedRequest } from "./clients.ts";

/** What each request counts for besides its bytes. */
const REQUEST_OVERHEAD_BYTES = 512;

/** Keeps the messages of requests, as many as there is room for. */
export class HeldRequests {
  readonly #maxBytes: number;
  #bytes = 0;

  /** Makes room for that many bytes. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that are taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a copy of a request, unless there is one already; `false` if there is no room. */
  keep(request: DispatchedRequest, message: Uint8Array): boolean {
    if (request.payload !== null) return true;
    const bytes = this.#bytes + message.length + REQUEST_OVERHEAD_BYTES;
    if (bytes > this.#maxBytes) return false;
    this.#bytes = bytes;
    request.payload = message.slice();
    return true;
  }

  /** Drops the copy of a request, if there is one. */
  release(request: DispatchedRequest): void {
    if (request.payload === null) return;
    this.#bytes -= request.payload.length + REQUEST_OVERHEAD_BYTES;
    request.payload = null;
  }
}
