/**
 * The fields of a request as its app gets them.
 *
 * @module
 */

import type { RequestHead } from "../message/exchange.ts";
import { flatFields, parseFieldLines } from "../message/fields.ts";
import { REQUEST_ID_FIELD, requestIdOf } from "../message/request_id.ts";
import { authorityInTarget } from "../message/request_target.ts";

/**
 * Names and values of the fields of a request. Several `Cookie` lines are one list of pairs (RFC 6265
 * 4.2.1), and `Host` is what an absolute target says (RFC 9112 3.2.2), whatever host a trusted proxy tells.
 */
export function requestFields(head: RequestHead): [string, string][] {
  const { block, fieldsStart, fieldsEnd } = head;
  const fields = parseFieldLines(block, fieldsStart, fieldsEnd);
  joinCookies(fields);
  if (head.passesId) setId(fields, head);
  const authority = authorityInTarget(head);
  if (authority === null) return fields;
  const others = fields.filter(([name]) => !isNamed(name, "host"));
  return [["host", authority], ...others];
}

/**
 * Names and values of the fields of a request by turns, as they were sent, but for `Host`, which is what an
 * absolute target says.
 */
export function sentFields(head: RequestHead): string[] {
  const { block, fieldsStart, fieldsEnd } = head;
  const fields = flatFields(block, fieldsStart, fieldsEnd);
  if (head.passesId) setFlatId(fields, head);
  const authority = authorityInTarget(head);
  if (authority === null) return fields;
  let isNamedHost = false;
  for (let i = 0; i < fields.length; i += 2) {
    if (!isNamed(fields[i], "host")) continue;
    fields[i + 1] = authority;
    isNamedHost = true;
  }
  return isNamedHost ? fields : ["Host", authority, ...fields];
}

/** Has the request's id in its field, whatever its client has sent there. */
function setId(fields: [string, string][], head: RequestHead): void {
  let to = 0;
  for (let i = 0; i < fields.length; i++) {
    if (!isNamed(fields[i][0], REQUEST_ID_FIELD)) fields[to++] = fields[i];
  }
  fields[to] = [REQUEST_ID_FIELD, requestIdOf(head)];
  fields.length = to + 1;
}

function setFlatId(fields: string[], head: RequestHead): void {
  let to = 0;
  for (let i = 0; i < fields.length; i += 2) {
    if (isNamed(fields[i], REQUEST_ID_FIELD)) continue;
    fields[to++] = fields[i];
    fields[to++] = fields[i + 1];
  }
  fields[to++] = REQUEST_ID_FIELD;
  fields[to++] = requestIdOf(head);
  fields.length = to;
}

function joinCookies(fields: [string, string][]): void {
  let first = -1;
  let values: string[] | null = null;
  for (let i = 0; i < fields.length; i++) {
    const [name, value] = fields[i];
    if (!isNamed(name, "cookie")) continue;
    if (first < 0) {
      first = i;
    } else {
      values ??= [fields[first][1]];
      values.push(value);
    }
  }
  if (values === null) return;
  fields[first] = [fields[first][0], values.join("; ")];
  let to = first + 1;
  for (let i = to; i < fields.length; i++) {
    if (!isNamed(fields[i][0], "cookie")) fields[to++] = fields[i];
  }
  fields.length = to;
}

function isNamed(name: string, lowerCase: string): boolean {
  return name.length === lowerCase.length && name.toLowerCase() === lowerCase;
}
