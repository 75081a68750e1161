/**
 * Text as UTF-8 bytes, written where it belongs without a copy in between.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { charCodeAt, isShared, lengthOf, uncurried, viewOf } from "./captured.ts";
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
/** Texts up to this length are decoded by it, and longer ones by a decoder. */
const SHORT_SLICE = 512;
/** Where bytes are put that are decoded: a decoder would make a copy of shared memory each time. */
const piece = new Uint8Array(131_072);
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
  const isSlice = length <= SHORT_SLICE && utf8Slice !== undefined;
  if (!isSlice && !isShared(bytes)) return decode(decoder, bytes);
  const own = length <= PIECE_BYTES ? piece : new Uint8Array(length);
  copyShared(own, 0, bytes, 0, length, "source");
  return isSlice ? apply(utf8Slice, own, [0, length]) : decode(decoder, viewOf(own, 0, length));
}
