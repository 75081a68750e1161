/**
 * From a message of Mongrel2 to the head that every protocol has in common.
 *
 * @module
 */

import { BufferPool, OutputBuffer } from "../../base/buffers.ts";
import { CLASS, FIELD, TOKEN } from "../../message/chars.ts";
import { ProtocolError } from "../../base/errors.ts";
import type { Peer } from "../../message/exchange.ts";
import { MAX_ROUTE_BYTES, RequestHead } from "../../message/exchange.ts";
import { writeLatin1Pair, writePairBytes } from "../../message/pairs.ts";
import { checkAuthority } from "../../message/request_checks.ts";
import { headerTooLarge, targetTooLong, tooManyFields } from "../../message/request_faults.ts";
import type { RequestLimits } from "../../message/request_limits.ts";
import { isSurelyBelow, routePrefix } from "../../message/request_paths.ts";
import { takeTarget } from "../../message/request_target.ts";
import { normalPath, sentPathOf } from "../../message/request_url.ts";
import { headerValue } from "./message.ts";
import type { Mongrel2Message } from "./message.ts";
import type { RouteUse } from "./spec.ts";

/** Headers that describe an upload to the handler; a client may not send them. */
const UPLOAD_HEADER = /^x-mongrel2-upload-/i;
const METHOD = /^[!#$%&'*+\-.^_`|~\w]{1,32}$/;
const BEYOND_BYTES = /[\u0100-\uffff]/;

const encoder = new TextEncoder();
const buffers = new BufferPool();

/** A request's head, and the facts about its connection. */
export interface TranslatedRequest {
  /** The head; its bytes are its own. The length of its body is not set. */
  readonly head: RequestHead;
  /** Whether the client wants to send more requests on the connection. */
  readonly keepsAlive: boolean;
}

/** Whether `message` asks for a WebSocket. Mongrel2 takes what follows on the connection for frames. */
export function isHandshake(message: Mongrel2Message): boolean {
  return headerValue(message, "METHOD") === "WEBSOCKET_HANDSHAKE";
}

/**
 * The head of the request in `message`. Its route is what `route` says to apps.
 *
 * @throws {ProtocolError} if something of it is malformed, or over a limit
 */
export function translateMessage(
  message: Mongrel2Message,
  peers: { readonly http: Peer; readonly https: Peer },
  limits: RequestLimits,
  route: RouteUse = "path",
): TranslatedRequest {
  const head = new RequestHead();
  const own = new Map<string, string>();
  const fields: (readonly [string, string])[] = [];
  for (const header of message.headers) {
    if (isOwn(header[0])) own.set(header[0], header[1]);
    else if (!UPLOAD_HEADER.test(header[0])) fields.push(header);
  }
  if (fields.length > limits.maxHeaderCount) throw tooManyFields(limits);
  // To apps a handshake is what its client sent: a GET.
  const method = own.get("METHOD") ?? "";
  const asksForWebSocket = isHandshake(message);
  head.method = asksForWebSocket || method === "GET" ? "GET" : methodOf(method);
  head.minorVersion = own.get("VERSION") === "HTTP/1.0" ? 0 : 1;
  head.peer = own.get("URL_SCHEME") === "https" ? peers.https : peers.http;

  const block = new OutputBuffer(buffers);
  appendText(block, own.get("URI") ?? "");
  if (block.length > limits.maxTargetBytes) throw targetTooLong(limits);
  takeTarget(head, block.bytes, 0, block.length, "URI");
  head.fieldsStart = block.length;
  let hosts = 0;
  for (const [name, value] of fields) {
    if (name === "host" && ++hosts > 1) {
      throw new ProtocolError(400, "more than one Host field", "RFC 9112 3.2");
    }
    writeField(block, head, name, value);
  }
  head.fieldsEnd = head.paramsStart = block.length;
  if (head.fieldsEnd > limits.maxHeaderBytes) throw headerTooLarge(limits);
  for (const [name, value] of own) writeOwn(block, name, value);
  head.paramsEnd = block.length;
  head.block = block.bytes;
  if (route !== "path") takeRoute(head, own.get("PATTERN") ?? "", route);
  head.detach();
  buffers.give(block.takeBytes());
  return { head, keepsAlive: keepsAlive(head, fields) && !asksForWebSocket };
}

/** What can be read of the request in `message`, which is refused, whatever is wrong with it. Its bytes are its own. */
export function readMessage(
  message: Mongrel2Message,
  peers: { readonly http: Peer; readonly https: Peer },
): RequestHead {
  const head = new RequestHead();
  const method = headerValue(message, "METHOD") ?? "";
  if (isHandshake(message)) head.method = "GET";
  else if (METHOD.test(method)) head.method = method;
  head.minorVersion = headerValue(message, "VERSION") === "HTTP/1.0" ? 0 : 1;
  head.peer = headerValue(message, "URL_SCHEME") === "https" ? peers.https : peers.http;
  const block = new OutputBuffer(buffers);
  appendText(block, headerValue(message, "URI") ?? "");
  head.targetEnd =
    head.authorityStart =
    head.authorityEnd =
    head.fieldsStart =
    head.fieldsEnd =
    head.paramsStart =
      block.length;
  for (const [name, value] of message.headers) if (isOwn(name)) writeOwn(block, name, value);
  head.paramsEnd = block.length;
  head.block = block.bytes;
  head.detach();
  buffers.give(block.takeBytes());
  return head;
}

/**
 * Makes a mount of what the route's pattern has before its first parenthesis, without slashes at its end.
 *
 * @throws {ProtocolError} if the path could be read as another one's
 */
function takeRoute(head: RequestHead, pattern: string, route: RouteUse): void {
  const prefix = routePrefix(pattern).replace(/\/+$/, "");
  if (prefix === "" || prefix.length > MAX_ROUTE_BYTES) return;
  const path = sentPathOf(head);
  if (!isSurelyBelow(path, normalPath(path), prefix)) {
    throw new ProtocolError(400, "the path can be read as that of another route", "RFC 3986 6.2.2");
  }
  head.routeBytes = prefix.length;
  head.stripsRoute = route === "strip";
}

/** Whether a header of that name is Mongrel2's own. */
function isOwn(name: string): boolean {
  const first = name.charCodeAt(0);
  return first >= 0x41 && first <= 0x5a;
}

function methodOf(text: string): string {
  if (!METHOD.test(text)) {
    throw new ProtocolError(400, "the request method is malformed", "RFC 9110 9.1");
  }
  return text;
}

function writeField(block: OutputBuffer, head: RequestHead, name: string, value: string): void {
  if (!isToken(name)) return;
  block.appendLatin1(name);
  block.appendLatin1(": ");
  const valueStart = block.length;
  appendText(block, value);
  const { bytes, length } = block;
  for (let at = valueStart; at < length; at++) {
    if ((CLASS[bytes[at]] & FIELD) === 0) {
      throw new ProtocolError(400, "a header field has a control character", "RFC 9110 5.5");
    }
  }
  if (name === "host") {
    checkAuthority(bytes, valueStart, length);
    // An absolute target has named it already.
    if (head.authorityEnd === head.authorityStart) {
      head.authorityStart = valueStart;
      head.authorityEnd = length;
    }
  }
  block.appendLatin1("\r\n");
}

function isToken(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if ((CLASS[name.charCodeAt(i)] & TOKEN) === 0) return false;
  }
  return name !== "";
}

/** Appends a header of Mongrel2's own as a pair. */
function writeOwn(block: OutputBuffer, name: string, value: string): void {
  if (BEYOND_BYTES.test(name) || BEYOND_BYTES.test(value)) {
    writePairBytes(block, bytesOf(name), bytesOf(value));
  } else {
    writeLatin1Pair(block, name, value);
  }
}

/** What the client wants of its connection (RFC 9112 9.3). */
function keepsAlive(head: RequestHead, fields: readonly (readonly [string, string])[]): boolean {
  let asksToKeep = head.minorVersion === 1;
  for (const [name, value] of fields) {
    // After a chunked body, Mongrel2 1.12 never passes on a body with a length over the same connection.
    if (name === "transfer-encoding") return false;
    if (name !== "connection") continue;
    const options = value.toLowerCase().split(",").map((option) => option.trim());
    if (options.includes("close")) return false;
    asksToKeep ||= options.includes("keep-alive");
  }
  return asksToKeep;
}

/** Appends the bytes of a text of code units up to 255; of others the UTF-8. */
function appendText(block: OutputBuffer, text: string): void {
  if (BEYOND_BYTES.test(text)) block.append(encoder.encode(text));
  else block.appendLatin1(text);
}

/** The bytes that {@linkcode appendText} appends. */
function bytesOf(text: string): Uint8Array {
  if (BEYOND_BYTES.test(text)) return encoder.encode(text);
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
