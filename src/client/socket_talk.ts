/**
 * A client's side of a WebSocket on which each side speaks when it likes. Bytes in, events and bytes out; no
 * I/O, and no timers.
 *
 * @module
 */

import { concatenated } from "../base/bytes.ts";
import { EMPTY } from "../base/empty.ts";
import { ProtocolError } from "../base/errors.ts";
import {
  CLOSE_FRAME,
  DATA,
  FrameReader,
  NEED_DATA,
  PING_FRAME,
  PONG_FRAME,
} from "../websocket/codec/frame_reader.ts";
import { closePayload } from "../websocket/codec/frame_writer.ts";
import { DEFAULT_WEBSOCKET_LIMITS } from "../websocket/codec/limits.ts";
import { CLOSE, NO_STATUS, PONG, TEXT } from "../websocket/codec/protocol.ts";
import { clientFrame, nextFrame } from "./client_frame.ts";
import { SocketHandshake } from "./socket_handshake.ts";
import type { Target } from "./target.ts";

/** What the server does. `reply` is to be sent. */
export type SocketEvent =
  | { readonly kind: "open"; readonly protocol: string }
  | { readonly kind: "message"; readonly type: "text" | "binary"; readonly bytes: Uint8Array }
  | { readonly kind: "ping"; readonly bytes: Uint8Array; readonly reply: Uint8Array }
  | { readonly kind: "pong"; readonly bytes: Uint8Array }
  | {
    readonly kind: "close";
    readonly code: number;
    readonly reason: string;
    /** `null` if it is the answer to a close frame of ours. */
    readonly reply: Uint8Array | null;
  };

const encoder = new TextEncoder();

/** Speaks with a server. */
export class SocketTalk {
  readonly #handshake: SocketHandshake;
  readonly #frames = new FrameReader(DEFAULT_WEBSOCKET_LIMITS, "client");
  #isOpen = false;
  /** Whether either side has said that it is over. */
  #hasClosed = false;
  /** What has come of a message that is not complete. */
  #parts: Uint8Array[] = [];

  /** Opens a WebSocket at `target`, with `fields` besides those that ask for it. */
  constructor(target: Target, fields: readonly (readonly [string, string])[]) {
    this.#handshake = new SocketHandshake(target, fields);
  }

  /** Whether messages can be sent. */
  get isOpen(): boolean {
    return this.#isOpen && !this.#hasClosed;
  }

  /** Begins: the bytes to send. */
  begin(): Uint8Array {
    this.#handshake.begin();
    return this.#handshake.opening.first;
  }

  /** A message, as it is sent. */
  message(text: string): Uint8Array {
    return clientFrame(TEXT, encoder.encode(text));
  }

  /** Closes: the bytes to send. Messages may still come. */
  close(code: number): Uint8Array {
    this.#hasClosed = true;
    return clientFrame(CLOSE, closePayload(code));
  }

  /**
   * Takes the first `length` of `bytes`, which are borrowed until the last event was taken.
   *
   * @throws {ProtocolError} if the server may not send that
   */
  *push(bytes: Uint8Array, length: number): Generator<SocketEvent> {
    if (this.#isOpen) {
      yield* this.#read(bytes, length);
      return;
    }
    const handshake = this.#handshake;
    if (!handshake.push(bytes, length)) return;
    this.#isOpen = true;
    yield { kind: "open", protocol: handshake.protocol };
    const { start, end } = handshake;
    if (start < end) yield* this.#read(bytes.subarray(start, end), end - start);
  }

  /** What is wrong if the connection ends now. */
  cutOff(): ProtocolError {
    return this.#isOpen
      ? new ProtocolError(502, "the connection ended without a close frame", "RFC 6455 7.1.5")
      : new ProtocolError(502, "the connection ended before it was open", "RFC 6455 4.1");
  }

  *#read(bytes: Uint8Array, length: number): Generator<SocketEvent> {
    const frames = this.#frames;
    frames.push(bytes, length);
    for (;;) {
      const event = nextFrame(frames);
      const content = frames.bytes.subarray(frames.start, frames.end);
      switch (event) {
        case NEED_DATA:
          return;
        case DATA: {
          this.#parts.push(frames.isLast ? content : content.slice());
          if (!frames.isLast) break;
          const whole = this.#parts.length === 1 ? content : concatenated(this.#parts);
          this.#parts = [];
          yield { kind: "message", type: frames.opcode === TEXT ? "text" : "binary", bytes: whole };
          break;
        }
        case PING_FRAME:
          yield { kind: "ping", bytes: content, reply: clientFrame(PONG, content) };
          break;
        case PONG_FRAME:
          yield { kind: "pong", bytes: content };
          break;
        case CLOSE_FRAME:
          yield this.#onClose(frames.closeCode, frames.closeReason);
          return;
      }
    }
  }

  #onClose(code: number, reason: string): SocketEvent {
    const isAnswer = this.#hasClosed;
    this.#hasClosed = true;
    // What was said is said again (RFC 6455 5.5.1).
    const payload = code === NO_STATUS ? EMPTY : closePayload(code);
    return {
      kind: "close",
      code,
      reason,
      reply: isAnswer ? null : clientFrame(CLOSE, payload),
    };
  }
}
