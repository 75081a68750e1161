/**
 * The URL of a request, from its head.
 *
 * @module
 */

import type { RequestHead } from "./exchange.ts";
import { QUESTION, SLASH } from "./chars.ts";
import { latin1Text } from "./fields.ts";
import { isAsterisk } from "./request_target.ts";

const { URL } = globalThis;

/** Characters of a path that stay as they are wherever they stand: no dot, nothing escaped. */
const PLAIN_PATH = 1;
/** Characters of a query that stay as they are. */
const PLAIN_QUERY = 2;
const PLAIN = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  const char = String.fromCharCode(byte);
  if (/[\w\-~!$&()*+,;=:@/]/.test(char)) PLAIN[byte] |= PLAIN_PATH;
  if (/[\w\-.~!$&()*+,;=:@/?%]/.test(char)) PLAIN[byte] |= PLAIN_QUERY;
}

/**
 * A target that the URL parser would leave as it is, except dot segments: nothing has to be
 * escaped.
 */
const PLAIN_TARGET = /^\/[\w\-~!$&()*+,;=:@/%.]*(?:\?[\w\-.~!$&()*+,;=:@/?%]*)?$/;
const NEEDS_NORMALIZING = /\/\.|%2e/i;

/** Origins by the text they were made from; servers mostly see few. */
const origins = new Map<string, string>();
const MAX_ORIGINS = 256;

function originOf(scheme: string, authority: string): string {
  const key = `${scheme}://${authority}`;
  let origin = origins.get(key);
  if (origin === undefined) {
    origin = new URL(key).origin;
    if (origins.size >= MAX_ORIGINS) origins.clear();
    origins.set(key, origin);
  }
  return origin;
}

/** The authority whose origin was asked for last: mostly it is the same again. */
const MAX_KNOWN_BYTES = 64;
const knownAuthority = new Uint8Array(MAX_KNOWN_BYTES);
let knownBytes = 0;
let knownScheme = "";
let knownOrigin = "";

function namedOrigin(
  { block, authorityStart, authorityEnd, peer: { scheme } }: RequestHead,
): string {
  const bytes = authorityEnd - authorityStart;
  if (bytes === knownBytes && scheme === knownScheme) {
    let i = 0;
    while (i < bytes && block[authorityStart + i] === knownAuthority[i]) i++;
    if (i === bytes) return knownOrigin;
  }
  const origin = originOf(scheme, latin1Text(block, authorityStart, authorityEnd));
  if (bytes <= MAX_KNOWN_BYTES) {
    for (let i = 0; i < bytes; i++) knownAuthority[i] = block[authorityStart + i];
    knownBytes = bytes;
    knownScheme = scheme;
    knownOrigin = origin;
  }
  return origin;
}

/** Whether a target is a path, with a query or not, that is as it is in any URL. */
function isPlain(block: Uint8Array, start: number, end: number): boolean {
  if (block[start] !== SLASH) return false;
  let at = start + 1;
  while (at < end && (PLAIN[block[at]] & PLAIN_PATH) !== 0) at++;
  if (at < end && block[at] === QUESTION) {
    while (at < end && (PLAIN[block[at]] & PLAIN_QUERY) !== 0) at++;
  }
  return at === end;
}

/** The authority of the endpoint itself, for clients that name none. */
function localAuthority(address: Deno.Addr): string {
  if (!("hostname" in address)) return "localhost";
  const host = address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname;
  return `${host}:${address.port}`;
}

/** The path and query of the target, as the client sent them. */
function ownTarget(head: RequestHead): string {
  const { block, targetStart, targetEnd } = head;
  if (isAsterisk(block, targetStart, targetEnd)) return "/";
  const target = latin1Text(block, targetStart, targetEnd);
  if (block[targetStart] === SLASH) return target;
  // A proxy may have told another authority: its own says where the path begins.
  const authority = /^https?:\/\/[^/?]*/i.exec(target)?.[0] ?? "";
  return rooted(target.slice(authority.length));
}

/**
 * The request's target URI (RFC 9110 7.1), normalised as the URL standard does. It has the scheme
 * of the connection, whatever an absolute target says (RFC 9112 3.3).
 */
export function urlOf(head: RequestHead): string {
  const { block, targetStart, targetEnd } = head;
  const origin = head.authorityEnd > head.authorityStart
    ? namedOrigin(head)
    : originOf(head.peer.scheme, localAuthority(head.peer.localAddr));
  if (isPlain(block, targetStart, targetEnd)) {
    return origin + latin1Text(block, targetStart, targetEnd);
  }
  const target = ownTarget(head);
  const url = origin + target;
  const plain = PLAIN_TARGET.test(target) && !NEEDS_NORMALIZING.test(target);
  return plain ? url : new URL(url).href;
}

/**
 * The whole target of the request as its client sent it. If its path begins with `prefix`, as it is written
 * there, it is without that; if it does in another way of writing it, it is the normal form without that.
 */
export function sentTargetOf(head: RequestHead, prefix = ""): string {
  const { block, targetStart, targetEnd } = head;
  const target = latin1Text(block, targetStart, targetEnd);
  if (prefix === "" || target === "*") return target;
  const own = ownTarget(head);
  const end = own[prefix.length];
  const isPrefixed = own.startsWith(prefix) && (end === undefined || end === "/" || end === "?");
  if (isPrefixed && !NEEDS_NORMALIZING.test(own)) return rooted(own.slice(prefix.length));
  const url = withoutPrefix(urlOf(head), prefix);
  return url.slice(url.indexOf("/", url.indexOf("://") + 3));
}

function rooted(target: string): string {
  return target.startsWith("/") ? target : `/${target}`;
}

/** The path of the request as its client sent it. */
export function sentPathOf(head: RequestHead): string {
  const target = ownTarget(head);
  const query = target.indexOf("?");
  return query < 0 ? target : target.slice(0, query);
}

/** What the route of a front server has at the beginning of the request's path, if that is a mount; else `""`. */
export function routeOf(head: RequestHead): string {
  return head.routeBytes === 0 ? "" : ownTarget(head).slice(0, head.routeBytes);
}

/** What becomes of a path in {@linkcode urlOf}. */
export function normalPath(sentPath: string): string {
  return new URL(`http://localhost${sentPath}`).pathname;
}

/** A URL of {@linkcode urlOf} without `prefix`, which its path begins with, in one way of writing it or another. */
export function withoutPrefix(url: string, prefix: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const rest = url.slice(start + prefix.length);
  return url.slice(0, start) + rooted(rest);
}
