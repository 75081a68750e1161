/**
 * Lines as bytes, one after another, made without texts in between.
 *
 * @module
 */

import { latin1Bytes } from "../base/bytes.ts";
import { CR, LF } from "../message/chars.ts";
import type { Escaping } from "./escaping.ts";
import { BACKSLASH, ESCAPES, HEX_DIGITS } from "./escaping.ts";

const MIN_BYTES = 4_096;
const WORD_BYTES = 8;
/** What appending a {@linkcode Constant} may write after its bytes. */
export const MAX_PADDING_BYTES: number = WORD_BYTES - 1;
/** The powers of ten, by their exponents. */
const POWERS = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];

/** The three digits of each number below a thousand, as bytes of a word whose last byte is zero. */
const DIGITS = Int32Array.from({ length: 1_000 }, (_, number) => {
  const [hundreds, tens, ones] = String(number).padStart(3, "0");
  return hundreds.charCodeAt(0) | tens.charCodeAt(0) << 8 | ones.charCodeAt(0) << 16;
});
/** The two digits of each number below 36², in base 36. */
const PAIRS_36 = Int16Array.from({ length: 36 * 36 }, (_, number) => {
  const [first, second] = number.toString(36).padStart(2, "0");
  return first.charCodeAt(0) | second.charCodeAt(0) << 8;
});
/** Numbers from here on are not divided as whole ones. */
const LARGE = 0x4000_0000;
/** What a number below 1,000, its decimals and the rest of a word may take, in bytes. */
const SHORT_NUMBER_BYTES = 16;

/** What many lines have, so that it is appended a word at a time. */
export class Constant {
  /** How many bytes it has. */
  readonly length: number;
  /**
   * The same in words, with zeros after them: no text in ASCII is a number that is none. An array of numbers is read
   * in two thirds of the time that a typed one takes.
   */
  readonly words: readonly number[];

  /** Makes one of `text`, which is ASCII. */
  constructor(text: string) {
    const { length } = text;
    this.length = length;
    const padded = text.padEnd(Math.ceil(length / WORD_BYTES) * WORD_BYTES, "\0");
    const view = new DataView(latin1Bytes(padded).buffer);
    this.words = Array.from(
      { length: padded.length / WORD_BYTES },
      (_, word) => view.getFloat64(word * WORD_BYTES, true),
    );
  }
}

/** A buffer that grows, and keeps what it has grown to. */
export class LineBuffer {
  /** The bytes; those before {@linkcode length} count. */
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(MIN_BYTES);
  /** Bytes that were written. */
  length = 0;
  #view = new DataView(this.bytes.buffer);

  /** Appends `text`, which is ASCII. */
  ascii(text: string): void {
    const { length } = text;
    this.reserve(length);
    const { bytes } = this;
    let at = this.length;
    for (let i = 0; i < length; i++) bytes[at++] = text.charCodeAt(i);
    this.length = at;
  }

  /** Appends `constant`, for which there has to be room: also for the rest of its last word. */
  constant({ words, length }: Constant): void {
    const view = this.#view;
    let at = this.length;
    for (let i = 0; i < words.length; i++, at += WORD_BYTES) view.setFloat64(at, words[i], true);
    this.length += length;
  }

  /** Appends a whole number from 0 on with digits and small letters: in base 36. */
  base36(value: number): void {
    let digits = 1;
    for (let power = 36; power <= value; power *= 36) digits++;
    this.reserve(digits);
    const view = this.#view;
    const end = this.length + digits;
    let at = end;
    for (; digits > 1; digits -= 2) {
      const rest = value < LARGE ? value / 1_296 | 0 : Math.floor(value / 1_296);
      at -= 2;
      view.setInt16(at, PAIRS_36[value - rest * 1_296], true);
      value = rest;
    }
    if (digits === 1) this.bytes[this.length] = value < 10 ? 0x30 + value : 0x57 + value;
    this.length = end;
  }

  /** Appends one byte. */
  byte(byte: number): void {
    this.reserve(1);
    this.bytes[this.length++] = byte;
  }

  /** Appends a whole number from 0 on. */
  whole(value: number): void {
    if (value < 1_000) {
      this.reserve(SHORT_NUMBER_BYTES);
      this.#short(value);
    } else if (value >= LARGE) {
      this.ascii(String(value));
    } else {
      let digits = 1;
      for (let power = 10; power <= value; power *= 10) digits++;
      this.padded(value, digits);
    }
  }

  /** Appends a whole number below 1,000, for which there has to be room, also for the rest of a word. */
  #short(value: number): void {
    const digits = value < 10 ? 1 : value < 100 ? 2 : 3;
    this.#view.setInt32(this.length, DIGITS[value] >> (3 - digits) * 8, true);
    this.length += digits;
  }

  /** Writes three digits of `value`, below 1,000, and `next` after them, over what is at `at`. */
  overwrite(at: number, value: number, next: number): void {
    this.#view.setInt32(at, DIGITS[value] | next << 24, true);
  }

  /** Appends `value`, from 0 on, with `decimals` digits after the point, six at the most. */
  decimal(value: number, decimals: number): void {
    const scale = POWERS[decimals];
    const scaled = Math.round(value * scale);
    const whole = Math.floor(scaled / scale);
    this.whole(whole);
    this.byte(0x2e);
    this.padded(scaled - whole * scale, decimals);
  }

  /** Appends `value`, from 0 on, with three digits after the point. */
  thousandths(value: number): void {
    const scaled = Math.round(value * 1_000);
    if (scaled >= 1_000_000) {
      this.decimal(value, 3);
      return;
    }
    this.reserve(SHORT_NUMBER_BYTES);
    const whole = scaled / 1_000 | 0;
    this.#short(whole);
    this.bytes[this.length++] = 0x2e;
    this.#view.setInt32(this.length, DIGITS[scaled - whole * 1_000], true);
    this.length += 3;
  }

  /** Appends the last `digits` digits of `value`, below 2^30, with zeros before it. */
  padded(value: number, digits: number): void {
    this.reserve(digits);
    const { bytes } = this;
    let left = value | 0;
    for (let at = this.length + digits; at > this.length;) {
      const rest = left / 10 | 0;
      bytes[--at] = 0x30 + left - rest * 10;
      left = rest;
    }
    this.length += digits;
  }

  /** Appends `source[start, end)` if nothing in it needs a second look; or else nothing, and is `false`. */
  plain(source: Uint8Array, start: number, end: number, { harmless }: Escaping): boolean {
    this.reserve(end - start);
    const { bytes } = this;
    let to = this.length;
    for (let at = start; at < end; at++) {
      const byte = source[at];
      if (harmless[byte] === 0) return false;
      bytes[to++] = byte;
    }
    this.length = to;
    return true;
  }

  /** Appends `source[start, end)`, with escapes where `escaping` wants them. */
  escaped(source: Uint8Array, start: number, end: number, escaping: Escaping): void {
    this.reserve((end - start) * escaping.maxBytes);
    const { bytes } = this;
    const { plain } = escaping;
    let to = this.length;
    for (let at = start; at < end; at++) {
      const byte = source[at];
      if (plain[byte] === 1) {
        bytes[to++] = byte;
        continue;
      }
      bytes[to++] = BACKSLASH;
      const letter = escaping.letters ? ESCAPES[byte] : 0;
      if (letter !== 0) {
        bytes[to++] = letter;
        continue;
      }
      for (let i = 0; i < escaping.before.length; i++) bytes[to++] = escaping.before.charCodeAt(i);
      bytes[to++] = HEX_DIGITS.charCodeAt(byte >>> 4);
      bytes[to++] = HEX_DIGITS.charCodeAt(byte & 15);
    }
    this.length = to;
  }

  /** Makes room for `bytes` more. */
  reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.bytes.length) return;
    let size = this.bytes.length;
    while (size < needed) size *= 2;
    const larger = new Uint8Array(size);
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** Whether `byte` ends a line. */
export function endsLine(byte: number): boolean {
  return byte === LF || byte === CR;
}
