/**
 * Checks of the parts of a request whose meaning others rely on.
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";
import { ProtocolError } from "../base/errors.ts";
import { latin1Text } from "./fields.ts";

const { URL } = globalThis;

/** The method's text; the common ones without making a string. */
export function methodOf(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (
    length === 3 && bytes[start] === 0x47 && bytes[start + 1] === 0x45 && bytes[start + 2] === 0x54
  ) {
    return "GET";
  }
  if (
    length === 4 && bytes[start] === 0x50 && bytes[start + 1] === 0x4f &&
    bytes[start + 2] === 0x53 && bytes[start + 3] === 0x54
  ) {
    return "POST";
  }
  return latin1Text(bytes, start, end);
}

/**
 * The authorities that were last found valid: connections mostly name the same one again, and proxies their own
 * and the one that they were asked for.
 */
const validAuthorities: Uint8Array[] = [EMPTY, EMPTY, EMPTY, EMPTY];
let lastAuthority = 0;

/** Longer than any name of DNS with a port, in bytes. */
const MAX_AUTHORITY_BYTES = 512;
/** A name without percent signs, or an address in brackets without a zone; and a port. */
const AUTHORITY = /^([\w.~!$&'()*+,;=-]+|\[[\dA-Fa-f:.]+\])(?::\d{0,5})?$/;

/**
 * Checks `uri-host [":" port]` (RFC 9110 7.2), and that a URL has just this host, so that no later
 * reader of the request can stumble over it, or see another host: numbers that are addresses to the
 * URL standard alone (`0x7f.1`), and names with percent signs or empty labels, are refused. An empty
 * one is allowed (RFC 9112 3.2).
 *
 * @throws {ProtocolError} if it is malformed
 */
export function checkAuthority(bytes: Uint8Array, start: number, end: number): void {
  if (end > start && !isValidAuthority(bytes, start, end)) {
    throw new ProtocolError(400, "the authority is malformed", "RFC 9112 3.2");
  }
}

/** Whether {@linkcode checkAuthority} accepts an authority that is not empty. */
export function isValidAuthority(bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  for (let i = 0; i < validAuthorities.length; i++) {
    const valid = validAuthorities[i];
    if (length !== valid.length) continue;
    let same = 0;
    while (same < length && bytes[start + same] === valid[same]) same++;
    if (same === length) return true;
  }
  if (length > MAX_AUTHORITY_BYTES || !isAuthority(latin1Text(bytes, start, end))) return false;
  lastAuthority = (lastAuthority + 1) % validAuthorities.length;
  validAuthorities[lastAuthority] = bytes.slice(start, end);
  return true;
}

function isAuthority(text: string): boolean {
  const host = AUTHORITY.exec(text)?.[1];
  if (host === undefined || host.startsWith(".") || host.includes("..")) return false;
  const url = URL.parse(`http://${text}/`);
  // IPv6 addresses have many spellings.
  return url !== null && (host.startsWith("[") || url.hostname === host.toLowerCase());
}
