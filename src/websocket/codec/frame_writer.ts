/**
 * The writing half of the WebSocket codec (RFC 6455 5).
 *
 * @module
 */

import { EMPTY } from "../../base/empty.ts";
import { isSendableCode, LENGTH_16, LENGTH_64, MAX_REASON_BYTES, NO_STATUS } from "./protocol.ts";

/**
 * Writes the header of a server's frame to `target` at `at`; returns where it ends. `firstByte` is an opcode
 * with the bits `FIN` and `COMPRESSED`.
 */
export function writeHeader(
  target: Uint8Array,
  at: number,
  firstByte: number,
  length: number,
): number {
  target[at++] = firstByte;
  if (length < LENGTH_16) {
    target[at++] = length;
  } else if (length <= 0xffff) {
    target[at++] = LENGTH_16;
    target[at++] = length >>> 8;
    target[at++] = length;
  } else {
    target[at++] = LENGTH_64;
    const high = Math.floor(length / 0x1_0000_0000);
    for (let shift = 24; shift >= 0; shift -= 8) target[at++] = high >>> shift;
    for (let shift = 24; shift >= 0; shift -= 8) target[at++] = length >>> shift;
  }
  return at;
}

/**
 * The payload of a close frame. Without a code (1005), it is empty.
 *
 * @throws {RangeError} if the code may not be sent, or the reason takes more than 123 bytes
 */
export function closePayload(code: number = NO_STATUS, reason = ""): Uint8Array {
  if (code === NO_STATUS && reason === "") return EMPTY;
  if (!isSendableCode(code)) throw new RangeError(`a close frame cannot say ${code}`);
  const words = new TextEncoder().encode(reason);
  if (words.length > MAX_REASON_BYTES) {
    throw new RangeError(`a close frame's reason takes more than ${MAX_REASON_BYTES} bytes`);
  }
  const payload = new Uint8Array(2 + words.length);
  payload[0] = code >>> 8;
  payload[1] = code;
  payload.set(words, 2);
  return payload;
}
