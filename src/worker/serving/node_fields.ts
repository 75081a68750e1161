/**
 * The fields of a response of Node's kind.
 *
 * @module
 */

import { checkTrailerName } from "../response_trailers.ts";
import { nodeError } from "./node_members.ts";

/** A value as `setHeader()` was given it. */
type Value = string | number | readonly string[];

/** What `writeHead()` can be given: an object, names and values by turns, or pairs. */
export type GivenFields = Readonly<Record<string, unknown>> | readonly unknown[];

const { Array, Map, Set, String } = globalThis;
const { create, entries, keys } = Object;
const { isArray } = Array;

const NAME = /^[!#$%&'*+\-.^_`|~\w]+$/;
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** What frames the message: the gateway decides on it. */
const OF_FRAMING = new Set([
  "keep-alive",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/** Fields by name, in the order in which they were set. */
export class OutgoingFields {
  readonly #fields = new Map<string, { readonly name: string; value: Value }>();

  /** Sets a field, in the place of what it was. */
  set(name: string, value: unknown): void {
    check(name, value);
    this.#fields.set(name.toLowerCase(), { name, value: value as Value });
  }

  /** Adds to a field. */
  append(name: string, value: unknown): void {
    check(name, value);
    const field = this.#fields.get(name.toLowerCase());
    if (field === undefined) this.set(name, value);
    else field.value = [...listOf(field.value), ...listOf(value as Value)];
  }

  /** The value of a field, as it was set. */
  get(name: string): unknown {
    return this.#fields.get(`${name}`.toLowerCase())?.value;
  }

  /** Whether there is a field of that name. */
  has(name: string): boolean {
    return this.#fields.has(`${name}`.toLowerCase());
  }

  /** Removes a field. */
  remove(name: string): void {
    this.#fields.delete(`${name}`.toLowerCase());
  }

  /** All of them, by their names in lower case. */
  all(): Record<string, unknown> {
    const all = create(null);
    for (const [name, { value }] of this.#fields) all[name] = value;
    return all;
  }

  /** The names, in lower case. */
  names(): string[] {
    return [...this.#fields.keys()];
  }

  /** The names, as they were set. */
  rawNames(): string[] {
    return [...this.#fields.values()].map(({ name }) => name);
  }

  /** Takes what `writeHead()` was given. What a list has several times is sent several times. */
  take(given: GivenFields | undefined | null): void {
    if (given === undefined || given === null) return;
    if (!isArray(given)) {
      const fields = given as Readonly<Record<string, unknown>>;
      for (const name of keys(fields)) if (name !== "") this.set(name, fields[name]);
      return;
    }
    const pairs = pairsOf(given);
    for (const [name] of pairs) this.remove(name);
    for (const [name, value] of pairs) this.append(name, value);
  }

  /** The field lines as they are sent, each with its CRLF. */
  lines(): string {
    let lines = "";
    for (const [key, { name, value }] of this.#fields) {
      if (OF_FRAMING.has(key)) continue;
      if (typeof value === "string") {
        lines += `${name}: ${value}\r\n`;
        continue;
      }
      for (const each of key === "cookie" ? [listOf(value).join("; ")] : listOf(value)) {
        // It may have changed since it was set.
        const text = String(each);
        check(name, text);
        lines += `${name}: ${text}\r\n`;
      }
    }
    return lines;
  }
}

/** The field lines of what `addTrailers()` was given, or `writeEarlyHints()`. */
export function givenLines(given: GivenFields, kind: "trailers" | "hints"): string {
  let lines = "";
  const pairs = isArray(given) ? pairsOf(given) : entries(given);
  for (const [name, value] of pairs) {
    check(name, value);
    if (kind === "trailers") checkTrailer(name);
    for (const each of listOf(value as Value)) lines += `${name}: ${each}\r\n`;
  }
  return lines;
}

/** Throws at what no trailer can be. */
function checkTrailer(name: string): void {
  try {
    checkTrailerName(name.toLowerCase());
  } catch (error) {
    throw nodeError("ERR_HTTP_TRAILER_INVALID", (error as Error).message, "type");
  }
}

/** Names and values of a list of them by turns, or of pairs. */
export function pairsOf(given: readonly unknown[]): [string, unknown][] {
  if (isArray(given[0])) return given as [string, unknown][];
  if (given.length % 2 !== 0) {
    throw nodeError("ERR_INVALID_ARG_VALUE", "The argument 'headers' is invalid", "type");
  }
  const pairs: [string, unknown][] = [];
  for (let i = 0; i < given.length; i += 2) pairs.push([given[i] as string, given[i + 1]]);
  return pairs;
}

function listOf(value: Value): readonly string[] {
  return isArray(value) ? value : [String(value)];
}

/** Throws, as Node does, at what no field can have. */
export function check(name: unknown, value: unknown): void {
  if (typeof name !== "string" || !NAME.test(name)) {
    throw nodeError(
      "ERR_INVALID_HTTP_TOKEN",
      `Header name must be a valid HTTP token ["${name}"]`,
      "type",
    );
  }
  if (value === undefined) {
    throw nodeError(
      "ERR_HTTP_INVALID_HEADER_VALUE",
      `Invalid value "undefined" for header "${name}"`,
      "type",
    );
  }
  const isBad = isArray(value)
    ? value.some((each) => BAD_VALUE.test(String(each)))
    : BAD_VALUE.test(String(value));
  if (isBad) {
    throw nodeError("ERR_INVALID_CHAR", `Invalid character in header content ["${name}"]`, "type");
  }
}
