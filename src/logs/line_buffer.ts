/**
 * Lines as bytes, one after another, made without texts in between.
 *
 * @module
 */

import { CR, LF } from "../message/chars.ts";
import type { Escaping } from "./escaping.ts";
import { BACKSLASH, ESCAPES, HEX_DIGITS } from "./escaping.ts";

const MIN_BYTES = 4_096;

/** A buffer that grows, and keeps what it has grown to. */
export class LineBuffer {
  /** The bytes; those before {@linkcode length} count. */
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(MIN_BYTES);
  /** Bytes that were written. */
  length = 0;

  /** Appends `text`, which is ASCII. */
  ascii(text: string): void {
    const { length } = text;
    this.reserve(length);
    const { bytes } = this;
    let at = this.length;
    for (let i = 0; i < length; i++) bytes[at++] = text.charCodeAt(i);
    this.length = at;
  }

  /** Appends all of `bytes`, for which there has to be room ({@linkcode reserve}). */
  constant(bytes: Uint8Array): void {
    const { length } = bytes;
    const target = this.bytes;
    let at = this.length;
    for (let i = 0; i < length; i++) target[at++] = bytes[i];
    this.length = at;
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
      this.#digits(value, digits);
    }
  }

  /** Appends `value`, from 0 on, with `decimals` digits after the point. */
  decimal(value: number, decimals: number): void {
    const scale = 10 ** decimals;
    const scaled = Math.round(value * scale);
    const whole = Math.floor(scaled / scale);
    this.whole(whole);
    this.byte(0x2e);
    this.#digits(scaled - whole * scale, decimals);
  }

  /** Appends the last `digits` digits of `value`, with zeros before it. */
  #digits(value: number, digits: number): void {
    this.reserve(digits);
    const { bytes } = this;
    for (let at = this.length + digits; at > this.length;) {
      const rest = value / 10 | 0;
      bytes[--at] = 0x30 + value - rest * 10;
      value = rest;
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
  }
}

/** Whether `byte` ends a line. */
export function endsLine(byte: number): boolean {
  return byte === LF || byte === CR;
}
