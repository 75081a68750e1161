/**
 * Field lines of responses that have just been seen: most responses of an app have the same as some
 * other one. They are recognised instead of being made, or checked, again.
 *
 * @module
 */

import { charCodeAt, viewOf } from "../base/captured.ts";
import { latin1Text } from "../message/fields.ts";

const { ArrayBuffer, Uint32Array, Uint8Array } = globalThis;

/** Longer field lines are not known, in bytes. */
export const MAX_KNOWN_BYTES = 1_024;

/** How many lengths are told apart, a power of two. */
const SLOTS = 8;

/** The last field lines of a length. */
class Known {
  /** The lines, one code unit a byte; `null` if none was asked for. */
  text: string | null = null;
  /** The lines as bytes, four in a word. */
  readonly words: Uint32Array;
  readonly #bytes: Uint8Array;
  #length = 0;

  constructor() {
    const buffer = new ArrayBuffer(MAX_KNOWN_BYTES);
    this.words = new Uint32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
  }

  /** Makes it those of `text`. */
  set(text: string): void {
    const { length } = text;
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) bytes[i] = charCodeAt(text, i);
    this.#length = length;
    this.text = text;
  }

  /**
   * The lines in `bytes[at, at + length)`, which are also `words`: as text if they were here the last time,
   * else borrowed. `at` is a multiple of 4. Others may change them meanwhile: each word is looked at once
   * before it counts.
   */
  read(words: Uint32Array, bytes: Uint8Array, at: number, length: number): Uint8Array | string {
    const own = this.words;
    const ownBytes = this.#bytes;
    const first = at >>> 2;
    const wordCount = length >>> 2;
    if (length === this.#length) {
      let i = 0;
      while (i < wordCount && words[first + i] === own[i]) i++;
      if (i === wordCount) {
        i *= 4;
        while (i < length && bytes[at + i] === ownBytes[i]) i++;
        if (i === length) return this.text ??= latin1Text(ownBytes, 0, length);
      }
    }
    this.#length = length;
    this.text = null;
    for (let i = 0; i < wordCount; i++) own[i] = words[first + i];
    for (let i = wordCount * 4; i < length; i++) ownBytes[i] = bytes[at + i];
    return viewOf(bytes, at, at + length);
  }
}

/** The last field lines, by length. */
export class KnownLines {
  readonly #slots: readonly Known[] = [
    new Known(),
    new Known(),
    new Known(),
    new Known(),
    new Known(),
    new Known(),
    new Known(),
    new Known(),
  ];

  /** What is known of lines of `length` bytes. */
  at(length: number): Known {
    return this.#slots[length & (SLOTS - 1)];
  }
}
