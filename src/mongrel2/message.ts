/**
 * The messages between Mongrel2 and its handlers. It does no I/O.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import { textOf } from "../fields.ts";
import { formatTnetstring, parseTnetstring, readNetstring } from "./tnetstring.ts";
import type { TnetValue } from "./tnetstring.ts";

const SPACE = 0x20;
const COMMA = 0x2c;
const encoder = new TextEncoder();

/** Connections that one reply can go to, as Mongrel2's `limits.handler_targets` has it by default. */
export const MAX_REPLY_TARGETS = 128;

/** A message from Mongrel2. Texts have one code unit for each byte. */
export interface Mongrel2Message {
  /** Identity of the Mongrel2 server. */
  readonly senderId: string;
  /** The server's number for the client's connection. */
  readonly connId: string;
  /** Path of the request, or `@` and a name for a message that is none. */
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
  const senderEnd = bytes.indexOf(SPACE);
  const connEnd = bytes.indexOf(SPACE, senderEnd + 1);
  const pathEnd = bytes.indexOf(SPACE, connEnd + 1);
  if (senderEnd <= 0 || connEnd <= senderEnd + 1 || pathEnd <= connEnd + 1) {
    throw malformed("does not begin with a sender, a connection and a path");
  }
  const block = readNetstring(bytes, pathEnd + 1, bytes.length);
  const headers = block.tag === COMMA
    ? jsonHeaders(bytes, block.start, block.end)
    : tnetHeaders(bytes, pathEnd + 1);
  const body = readNetstring(bytes, block.end + 1, bytes.length);
  if (body.tag !== COMMA || body.end + 1 !== bytes.length) {
    throw malformed("has something other than one body at its end");
  }
  return {
    senderId: textOf(bytes, 0, senderEnd),
    connId: textOf(bytes, senderEnd + 1, connEnd),
    path: textOf(bytes, connEnd + 1, pathEnd),
    headers,
    body: bytes.subarray(body.start, body.end),
  };
}

/** The value of a message's first header of that name; names are matched as they are. */
export function headerValue(
  { headers }: Pick<Mongrel2Message, "headers">,
  name: string,
): string | undefined {
  return headers.find(([each]) => each === name)?.[1];
}

/** The values of all of a message's headers of that name. */
export function headerValues(
  { headers }: Pick<Mongrel2Message, "headers">,
  name: string,
): string[] {
  return headers.filter(([each]) => each === name).map(([, value]) => value);
}

/** Mongrel2 writes bytes into its JSON as they are, be they UTF-8 or not: each becomes a code unit. */
function jsonHeaders(bytes: Uint8Array, start: number, end: number): [string, string][] {
  let parsed: unknown;
  try {
    const text = textOf(bytes, start, end);
    // Control characters come as they are, too.
    // deno-lint-ignore no-control-regex
    parsed = JSON.parse(text.replace(/[\x00-\x1f]/g, escapeControl));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw malformed("has headers that are no JSON");
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw malformed("has headers that are no object");
  }
  return Object.entries(parsed).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((each): [string, string] => {
      if (typeof each !== "string") throw malformed("has a header that is no text");
      return [name, each];
    })
  );
}

function escapeControl(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function tnetHeaders(bytes: Uint8Array, at: number): [string, string][] {
  const { value } = parseTnetstring(bytes, at);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw malformed("has headers that are no dictionary");
  }
  return Object.entries(value as { [name: string]: TnetValue }).flatMap(([name, each]) =>
    (Array.isArray(each) ? each : [each]).map((text): [string, string] => {
      if (!(text instanceof Uint8Array)) throw malformed("has a header that is no text");
      return [name, textOf(text, 0, text.length)];
    })
  );
}

function malformed(what: string): ProtocolError {
  return new ProtocolError(
    400,
    `a message of Mongrel2 ${what}`,
    "Mongrel2 manual, ZeroMQ protocol",
  );
}

/**
 * The bytes before the payload of a reply to these connections, which are no more than
 * {@linkcode MAX_REPLY_TARGETS}: `SENDER NETSTRING:IDS, `. A reply without a payload closes them.
 */
export function replyHeader(senderId: string, connIds: readonly string[]): Uint8Array<ArrayBuffer> {
  const ids = connIds.join(" ");
  return encoder.encode(`${senderId} ${ids.length}:${ids}, `);
}

/** A reply with a payload. */
export function formatReply(
  senderId: string,
  connIds: readonly string[],
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const header = replyHeader(senderId, connIds);
  const reply = new Uint8Array(header.length + payload.length);
  reply.set(header);
  reply.set(payload, header.length);
  return reply;
}

/** What a control reply asks Mongrel2 to do with a connection. */
export interface ControlRequest {
  /** Counts as activity of the connection. */
  readonly "keep-alive"?: boolean;
  /** Lets so many more bytes of a streamed upload come. */
  readonly credits?: number;
  /** Drops the connection at once. */
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
