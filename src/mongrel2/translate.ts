/**
 * From a message of Mongrel2 to the head that every protocol has in common.
 *
 * @module
 */

import { BufferPool, OutputBuffer } from "../buffers.ts";
import { CLASS, FIELD, TOKEN } from "../chars.ts";
import { ProtocolError } from "../errors.ts";
import type { Peer } from "../exchange.ts";
import { RequestHead } from "../exchange.ts";
import { writePairBytes } from "../pairs.ts";
import { checkAuthority } from "../request_checks.ts";
import { headerTooLarge, targetTooLong, tooManyFields } from "../request_faults.ts";
import type { RequestLimits } from "../request_limits.ts";
import { appendEscaped, checkTarget, TARGET_BYTES } from "../request_target.ts";
import { headerValue } from "./message.ts";
import type { Mongrel2Message } from "./message.ts";

/** Headers that tell the handler of an upload; none of them is the client's. */
const UPLOAD_HEADER = /^x-mongrel2-upload-/;
const BEYOND_BYTES = /[\u0100-\uffff]/;

const encoder = new TextEncoder();
const buffers = new BufferPool();

/** A request's head, and what is said about its connection. */
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
 * The head of the request in `message`.
 *
 * @throws {ProtocolError} if something of it is malformed, or over a limit
 */
export function translateMessage(
  message: Mongrel2Message,
  peers: { readonly http: Peer; readonly https: Peer },
  limits: RequestLimits,
): TranslatedRequest {
  const head = new RequestHead();
  const own = new Map<string, string>();
  const fields: (readonly [string, string])[] = [];
  for (const header of message.headers) {
    if (/^[A-Z]/.test(header[0])) own.set(header[0], header[1]);
    else if (!UPLOAD_HEADER.test(header[0])) fields.push(header);
  }
  if (fields.length > limits.maxHeaderCount) throw tooManyFields(limits);
  // To apps a handshake is what its client sent: a GET.
  head.method = isHandshake(message) ? "GET" : methodOf(own.get("METHOD") ?? "");
  head.minorVersion = own.get("VERSION") === "HTTP/1.0" ? 0 : 1;
  head.peer = own.get("URL_SCHEME") === "https" ? peers.https : peers.http;

  const block = new OutputBuffer(buffers);
  const target = bytesOf(own.get("URI") ?? "");
  appendEscaped(block, target, 0, target.length, TARGET_BYTES);
  head.targetEnd = block.length;
  checkTarget(block.bytes, 0, block.length, "URI");
  if (block.length > limits.maxTargetBytes) throw targetTooLong(limits);
  head.authorityStart = head.authorityEnd = head.fieldsStart = block.length;
  for (const [name, value] of fields) writeField(block, head, name, value);
  head.fieldsEnd = head.paramsStart = block.length;
  if (head.fieldsEnd > limits.maxHeaderBytes) throw headerTooLarge(limits);
  for (const [name, value] of own) writePairBytes(block, bytesOf(name), bytesOf(value));
  head.paramsEnd = block.length;
  head.block = block.bytes.slice(0, block.length);
  buffers.give(block.takeBytes());
  return { head, keepsAlive: keepsAlive(head, fields) && !isHandshake(message) };
}

function methodOf(text: string): string {
  if (!/^[!#$%&'*+\-.^_`|~\w]{1,32}$/.test(text)) {
    throw new ProtocolError(400, "the request method is malformed", "RFC 9110 9.1");
  }
  return text;
}

function writeField(block: OutputBuffer, head: RequestHead, name: string, value: string): void {
  const isName = [...name].every((char) => (CLASS[char.charCodeAt(0)] & TOKEN) !== 0);
  if (name === "" || !isName) return;
  const bytes = bytesOf(value);
  for (const byte of bytes) {
    if ((CLASS[byte] & FIELD) === 0) {
      throw new ProtocolError(400, "a header field has a control character", "RFC 9110 5.5");
    }
  }
  block.appendLatin1(`${name}: `);
  const valueStart = block.length;
  block.append(bytes);
  if (name === "host") {
    if (head.authorityStart > head.targetEnd) {
      throw new ProtocolError(400, "more than one Host field", "RFC 9112 3.2");
    }
    head.authorityStart = valueStart;
    head.authorityEnd = block.length;
    checkAuthority(block.bytes, valueStart, block.length);
  }
  block.appendLatin1("\r\n");
}

/** What the client wants of its connection (RFC 9112 9.3). */
function keepsAlive(head: RequestHead, fields: readonly (readonly [string, string])[]): boolean {
  const options = fields.filter(([name]) => name === "connection")
    .flatMap(([, value]) => value.toLowerCase().split(",").map((option) => option.trim()));
  if (options.includes("close")) return false;
  // After a chunked body, Mongrel2 1.12 never passes on a body with a length over the same connection.
  if (fields.some(([name]) => name === "transfer-encoding")) return false;
  return head.minorVersion === 1 || options.includes("keep-alive");
}

/** The bytes of a text of code units up to 255; of others the UTF-8. */
function bytesOf(text: string): Uint8Array {
  if (BEYOND_BYTES.test(text)) return encoder.encode(text);
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
