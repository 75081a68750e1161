/**
 * Requests that are sent many times: made once, as bytes.
 *
 * @module
 */

import { BufferPool, OutputBuffer } from "../base/buffers.ts";
import { concatenated, latin1Bytes } from "../base/bytes.ts";
import { EMPTY } from "../base/empty.ts";
import { ConfigError } from "../base/errors.ts";
import { CLASS, FIELD, TOKEN } from "../message/chars.ts";
import { writePair } from "../message/pairs.ts";
import {
  beginRecord,
  finishRecord,
  KEEP_CONN,
  PARAMS,
  RESPONDER,
  STDIN,
  writeBeginRequest,
  writeEmptyRecord,
  writeStream,
} from "../fastcgi/codec/records.ts";
import type { Target } from "./target.ts";

/** What a request has besides its target. */
export interface RequestParts {
  /** Method. */
  readonly method: string;
  /** Names and values of field lines besides those that frame the request. */
  readonly fields: readonly (readonly [string, string])[];
  /** The body. */
  readonly body: RequestBody;
}

/** A body: none, some bytes, or chunks that are made up. */
export type RequestBody =
  | { readonly kind: "none" }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "chunks"; readonly chunkCount: number; readonly chunkBytes: number };

/** A request as it is sent: `first`, then `piece` so many times, then `last`. */
export interface PreparedRequest {
  /** Method. */
  readonly method: string;
  /** The beginning; most requests have nothing else. */
  readonly first: Uint8Array;
  /** A part of the body that is sent several times. */
  readonly piece: Uint8Array;
  /** How often. */
  readonly pieceCount: number;
  /** The end. */
  readonly last: Uint8Array;
  /** Bytes of the body. */
  readonly bodyBytes: number;
}

/** Up to so many bytes, a request is sent in one piece. */
const MAX_WHOLE_BYTES = 65_536;
/** Number of the request on its FastCGI connection, which has one at a time. */
export const FCGI_REQUEST_ID = 1;

const encoder = new TextEncoder();
const pool = new BufferPool(0);

/**
 * The request for `target` over HTTP/1.1.
 *
 * @throws {ConfigError} if the method or a field cannot be sent
 */
export function httpRequest(target: Target, parts: RequestParts): PreparedRequest {
  const { method, fields, body } = checked(parts);
  const has = (name: string) => fields.some(([each]) => each.toLowerCase() === name);
  const lines = [`${method} ${target.path} HTTP/1.1`];
  if (!has("host")) lines.push(`Host: ${target.authority}`);
  for (const [name, value] of fields) lines.push(`${name}: ${value}`);
  if (body.kind === "bytes") lines.push(`Content-Length: ${body.bytes.length}`);
  if (body.kind === "chunks") lines.push("Transfer-Encoding: chunked");
  const head = latin1Bytes(`${lines.join("\r\n")}\r\n\r\n`);
  if (body.kind !== "chunks") {
    return whole(method, body.kind === "none" ? [head] : [head, body.bytes], lengthOf(body));
  }
  const piece = concatenated([
    encoder.encode(`${body.chunkBytes.toString(16)}\r\n`),
    madeUpBytes(body.chunkBytes),
    encoder.encode("\r\n"),
  ]);
  return inPieces(method, head, piece, body.chunkCount, encoder.encode("0\r\n\r\n"), body);
}

/**
 * The same request as a responder of FastCGI 1.0 gets it, on a connection that is kept. `id` is its number
 * there.
 *
 * @throws {ConfigError} if the method or a field cannot be sent
 */
export function fastCgiRequest(
  target: Target,
  parts: RequestParts,
  id: number = FCGI_REQUEST_ID,
): PreparedRequest {
  const { method, fields, body } = checked(parts);
  const out = new OutputBuffer(pool);
  writeBeginRequest(out, id, RESPONDER, KEEP_CONN);
  const start = beginRecord(out);
  for (const [name, value] of paramsOf(target, method, fields, body)) writePair(out, name, value);
  finishRecord(out, start, PARAMS, id);
  writeEmptyRecord(out, PARAMS, id);
  const head = taken(out);
  writeEmptyRecord(out, STDIN, id);
  const last = taken(out);
  if (body.kind === "none") return whole(method, [head, last], 0);
  const content = body.kind === "bytes" ? body.bytes : madeUpBytes(body.chunkBytes);
  writeStream(out, STDIN, id, content);
  const piece = taken(out);
  return inPieces(method, head, piece, body.kind === "bytes" ? 1 : body.chunkCount, last, body);
}

/** The parameters of a request (RFC 3875 4.1). */
function paramsOf(
  { path, authority, address }: Target,
  method: string,
  fields: RequestParts["fields"],
  body: RequestBody,
): [string, string][] {
  const question = path.indexOf("?");
  const params = new Map([
    ["GATEWAY_INTERFACE", "CGI/1.1"],
    ["SERVER_PROTOCOL", "HTTP/1.1"],
    ["SERVER_SOFTWARE", "gatehouse"],
    ["SERVER_NAME", authority.replace(/:\d+$/, "")],
    ["SERVER_PORT", String(address.transport === "tcp" ? address.port : 0)],
    ["REQUEST_METHOD", method],
    ["REQUEST_SCHEME", "http"],
    ["REQUEST_URI", path],
    ["SCRIPT_NAME", question < 0 ? path : path.slice(0, question)],
    ["QUERY_STRING", question < 0 ? "" : path.slice(question + 1)],
    ["REMOTE_ADDR", "127.0.0.1"],
    ["HTTP_HOST", authority],
  ]);
  for (const [name, value] of fields) {
    const lowerCase = name.toLowerCase();
    // As HTTP_PROXY it would pass for a setting of the programs that read it.
    if (lowerCase === "proxy") continue;
    const key = name.toUpperCase().replaceAll("-", "_");
    params.set(lowerCase === "content-type" ? key : `HTTP_${key}`, value);
  }
  if (body.kind !== "none") params.set("CONTENT_LENGTH", String(lengthOf(body)));
  return [...params];
}

function checked(parts: RequestParts): RequestParts {
  const { method, fields, body } = parts;
  if (!isOf(TOKEN, method) || method === "") {
    throw new ConfigError(`${JSON.stringify(method)} is not a method`);
  }
  if (method === "CONNECT") throw new ConfigError("the method CONNECT is for proxies");
  for (const [name, value] of fields) {
    if (name === "" || !isOf(TOKEN, name) || !isOf(FIELD, value)) {
      throw new ConfigError(`${JSON.stringify(`${name}: ${value}`)} cannot be a header field`);
    }
    if (/^(?:content-length|transfer-encoding)$/i.test(name) && body.kind !== "none") {
      throw new ConfigError(`the field ${name} comes of the body`);
    }
  }
  return parts;
}

/** Whether all characters are bytes of a class. */
function isOf(charClass: number, text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0xff || (CLASS[code] & charClass) === 0) return false;
  }
  return true;
}

function lengthOf(body: RequestBody): number {
  if (body.kind === "none") return 0;
  return body.kind === "bytes" ? body.bytes.length : body.chunkCount * body.chunkBytes;
}

function whole(method: string, parts: readonly Uint8Array[], bodyBytes: number): PreparedRequest {
  const first = concatenated(parts);
  return { method, first, piece: EMPTY, pieceCount: 0, last: EMPTY, bodyBytes };
}

function inPieces(
  method: string,
  head: Uint8Array,
  piece: Uint8Array,
  pieceCount: number,
  last: Uint8Array,
  body: RequestBody,
): PreparedRequest {
  const bodyBytes = lengthOf(body);
  if (head.length + piece.length * pieceCount + last.length <= MAX_WHOLE_BYTES) {
    const pieces = Array.from({ length: pieceCount }, () => piece);
    return whole(method, [head, ...pieces, last], bodyBytes);
  }
  return { method, first: head, piece, pieceCount, last, bodyBytes };
}

/** Bytes of which none looks like its neighbours: the digits in turn. */
function madeUpBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = 0x30 + at % 10;
  return bytes;
}

function taken(out: OutputBuffer): Uint8Array {
  const bytes = out.bytes.slice(0, out.length);
  out.length = 0;
  return bytes;
}
