/**
 * Where messages end among socket records.
 *
 * @module
 */

import { BINARY, LAST, RECORD_HEADER_BYTES } from "../message/socket_records.ts";

/** Finds where messages end among socket records that come in any split. */
export class MessageBounds {
  /** Bytes of the header that have come. */
  #headerBytes = 0;
  /** Its first one. */
  #first = 0;
  /** Bytes of the payload that have not come. */
  #missing = 0;
  #isWithin = false;

  readonly #onRecord: (kind: number) => void;

  /** `onRecord`, if given, gets the kind of each record that begins. */
  constructor(onRecord: (kind: number) => void = () => {}) {
    this.#onRecord = onRecord;
  }

  /** Whether what has come is whole messages, and whole records. */
  get isBetween(): boolean {
    return !this.#isWithin && this.#headerBytes === 0;
  }

  /** Takes note of `chunk`. */
  push(chunk: Uint8Array): void {
    const end = chunk.length;
    for (let at = 0; at < end;) {
      if (this.#headerBytes < RECORD_HEADER_BYTES) {
        this.#readHeaderByte(chunk[at++]);
        if (this.#headerBytes < RECORD_HEADER_BYTES) continue;
        this.#onRecord(this.#first);
      }
      const bytes = Math.min(end - at, this.#missing);
      this.#missing -= bytes;
      at += bytes;
      if (this.#missing === 0) this.#endRecord();
    }
  }

  #readHeaderByte(byte: number): void {
    if (this.#headerBytes === 0) {
      this.#first = byte;
      this.#missing = 0;
    } else {
      this.#missing += byte * 0x100 ** (this.#headerBytes - 1);
    }
    this.#headerBytes++;
  }

  #endRecord(): void {
    this.#headerBytes = 0;
    const first = this.#first;
    // Others than those of messages come between two parts of one.
    if ((first & ~LAST) <= BINARY) this.#isWithin = (first & LAST) === 0;
  }
}
