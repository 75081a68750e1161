/**
 * Headers that are given as an object's properties, taken as Web IDL has it for a
 * `record<ByteString, ByteString>`: own enumerable properties in their order, each looked at once. The
 * platform's own conversion overlooks symbols.
 *
 * @module
 */

import { uncurried } from "../base/captured.ts";

const { Headers, TypeError } = globalThis;
const { iterator } = Symbol;
const { ownKeys } = Reflect;
const { getPrototypeOf } = Object;
const headersPrototype = Headers.prototype;
const isEnumerable: (object: object, key: PropertyKey) => boolean = uncurried(
  Object.prototype.propertyIsEnumerable,
);

/** Characters beyond one byte. */
const BEYOND_BYTES = /[\u0100-\uffff]/;

/** Whether `headers` is an object whose properties are the fields: neither a list of them, nor a `Headers`. */
export function isRecord(headers: unknown): headers is Record<string, unknown> {
  if ((typeof headers !== "object" && typeof headers !== "function") || headers === null) {
    return false;
  }
  if (getPrototypeOf(headers) === headersPrototype) return false;
  const method = (headers as { [iterator]?: unknown })[iterator];
  return method === undefined || method === null;
}

/**
 * The properties of `headers` as names and values.
 *
 * @throws {TypeError} if one of them is a symbol, or has characters beyond one byte
 */
export function pairsOf(headers: Record<string, unknown>): [string, string][] {
  const keys = ownKeys(headers);
  const pairs: [string, string][] = [];
  for (let i = 0; i < keys.length; i++) addPair(pairs, headers, keys[i]);
  return pairs;
}

/**
 * The same if all properties have the names `keys`, and were looked at one after another: the first have
 * `values`, and the next one has `value`.
 */
export function restOfPairs(
  headers: Record<string, unknown>,
  keys: readonly string[],
  values: readonly string[],
  value: unknown,
): [string, string][] {
  const pairs: [string, string][] = [];
  const { length } = values;
  for (let i = 0; i < length; i++) pairs[i] = [byteText(keys[i]), byteText(values[i])];
  // A property that a getter has removed in the meantime does not count.
  if (value !== undefined || isEnumerable(headers, keys[length])) {
    pairs[length] = [byteText(keys[length]), byteText(value)];
  }
  for (let i = length + 1; i < keys.length; i++) addPair(pairs, headers, keys[i]);
  return pairs;
}

function addPair(
  pairs: [string, string][],
  headers: Record<string, unknown>,
  key: string | symbol,
): void {
  if (!isEnumerable(headers, key)) return;
  const name = byteText(key);
  pairs[pairs.length] = [name, byteText(headers[name])];
}

/** A value as text whose characters are bytes. */
function byteText(value: unknown): string {
  if (typeof value === "symbol") throw new TypeError("a header field cannot be a symbol");
  const text = `${value}`;
  if (BEYOND_BYTES.test(text)) {
    throw new TypeError("a header field has a character beyond U+00FF");
  }
  return text;
}
