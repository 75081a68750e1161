/**
 * The writing half of the WebSocket codec (RFC 6455 5): frames as a header and a payload, so that large
 * payloads are not copied.
 *
 * @module
 */

import { EMPTY } from "../../base/empty.ts";
import { applyMask } from "./masking.ts";
import type { Role } from "./protocol.ts";
import {
  CLOSE,
  FIN,
  isSendableCode,
  LENGTH_16,
  LENGTH_64,
  MASKED,
  MAX_CONTROL_BYTES,
  MAX_HEADER_BYTES,
  MAX_REASON_BYTES,
  NO_STATUS,
  PING,
  PONG,
} from "./protocol.ts";

const MASK_BYTES = 4;
/** Keys are drawn so many at once: each draw is a call of the system's. */
const DRAWN_KEYS = 256;
/** Headers have memory of this size in common: to make an array for each takes longer than all else. */
const SLAB_BYTES = 8_192;

/** Bytes of a header before a payload of `length` bytes. */
export function headerBytes(length: number, role: Role = "server"): number {
  const lengthBytes = length < LENGTH_16 ? 0 : length <= 0xffff ? 2 : 8;
  return 2 + lengthBytes + (role === "server" ? 0 : MASK_BYTES);
}

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

/** A frame in two chunks. */
export interface Frame {
  /** What precedes the payload. */
  readonly header: Uint8Array;
  /** The payload: that of the caller where no mask is put over it. */
  readonly payload: Uint8Array;
}

/** Makes frames for a connection's peer. */
export class FrameWriter {
  readonly #role: Role;
  #keys: Uint32Array<ArrayBuffer> = new Uint32Array(0);
  #keyCount = 0;

  /** Makes a writer for `role`: a client's masks what it writes, with a key for each frame. */
  constructor(role: Role = "server") {
    this.#role = role;
  }

  /** A frame. `firstByte` is an opcode with the bits `FIN` and `COMPRESSED`. */
  frame(firstByte: number, payload: Uint8Array): Frame {
    if (slab.length - slabUsed < MAX_HEADER_BYTES) {
      slab = new Uint8Array(SLAB_BYTES);
      slabUsed = 0;
    }
    const start = slabUsed;
    slabUsed = writeHeader(slab, start, firstByte, payload.length);
    if (this.#role === "server") return { header: slab.subarray(start, slabUsed), payload };
    slab[start + 1] |= MASKED;
    const key = this.#drawKey();
    for (let shift = 0; shift < 32; shift += 8) slab[slabUsed++] = key >>> shift;
    const masked = new Uint8Array(payload);
    applyMask(masked, 0, masked.length, key);
    return { header: slab.subarray(start, slabUsed), payload: masked };
  }

  /**
   * A ping.
   *
   * @throws {RangeError} if the payload has more than 125 bytes
   */
  ping(payload: Uint8Array = EMPTY): Frame {
    return this.#controlFrame(PING, payload);
  }

  /**
   * A pong.
   *
   * @throws {RangeError} if the payload has more than 125 bytes
   */
  pong(payload: Uint8Array = EMPTY): Frame {
    return this.#controlFrame(PONG, payload);
  }

  /**
   * A close frame, without a code if that is 1005.
   *
   * @throws {RangeError} if the code may not be sent, or the reason takes more than 123 bytes
   */
  close(code: number = NO_STATUS, reason = ""): Frame {
    return this.#controlFrame(CLOSE, closePayload(code, reason));
  }

  #controlFrame(opcode: number, payload: Uint8Array): Frame {
    if (payload.length > MAX_CONTROL_BYTES) {
      throw new RangeError(`a control frame cannot have more than ${MAX_CONTROL_BYTES} bytes`);
    }
    return this.frame(FIN | opcode, payload);
  }

  /** A key that nobody can guess (RFC 6455 10.3). */
  #drawKey(): number {
    if (this.#keyCount === 0) {
      this.#keys = crypto.getRandomValues(new Uint32Array(DRAWN_KEYS));
      this.#keyCount = DRAWN_KEYS;
    }
    return this.#keys[--this.#keyCount];
  }
}

/** Where headers are. */
let slab: Uint8Array = EMPTY;
let slabUsed = 0;
