/**
 * Trailer fields of responses: whether a client takes them, and what can be one.
 *
 * @module
 */

import { SafeSet } from "../base/captured.ts";
import type { RequestHead } from "../message/exchange.ts";
import { MAX_TRAILER_BYTES } from "../message/exchange.ts";
import { flatFields, listMembers } from "../message/fields.ts";
import { NOT_IN_TRAILERS } from "../message/trailer_names.ts";
import { fieldLinesOf } from "./header_lines.ts";

const { Headers: PlatformHeaders, RangeError, TypeError } = globalThis;

const forbidden = new SafeSet<string>();
for (const name of NOT_IN_TRAILERS) forbidden.add(name);

/** Trailer fields that were checked. */
export interface ResponseTrailers {
  /** Field lines, each with its CRLF, one code unit a byte. */
  readonly lines: string;
  /** The line that announces them in the head, with its CRLF; `""` if there are none. */
  readonly announcement: string;
}

/**
 * Checks what an app gave for trailers.
 *
 * @throws {TypeError} if one is malformed, or cannot be a trailer
 * @throws {RangeError} if they are too large
 */
export function responseTrailers(given: HeadersInit): ResponseTrailers {
  const headers = new PlatformHeaders(given);
  const lines = fieldLinesOf(headers, MAX_TRAILER_BYTES);
  checkTrailerBytes(lines.length);
  let names = "";
  for (const [name] of headers) {
    checkTrailerName(name);
    names += names === "" ? name : `, ${name}`;
  }
  return { lines, announcement: names === "" ? "" : `trailer: ${names}\r\n` };
}

/** @throws {TypeError} if no trailer can be called `lowerCase` (RFC 9110 6.5.1) */
export function checkTrailerName(lowerCase: string): void {
  if (!forbidden.has(lowerCase)) return;
  throw new TypeError(
    `${lowerCase} cannot be a trailer: it has to be known before the body (RFC 9110 6.5.1)`,
  );
}

/** @throws {RangeError} if trailers of that many bytes are too large */
export function checkTrailerBytes(bytes: number): void {
  if (bytes <= MAX_TRAILER_BYTES) return;
  throw new RangeError(
    `the trailers of the app's response are larger than ${MAX_TRAILER_BYTES} bytes`,
  );
}

/** Whether the client of a request takes trailers (RFC 9110 10.1.4), and the protocol has such. */
export function takesTrailers(head: RequestHead): boolean {
  const { block, fieldsStart, fieldsEnd, method, minorVersion, peer } = head;
  if (minorVersion === 0 || peer.endpoint === "fastcgi" || method === "HEAD") return false;
  const members = listMembers(flatFields(block, fieldsStart, fieldsEnd), "te");
  return members.some((member) => member.toLowerCase() === "trailers");
}

/** Whether `lines`, which have their names in lower case, announce trailers. */
export function announcesTrailers(lines: string): boolean {
  return lines.startsWith("trailer:") || lines.includes("\ntrailer:");
}

/** Whether a response of this status can have trailers: it has content. */
export function hasTrailers(status: number): boolean {
  return status !== 204 && status !== 205 && status !== 304;
}
