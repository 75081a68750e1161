/**
 * Frames of a WebSocket as clients send and read them (RFC 6455 5).
 *
 * @module
 */

import { ProtocolError } from "../base/errors.ts";
import { WebSocketProtocolError } from "../websocket/codec/faults.ts";
import type { FrameEvent, FrameReader } from "../websocket/codec/frame_reader.ts";
import { writeHeader } from "../websocket/codec/frame_writer.ts";
import { applyMask } from "../websocket/codec/masking.ts";
import { FIN, MASKED, MAX_HEADER_BYTES } from "../websocket/codec/protocol.ts";

/**
 * The next event of what a server sends.
 *
 * @throws {ProtocolError} if it may not send that
 */
export function nextFrame(frames: FrameReader): FrameEvent {
  try {
    return frames.next();
  } catch (error) {
    if (!(error instanceof WebSocketProtocolError)) throw error;
    throw new ProtocolError(502, error.message, error.section);
  }
}

/** A frame with all of a message: `payload` under a mask that nobody can know beforehand (RFC 6455 5.3). */
export function clientFrame(opcode: number, payload: Uint8Array): Uint8Array {
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
