/** What the bytes of a request's head say. */

import type { RequestHead } from "../../src/message/exchange.ts";
import { latin1Text, parseFieldLines } from "../../src/message/fields.ts";

/** The request target. */
export function targetOf(head: RequestHead): string {
  return latin1Text(head.block, head.targetStart, head.targetEnd);
}

/** The authority; empty if there is none. */
export function authorityOf(head: RequestHead): string {
  return latin1Text(head.block, head.authorityStart, head.authorityEnd);
}

/** Names and values of the field lines. */
export function fieldsOf(head: RequestHead): [string, string][] {
  return parseFieldLines(head.block, head.fieldsStart, head.fieldsEnd);
}
