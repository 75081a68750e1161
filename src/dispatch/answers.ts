/**
 * What a dispatcher says itself: answers to clients whose requests no handler answers, and notices as
 * Mongrel2 has them. It does no I/O.
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";
import { errorResponse } from "../message/error_response.ts";
// @ts-types="../types/std_status.d.ts"
import { STATUS_TEXT } from "@std/http/status";
import { formatReply, joinReply, replyHeader } from "../mongrel2/codec/message.ts";
import type { Client } from "./clients.ts";
import type { RequestTraits } from "./incoming.ts";

const encoder = new TextEncoder();

/** Why no handler's answer comes: it has died, there is none, or it takes too long. */
export type ErrorStatus = 502 | 503 | 504;

/** The reply that answers a request with `status` and its name; its connection is to be closed then. */
export function errorReply(
  client: Client,
  status: ErrorStatus,
  { isHead }: Pick<RequestTraits, "isHead">,
): Uint8Array<ArrayBuffer> {
  const { head, body } = errorResponse(status, "");
  const text = [
    `HTTP/1.1 ${status} ${STATUS_TEXT[status]}`,
    "connection: close",
    `content-length: ${encoder.encode(body).length}`,
    `${head.fieldLines}\r\n${isHead ? "" : body}`,
  ].join("\r\n");
  return formatReply(client.senderId, [client.connId], encoder.encode(text));
}

/** The reply that closes a connection after what was sent. */
export function closingReply(senderId: string, connId: string): Uint8Array<ArrayBuffer> {
  return formatReply(senderId, [connId], EMPTY);
}

/** The notice that says to a handler that a client has left. */
export function goneNotice({ senderId, connId }: Client): Uint8Array<ArrayBuffer> {
  return joinReply(
    `${senderId} ${connId} @* 17:{"METHOD":"JSON"},21:{"type":"disconnect"},`,
    EMPTY,
  );
}

/**
 * What `reply` is if it goes to `client`, and to nobody else: an `answer`, since its head is that of a reply to
 * this connection, or a request to Mongrel2 about it (`X` before its number). `null` if it goes elsewhere.
 */
export function replyTo(
  { senderId, connId }: Client,
  reply: Uint8Array,
): "answer" | "request" | null {
  if (beginsWith(reply, replyHeader(senderId, [connId]))) return "answer";
  return beginsWith(reply, replyHeader(senderId, ["X", connId])) ? "request" : null;
}

/** Whether `bytes` begin with the code units of `head`. */
function beginsWith(bytes: Uint8Array, head: string): boolean {
  if (bytes.length < head.length) return false;
  for (let i = 0; i < head.length; i++) if (bytes[i] !== head.charCodeAt(i)) return false;
  return true;
}
