/**
 * Request targets: which there are (RFC 9112 3.2), and how such are made of what front servers tell.
 *
 * @module
 */

import type { OutputBuffer } from "../base/buffers.ts";
import { CLASS, PATH, QUERY, QUESTION, SLASH, spells } from "./chars.ts";
import { ProtocolError } from "../base/errors.ts";
import type { RequestHead } from "./exchange.ts";
import { latin1Text } from "./fields.ts";
import { checkAuthority } from "./request_checks.ts";
import { hasDisputedDots } from "./request_paths.ts";

const HEX_DIGITS = "0123456789ABCDEF";
const ASTERISK = 0x2a;
const DOT = 0x2e;
const PERCENT = 0x25;
const SCHEMES = ["http://", "https://"];

/** What a query may hold as it is: 1 for each such byte. */
export const QUERY_BYTES: Uint8Array = new Uint8Array(256);
/** What a path may hold as it is, if a percent sign stands for itself. */
export const PATH_BYTES: Uint8Array = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  QUERY_BYTES[byte] = (CLASS[byte] & QUERY) === 0 ? 0 : 1;
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

/** What is wrong with a target that has `byte` where it cannot have it. */
export function malformedTarget(byte: number): ProtocolError {
  const hex = byte.toString(16).padStart(2, "0").toUpperCase();
  return new ProtocolError(
    400,
    byte > 0x20
      ? `the request target has the byte 0x${hex} where only %${hex} can stand`
      : "the request target is malformed",
    "RFC 9112 3.2",
  );
}

/**
 * Checks the path that begins `bytes[start, end)`: a server in front and the app have to see the same
 * one.
 *
 * @throws {ProtocolError} if web servers resolve its dot segments in different ways
 */
export function checkPath(bytes: Uint8Array, start: number, end: number): void {
  let isSuspect = false;
  let at = start;
  for (; at < end && bytes[at] !== QUESTION; at++) {
    const byte = bytes[at];
    if (byte === PERCENT || byte === DOT && bytes[at - 1] === SLASH) isSuspect = true;
  }
  if (!isSuspect || !hasDisputedDots(latin1Text(bytes, start, at))) return;
  throw new ProtocolError(
    400,
    "the path has dot segments that servers resolve in different ways",
    "RFC 3986 5.2.4",
  );
}

/** Whether `bytes[start, end)` is the target `*`. */
export function isAsterisk(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start === 1 && bytes[start] === ASTERISK;
}

/**
 * Takes the target `bytes[start, end)` of the head, which `name` names: a path, an `http:` or `https:`
 * URL, whose authority becomes the head's, or `*`.
 *
 * @throws {ProtocolError} if it is malformed
 */
export function takeTarget(
  head: RequestHead,
  bytes: Uint8Array,
  start: number,
  end: number,
  name: string,
): void {
  let at = start;
  while (at < end && (CLASS[bytes[at]] & PATH) !== 0) at++;
  if (at < end && bytes[at] === QUESTION) {
    while (at < end && (CLASS[bytes[at]] & QUERY) !== 0) at++;
  }
  if (at < end) throw malformedTarget(bytes[at]);
  head.targetStart = start;
  head.targetEnd = head.authorityStart = head.authorityEnd = end;
  if (isAsterisk(bytes, start, end)) return;
  const isPath = bytes[start] === SLASH && start < end;
  if (!isPath) takeAuthority(head, bytes, start, end, name);
  checkPath(bytes, isPath ? start : head.authorityEnd, end);
}

/**
 * Takes the authority of the absolute target `bytes[start, end)`, which `name` names, for the head.
 *
 * @throws {ProtocolError} if it is not an absolute target
 */
export function takeAuthority(
  head: RequestHead,
  bytes: Uint8Array,
  start: number,
  end: number,
  name: string,
): void {
  const scheme = SCHEMES.find((each) => spells(bytes, start, start + each.length, each));
  const authorityStart = start + (scheme?.length ?? 0);
  let authorityEnd = authorityStart;
  while (
    authorityEnd < end && bytes[authorityEnd] !== SLASH && bytes[authorityEnd] !== QUESTION
  ) authorityEnd++;
  if (scheme === undefined || authorityEnd === authorityStart || authorityStart > end) {
    throw new ProtocolError(400, `${name} has no known form`, "RFC 9112 3.2");
  }
  checkAuthority(bytes, authorityStart, authorityEnd);
  head.authorityStart = authorityStart;
  head.authorityEnd = authorityEnd;
}

/** Whether the head's target is absolute: names an authority itself. */
function isAbsolute({ block, targetStart, targetEnd }: RequestHead): boolean {
  return targetEnd > targetStart && block[targetStart] !== SLASH &&
    !isAsterisk(block, targetStart, targetEnd);
}

/**
 * The authority in an absolute target, which takes the place of what `Host` says (RFC 9112 3.2.2); `null` if the
 * target is not absolute. The request's URL may have another one: that which a trusted proxy tells.
 */
export function authorityInTarget(head: RequestHead): string | null {
  if (!isAbsolute(head)) return null;
  const { block, targetStart, targetEnd } = head;
  // The scheme has no slash, and two come after it.
  let start = targetStart;
  while (start < targetEnd && block[start] !== SLASH) start++;
  start += 2;
  let end = start;
  while (end < targetEnd && block[end] !== SLASH && block[end] !== QUESTION) end++;
  return latin1Text(block, start, end);
}
