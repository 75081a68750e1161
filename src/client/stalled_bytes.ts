/**
 * What clients that stall send: requests that never come to their end, or come again and again. No I/O.
 *
 * @module
 */

import { concatenated } from "../base/bytes.ts";
import { EMPTY } from "../base/empty.ts";
import type { RequestParts } from "./prepared_request.ts";
import { fastCgiRequest, httpRequest } from "./prepared_request.ts";
import { SocketConversation } from "./socket_conversation.ts";
import type { Target } from "./target.ts";
import { HEADER_BYTES } from "../fastcgi/codec/records.ts";
import { LF } from "../message/chars.ts";
import { BINARY } from "../websocket/codec/protocol.ts";

/** What a client does not do. */
export type StallKind = "silent" | "slow-head" | "slow-body" | "unread";

/** All kinds. */
export const STALL_KINDS: readonly StallKind[] = ["silent", "slow-head", "slow-body", "unread"];

/** What clients ask that stall. */
export interface StalledRequest {
  /** Names and values of field lines. */
  readonly fields: readonly (readonly [string, string])[];
  /** Bytes of a WebSocket's message. */
  readonly messageBytes: number;
}

/** What one client sends on one connection. */
export interface StalledBytes {
  /** The WebSocket to open first; `null` if there is none, or the client does not come to that. */
  readonly socket: SocketConversation | null;
  /** Sent at once. */
  readonly first: Uint8Array;
  /** What is sent byte by byte after that, before a filling without end; `null` if nothing is. */
  readonly slow: (() => Uint8Array) | null;
  /** What is sent again and again; `null` if nothing is. */
  readonly burst: (() => Uint8Array) | null;
}

/** What is sent for the rest of time, and is fine within fields, bodies and messages. */
export const FILLING_BYTE = 0x78;
const HEAD_END_BYTES = 4;
/** Requests, or messages, that a client which reads nothing sends at once. */
const BURST = 16;
/** Numbers that requests on a FastCGI connection have. */
const FCGI_IDS = 65_535;
/** A parameter, a record or a message that takes most of a day, a byte each second. */
const LONG_BYTES = 60_000;
/** A body that takes longer. */
const SLOW_BODY = { kind: "chunks", chunkCount: 100, chunkBytes: LONG_BYTES } as const;

const NOTHING: StalledBytes = { socket: null, first: EMPTY, slow: null, burst: null };

/** Makes what clients send, connection by connection, that stall as `kind` says. */
export function stalledBytes(
  target: Target,
  kind: StallKind,
  request: StalledRequest,
): () => StalledBytes {
  if (kind === "silent") return () => NOTHING;
  switch (target.scheme) {
    case "fcgi":
      return overFastCgi(target, kind, request);
    case "ws":
    case "wss":
      return () => overWebSocket(target, kind, request);
    default:
      return overHttp(target, kind, request);
  }
}

type BusyKind = Exclude<StallKind, "silent">;

function overHttp(target: Target, kind: BusyKind, { fields }: StalledRequest): () => StalledBytes {
  if (kind === "slow-body") {
    const { first, piece } = httpRequest(target, { method: "POST", fields, body: SLOW_BODY });
    const size = piece.subarray(0, piece.indexOf(LF) + 1);
    return () => ({ ...NOTHING, first, slow: () => size });
  }
  const { first } = httpRequest(target, get([...fields, ["X-Slow", "x"]]));
  if (kind === "slow-head") return () => ({ ...NOTHING, slow: () => withoutEnd(first) });
  const burst = repeated(() => first);
  return () => ({ ...NOTHING, burst: () => burst });
}

function overFastCgi(
  target: Target,
  kind: BusyKind,
  { fields }: StalledRequest,
): () => StalledBytes {
  if (kind === "slow-body") {
    const { first, piece } = fastCgiRequest(target, { method: "POST", fields, body: SLOW_BODY });
    const header = piece.slice(0, HEADER_BYTES);
    return () => ({ ...NOTHING, first, slow: () => header });
  }
  if (kind === "slow-head") {
    const long: Field = ["X-Slow", "x".repeat(LONG_BYTES)];
    const { first } = fastCgiRequest(target, get([...fields, long]));
    return () => ({ ...NOTHING, slow: () => first });
  }
  return () => {
    let id = 0;
    const next = () => fastCgiRequest(target, get(fields), id = id % FCGI_IDS + 1).first;
    return { ...NOTHING, burst: () => repeated(next) };
  };
}

function overWebSocket(
  target: Target,
  kind: BusyKind,
  { fields, messageBytes }: StalledRequest,
): StalledBytes {
  const socket = new SocketConversation(target, fields, BINARY);
  if (kind === "slow-head") return { ...NOTHING, slow: () => withoutEnd(socket.opening.first) };
  const frame = (length: number) =>
    socket.begin({ ...socket.opening, first: new Uint8Array(length).fill(FILLING_BYTE) });
  if (kind === "slow-body") {
    const header = () => {
      const whole = frame(LONG_BYTES);
      return whole.slice(0, whole.length - LONG_BYTES);
    };
    return { ...NOTHING, socket, slow: header };
  }
  return { ...NOTHING, socket, burst: () => repeated(() => frame(messageBytes)) };
}

type Field = readonly [string, string];

function get(fields: readonly Field[]): RequestParts {
  return { method: "GET", fields, body: { kind: "none" } };
}

/** A head has an end, and is not to come to it: its last field grows for as long as it may. */
function withoutEnd(head: Uint8Array): Uint8Array {
  return head.subarray(0, head.length - HEAD_END_BYTES);
}

function repeated(next: () => Uint8Array): Uint8Array {
  return concatenated(Array.from({ length: BURST }, next));
}
