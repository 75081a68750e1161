/**
 * Tagged netstrings: `LENGTH:BYTES` and a letter that tells what the bytes are. It does no I/O.
 *
 * @module
 */

import { concatenated } from "../../base/bytes.ts";
import { ProtocolError } from "../../base/errors.ts";
import { latin1Text } from "../../message/fields.ts";

/** A value of a tnetstring. Strings are bytes; the keys of dictionaries are texts, each byte one code unit. */
export type TnetValue =
  | Uint8Array
  | number
  | boolean
  | null
  | readonly TnetValue[]
  | { readonly [key: string]: TnetValue };

const COLON = 0x3a;
const MAX_LENGTH_DIGITS = 9;
/** Values within values at the most. */
const MAX_DEPTH = 32;

const encoder = new TextEncoder();

/** Where the parts of a netstring are. */
export interface Netstring {
  /** Start of its bytes. */
  readonly start: number;
  /** End of its bytes, where its tag is. */
  readonly end: number;
  /** Its tag: `0x2c`, a comma, for a plain netstring. */
  readonly tag: number;
}

/**
 * Finds the netstring that begins at `at` of `bytes`, which ends before `limit`.
 *
 * @throws {ProtocolError} if there is none
 */
export function readNetstring(bytes: Uint8Array, at: number, limit: number): Netstring {
  const first = at;
  let length = 0;
  while (at < limit && at - first < MAX_LENGTH_DIGITS && bytes[at] >= 0x30 && bytes[at] <= 0x39) {
    length = length * 10 + (bytes[at++] - 0x30);
  }
  const isCanonical = at > first && (bytes[first] !== 0x30 || at === first + 1);
  if (!isCanonical || at >= limit || bytes[at] !== COLON) {
    throw malformed("has no length");
  }
  const start = at + 1;
  const end = start + length;
  if (end >= limit) throw malformed("is longer than its message");
  return { start, end, tag: bytes[end] };
}

/**
 * Reads the value that begins at `at`; strings are views of `bytes`.
 *
 * @throws {ProtocolError} if it is malformed
 */
export function parseTnetstring(
  bytes: Uint8Array,
  at = 0,
  limit: number = bytes.length,
): { readonly value: TnetValue; readonly next: number } {
  return parseValue(bytes, at, limit, 0);
}

function parseValue(
  bytes: Uint8Array,
  at: number,
  limit: number,
  depth: number,
): { readonly value: TnetValue; readonly next: number } {
  if (depth > MAX_DEPTH) throw malformed("is too deep");
  const { start, end, tag } = readNetstring(bytes, at, limit);
  const next = end + 1;
  switch (String.fromCharCode(tag)) {
    case ",":
      return { value: bytes.subarray(start, end), next };
    case "#": {
      const text = latin1Text(bytes, start, end);
      if (!/^-?\d{1,16}$/.test(text)) throw malformed("has a malformed number");
      return { value: Number(text), next };
    }
    case "^": {
      const text = latin1Text(bytes, start, end);
      if (!/^-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?$/.test(text)) {
        throw malformed("has a malformed number");
      }
      const value = Number(text);
      if (!Number.isFinite(value)) throw malformed("has a number that is too large");
      return { value, next };
    }
    case "!": {
      const text = latin1Text(bytes, start, end);
      if (text !== "true" && text !== "false") throw malformed("has a malformed boolean");
      return { value: text === "true", next };
    }
    case "~":
      if (start !== end) throw malformed("has a null with a value");
      return { value: null, next };
    case "]":
      return { value: parseList(bytes, start, end, depth), next };
    case "}":
      return { value: parseDictionary(bytes, start, end, depth), next };
    default:
      throw malformed(`has the unknown tag ${JSON.stringify(String.fromCharCode(tag))}`);
  }
}

function parseList(bytes: Uint8Array, start: number, end: number, depth: number): TnetValue[] {
  const list: TnetValue[] = [];
  for (let at = start; at < end;) {
    const { value, next } = parseValue(bytes, at, end, depth + 1);
    list.push(value);
    at = next;
  }
  return list;
}

function parseDictionary(
  bytes: Uint8Array,
  start: number,
  end: number,
  depth: number,
): { [key: string]: TnetValue } {
  const dictionary: { [key: string]: TnetValue } = Object.create(null);
  for (let at = start; at < end;) {
    const key = readNetstring(bytes, at, end);
    if (key.tag !== 0x2c) throw malformed("has a key that is not a string");
    const { value, next } = parseValue(bytes, key.end + 1, end, depth + 1);
    dictionary[latin1Text(bytes, key.start, key.end)] = value;
    at = next;
  }
  return dictionary;
}

/** A value as a tnetstring. Texts are written in UTF-8. */
export function formatTnetstring(value: TnetValue | string): Uint8Array<ArrayBuffer> {
  if (typeof value === "string") return tagged(encoder.encode(value), ",");
  if (value instanceof Uint8Array) return tagged(value, ",");
  if (typeof value === "number") {
    return tagged(encoder.encode(String(value)), Number.isSafeInteger(value) ? "#" : "^");
  }
  if (typeof value === "boolean") return tagged(encoder.encode(String(value)), "!");
  if (value === null) return tagged(new Uint8Array(0), "~");
  if (Array.isArray(value)) return tagged(concatenated(value.map(formatTnetstring)), "]");
  const parts = Object.entries(value).flatMap(([key, each]) => [
    tagged(Uint8Array.from(key, (char) => char.charCodeAt(0)), ","),
    formatTnetstring(each),
  ]);
  return tagged(concatenated(parts), "}");
}

function tagged(content: Uint8Array, tag: string): Uint8Array<ArrayBuffer> {
  return concatenated([encoder.encode(`${content.length}:`), content, encoder.encode(tag)]);
}

function malformed(what: string): ProtocolError {
  return new ProtocolError(400, `a tnetstring ${what}`, "tnetstrings");
}
