/**
 * Bytes that wait to be read.
 *
 * @module
 */

import { EMPTY } from "./empty.ts";
import { Queue } from "./queue.ts";

/** Chunks up to this size are put together, since each costs some hundred bytes besides its own. */
const MAX_JOINED_BYTES = 4_096;

/** A queue of bytes that takes no more memory than they do, however small their chunks are. */
export class ByteQueue {
  /** Bytes in the queue. */
  length = 0;

  readonly #chunks = new Queue<Uint8Array<ArrayBuffer>>();
  /** The last chunk, in a buffer that has room for more. */
  #tail: Uint8Array<ArrayBuffer> = EMPTY;
  #tailBytes = 0;

  /** Appends a copy of `chunk`. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.length += chunk.length;
    const joined = this.#tailBytes + chunk.length;
    if (joined > MAX_JOINED_BYTES) {
      this.#endTail();
      if (chunk.length >= MAX_JOINED_BYTES) {
        this.#chunks.push(chunk.slice() as Uint8Array<ArrayBuffer>);
        return;
      }
    }
    this.#append(chunk);
  }

  /**
   * Takes up to `maxBytes`, which is more than 0, from the front, or returns `null` if there are
   * none.
   */
  shift(maxBytes = Infinity): Uint8Array<ArrayBuffer> | null {
    if (this.#chunks.length === 0) this.#endTail();
    const { first } = this.#chunks;
    if (first === undefined) return null;
    if (first.length <= maxBytes) {
      this.#chunks.shift();
      this.length -= first.length;
      return first;
    }
    this.#chunks.replaceFirst(first.subarray(maxBytes));
    this.length -= maxBytes;
    return first.subarray(0, maxBytes);
  }

  /** Forgets all bytes. */
  clear(): void {
    this.#chunks.clear();
    this.#tail = EMPTY;
    this.#tailBytes = this.length = 0;
  }

  #append(chunk: Uint8Array): void {
    const bytes = this.#tailBytes + chunk.length;
    if (bytes > this.#tail.length) {
      // One chunk alone is as large as it is; to others, more are to come.
      const room = this.#tailBytes === 0 ? bytes : Math.min(bytes * 2, MAX_JOINED_BYTES);
      const larger = new Uint8Array(room);
      larger.set(this.#tail.subarray(0, this.#tailBytes));
      this.#tail = larger;
    }
    this.#tail.set(chunk, this.#tailBytes);
    this.#tailBytes = bytes;
  }

  #endTail(): void {
    if (this.#tailBytes === 0) return;
    this.#chunks.push(this.#tail.subarray(0, this.#tailBytes));
    this.#tail = EMPTY;
    this.#tailBytes = 0;
  }
}
