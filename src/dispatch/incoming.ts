/**
 * What a dispatcher has to know of a message of Mongrel2. It does no I/O.
 *
 * @module
 */

import { latin1Of } from "../message/latin1.ts";
import type { MessageOutline } from "../mongrel2/codec/outline.ts";
import { outlineOf } from "../mongrel2/codec/outline.ts";

/**
 * What a message is:
 *
 * - `request`: a request, to be answered;
 * - `part`: more of the body of one;
 * - `frame`: a frame of a WebSocket;
 * - `gone`: word that a client has left;
 * - `word`: other word about a client, such as what was delivered to it;
 * - `other`: what handlers of gatehouse take no notice of.
 */
export type IncomingKind = "request" | "part" | "frame" | "gone" | "word" | "other";

/** A message, and what kind it is of. */
export interface Incoming {
  /** What it is. */
  readonly kind: IncomingKind;
  /** What the client is known by among all. */
  readonly client: string;
  /** What is known of it if it is a request. */
  readonly traits: RequestTraits;
  /** What it says, as far as it was read. */
  readonly outline: MessageOutline;
}

/** Methods with which a request can be repeated (RFC 9110 9.2.2). */
const IDEMPOTENT: ReadonlySet<string | undefined> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
]);

/** Bytes of a notice's JSON at the most: Mongrel2's have less. */
const MAX_NOTICE_BYTES = 1_024;

/**
 * Reads a message.
 *
 * @throws {ProtocolError} if it is malformed
 */
export function readIncoming(bytes: Uint8Array): Incoming {
  const outline = outlineOf(bytes);
  return { kind: kindOf(outline), client: outline.client, traits: traitsOf(outline), outline };
}

function kindOf(outline: MessageOutline): IncomingKind {
  const { method } = outline;
  // A client may have this method, too, in a request that is like others.
  if (method === "JSON" && !outline.has("VERSION")) {
    // What a client sends over a JSON socket has a path in its headers.
    const isWord = outline.path === "@*" && !outline.has("PATH");
    if (!isWord) return "other";
    return typeOfNotice(outline.body) === "disconnect" ? "gone" : "word";
  }
  if (method === undefined) return outline.has("UPLOAD_STREAM") ? "part" : "other";
  // Only Mongrel2 can write a header in upper case.
  return method === "WEBSOCKET" && outline.has("FLAGS") ? "frame" : "request";
}

function typeOfNotice(body: Uint8Array): unknown {
  if (body.length > MAX_NOTICE_BYTES) return undefined;
  try {
    return JSON.parse(latin1Of(body, 0, body.length))?.type;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

/** What is known of a request, as far as it matters once its handler has died. */
export interface RequestTraits {
  /** Whether another handler may be given it: it can be repeated, and all of it is in the message. */
  readonly isRepeatable: boolean;
  /** Whether it only says that an upload has begun: the request itself comes later. */
  readonly isUploadStart: boolean;
  /** Whether its answer has no body. */
  readonly isHead: boolean;
  /** Whether it asks for a WebSocket. */
  readonly isHandshake: boolean;
}

const PLAIN: RequestTraits = {
  isRepeatable: true,
  isUploadStart: false,
  isHead: false,
  isHandshake: false,
};
const HANDSHAKE: RequestTraits = { ...PLAIN, isHandshake: true };
const PLAIN_HEAD: RequestTraits = { ...PLAIN, isHead: true };
const UNREPEATABLE: RequestTraits = { ...PLAIN, isRepeatable: false };

function traitsOf(outline: MessageOutline): RequestTraits {
  const { method } = outline;
  // A client's own headers of uploads are refused there.
  if (method === "WEBSOCKET_HANDSHAKE") return HANDSHAKE;
  const hasStart = outline.has("x-mongrel2-upload-start");
  const hasFile = outline.has("x-mongrel2-upload-done");
  // A handler takes the file away when it begins.
  if (hasStart || hasFile) return { ...UNREPEATABLE, isUploadStart: !hasFile };
  if (!IDEMPOTENT.has(method)) return UNREPEATABLE;
  return method === "HEAD" ? PLAIN_HEAD : PLAIN;
}
