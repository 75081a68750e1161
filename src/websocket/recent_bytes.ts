/**
 * The last bytes of what has passed.
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";

/** Keeps the last bytes that are pushed: up to a limit, in twice its memory. */
export class RecentBytes {
  readonly #maxBytes: number;
  #bytes: Uint8Array = EMPTY;
  #length = 0;

  /** Makes a keeper of up to `maxBytes`. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** A copy of them, oldest first. */
  get copy(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(Math.max(0, this.#length - this.#maxBytes), this.#length);
  }

  /** Takes note of a piece. */
  push(piece: Uint8Array): void {
    const last = piece.subarray(Math.max(0, piece.length - this.#maxBytes));
    if (this.#length + last.length > this.#bytes.length) this.#makeRoom(last.length);
    this.#bytes.set(last, this.#length);
    this.#length += last.length;
  }

  /** Forgets all. */
  clear(): void {
    this.#bytes = EMPTY;
    this.#length = 0;
  }

  /** Makes room for `bytes` more, which are no more than the limit. */
  #makeRoom(bytes: number): void {
    const kept = Math.min(this.#length, this.#maxBytes);
    const room = Math.min(this.#maxBytes * 2, Math.max(MIN_BYTES, (kept + bytes) * 2));
    const before = this.#bytes.subarray(this.#length - kept, this.#length);
    if (room > this.#bytes.length) this.#bytes = new Uint8Array(room);
    this.#bytes.set(before, 0);
    this.#length = kept;
  }
}

/** Memory that is taken at first. */
const MIN_BYTES = 512;
