/**
 * A WebSocket on one connection (RFC 6455): each message that is sent is answered by one.
 *
 * @module
 */

import { ProtocolError } from "../base/errors.ts";
import {
  CLOSE_FRAME,
  DATA,
  FrameReader,
  NEED_DATA,
  PING_FRAME,
} from "../websocket/codec/frame_reader.ts";
import { DEFAULT_WEBSOCKET_LIMITS } from "../websocket/codec/limits.ts";
import { PONG } from "../websocket/codec/protocol.ts";
import { clientFrame, nextFrame } from "./client_frame.ts";
import type { Conversation } from "./conversation.ts";
import type { PreparedRequest } from "./prepared_request.ts";
import { SocketHandshake } from "./socket_handshake.ts";
import type { Target } from "./target.ts";

/** Messages that are answered by messages. The request's `first` is a message's payload. */
export class SocketConversation implements Conversation {
  readonly opening: PreparedRequest;
  status = 0;
  bodyBytes = 0;
  isReusable = true;
  readonly #opcode: number;
  readonly #handshake: SocketHandshake;
  readonly #frames = new FrameReader(DEFAULT_WEBSOCKET_LIMITS, "client");
  #isOpen = false;
  #awaits = false;
  #output: Uint8Array[] = [];

  /** Begins a conversation whose messages are of the type `opcode`. */
  constructor(target: Target, fields: readonly (readonly [string, string])[], opcode: number) {
    this.#opcode = opcode;
    this.#handshake = new SocketHandshake(target, fields);
    this.opening = this.#handshake.opening;
  }

  begin(request: PreparedRequest): Uint8Array {
    if (!this.#isOpen) {
      this.#handshake.begin();
      return request.first;
    }
    this.#awaits = true;
    this.bodyBytes = 0;
    return clientFrame(this.#opcode, request.first);
  }

  push(bytes: Uint8Array, length: number): boolean {
    if (!this.#isOpen) return this.#readHandshake(bytes, length);
    const frames = this.#frames;
    frames.push(bytes, length);
    let isOver = false;
    for (;;) {
      switch (nextFrame(frames)) {
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
          this.#output.push(
            clientFrame(PONG, frames.bytes.subarray(frames.start, frames.end)),
          );
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
    const handshake = this.#handshake;
    try {
      this.#isOpen = handshake.push(bytes, length);
    } finally {
      this.status = handshake.status;
    }
    if (handshake.start < handshake.end) {
      throw new ProtocolError(502, "a message that answers none", "RFC 6455 6.2");
    }
    return this.#isOpen;
  }
}
