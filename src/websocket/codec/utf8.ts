/**
 * Whether bytes are UTF-8 (RFC 3629), told as they come.
 *
 * A `TextDecoder` would tell, too, but makes texts that nobody needs: what is read goes on as bytes. Long
 * pieces are looked at by the platform; only what they begin and end with, and short ones, byte by byte.
 *
 * @module
 */

import { isUtf8 } from "node:buffer";

/** From this length on a call of the platform's is faster than a loop, in bytes. */
const MIN_NATIVE_BYTES = 64;
/** Continuation bytes are in this range, unless the first byte narrows that of the second. */
const CONTINUATION_LOW = 0x80;
const CONTINUATION_HIGH = 0xbf;

/** A reader of texts, each of which begins where the one before is complete. */
export class Utf8Validator {
  /** Bytes that the character lacks which is being read. */
  #missing = 0;
  /** The range of the next of them. */
  #low = CONTINUATION_LOW;
  #high = CONTINUATION_HIGH;

  /** Whether what was read so far does not end within a character. */
  get isComplete(): boolean {
    return this.#missing === 0;
  }

  /** Reads on; `false` as soon as no text can begin like that. */
  push(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < MIN_NATIVE_BYTES) return this.#readEach(bytes, start, end);
    let at = start;
    while (this.#missing > 0) {
      if (!this.#readEach(bytes, at, at + 1)) return false;
      at++;
    }
    const lastStart = lastCharacterStart(bytes, at, end);
    return isUtf8(bytes.subarray(at, lastStart)) && this.#readEach(bytes, lastStart, end);
  }

  #readEach(bytes: Uint8Array, start: number, end: number): boolean {
    for (let at = start; at < end; at++) {
      const byte = bytes[at];
      if (this.#missing > 0) {
        if (byte < this.#low || byte > this.#high) return false;
        this.#missing--;
        this.#low = CONTINUATION_LOW;
        this.#high = CONTINUATION_HIGH;
      } else if (byte >= 0x80 && !this.#begin(byte)) {
        return false;
      }
    }
    return true;
  }

  /** Reads the first byte of a character that has several; `false` if there is none such. */
  #begin(byte: number): boolean {
    if (byte < 0xc2 || byte > 0xf4) return false;
    if (byte < 0xe0) {
      this.#missing = 1;
    } else if (byte < 0xf0) {
      this.#missing = 2;
      // Neither what fits two bytes, nor surrogates.
      if (byte === 0xe0) this.#low = 0xa0;
      else if (byte === 0xed) this.#high = 0x9f;
    } else {
      this.#missing = 3;
      // Neither what fits three bytes, nor what is beyond U+10FFFF.
      if (byte === 0xf0) this.#low = 0x90;
      else if (byte === 0xf4) this.#high = 0x8f;
    }
    return true;
  }
}

/** Where the last character in `bytes[start, end)` begins, if it may lack bytes; else `end`. */
function lastCharacterStart(bytes: Uint8Array, start: number, end: number): number {
  const first = Math.max(start, end - 3);
  for (let at = end - 1; at >= first; at--) {
    if (bytes[at] >= 0xc0) return at;
    if (bytes[at] < 0x80) return end;
  }
  return end;
}
