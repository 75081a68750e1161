/**
 * Requests of a client that came before it had the response to the one before: Mongrel2 passes on all
 * that it reads, and cannot be told to wait.
 *
 * @module
 */

import { Queue } from "../base/queue.ts";
import type { Mongrel2Message } from "./codec/message.ts";

/** Bytes that they may take. */
const MAX_WAITING_BYTES = 2_097_152;
/** What each of them, and each header, costs besides its texts and its body. */
const OVERHEAD_BYTES = 512;
const HEADER_OVERHEAD_BYTES = 32;

/** The requests that wait, in their order. */
export class WaitingRequests {
  readonly #queue = new Queue<Mongrel2Message>();
  #bytes = 0;
  #isFull = false;

  /** How many there are. */
  get length(): number {
    return this.#queue.length;
  }

  /** Whether there was one more than could be kept: none is taken any more, as the order would be lost. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** The request that is next, if there is one. */
  get first(): Mongrel2Message | undefined {
    return this.#queue.first;
  }

  /** Keeps a request; `false` if it cannot be kept. */
  push(message: Mongrel2Message): boolean {
    this.#isFull ||= this.#bytes + bytesOf(message) > MAX_WAITING_BYTES;
    if (this.#isFull) return false;
    this.#bytes += bytesOf(message);
    this.#queue.push(message);
    return true;
  }

  /** Takes the request that is next, if there is one. */
  shift(): Mongrel2Message | undefined {
    const message = this.#queue.shift();
    if (message !== undefined) this.#bytes -= bytesOf(message);
    return message;
  }
}

function bytesOf({ headers, body }: Mongrel2Message): number {
  let bytes = OVERHEAD_BYTES + body.length;
  for (const [name, value] of headers) bytes += HEADER_OVERHEAD_BYTES + name.length + value.length;
  return bytes;
}
