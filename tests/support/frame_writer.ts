/** Frames of either end, as a header and a payload. */

import { EMPTY } from "../../src/base/empty.ts";
import { closePayload, writeHeader } from "../../src/websocket/codec/frame_writer.ts";
import { applyMask } from "../../src/websocket/codec/masking.ts";
import type { Role } from "../../src/websocket/codec/protocol.ts";
import {
  CLOSE,
  FIN,
  LENGTH_16,
  MASKED,
  MAX_CONTROL_BYTES,
  MAX_HEADER_BYTES,
  NO_STATUS,
  PING,
  PONG,
} from "../../src/websocket/codec/protocol.ts";

const MASK_BYTES = 4;
/** Keys are drawn so many at once: each draw is a call of the system's. */
const DRAWN_KEYS = 256;
/** Headers have memory of this size in common. */
const SLAB_BYTES = 8_192;

/** Bytes of a header before a payload of `length` bytes. */
export function headerBytes(length: number, role: Role = "server"): number {
  const lengthBytes = length < LENGTH_16 ? 0 : length <= 0xffff ? 2 : 8;
  return 2 + lengthBytes + (role === "server" ? 0 : MASK_BYTES);
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
