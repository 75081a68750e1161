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

/** What many lines have, so that it is appended a word at a time. */
export class Constant {
  /** Its bytes. */
  readonly length: number;
  /** The same in words, with zeros after them. */
  readonly words: BigInt64Array;

  /** Makes one of `text`, which is ASCII. */
  constructor(text: string) {
    const { length } = text;
    this.length = length;
    const padded = text.padEnd(Math.ceil(length / WORD_BYTES) * WORD_BYTES, "\0");
    const view = new DataView(latin1Bytes(padded).buffer);
    this.words = BigInt64Array.from(
      { length: padded.length / WORD_BYTES },
      (_, i) => view.getBigInt64(i * WORD_BYTES, true),
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
    for (let i = 0; i < words.length; i++, at += WORD_BYTES) view.setBigInt64(at, words[i], true);
    this.length += length;
  }

  /** Appends a whole number from 0 on with digits and small letters: in base 36. */
  base36(value: number): void {
    let digits = 1;
    for (let power = 36; power <= value; power *= 36) digits++;
    this.reserve(digits);
    const { bytes } = this;
    for (let at = this.length + digits; at > this.length;) {
      const rest = Math.floor(value / 36);
      const digit = value - rest * 36;
      bytes[--at] = digit < 10 ? 0x30 + digit : 0x57 + digit;
      value = rest;
    }
    this.length += digits;
  }

  /** Appends one byte. */
  byte(byte: number): void {
    this.reserve(1);
    this.bytes[this.length++] = byte;
  }

  /** Appends a whole number from 0 on. */
  whole(value: number): void {
    if (value < 10) {
      this.byte(0x30 + value);
    } else if (value > 0x3fff_ffff) {
      this.ascii(String(value));
    } else {
      let digits = 1;
      for (let power = 10; power <= value; power *= 10) digits++;
      this.padded(value, digits);
    }
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
