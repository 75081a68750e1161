/**
 * What a connection is read into: small while it waits, since most connections wait most of the time.
 *
 * @module
 */

import type { BufferPool } from "../base/buffers.ts";
import { LARGE_READ_BYTES, SMALL_READ_BYTES } from "./limits.ts";

/** A buffer that grows with what comes, and shrinks when that was all. */
export class ReadBuffer {
  /** The buffer for the next read. */
  bytes: Uint8Array;
  readonly #pool: BufferPool;
  /** What it shrinks to. */
  #restingBytes: number;

  /** Takes a buffer of `restingBytes` from `pool`; a larger one when more comes at once. */
  constructor(pool: BufferPool, restingBytes: number) {
    this.#pool = pool;
    this.#restingBytes = restingBytes;
    this.bytes = pool.take(restingBytes);
  }

  /** Whether a read of `count` bytes leaves it as it is, wherever the connection stands. */
  fits(count: number): boolean {
    const { length } = this.bytes;
    return count < length && length === this.#restingBytes;
  }

  /** Makes it fit for the next read, after one of `count` bytes that have all been taken. */
  adapt(count: number, place: "in a body" | "between bodies"): void {
    const { length } = this.bytes;
    if (count === length) {
      // Who has once sent more is likely to do so again.
      this.#restingBytes = SMALL_READ_BYTES;
      this.#use(length < SMALL_READ_BYTES ? SMALL_READ_BYTES : LARGE_READ_BYTES);
    } else if (place === "between bodies") {
      this.#use(this.#restingBytes);
    }
  }

  /** Gives the buffer back: nothing is read into it any more. */
  release(): void {
    this.#pool.give(this.bytes);
  }

  #use(length: number): void {
    if (length === this.bytes.length) return;
    this.#pool.give(this.bytes);
    this.bytes = this.#pool.take(length);
  }
}
