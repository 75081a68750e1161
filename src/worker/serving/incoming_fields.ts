/**
 * The fields of a request as Node gives them to apps.
 *
 * @module
 */

/** Values by names in lower case. */
export type Fields = Record<string, string | string[]>;

const { Set } = globalThis;

/** By this name, objects have their prototypes: it is none of a field. */
const PROTOTYPE = "__proto__";

/** Fields of which the first one counts if there are several. */
const FIRST_COUNTS = new Set([
  "age",
  "authorization",
  "content-length",
  "content-type",
  "etag",
  "expires",
  "from",
  "host",
  "if-modified-since",
  "if-unmodified-since",
  "last-modified",
  "location",
  "max-forwards",
  "proxy-authorization",
  "referer",
  "retry-after",
  "server",
  "user-agent",
]);

/** Whether one of the names, by turns with values, is that by which objects have prototypes. */
export function namesPrototype(raw: readonly string[]): boolean {
  for (let i = 0; i < raw.length; i += 2) {
    if (raw[i].length === PROTOTYPE.length && raw[i].toLowerCase() === PROTOTYPE) return true;
  }
  return false;
}

/** Makes an object of names and values by turns: those of one name are joined as Node does. */
export function joinedFields(raw: readonly string[], joinsAll: boolean): Fields {
  const fields: Fields = {};
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i].toLowerCase();
    const value = raw[i + 1];
    const known = fields[name];
    if (name === "set-cookie") {
      if (known === undefined) fields[name] = [value];
      else (known as string[]).push(value);
    } else if (typeof known !== "string") {
      if (name !== PROTOTYPE) fields[name] = value;
    } else if (name === "cookie") {
      fields[name] = `${known}; ${value}`;
    } else if (joinsAll || !FIRST_COUNTS.has(name)) {
      fields[name] = `${known}, ${value}`;
    }
  }
  return fields;
}

/** Makes an object of names and values by turns, with all values of each name. */
export function distinctFields(raw: readonly string[]): Record<string, string[]> {
  const fields: Record<string, string[]> = { __proto__: null } as never;
  for (let i = 0; i < raw.length; i += 2) {
    (fields[raw[i].toLowerCase()] ??= []).push(raw[i + 1]);
  }
  return fields;
}
