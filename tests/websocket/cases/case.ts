/**
 * What a WebSocket server has to do with what it is sent: as data, so that a codec, a gateway and other servers
 * can be held against it. The server is one that sends each message back.
 */

import type { WebSocketLimits } from "../../../src/websocket/codec/limits.ts";
import { concatenated } from "../../../src/base/bytes.ts";
import { latin1Text } from "../../../src/message/fields.ts";
import { payloadOf } from "../../support/websocket.ts";

/** One conversation after the handshake. */
export interface SocketCase {
  /** What it is about, as a sentence. */
  readonly name: string;
  /** What the client sends. */
  readonly sends: Uint8Array;
  /** What comes back before the end: `text …`, `binary …`, `pong …`, bytes as code units up to 255. */
  readonly answers: readonly string[];
  /**
   * How it ends: with a close frame of the server's that has this code (1005 for none), after which it
   * closes the connection; or not at all.
   */
  readonly end: number | "open";
  /** Whether the fault can be told before the rest has come, which does not come: many servers wait for it. */
  readonly isEarly?: true;
  /** Limits that the server is to have, besides the default ones. */
  readonly limits?: Partial<WebSocketLimits>;
}

/** What the server is to send back. */
export function answer(type: "text" | "binary" | "pong", payload: Uint8Array | string): string {
  const bytes = payloadOf(payload);
  return `${type} ${latin1Text(bytes, 0, bytes.length)}`;
}

/** A case that leaves the connection open. */
export function served(
  name: string,
  frames: readonly Uint8Array[],
  answers: readonly string[],
): SocketCase {
  return { name, sends: concatenated(frames), answers, end: "open" };
}

/** A case after which the server closes with `code`. */
export function closed(
  name: string,
  frames: readonly Uint8Array[],
  code: number,
  answers: readonly string[] = [],
): SocketCase {
  return { name, sends: concatenated(frames), answers, end: code };
}

/** `length` bytes, each of them another than its neighbours. */
export function someBytes(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, at) => (at * 167 + (at >> 8)) & 0xff);
}

/** A text of `length` letters. */
export function someText(length: number): string {
  let text = "";
  for (let at = 0; at < length; at++) text += String.fromCharCode(0x61 + (at * 7 + (at >> 6)) % 26);
  return text;
}

/** `payload` in frames of `size` bytes, of which the first says `opcode`. */
export function inFragments(
  payload: Uint8Array,
  size: number,
): { readonly isFirst: boolean; readonly isLast: boolean; readonly part: Uint8Array }[] {
  const parts = [];
  for (let at = 0; at === 0 || at < payload.length; at += size) {
    parts.push({
      isFirst: at === 0,
      isLast: at + size >= payload.length,
      part: payload.subarray(at, at + size),
    });
  }
  return parts;
}
