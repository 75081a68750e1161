/**
 * Replies of one turn, so that they can be sent one right after the other: ZeroMQ's own thread is then
 * woken once for several, and sends them together. It does no I/O.
 *
 * @module
 */

const MIN_BYTES = 16_384;
/** Bytes of replies that are gathered. A single one may have more. */
const MAX_BYTES = 65_536;
/** Bytes of memory that are kept. */
const MAX_KEPT_BYTES = 1_048_576;

/** Replies to send, in memory that is reused. */
export class Outbox {
  #bytes = new Uint8Array(MIN_BYTES);
  /** Where each reply ends. */
  readonly #ends: number[] = [];
  #length = 0;

  /** Whether there are none. */
  get isEmpty(): boolean {
    return this.#ends.length === 0;
  }

  /** Whether a reply of so many bytes should go with those that are there. */
  hasRoom(bytes: number): boolean {
    return this.#length === 0 || this.#length + bytes <= MAX_BYTES;
  }

  /** Copies a reply that is in two parts; its beginning is text whose code units are bytes. */
  push(beginning: string, rest: Uint8Array): void {
    this.#reserve(beginning.length + rest.length);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < beginning.length; i++) bytes[at++] = beginning.charCodeAt(i);
    bytes.set(rest, at);
    this.#ends.push(this.#length = at + rest.length);
  }

  /** Hands each reply to `send`, which may keep none of its bytes, and forgets all. */
  drain(send: (reply: Uint8Array) => void): void {
    let start = 0;
    for (const end of this.#ends) {
      send(this.#bytes.subarray(start, end));
      start = end;
    }
    this.clear();
  }

  /** Forgets all. */
  clear(): void {
    this.#ends.length = 0;
    this.#length = 0;
    if (this.#bytes.length > MAX_KEPT_BYTES) this.#bytes = new Uint8Array(MIN_BYTES);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
