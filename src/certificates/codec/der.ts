/**
 * DER, the encoding of certificates (ITU-T X.690): a reader, and a writer.
 *
 * @module
 */

import { EMPTY } from "../../base/empty.ts";

/** Tags of values. */
export const TAG = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Bytes of a length at the most: longer values than 4 GiB do not fit anywhere. */
const MAX_LENGTH_BYTES = 4;

/** Bytes are not DER. */
export class DerError extends Error {
  /** Name of the class. */
  override name = "DerError";
}

/** A value, with its bytes borrowed from those that it was read from. */
export interface DerValue {
  /** Its tag, one byte: longer ones are refused. */
  readonly tag: number;
  /** What is in it. */
  readonly content: Uint8Array;
}

/**
 * Reads the values that lie one after another in `bytes`.
 *
 * @throws {DerError} if they are no such values
 */
export function* derValues(bytes: Uint8Array): Generator<DerValue, void, void> {
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at++];
    if ((tag & 0x1f) === 0x1f) throw new DerError("a tag is too long");
    let length = bytes[at++];
    if (length === undefined) throw new DerError("a length is missing");
    if (length >= 0x80) {
      const count = length - 0x80;
      if (count === 0 || count > MAX_LENGTH_BYTES) throw new DerError("a length is too long");
      length = 0;
      for (let left = count; left > 0; left--) length = length * 256 + (bytes[at++] ?? NaN);
    }
    // Not a number, too, if bytes of the length are missing.
    if (!(length <= bytes.length - at)) throw new DerError("a value is cut off");
    yield { tag, content: bytes.subarray(at, at += length) };
  }
}

/**
 * The values in the one that `bytes` are, which must have `tag`.
 *
 * @throws {DerError} if it is something else
 */
export function derMembers(bytes: Uint8Array, tag: number): DerValue[] {
  const [value, more] = derValues(bytes);
  if (value === undefined || more !== undefined || value.tag !== tag) {
    throw new DerError(`one value with the tag ${tag} is missing`);
  }
  return [...derValues(value.content)];
}

/** A value of `tag` with `parts` one after another in it. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const lengthBytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) lengthBytes.unshift(rest % 256);
  const header = length < 0x80 ? [tag, length] : [tag, 0x80 + lengthBytes.length, ...lengthBytes];
  const bytes = new Uint8Array(header.length + length);
  bytes.set(header);
  let at = header.length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A whole number, not negative, of its bytes, the highest first. */
export function derInteger(magnitude: Uint8Array): Uint8Array<ArrayBuffer> {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++;
  const bytes = magnitude.subarray(start);
  // The highest bit would be a sign.
  const sign = (bytes[0] ?? 0x80) >= 0x80 ? Uint8Array.of(0) : EMPTY;
  return der(TAG.integer, sign, bytes);
}

/** An object identifier, such as `"2.5.29.17"`. */
export function derObjectId(text: string): Uint8Array<ArrayBuffer> {
  const [first, second, ...rest] = text.split(".").map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const digits = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      digits.unshift(0x80 + left % 128);
    }
    return digits;
  });
  return der(TAG.objectId, Uint8Array.from(bytes));
}

/** Whether `value` is the object identifier `text`. */
export function isObjectId({ tag, content }: DerValue, text: string): boolean {
  const wanted = derObjectId(text).subarray(2);
  return tag === TAG.objectId && content.length === wanted.length &&
    content.every((byte, index) => byte === wanted[index]);
}
