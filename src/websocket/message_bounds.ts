/**
 * Where messages end among socket records.
 *
 * @module
 */

import { BINARY, LAST, RECORD_HEADER_BYTES } from "../message/socket_records.ts";

/** Finds where messages end among socket records that come in any split. */
export class MessageBounds {
  readonly #header = new Uint8Array(RECORD_HEADER_BYTES);
  #headerBytes = 0;
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
    const header = this.#header;
    for (let at = 0; at < end;) {
      if (this.#headerBytes < RECORD_HEADER_BYTES) {
        header[this.#headerBytes++] = chunk[at++];
        if (this.#headerBytes < RECORD_HEADER_BYTES) continue;
        this.#missing = header[1] + header[2] * 0x100 + header[3] * 0x1_0000 +
          header[4] * 0x100_0000;
        this.#onRecord(header[0]);
      }
      const bytes = Math.min(end - at, this.#missing);
      this.#missing -= bytes;
      at += bytes;
      if (this.#missing === 0) this.#endRecord();
    }
  }

  #endRecord(): void {
    this.#headerBytes = 0;
    const kind = this.#header[0];
    // Others than those of messages come between two parts of one.
    if ((kind & ~LAST) <= BINARY) this.#isWithin = (kind & LAST) === 0;
  }
}
