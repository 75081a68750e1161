/**
 * The URL of a request, from its head.
 *
 * @module
 */

import type { RequestHead } from "./exchange.ts";
import { textOf } from "./fields.ts";

/** A target that the URL parser would leave as it is: no dot segments, nothing to be escaped. */
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

/** The authority of the endpoint itself, for clients that name none. */
function localAuthority(address: Deno.Addr): string {
  if (!("hostname" in address)) return "localhost";
  const host = address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname;
  return `${host}:${address.port}`;
}

/** The request's target URI (RFC 9110 7.1), normalised as the URL standard does. */
export function urlOf(head: RequestHead): string {
  const authority = head.authorityEnd > head.authorityStart
    ? textOf(head.block, head.authorityStart, head.authorityEnd)
    : localAuthority(head.peer.localAddr);
  let target = textOf(head.block, head.targetStart, head.targetEnd);
  let scheme: string = head.peer.scheme;
  if (target.charCodeAt(0) !== 0x2f) {
    if (target === "*") {
      target = "/";
    } else {
      const absolute = new URL(target);
      scheme = absolute.protocol.slice(0, -1);
      return absolute.href.split("#", 1)[0];
    }
  }
  const origin = originOf(scheme, authority);
  const url = origin + target;
  const plain = PLAIN_TARGET.test(target) && !NEEDS_NORMALIZING.test(target);
  return plain ? url : new URL(url).href;
}
