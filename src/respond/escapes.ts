/**
 * How what comes of a request is written into a response, so that it stays a value: nothing of it ends a field
 * line, an element or a string. Values have one code unit for each byte.
 *
 * @module
 */

import { latin1Bytes } from "../base/bytes.ts";
import { escapedHtml } from "../base/html.ts";
import { decodeText } from "../message/pairs.ts";

/** Writes a value as its place needs it. */
export type Escape = (value: string) => string;

/** What may stand in a target as it is (RFC 3986 3.3, 3.4): escapes of the client's stay what they are. */
const IN_TARGET = /[^\w\-.~!$&'()*+,;=:@/?%]/g;
/** What means nothing anywhere in a URL (RFC 3986 2.3). */
const IN_COMPONENT = /[^\w\-.~]/g;
/** What means nothing to the syntax of any field: no blank, quote, comma, semicolon, bracket or backslash. */
const IN_FIELD = /[^\w\-.~!$&*+=?/:@%#|^[\]]/g;

function percentEncoded(value: string, special: RegExp): string {
  return value.replace(
    special,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}

/** A path, or a path and query, within a URL. */
export function inTarget(value: string): string {
  return percentEncoded(value, IN_TARGET);
}

/** Anything else within a URL. */
export function inComponent(value: string): string {
  return percentEncoded(value, IN_COMPONENT);
}

/** Anything within the value of a field that is not a URL. */
export function inField(value: string): string {
  return percentEncoded(value, IN_FIELD);
}

/** The text of the bytes: UTF-8, or one character a byte if they are not. */
const asText: Escape = (value) => {
  const bytes = latin1Bytes(value);
  return decodeText(bytes, 0, bytes.length);
};

const inMarkup: Escape = (value) => escapedHtml(asText(value));

/** Within a string of JSON. What ends an element is escaped, too: JSON may stand in a page. */
const inJson: Escape = (value) =>
  JSON.stringify(asText(value)).slice(1, -1).replace(
    /[<>&'\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** Media types of bodies that values can stand in. */
const BODIES: readonly (readonly [RegExp, Escape])[] = [
  [/^text\/plain$/, asText],
  [/^(?:text\/html|(?:text|application)\/xml|[^/]+\/[^/]+\+xml)$/, inMarkup],
  [/^(?:application\/json|[^/]+\/[^/]+\+json)$/, inJson],
];

/**
 * How values are written into a body whose `Content-Type` is this; `null` if nobody knows.
 */
export function bodyEscape(contentType: string): Escape | null {
  const type = contentType.split(";", 1)[0].trim().toLowerCase();
  return BODIES.find(([pattern]) => pattern.test(type))?.[1] ?? null;
}
