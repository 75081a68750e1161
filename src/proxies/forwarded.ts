/**
 * What proxies say of whom they forward a request for: `Forwarded` (RFC 7239), and the older `X-Forwarded-For`,
 * `-Proto` and `-Host`. Text in, no trust: who may say so is decided elsewhere.
 *
 * @module
 */

import { formatIpAddress, parseIpAddress } from "../base/ip_addresses.ts";
import { withoutBlanks } from "../message/fields.ts";

/** A node between which requests pass, as the next one has seen it. */
export interface ForwardingNode {
  /** Bytes of its address, 4 or 16. */
  readonly bytes: Uint8Array;
  /** The same as text. */
  readonly hostname: string;
  /** Its port; 0 if that is not known. */
  readonly port: number;
}

/** A scheme that a request can have. */
export type Scheme = "http" | "https";

/** One element of `Forwarded`: what one proxy says. */
export interface ForwardedElement {
  /** Whom it forwards for (`for`), which may be no address; `undefined` if it does not say. */
  readonly client: string | undefined;
  /** How it was asked (`proto`). */
  readonly proto: string | undefined;
  /** Start and end of the host that it was asked for (`host`) in the text; equal if it does not say. */
  readonly hostStart: number;
  readonly hostEnd: number;
}

/** Pairs that count, and where they stand in a match: a token or the inside of a quoted string. */
const PAIR = /([!#$%&'*+\-.^_`|~\w]+)=(?:([!#$%&'*+\-.^_`|~\w]+)|"((?:[^"\\]|\\[^])*)")/y;
/** What separates pairs of an element, and elements. */
const SEPARATOR = /[ \t]*([;,])[ \t]*/y;
const BLANKS = /[ \t]*/y;

/**
 * The elements of a `Forwarded` field's value, in their order; `null` if it is malformed. Empty elements and
 * pairs are left out.
 */
export function parseForwarded(text: string): ForwardedElement[] | null {
  const elements: ForwardedElement[] = [];
  let pairs = new Map<string, Place>();
  const finish = () => {
    if (pairs.size > 0) elements.push(elementOf(pairs));
    pairs = new Map();
  };
  let at = endOf(BLANKS, text, 0)!;
  while (at < text.length) {
    PAIR.lastIndex = at;
    const pair = PAIR.exec(text);
    if (pair !== null) {
      const name = pair[1].toLowerCase();
      // A parameter cannot be there twice (RFC 7239 4).
      if (pairs.has(name)) return null;
      pairs.set(name, placeOf(pair, at));
      at = endOf(BLANKS, text, PAIR.lastIndex)!;
      if (at === text.length) break;
    }
    SEPARATOR.lastIndex = at;
    const separator = SEPARATOR.exec(text);
    if (separator === null) return null;
    at = SEPARATOR.lastIndex;
    if (separator[1] === ",") finish();
  }
  finish();
  return elements;
}

/** A pair's value, and where it stands. */
interface Place {
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

function placeOf([whole, name, token, quoted]: RegExpExecArray, at: number): Place {
  const isQuoted = token === undefined;
  const start = at + name.length + (isQuoted ? 2 : 1);
  const end = at + whole.length - (isQuoted ? 1 : 0);
  return { value: isQuoted ? quoted.replace(/\\([^])/g, "$1") : token, start, end };
}

function elementOf(pairs: ReadonlyMap<string, Place>): ForwardedElement {
  const host = pairs.get("host");
  return {
    client: pairs.get("for")?.value,
    proto: pairs.get("proto")?.value,
    hostStart: host?.start ?? 0,
    hostEnd: host?.end ?? 0,
  };
}

function endOf(pattern: RegExp, text: string, at: number): number | null {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : null;
}

/** An address with or without a port, IPv6 in brackets (RFC 7239 6), or IPv6 as it is. */
const NODE = /^(?:\[([\dA-Fa-f:.]+)\]|([\d.]+))(?::(?:(\d{1,5})|_[\w.-]+))?$/;

/**
 * Reads a node's name: an address, with a port or without. `null` for what is none: `unknown`, names that
 * proxies make up (`_hidden`), and what is malformed.
 */
export function parseNode(text: string): ForwardingNode | null {
  const [, ipv6, ipv4, digits] = NODE.exec(text) ?? [];
  const address = ipv6 ?? ipv4 ?? text;
  if (ipv6 !== undefined && !ipv6.includes(":")) return null;
  const bytes = parseIpAddress(address);
  const port = Number(digits ?? 0);
  if (bytes === null || port > 65_535) return null;
  return { bytes, hostname: formatIpAddress(bytes), port };
}

/** Reads a scheme; that of a WebSocket is the one of the request that opens it. */
export function parseScheme(text: string): Scheme | null {
  switch (text.toLowerCase()) {
    case "http":
    case "ws":
      return "http";
    case "https":
    case "wss":
      return "https";
    default:
      return null;
  }
}

/**
 * The nodes of an `X-Forwarded-For` field's value, the last first, one at a time; `null` for one that has no
 * address. Empty members are left out. Those that are not asked for are not looked at.
 */
export function* lastNodes(text: string): Generator<ForwardingNode | null, void, void> {
  let end = text.length;
  while (end >= 0) {
    const comma = end === 0 ? -1 : text.lastIndexOf(",", end - 1);
    const member = withoutBlanks(text.slice(comma + 1, end));
    end = comma;
    if (member !== "") yield parseNode(member);
  }
}
