/**
 * Ids of requests, by which logs of proxies, gateway and apps tell of the same one: what a trusted proxy has
 * given, or else the process's and the number of the request in it. They are made when somebody asks.
 *
 * @module
 */

import { uncurried } from "../base/captured.ts";
import type { RequestHead } from "./exchange.ts";
import { latin1Text } from "./fields.ts";

/** The field that carries it, in lower case. */
export const REQUEST_ID_FIELD = "x-request-id";
/** The longest one that is taken over, in bytes. */
export const MAX_REQUEST_ID_BYTES = 128;

const { Number } = globalThis;
const textOf: (number: number, radix: number) => string = uncurried(Number.prototype.toString);
/** What may be in an id: nothing that would have to be escaped, or could end a field or a line. */
const ID_BYTES = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  ID_BYTES[byte] = /[\w\-.~+/=:@]/.test(String.fromCharCode(byte)) ? 1 : 0;
}

/** A random name of this process: 40 bits, as 8 characters. */
let processName = Array.from(
  crypto.getRandomValues(new Uint8Array(8)),
  (byte) => (byte & 31).toString(32),
).join("");

/** What ids begin with that are made here. */
export function idPrefix(): string {
  return processName;
}

/** Has ids begin with `prefix`: those of a worker with that of its gateway. */
export function setIdPrefix(prefix: string): void {
  processName = prefix;
}

/** The id of a request. */
export function requestIdOf({ block, idStart, idEnd, number }: RequestHead): string {
  if (idEnd > idStart) return latin1Text(block, idStart, idEnd);
  return `${processName}-${textOf(number, 36)}`;
}

/** Whether `text` can be an id, taken over or made here. */
export function isRequestIdText(text: string): boolean {
  return text.length <= MAX_REQUEST_ID_BYTES && /^[\w\-.~+/=:@]+$/.test(text);
}

/** Whether `block[start, end)` can be taken over as an id. */
export function isRequestId(block: Uint8Array, start: number, end: number): boolean {
  if (end === start || end - start > MAX_REQUEST_ID_BYTES) return false;
  for (let at = start; at < end; at++) if (ID_BYTES[block[at]] === 0) return false;
  return true;
}
