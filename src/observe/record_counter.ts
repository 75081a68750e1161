/**
 * Counts what passes over a WebSocket, in socket records (`message/socket_records.ts`).
 *
 * @module
 */

import { BINARY, CLOSE, LAST, RECORD_HEADER_BYTES, TEXT } from "../message/socket_records.ts";

/** Follows the records of one direction. */
export class RecordCounter {
  /** Whether the closing handshake was complete, as the endpoint says with its last record. */
  isClean = false;
  readonly #header = new Uint8Array(RECORD_HEADER_BYTES);
  #headerBytes = 0;
  /** Bytes of the payload that have not come. */
  #missing = 0;
  #isData = false;
  /** Whether none of the payload has come. */
  #isFirst = false;

  /** Takes bytes in any split; returns how many of them are of messages. */
  push(chunk: Uint8Array): number {
    let counted = 0;
    for (let at = 0; at < chunk.length;) {
      if (this.#missing === 0) {
        this.#header[this.#headerBytes++] = chunk[at++];
        if (this.#headerBytes === RECORD_HEADER_BYTES) this.#begin();
        continue;
      }
      const bytes = Math.min(this.#missing, chunk.length - at);
      if (this.#isData) counted += bytes;
      else if (this.#header[0] === CLOSE && this.#isFirst) this.isClean = chunk[at] === 1;
      this.#isFirst = false;
      this.#missing -= bytes;
      at += bytes;
    }
    return counted;
  }

  #begin(): void {
    const [kind, first, second, third, fourth] = this.#header;
    this.#headerBytes = 0;
    this.#missing = (first | second << 8 | third << 16 | fourth << 24) >>> 0;
    const kindOfData = kind & ~LAST;
    this.#isData = kindOfData === TEXT || kindOfData === BINARY;
    this.#isFirst = true;
  }
}
