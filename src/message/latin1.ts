/**
 * Bytes as text, each byte one code unit, on the gateway's side.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { latin1Text } from "./fields.ts";

/** Text up to this length is put together by a loop, which is faster than a call for so little. */
const SHORT_TEXT = 8;

type Slice = (this: Uint8Array, start: number, end: number) => string;
/** What Node.js has for this; it is not in its documentation. */
const { latin1Slice } = Buffer.prototype as { readonly latin1Slice?: Slice };
const { apply } = Reflect;

/** The text in `bytes[start, end)`. */
export function latin1Of(bytes: Uint8Array, start: number, end: number): string {
  if (latin1Slice === undefined || end - start <= SHORT_TEXT) return latin1Text(bytes, start, end);
  return apply(latin1Slice, bytes, [start, end]);
}
