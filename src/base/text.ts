/**
 * Text as UTF-8 bytes, written where it belongs without a copy in between.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { charCodeAt, uncurried, viewOf } from "./captured.ts";

const { byteLength } = Buffer;
const encoder = new TextEncoder();
const encodeInto = uncurried(TextEncoder.prototype.encodeInto);
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
