/** A connection without a socket, whose other side is moved step by step. */

import { MemoryConn } from "./memory_conn.ts";

/** A connection that reads what it is fed, and whose writes take their time. */
export class PacedConn extends MemoryConn {
  #reading: {
    readonly buffer: Uint8Array;
    resolve(bytes: number | null): void;
    reject(error: Error): void;
  } | null = null;
  #fed: Uint8Array | null = null;
  #isAtEnd = false;
  #writing: { readonly bytes: Uint8Array; resolve(bytes: number): void } | null = null;

  constructor() {
    super([]);
  }

  /** Whether a read waits for bytes. */
  get wantsBytes(): boolean {
    return this.#reading !== null && !this.#isAtEnd;
  }

  /** Whether a write waits to be taken. */
  get isWriting(): boolean {
    return this.#writing !== null;
  }

  /** Gives bytes to the read that waits, and to those after it. */
  feed(bytes: Uint8Array): void {
    this.#fed = bytes;
    this.#pass();
  }

  /** The other side sends no more. */
  end(): void {
    this.#isAtEnd = true;
    this.#pass();
  }

  /** The other side resets the connection. */
  fail(): void {
    this.#isAtEnd = true;
    this.#reading?.reject(new Deno.errors.ConnectionReset());
    this.#reading = null;
  }

  /** The other side takes up to so many bytes of what is being written. */
  takeSome(maxBytes: number): void {
    const { bytes, resolve } = this.#writing!;
    this.#writing = null;
    const taken = bytes.subarray(0, maxBytes);
    super.write(taken).then(resolve, () => {});
  }

  override read(buffer: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => {
      this.#reading = { buffer, resolve, reject };
      if (this.#fed !== null || this.#isAtEnd) this.#pass();
    });
  }

  override write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve) => this.#writing = { bytes, resolve });
  }

  override close(): void {
    super.close();
    this.#reading?.reject(new Deno.errors.BadResource());
    this.#reading = this.#writing = null;
  }

  #pass(): void {
    if (this.#reading === null) return;
    const { buffer, resolve } = this.#reading;
    if (this.#fed === null) {
      this.#reading = null;
      resolve(null);
      return;
    }
    const bytes = Math.min(buffer.length, this.#fed.length);
    buffer.set(this.#fed.subarray(0, bytes));
    this.#fed = bytes < this.#fed.length ? this.#fed.subarray(bytes) : null;
    this.#reading = null;
    resolve(bytes);
  }
}
