/**
 * What can be read of a request that is refused.
 *
 * @module
 */

import { CLASS, CR, LF, SP, TOKEN } from "../../message/chars.ts";
import type { Peer } from "../../message/exchange.ts";
import { RequestHead } from "../../message/exchange.ts";
import { latin1Text } from "../../message/fields.ts";
import { MAX_METHOD_BYTES } from "./limits.ts";

/**
 * A head with method and target of a request that `peer` has sent, as far as they are in the first `bytes` of
 * it, whatever is wrong with them.
 */
export function refusedHead(bytes: Uint8Array, peer: Peer | undefined): RequestHead {
  const head = new RequestHead();
  if (peer !== undefined) head.peer = peer;
  head.block = bytes;
  let at = 0;
  while (at < bytes.length && (CLASS[bytes[at]] & TOKEN) !== 0) at++;
  if (at > 0 && at <= MAX_METHOD_BYTES) head.method = latin1Text(bytes, 0, at);
  if (bytes[at] === SP) at++;
  else if (at < bytes.length) head.method = "";
  // Without a method, all of the line is what was asked for.
  head.targetStart = head.method === "" ? 0 : Math.min(at, bytes.length);
  let end = head.targetStart;
  while (end < bytes.length && bytes[end] !== SP && bytes[end] !== CR && bytes[end] !== LF) end++;
  head.targetEnd = head.authorityStart = head.authorityEnd = end;
  head.fieldsStart =
    head.fieldsEnd =
    head.paramsStart =
    head.paramsEnd =
      end;
  return head;
}
