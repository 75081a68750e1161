/**
 * The messages between Mongrel2 and its handlers. It does no I/O.
 *
 * @module
 */

import { EMPTY } from "../../base/empty.ts";
import { ProtocolError } from "../../base/errors.ts";
import { latin1Of } from "../../message/latin1.ts";
import { formatTnetstring, parseTnetstring, readNetstring } from "./tnetstring.ts";
import type { Netstring, TnetValue } from "./tnetstring.ts";

const SPACE = 0x20;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const encoder = new TextEncoder();

/** Connections that one reply can go to, as Mongrel2's `limits.handler_targets` has it by default. */
export const MAX_REPLY_TARGETS = 128;

/** A message from Mongrel2. Texts have one code unit for each byte. */
export interface Mongrel2Message {
  /** Identity of the Mongrel2 server. */
  readonly senderId: string;
  /** The server's number for the client's connection. */
  readonly connId: string;
  /** Path of the request, or `@` and a name for other messages. */
  readonly path: string;
  /**
   * Names and values of the headers, in their order: the client's own in lower case, Mongrel2's in upper
   * case. Repeated ones come as several.
   */
  readonly headers: readonly (readonly [string, string])[];
  /** The body, a view of the message. */
  readonly body: Uint8Array;
}

/**
 * Reads a message: `SENDER CONN PATH NETSTRING:HEADERS,NETSTRING:BODY,`, the headers as JSON or as a
 * tnetstring's dictionary.
 *
 * @throws {ProtocolError} if it is malformed
 */
export function parseMessage(bytes: Uint8Array): Mongrel2Message {
  const { senderEnd, connEnd, pathEnd, block, body } = findParts(bytes);
  const headers = block.tag === COMMA
    ? jsonHeaders(bytes, block.start, block.end)
    : tnetHeaders(bytes, pathEnd + 1);
  return {
    senderId: latin1Of(bytes, 0, senderEnd),
    connId: latin1Of(bytes, senderEnd + 1, connEnd),
    path: latin1Of(bytes, connEnd + 1, pathEnd),
    headers,
    body: bytes.subarray(body.start, body.end),
  };
}

/** Where the parts of a message are. */
export interface MessageParts {
  /** Where the sender's identity ends, which the message begins with. */
  readonly senderEnd: number;
  /** Where the connection's number ends. */
  readonly connEnd: number;
  /** Where the path ends. */
  readonly pathEnd: number;
  /** The headers: JSON in a plain netstring, or else a tnetstring. */
  readonly block: Netstring;
  /** The body. */
  readonly body: Netstring;
}

/**
 * Finds the parts of a message, and does not look into its headers.
 *
 * @throws {ProtocolError} if it is malformed
 */
export function findParts(bytes: Uint8Array): MessageParts {
  const senderEnd = bytes.indexOf(SPACE);
  const connEnd = bytes.indexOf(SPACE, senderEnd + 1);
  const pathEnd = bytes.indexOf(SPACE, connEnd + 1);
  if (senderEnd <= 0 || connEnd <= senderEnd + 1 || pathEnd <= connEnd + 1) {
    throw malformed("does not begin with a sender, a connection and a path");
  }
  const block = readNetstring(bytes, pathEnd + 1, bytes.length);
  const body = readNetstring(bytes, block.end + 1, bytes.length);
  if (body.tag !== COMMA || body.end + 1 !== bytes.length) {
    throw malformed("has something other than one body at its end");
  }
  return { senderEnd, connEnd, pathEnd, block, body };
}

/** Bytes of a message up to which its memory may be used again for others. */
export const MAX_LENT_BYTES = 32_768;

/**
 * Reads a message whose memory is used again if it has up to {@linkcode MAX_LENT_BYTES}.
 *
 * @throws {ProtocolError} if it is malformed
 */
export function parseLentMessage(bytes: Uint8Array): Mongrel2Message {
  const message = parseMessage(bytes);
  if (bytes.length > MAX_LENT_BYTES) return message;
  return { ...message, body: message.body.length === 0 ? EMPTY : message.body.slice() };
}

/** The value of a message's first header of that name; names are matched as they are. */
export function headerValue(
  { headers }: Pick<Mongrel2Message, "headers">,
  name: string,
): string | undefined {
  for (let i = 0; i < headers.length; i++) if (headers[i][0] === name) return headers[i][1];
  return undefined;
}

/** The values of all of a message's headers of that name. */
export function headerValues(
  { headers }: Pick<Mongrel2Message, "headers">,
  name: string,
): string[] {
  const values: string[] = [];
  for (let i = 0; i < headers.length; i++) if (headers[i][0] === name) values.push(headers[i][1]);
  return values;
}

/** Mongrel2 writes bytes into its JSON as they are, be they UTF-8 or not: each becomes a code unit. */
function jsonHeaders(bytes: Uint8Array, start: number, end: number): [string, string][] {
  const parsed = parseJson(latin1Of(bytes, start, end));
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw malformed("has headers that are not an object");
  }
  const headers: [string, string][] = [];
  for (const name of Object.keys(parsed)) {
    const value = (parsed as Record<string, unknown>)[name];
    if (typeof value === "string") headers.push([name, value]);
    else appendTexts(headers, name, value, (each) => typeof each === "string" ? each : null);
  }
  return headers;
}

/** Appends the header, or headers, that `value` has as something that `textIn` finds a text in. */
function appendTexts(
  headers: [string, string][],
  name: string,
  value: unknown,
  textIn: (value: unknown) => string | null,
): void {
  for (const each of Array.isArray(value) ? value : [value]) {
    const text = textIn(each);
    if (text === null) throw malformed("has a header that is not text");
    headers.push([name, text]);
  }
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  try {
    return JSON.parse(withEscapedControls(json));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw malformed("has headers that are not JSON");
  }
}

/** `json` with the control characters of its strings escaped: they come as they are, too. */
function withEscapedControls(json: string): string {
  // deno-lint-ignore no-control-regex
  if (!/[\x00-\x1f]/.test(json)) return json;
  let escaped = "";
  let copied = 0;
  let isString = false;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) {
      isString = !isString;
    } else if (isString && code === BACKSLASH) {
      at++;
    } else if (isString && code < SPACE) {
      escaped += `${json.slice(copied, at)}\\u${code.toString(16).padStart(4, "0")}`;
      copied = at + 1;
    }
  }
  return escaped + json.slice(copied);
}

function tnetHeaders(bytes: Uint8Array, at: number): [string, string][] {
  const { value } = parseTnetstring(bytes, at);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw malformed("has headers that are not a dictionary");
  }
  const headers: [string, string][] = [];
  for (const [name, each] of Object.entries(value as { [name: string]: TnetValue })) {
    appendTexts(headers, name, each, bytesAsText);
  }
  return headers;
}

function bytesAsText(value: unknown): string | null {
  return value instanceof Uint8Array ? latin1Of(value, 0, value.length) : null;
}

function malformed(what: string): ProtocolError {
  return new ProtocolError(
    400,
    `a message of Mongrel2 ${what}`,
    "Mongrel2 manual, ZeroMQ protocol",
  );
}

/**
 * The head of a reply to these connections, at most {@linkcode MAX_REPLY_TARGETS}:
 * `SENDER NETSTRING:IDS, `. A reply without a payload closes them.
 */
export function replyHeader(senderId: string, connIds: readonly string[]): string {
  const ids = connIds.length === 1 ? connIds[0] : connIds.join(" ");
  return `${senderId} ${ids.length}:${ids}, `;
}

/** A reply of a header, as {@linkcode replyHeader} makes it, and a payload. */
export function joinReply(header: string, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const reply = new Uint8Array(header.length + payload.length);
  for (let i = 0; i < header.length; i++) reply[i] = header.charCodeAt(i);
  reply.set(payload, header.length);
  return reply;
}

/** A reply with a payload. */
export function formatReply(
  senderId: string,
  connIds: readonly string[],
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return joinReply(replyHeader(senderId, connIds), payload);
}

/** What a control reply asks Mongrel2 to do with a connection. */
export interface ControlRequest {
  /** Counts as activity of the connection. */
  readonly "keep-alive"?: boolean;
  /** Lets so many more bytes of a streamed upload come. */
  readonly credits?: number;
  /** Drops the connection immediately. */
  readonly cancel?: boolean;
}

/** A control reply to these connections. */
export function formatControl(
  senderId: string,
  connIds: readonly string[],
  request: ControlRequest,
): Uint8Array<ArrayBuffer> {
  // An id of `X` in front says that the payload is for Mongrel2 itself.
  const payload = formatTnetstring([encoder.encode("ctl"), { ...request } as TnetValue]);
  return formatReply(senderId, ["X", ...connIds], payload);
}
