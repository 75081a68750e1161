/**
 * The requests that a dispatcher keeps copies of, since they may have to be given to another handler.
 *
 * @module
 */

import { BufferPool } from "../base/buffers.ts";
import type { DispatchedRequest } from "./clients.ts";

/** What each request counts for besides its bytes. */
const REQUEST_OVERHEAD_BYTES = 512;
/** Bytes of memory that is kept for further copies. */
const MAX_SPARE_BYTES = 1_048_576;

/** Keeps the messages of requests, as many as there is room for. */
export class HeldRequests {
  readonly #maxBytes: number;
  readonly #buffers = new BufferPool(MAX_SPARE_BYTES);
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
    const memory = request.memory = this.#buffers.take(message.length);
    memory.set(message);
    request.payload = memory.subarray(0, message.length);
    return true;
  }

  /** Drops the copy of a request, if there is one. */
  release(request: DispatchedRequest): void {
    if (request.payload === null || request.memory === null) return;
    this.#bytes -= request.payload.length + REQUEST_OVERHEAD_BYTES;
    this.#buffers.give(request.memory);
    request.payload = request.memory = null;
  }
}
