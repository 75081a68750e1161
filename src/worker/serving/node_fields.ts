/**
 * The fields of a response of Node's kind.
 *
 * @module
 */

import { nodeError } from "./node_members.ts";

/** A value as `setHeader()` was given it. */
type Value = string | number | readonly string[];

const { Array, Map, Set, String } = globalThis;
const { create, entries } = Object;
const { isArray } = Array;

const NAME = /^[!#$%&'*+\-.^_`|~\w]+$/;
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** What concerns the connection alone: the gateway decides on it. */
const OF_CONNECTION = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
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

  /**
   * Takes what `writeHead()` was given: an object, a list of names and values by turns, or one of pairs. What
   * a list has several times is sent several times.
   */
  take(given: Readonly<Record<string, unknown>> | readonly unknown[] | undefined | null): void {
    if (given === undefined || given === null) return;
    if (!isArray(given)) {
      for (const [name, value] of entries(given)) if (name !== "") this.set(name, value);
      return;
    }
    const pairs = isArray(given[0]) ? given as [string, unknown][] : pairsOf(given);
    for (const [name] of pairs) this.remove(name);
    for (const [name, value] of pairs) this.append(name, value);
  }

  /** Names and values as they are to be sent. */
  lines(): [string, string][] {
    const lines: [string, string][] = [];
    for (const [key, { name, value }] of this.#fields) {
      if (OF_CONNECTION.has(key)) continue;
      if (isArray(value)) { for (const each of value) lines.push([name, String(each)]); }
      else lines.push([name, String(value)]);
    }
    return lines;
  }
}

function listOf(value: Value): readonly string[] {
  return isArray(value) ? value : [String(value)];
}

function pairsOf(flat: readonly unknown[]): [string, unknown][] {
  if (flat.length % 2 !== 0) {
    throw nodeError("ERR_INVALID_ARG_VALUE", "The argument 'headers' is invalid", "type");
  }
  const pairs: [string, unknown][] = [];
  for (let i = 0; i < flat.length; i += 2) pairs.push([flat[i] as string, flat[i + 1]]);
  return pairs;
}

function check(name: unknown, value: unknown): void {
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
