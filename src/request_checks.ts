/**
 * Checks of the parts of a request whose meaning others rely on.
 *
 * @module
 */

import { ProtocolError } from "./errors.ts";
import { textOf } from "./fields.ts";

const EMPTY = new Uint8Array(0);

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
  return textOf(bytes, start, end);
}

/** The authority that was last found valid: connections mostly name the same one again. */
let validAuthority: Uint8Array = EMPTY;

/**
 * Checks `uri-host [":" port]` (RFC 9110 7.2), and that it makes a URL, so that no later reader of
 * the request can stumble over it. An empty one is allowed (RFC 9112 3.2).
 */
export function checkAuthority(bytes: Uint8Array, start: number, end: number): void {
  const length = end - start;
  if (length === 0) return;
  if (length === validAuthority.length) {
    let same = 0;
    while (same < length && bytes[start + same] === validAuthority[same]) same++;
    if (same === length) return;
  }
  const authority = textOf(bytes, start, end);
  if (
    !/^(?:[\w.~!$&'()*+,;=%-]+|\[[\dA-Fa-f:.]+\])(?::\d{0,5})?$/.test(authority) ||
    !URL.canParse(`http://${authority}/`)
  ) {
    throw new ProtocolError(400, "the authority is malformed", "RFC 9112 3.2");
  }
  validAuthority = bytes.slice(start, end);
}
