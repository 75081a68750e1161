/**
 * Text as UTF-8 bytes, written where it belongs without a copy in between.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { charCodeAt, lengthOf, uncurried, viewOf } from "./captured.ts";
import { copyShared } from "./buffers.ts";

const { Uint8Array } = globalThis;
const { apply } = Reflect;
const { byteLength } = Buffer;
const encoder = new TextEncoder();
const encodeInto = uncurried(TextEncoder.prototype.encodeInto);
// A byte order mark is part of the text.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const decode: (decoder: TextDecoder, bytes: Uint8Array) => string = uncurried(
  TextDecoder.prototype.decode,
);
/** Far faster than a decoder for short texts. It is not part of what Node documents. */
const { utf8Slice } = Buffer.prototype as {
  readonly utf8Slice?: (this: Uint8Array, start: number, end: number) => string;
};
/** Where bytes are put that are decoded: those of shared memory have to be, and one piece of memory is enough. */
const piece = new Uint8Array(16_384);
const PIECE_BYTES = lengthOf(piece);
/** ASCII up to this length is written by a loop, which is faster than a call for so little. */
const SHORT_TEXT = 48;

/** Bytes that `text` takes in UTF-8. */
export function utf8Length(text: string): number {
  const { length } = text;
  if (length > SHORT_TEXT) return byteLength(text);
  for (let i = 0; i < length; i++) if (charCodeAt(text, i) > 0x7f) return byteLength(text);
  return length;
}

/** Writes `text`, which takes `length` bytes, to `target` at `at`. */
export function writeUtf8(text: string, length: number, target: Uint8Array, at: number): void {
  if (length <= SHORT_TEXT && length === text.length) {
    for (let i = 0; i < length; i++) target[at++] = charCodeAt(text, i);
  } else {
    encodeInto(encoder, text, viewOf(target, at, at + length));
  }
}

/** The text whose UTF-8 bytes are in `bytes`, which may be shared memory. */
export function utf8Text(bytes: Uint8Array): string {
  const length = lengthOf(bytes);
  const isShort = length <= PIECE_BYTES;
  const own = isShort ? piece : new Uint8Array(length);
  copyShared(own, 0, bytes, 0, length, "source");
  if (utf8Slice !== undefined) return apply(utf8Slice, own, [0, length]);
  return decode(decoder, isShort ? viewOf(own, 0, length) : own);
}
