/**
 * Request targets as front servers tell them, made into such as an HTTP/1.1 request would have.
 *
 * @module
 */

import type { OutputBuffer } from "./buffers.ts";
import { CLASS, TARGET } from "./chars.ts";
import { ProtocolError } from "./errors.ts";
import { textOf } from "./fields.ts";
import { checkAuthority } from "./request_checks.ts";

const HEX_DIGITS = "0123456789ABCDEF";
const SLASH = 0x2f;

/** What a request target may hold as it is: 1 for each such byte. */
export const TARGET_BYTES: Uint8Array = new Uint8Array(256);
/** What a path may hold as it is, if a percent sign stands for itself. */
export const PATH_BYTES: Uint8Array = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  TARGET_BYTES[byte] = (CLASS[byte] & TARGET) === 0 ? 0 : 1;
  PATH_BYTES[byte] = /[\w\-.~!$&'()*+,;=:@/]/.test(String.fromCharCode(byte)) ? 1 : 0;
}

/** Appends `bytes[start, end)`; what is not in `plain` is percent-encoded. */
export function appendEscaped(
  out: OutputBuffer,
  bytes: Uint8Array,
  start: number,
  end: number,
  plain: Uint8Array,
): void {
  out.reserve((end - start) * 3);
  const target = out.bytes;
  let to = out.length;
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (plain[byte] === 1) {
      target[to++] = byte;
    } else {
      target[to++] = 0x25;
      target[to++] = HEX_DIGITS.charCodeAt(byte >>> 4);
      target[to++] = HEX_DIGITS.charCodeAt(byte & 15);
    }
  }
  out.length = to;
}

/**
 * Checks that `bytes[start, end)`, which `name` names, is a target that makes a URL: a path, an `http:`
 * or `https:` URL, or `*`.
 *
 * @throws {ProtocolError} if it is none
 */
export function checkTarget(bytes: Uint8Array, start: number, end: number, name: string): void {
  if (bytes[start] === SLASH && end > start) return;
  const target = textOf(bytes, start, end);
  if (target === "*") return;
  const authority = /^https?:\/\/([^/?]+)/i.exec(target);
  if (authority === null || !URL.canParse(target)) {
    throw new ProtocolError(400, `${name} is no request target`, "RFC 9112 3.2");
  }
  const authorityEnd = start + authority[0].length;
  checkAuthority(bytes, authorityEnd - authority[1].length, authorityEnd);
}
