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
import { formatReply, joinReply } from "../mongrel2/codec/message.ts";
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
export function closingReply(
  { senderId, connId }: Pick<Client, "senderId" | "connId">,
): Uint8Array<ArrayBuffer> {
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
  { key, connId }: Client,
  reply: Uint8Array,
): "answer" | "request" | null {
  const at = key.length - connId.length;
  if (!hasAt(reply, 0, key, at)) return null;
  const plain = `${connId.length}:${connId}, `;
  if (hasAt(reply, at, plain, plain.length)) return "answer";
  const control = `${connId.length + 2}:X ${connId}, `;
  return hasAt(reply, at, control, control.length) ? "request" : null;
}

/** Where the answer begins in a reply that has one to `client`. */
export function answerStart({ key, connId }: Client): number {
  return key.length + `${connId.length}:, `.length;
}

/** Whether `bytes` have the first `count` code units of `text` at `at`. */
function hasAt(bytes: Uint8Array, at: number, text: string, count: number): boolean {
  if (bytes.length - at < count) return false;
  for (let i = 0; i < count; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}
