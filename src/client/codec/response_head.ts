/**
 * The head of a response, and how long its body is (RFC 9112, sections 4 and 6.3).
 *
 * @module
 */

import { EMPTY } from "../../base/empty.ts";
import { ProtocolError } from "../../base/errors.ts";
import { checkTransferCodings } from "../../http1/codec/checks.ts";
import {
  CLASS,
  COLON,
  CR,
  DIGIT,
  FIELD,
  isBlank,
  LF,
  SP,
  spells,
  TOKEN,
} from "../../message/chars.ts";
import { latin1Text, listHas } from "../../message/fields.ts";

/** {@linkcode ResponseHead.bodyLength} of a body that ends with its connection. */
export const UNTIL_CLOSE = -1;
/** {@linkcode ResponseHead.bodyLength} of a body in chunks. */
export const IN_CHUNKS = -2;

/** The head of a response. */
export interface ResponseHead {
  /** Status code, from 100 to 599. */
  readonly status: number;
  /** Minor version of HTTP/1: 0 or 1. */
  readonly minorVersion: 0 | 1;
  /** What follows the status code. */
  readonly reason: string;
  /** Bytes of the body: a length, {@linkcode UNTIL_CLOSE} or {@linkcode IN_CHUNKS}. */
  readonly bodyLength: number;
  /** Whether the body comes in chunks. */
  readonly isChunked: boolean;
  /** Whether the connection can be used once more. */
  readonly keepsConnection: boolean;
  /** The field lines, each `name: value` and CRLF, as they came: valid until the reader gets more bytes. */
  readonly fieldLines: Uint8Array;
}

/** No head yet. */
export const NO_HEAD: ResponseHead = Object.freeze({
  status: 0,
  minorVersion: 1,
  reason: "",
  bodyLength: 0,
  isChunked: false,
  keepsConnection: false,
  fieldLines: EMPTY,
});

const VERSION = "http/1.";
/** Places of the status line, if it is well-formed: `HTTP/1.1 200 OK`. */
const MINOR_AT = 7;
const CODE_AT = 9;
const REASON_AT = 13;

/** What the field lines say of the body and the connection. */
class Framing {
  /** Value of Content-Length; -1 if there is none. */
  length = -1;
  /** Value of Transfer-Encoding; `null` if there is none. */
  codings: string | null = null;
  /** Whether Connection has `close`. */
  closes = false;
  /** Whether Connection has `keep-alive`. */
  keeps = false;
}

/**
 * Reads the head in `bytes[start, end)`, whose lines all end in CRLF, as the answer to a request with
 * `method`.
 *
 * @throws {ProtocolError} if it is malformed, or its framing is not certain
 */
export function parseHead(
  bytes: Uint8Array,
  start: number,
  end: number,
  method: string,
): ResponseHead {
  const lineEnd = bytes.indexOf(CR, start);
  if (start === end || !isStatusLine(bytes, start, lineEnd)) {
    throw new ProtocolError(502, "a malformed status line", "RFC 9112 4");
  }
  const status = (bytes[start + CODE_AT] - 0x30) * 100 + (bytes[start + CODE_AT + 1] - 0x30) * 10 +
    bytes[start + CODE_AT + 2] - 0x30;
  if (status < 100 || status > 599) {
    throw new ProtocolError(502, `the status ${status}`, "RFC 9110 15");
  }
  const minorVersion = bytes[start + MINOR_AT] === 0x30 ? 0 : 1;
  const framing = new Framing();
  const fieldsStart = lineEnd + 2;
  for (let at = fieldsStart; at < end;) at = readFieldLine(bytes, at, framing);
  const bodyLength = bodyLengthOf(status, minorVersion, method, framing);
  return {
    status,
    minorVersion,
    reason: latin1Text(bytes, start + REASON_AT, lineEnd),
    bodyLength,
    isChunked: bodyLength === IN_CHUNKS,
    keepsConnection: bodyLength !== UNTIL_CLOSE && !framing.closes &&
      (minorVersion === 1 || framing.keeps),
    fieldLines: bytes.subarray(fieldsStart, end),
  };
}

/** Whether `bytes[start, end)` is a version of HTTP/1, a space, three digits, a space, and a text. */
function isStatusLine(bytes: Uint8Array, start: number, end: number): boolean {
  if (end < start + REASON_AT || bytes[end + 1] !== LF) return false;
  if (!spells(bytes, start, start + MINOR_AT, VERSION) || bytes[start] !== 0x48) return false;
  if ((CLASS[bytes[start + MINOR_AT]] & DIGIT) === 0) return false;
  if (bytes[start + CODE_AT - 1] !== SP || bytes[start + REASON_AT - 1] !== SP) return false;
  for (let at = start + CODE_AT; at < start + REASON_AT - 1; at++) {
    if ((CLASS[bytes[at]] & DIGIT) === 0) return false;
  }
  for (let at = start + REASON_AT; at < end; at++) {
    if ((CLASS[bytes[at]] & FIELD) === 0) return false;
  }
  return true;
}

/** Checks a field line, and takes note of it if it frames the message; returns where the next one begins. */
function readFieldLine(bytes: Uint8Array, start: number, framing: Framing): number {
  let at = start;
  while ((CLASS[bytes[at]] & TOKEN) !== 0) at++;
  if (at === start || bytes[at] !== COLON) {
    const isFolded = at === start && isBlank(bytes[at]);
    throw new ProtocolError(
      502,
      isFolded ? "a folded field line" : "a malformed field name",
      isFolded ? "RFC 9112 5.2" : "RFC 9112 5.1",
    );
  }
  const nameEnd = at++;
  while ((CLASS[bytes[at]] & FIELD) !== 0) at++;
  if (bytes[at] !== CR || bytes[at + 1] !== LF) {
    throw new ProtocolError(502, "a control character in a field value", "RFC 9110 5.5");
  }
  const length = nameEnd - start;
  if (length === 10 || length === 14 || length === 17) {
    let valueStart = nameEnd + 1;
    let valueEnd = at;
    while (valueStart < valueEnd && isBlank(bytes[valueStart])) valueStart++;
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1])) valueEnd--;
    readFramingField(bytes, start, nameEnd, valueStart, valueEnd, framing);
  }
  return at + 2;
}

function readFramingField(
  bytes: Uint8Array,
  start: number,
  nameEnd: number,
  valueStart: number,
  valueEnd: number,
  framing: Framing,
): void {
  if (spells(bytes, start, nameEnd, "connection")) {
    if (listHas(bytes, valueStart, valueEnd, "close")) framing.closes = true;
    if (listHas(bytes, valueStart, valueEnd, "keep-alive")) framing.keeps = true;
  } else if (spells(bytes, start, nameEnd, "content-length")) {
    if (framing.length >= 0) {
      throw new ProtocolError(502, "more than one Content-Length", "RFC 9112 6.3");
    }
    framing.length = contentLength(bytes, valueStart, valueEnd);
  } else if (spells(bytes, start, nameEnd, "transfer-encoding")) {
    const value = latin1Text(bytes, valueStart, valueEnd);
    framing.codings = framing.codings === null ? value : `${framing.codings},${value}`;
  }
}

function contentLength(bytes: Uint8Array, start: number, end: number): number {
  let length = 0;
  for (let at = start; at < end; at++) {
    length = length * 10 + bytes[at] - 0x30;
    if ((CLASS[bytes[at]] & DIGIT) === 0 || length > Number.MAX_SAFE_INTEGER) {
      throw new ProtocolError(502, "a malformed Content-Length", "RFC 9110 8.6");
    }
  }
  if (start === end) throw new ProtocolError(502, "a malformed Content-Length", "RFC 9110 8.6");
  return length;
}

/** How long the body is (RFC 9112 6.3). */
function bodyLengthOf(
  status: number,
  minorVersion: number,
  method: string,
  { length, codings }: Framing,
): number {
  if (codings !== null) {
    if (length >= 0) {
      throw new ProtocolError(502, "both Transfer-Encoding and Content-Length", "RFC 9112 6.3");
    }
    if (minorVersion === 0) {
      throw new ProtocolError(502, "Transfer-Encoding in an HTTP/1.0 message", "RFC 9112 6.1");
    }
    if (status < 200 || status === 204) {
      throw new ProtocolError(502, `Transfer-Encoding in a response ${status}`, "RFC 9112 6.1");
    }
    checkTransferCodings(codings);
  }
  if (status < 200 || status === 204) {
    // Servers should not say so, but nobody can take it for anything else.
    if (length <= 0) return 0;
    throw new ProtocolError(502, `Content-Length in a response ${status}`, "RFC 9110 8.6");
  }
  if (method === "HEAD" || status === 304) return 0;
  if (codings !== null) return IN_CHUNKS;
  return length < 0 ? UNTIL_CLOSE : length;
}

/** Fields that cannot come after the body that they frame (RFC 9110 6.5.1). */
const NOT_IN_TRAILERS: readonly string[] = ["content-length", "transfer-encoding", "connection"];

/**
 * Checks the trailers in `bytes[start, end)`.
 *
 * @throws {ProtocolError} if they are malformed, or frame the message
 */
export function checkTrailers(bytes: Uint8Array, start: number, end: number): void {
  const ignored = new Framing();
  for (let at = start; at < end;) {
    const nameEnd = bytes.indexOf(COLON, at);
    const name = NOT_IN_TRAILERS.find((each) => spells(bytes, at, nameEnd, each));
    if (name !== undefined) {
      throw new ProtocolError(502, `the field ${name} among the trailers`, "RFC 9110 6.5.1");
    }
    at = readFieldLine(bytes, at, ignored);
  }
}
