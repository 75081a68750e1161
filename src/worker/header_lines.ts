/**
 * The headers that an app gives its responses, as field lines. Most are plain: these are made into
 * lines without the platform, and the same ones, which an app gives again and again, only once.
 *
 * @module
 */

import { isRemade } from "./decoded_bodies.ts";
import { isRecord, pairsOf, restOfPairs } from "./header_record.ts";
import { internalSlot } from "./stand_for.ts";

const PlatformHeaders = globalThis.Headers;
const { TypeError } = globalThis;
const { isArray } = Array;
const { getOwnPropertySymbols, getPrototypeOf, keys } = Object;
const platformHeadersPrototype = PlatformHeaders.prototype;

/** Where the platform keeps headers as they were set. */
const HEADER_LIST = internalSlot(new PlatformHeaders(), "header list");
const NAME = /^[\w!#$%&'*+\-.^`|~]+$/;
/** A header value that needs no trimming and no check: printable ASCII that neither begins nor ends blank. */
const PLAIN_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
/** Characters beyond one byte: their low halves alone could mean anything. */
const BEYOND_BYTES = /[\u0100-\uffff]/;
/** More fields than these are looked through by the platform, whose way to find a name is quicker then. */
const MAX_PLAIN_FIELDS = 32;
const TEXT_TYPE = "content-type: text/plain;charset=UTF-8\r\n";
const JSON_TYPE = "content-type: application/json\r\n";

/** The field lines of a response. */
export interface Fields {
  /** As they were given. */
  readonly lines: string;
  /** With the type of a text, unless they have one. */
  readonly textLines: string;
  /** With the type of JSON, unless they have one. */
  readonly jsonLines: string;
}

function fieldsWith(lines: string): Fields {
  const hasType = hasContentType(lines);
  return {
    lines,
    textLines: hasType ? lines : lines + TEXT_TYPE,
    jsonLines: hasType ? lines : lines + JSON_TYPE,
  };
}

const NO_FIELDS = fieldsWith("");

/** Names and values that were looked at last, and what came of it: most responses of an app have the same. */
interface KnownFields {
  readonly names: readonly unknown[];
  readonly values: readonly unknown[];
  readonly fields: Fields;
}

/** By the length of the values. */
const known: KnownFields[] = Array.from(
  { length: 8 },
  () => ({ names: [], values: [], fields: NO_FIELDS }),
);
/** Longer fields are not kept, in bytes. */
const MAX_KNOWN_BYTES = 1_024;

/**
 * The field lines of `headers`, one code unit a byte, but for those of the names in `omitted`; not all,
 * if they are more than `maxBytes`.
 *
 * @throws {TypeError} if they are no platform's own, and have what no field can have
 */
export function fieldLinesOf(
  headers: Headers,
  maxBytes = Infinity,
  omitted: readonly string[] = [],
): string {
  let lines = "";
  for (const [name, value] of headers) {
    if (!omitted.includes(name)) lines += `${name}: ${value}\r\n`;
    if (lines.length > maxBytes) break;
  }
  if (BEYOND_BYTES.test(lines)) throw new TypeError("a header field has a character beyond U+00FF");
  return lines;
}

/**
 * The fields that `init` asks for, or `null` if the platform is to look at it: it gives a reason
 * phrase, or the fields of a decoded response for `body`, or is none.
 *
 * @throws {TypeError} if there are fields that cannot be
 */
export function fieldsOf(body: unknown, init: ResponseInit): Fields | null {
  if (typeof init !== "object" || init.statusText) return null;
  const { headers } = init;
  if (headers === undefined) return NO_FIELDS;
  if (headers === null || isRemade(body, init)) return null;
  if (isRecord(headers)) return recordFields(headers);
  return listedFields(headers) ?? fieldsOfPlatform(headers);
}

function fieldsOfPlatform(headers: HeadersInit): Fields {
  return fieldsWith(fieldLinesOf(new PlatformHeaders(headers)));
}

/**
 * The fields of the platform's own headers; `null` if they are not such, or not plain. Their
 * iterator, which sorts and joins them, is slow.
 */
function listedFields(headers: HeadersInit): Fields | null {
  if (HEADER_LIST === null || getPrototypeOf(headers) !== platformHeadersPrototype) return null;
  const list = (headers as unknown as Record<symbol, unknown>)[HEADER_LIST];
  // Not all are kept there: those of a response of fetch() are made when they are asked for.
  if (!isArray(list) || list.length > MAX_PLAIN_FIELDS) return null;
  const names: unknown[] = [];
  const values: unknown[] = [];
  for (let i = 0; i < list.length; i++) {
    names.push(list[i]?.[0]);
    values.push(list[i]?.[1]);
  }
  return plainFields(names, values);
}

/** The fields of an object that has them as properties. */
function recordFields(headers: Record<string, unknown>): Fields {
  const names = keys(headers);
  if (names.length > MAX_PLAIN_FIELDS || getOwnPropertySymbols(headers).length > 0) {
    return fieldsOfPlatform(pairsOf(headers));
  }
  const values: string[] = [];
  for (let i = 0; i < names.length; i++) {
    const value = headers[names[i]];
    if (typeof value !== "string") {
      return fieldsOfPlatform(restOfPairs(headers, names, values, value));
    }
    values[i] = value;
  }
  return plainFields(names, values) ?? fieldsOfPlatform(pairsFrom(names, values));
}

function pairsFrom(names: readonly string[], values: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < names.length; i++) pairs[i] = [names[i], values[i]];
  return pairs;
}

/** The fields of these names and values, or `null` if not all of them are plain. */
function plainFields(names: readonly unknown[], values: readonly unknown[]): Fields | null {
  let length = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== "string") return null;
    length += value.length;
  }
  const slot = length % known.length;
  const last = known[slot];
  if (areSame(names, last.names) && areSame(values, last.values)) return last.fields;
  const lowerNames: string[] = [];
  let lines = "";
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    const value = values[i] as string;
    if (typeof name !== "string" || !NAME.test(name) || !PLAIN_VALUE.test(value)) return null;
    const lower = name.toLowerCase();
    // Those of one name are one line (RFC 9110 5.3), unless they are cookies.
    if (lowerNames.includes(lower) && lower !== "set-cookie") return null;
    lowerNames.push(lower);
    lines += `${lower}: ${value}\r\n`;
  }
  const fields = fieldsWith(lines);
  if (lines.length <= MAX_KNOWN_BYTES) known[slot] = { names, values, fields };
  return fields;
}

function areSame(some: readonly unknown[], others: readonly unknown[]): boolean {
  const { length } = some;
  if (length !== others.length) return false;
  for (let i = 0; i < length; i++) if (some[i] !== others[i]) return false;
  return true;
}

function hasContentType(lines: string): boolean {
  return lines !== "" && (lines.startsWith("content-type:") || lines.includes("\ncontent-type:"));
}
