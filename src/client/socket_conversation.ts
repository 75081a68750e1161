/**
 * A WebSocket on one connection (RFC 6455): each message that is sent is answered by one.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { ProtocolError } from "../base/errors.ts";
import { latin1Text, listHas } from "../message/fields.ts";
import { COLON, CR, spells } from "../message/chars.ts";
import { writeHeader } from "../websocket/codec/frame_writer.ts";
import {
  CLOSE_FRAME,
  DATA,
  FrameReader,
  NEED_DATA,
  PING_FRAME,
} from "../websocket/codec/frame_reader.ts";
import { acceptKey } from "../websocket/codec/handshake.ts";
import { DEFAULT_WEBSOCKET_LIMITS } from "../websocket/codec/limits.ts";
import { applyMask } from "../websocket/codec/masking.ts";
import { FIN, MASKED, MAX_HEADER_BYTES, PONG } from "../websocket/codec/protocol.ts";
import { END, HEAD, NEED_DATA as NEED_HEAD } from "./codec/response_reader.ts";
import { ResponseReader, SWITCHED } from "./codec/response_reader.ts";
import type { Conversation } from "./conversation.ts";
import { httpRequest } from "./prepared_request.ts";
import type { PreparedRequest } from "./prepared_request.ts";
import type { Target } from "./target.ts";

/** Messages that are answered by messages. The request's `first` is a message's payload. */
export class SocketConversation implements Conversation {
  readonly opening: PreparedRequest;
  status = 0;
  bodyBytes = 0;
  isReusable = true;
  readonly #key: string;
  readonly #opcode: number;
  readonly #handshake = new ResponseReader();
  readonly #frames = new FrameReader(DEFAULT_WEBSOCKET_LIMITS, "client");
  #isOpen = false;
  #awaits = false;
  #output: Uint8Array[] = [];

  /** Begins a conversation whose messages are of the type `opcode`. */
  constructor(target: Target, fields: readonly (readonly [string, string])[], opcode: number) {
    this.#opcode = opcode;
    this.#key = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64");
    this.opening = httpRequest(target, {
      method: "GET",
      fields: [
        ["Connection", "Upgrade"],
        ["Upgrade", "websocket"],
        ["Sec-WebSocket-Version", "13"],
        ["Sec-WebSocket-Key", this.#key],
        ...fields,
      ],
      body: { kind: "none" },
    });
  }

  begin(request: PreparedRequest): Uint8Array {
    if (!this.#isOpen) {
      this.#handshake.expect("GET", "asked");
      return request.first;
    }
    this.#awaits = true;
    this.bodyBytes = 0;
    return masked(this.#opcode, request.first);
  }

  push(bytes: Uint8Array, length: number): boolean {
    if (!this.#isOpen) return this.#readHandshake(bytes, length);
    const frames = this.#frames;
    frames.push(bytes, length);
    let isOver = false;
    for (;;) {
      switch (frames.next()) {
        case NEED_DATA:
          return isOver;
        case DATA:
          if (!this.#awaits) {
            throw new ProtocolError(502, "a message that answers none", "RFC 6455 6.2");
          }
          this.bodyBytes += frames.end - frames.start;
          if (!frames.isLast) break;
          this.#awaits = false;
          isOver = true;
          break;
        case PING_FRAME:
          this.#output.push(masked(PONG, frames.bytes.subarray(frames.start, frames.end)));
          break;
        case CLOSE_FRAME:
          this.isReusable = false;
          if (isOver) return true;
          throw new ProtocolError(
            502,
            `the server closed the WebSocket: ${frames.closeCode} ${frames.closeReason}`,
            "RFC 6455 7",
          );
      }
    }
  }

  close(): boolean {
    this.isReusable = false;
    if (!this.#isOpen || this.#awaits) {
      throw new ProtocolError(502, "the connection was closed before an answer", "RFC 6455 7");
    }
    return false;
  }

  takeOutput(): Uint8Array | null {
    return this.#output.shift() ?? null;
  }

  #readHandshake(bytes: Uint8Array, length: number): boolean {
    const reader = this.#handshake;
    reader.push(bytes, length);
    for (;;) {
      const event = reader.next();
      if (event === NEED_HEAD) return false;
      if (event === HEAD || event === END) {
        this.status = reader.head.status;
        throw new ProtocolError(
          502,
          `the handshake was answered with ${reader.head.status}`,
          "RFC 6455 4.1",
        );
      }
      if (event !== SWITCHED) continue;
      this.status = 101;
      this.#checkHandshake(reader.head.fieldLines);
      this.#isOpen = true;
      if (reader.start < reader.end) {
        throw new ProtocolError(502, "a message that answers none", "RFC 6455 6.2");
      }
      return true;
    }
  }

  /** Checks what proves that the server has read the request (RFC 6455 4.1). */
  #checkHandshake(lines: Uint8Array): void {
    const values = { accept: "", upgrades: false, extends: false };
    for (let at = 0; at < lines.length;) {
      const nameEnd = lines.indexOf(COLON, at);
      const end = lines.indexOf(CR, nameEnd);
      if (spells(lines, at, nameEnd, "sec-websocket-accept")) {
        values.accept += latin1Text(lines, nameEnd + 1, end).trim();
      } else if (spells(lines, at, nameEnd, "upgrade")) {
        values.upgrades ||= listHas(lines, nameEnd + 1, end, "websocket");
      } else if (
        spells(lines, at, nameEnd, "sec-websocket-extensions") ||
        spells(lines, at, nameEnd, "sec-websocket-protocol")
      ) {
        values.extends = true;
      }
      at = end + 2;
    }
    if (values.accept !== acceptKey(this.#key) || !values.upgrades) {
      throw new ProtocolError(502, "a handshake that proves nothing", "RFC 6455 4.1");
    }
    if (values.extends) {
      throw new ProtocolError(
        502,
        "an extension or subprotocol that was not offered",
        "RFC 6455 4.1",
      );
    }
  }
}

/** A frame of a client: `payload` under a mask that nobody can know beforehand (RFC 6455 5.3). */
function masked(opcode: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(MAX_HEADER_BYTES + payload.length);
  const end = writeHeader(frame, 0, FIN | opcode, payload.length);
  frame[1] |= MASKED;
  const [key] = crypto.getRandomValues(new Int32Array(1));
  for (let i = 0; i < 4; i++) frame[end + i] = key >>> (8 * i);
  const start = end + 4;
  frame.set(payload, start);
  applyMask(frame, start, start + payload.length, key);
  return frame.subarray(0, start + payload.length);
}
