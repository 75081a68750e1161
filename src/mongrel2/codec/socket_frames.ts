/**
 * Frames of WebSockets as Mongrel2 passes them on: it puts messages together, takes masks off, and tells the first
 * byte in a header.
 *
 * @module
 */

import { ProtocolError } from "../../base/errors.ts";
import { headerValue } from "./message.ts";
import type { Mongrel2Message } from "./message.ts";

/** Bit of a frame's second byte: the payload is masked. */
const MASKED = 0x80;
const MASK_BYTES = 4;
/** Payloads up to this size are told in the second byte; those up to the next one in two bytes more. */
const MAX_SHORT_BYTES = 125;
const MAX_MEDIUM_BYTES = 65_535;

/** Whether `message` is a frame of a client's: `FLAGS` is a header that only Mongrel2 can write so. */
export function isFrame(message: Mongrel2Message): boolean {
  return headerValue(message, "METHOD") === "WEBSOCKET" &&
    headerValue(message, "FLAGS") !== undefined;
}

/**
 * The frame in `message` as a client may have sent it (RFC 6455 5.2), with a mask of zeros.
 *
 * @throws {ProtocolError} if its flags are malformed
 */
export function frameOf(message: Mongrel2Message): Uint8Array<ArrayBuffer> {
  const [, hex] = /^0x([\da-f]{1,2})$/i.exec(headerValue(message, "FLAGS") ?? "") ?? [];
  if (hex === undefined) {
    throw new ProtocolError(
      400,
      "a frame of a WebSocket has malformed FLAGS",
      "Mongrel2 manual, WebSockets",
    );
  }
  const { body } = message;
  const lengthBytes = body.length <= MAX_SHORT_BYTES ? 0 : body.length <= MAX_MEDIUM_BYTES ? 2 : 8;
  const frame = new Uint8Array(2 + lengthBytes + MASK_BYTES + body.length);
  frame[0] = parseInt(hex, 16);
  frame[1] = MASKED | (lengthBytes === 0 ? body.length : lengthBytes === 2 ? 126 : 127);
  const view = new DataView(frame.buffer);
  if (lengthBytes === 2) view.setUint16(2, body.length);
  else if (lengthBytes === 8) view.setBigUint64(2, BigInt(body.length));
  frame.set(body, 2 + lengthBytes + MASK_BYTES);
  return frame;
}
