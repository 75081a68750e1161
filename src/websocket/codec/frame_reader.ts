/**
 * The reading half of the WebSocket codec (RFC 6455 5): bytes in, events out, in any split. It does no I/O
 * and has no timers.
 *
 * It keeps nothing of a message: pieces are handed on as they come, so that a connection takes no more
 * memory than its read buffer. Only a control frame that comes in parts is kept, of 125 bytes at the most.
 *
 * @module
 */

import { EMPTY } from "../../base/empty.ts";
import { malformedText, messageTooLarge, protocolFault, tooManyFragments } from "./faults.ts";
import type { WebSocketLimits } from "./limits.ts";
import { maxCompressedBytes } from "./limits.ts";
import { applyMask, rotated } from "./masking.ts";
import type { Role } from "./protocol.ts";
import {
  BINARY,
  CLOSE,
  COMPRESSED,
  CONTINUATION,
  CONTROL,
  FIN,
  isSendableCode,
  LENGTH_16,
  LENGTH_64,
  MASKED,
  MAX_CONTROL_BYTES,
  NO_STATUS,
  PING,
  PONG,
  RESERVED,
  TEXT,
} from "./protocol.ts";
import { Utf8Validator } from "./utf8.ts";

/** The reader has used up its bytes and waits for more, or has none that it may hand on. */
export const NEED_DATA = 0;
/** Part of a message, or all of it: `bytes[start, end)`, with what {@linkcode FrameReader.opcode} and others say. */
export const DATA = 1;
/** A ping, whose payload is `bytes[start, end)`. */
export const PING_FRAME = 2;
/** A pong, whose payload is `bytes[start, end)`. */
export const PONG_FRAME = 3;
/** The peer closes: {@linkcode FrameReader.closeCode} and {@linkcode FrameReader.closeReason}. The last event. */
export const CLOSE_FRAME = 4;

/** What {@linkcode FrameReader.next} returns. */
export type FrameEvent =
  | typeof NEED_DATA
  | typeof DATA
  | typeof PING_FRAME
  | typeof PONG_FRAME
  | typeof CLOSE_FRAME;

/**
 * Where the reader stands. The transitions:
 *
 *     FIRST_BYTE -> SECOND_BYTE -> [LENGTH ->] [KEY ->] MESSAGE_DATA -> FIRST_BYTE
 *                                                       CONTROL_DATA -> FIRST_BYTE, or CLOSED after a close frame
 *     any of them -> CLOSED                             an error, or close()
 */
const FIRST_BYTE = 0;
const SECOND_BYTE = 1;
const LENGTH = 2;
const KEY = 3;
const MESSAGE_DATA = 4;
const CONTROL_DATA = 5;
const CLOSED = 6;

/** Bytes of a mask's key. */
const KEY_BYTES = 4;
/** No message is under way. */
const NO_MESSAGE = 0;

const reasons = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * An incremental reader of what the peer sends after the handshake.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { DATA, FrameReader, NEED_DATA } from "./frame_reader.ts";
 * import { DEFAULT_WEBSOCKET_LIMITS } from "./limits.ts";
 *
 * const reader = new FrameReader(DEFAULT_WEBSOCKET_LIMITS, "client");
 * reader.push(new Uint8Array([0x81, 2, 0x48, 0x69]));
 * assertEquals(reader.next(), DATA);
 * const { bytes, start, end } = reader;
 * assertEquals(new TextDecoder().decode(bytes.subarray(start, end)), "Hi");
 * assertEquals(reader.next(), NEED_DATA);
 * ```
 */
export class FrameReader {
  /** The bytes that an event points into. */
  bytes: Uint8Array = EMPTY;
  /** Start of an event's bytes in {@linkcode bytes}. */
  start = 0;
  /** End of an event's bytes in {@linkcode bytes}. */
  end = 0;
  /** Type of the message that {@linkcode DATA} is part of: `TEXT` or `BINARY`. */
  opcode: number = NO_MESSAGE;
  /** Whether that message is compressed: it is not checked to be UTF-8 then. */
  isCompressed = false;
  /** Whether {@linkcode DATA} is the first of its message. */
  isFirst = false;
  /** Whether {@linkcode DATA} is the last of its message. */
  isLast = false;
  /** What the close frame says: a code that may be sent, or 1005 if it has none. */
  closeCode: number = NO_STATUS;
  /** Why the peer closes, in its own words. */
  closeReason = "";

  readonly #limits: WebSocketLimits;
  readonly #masked: number;
  /** The reserved bits that a message's first frame may have. */
  readonly #extensions: number;
  #state = FIRST_BYTE;
  #input: Uint8Array = EMPTY;
  #at = 0;
  #inputEnd = 0;

  // The frame that is being read.
  #firstByte = 0;
  /** Bytes of the length, or of the key, that have not come. */
  #missing = 0;
  #lengthBytes = 0;
  /** Length of the payload, as far as it was read. */
  #length = 0;
  /** Bytes of the payload that have not come. */
  #remaining = 0;
  /** The mask's word; its lowest byte is for the next byte. */
  #key = 0;
  /** Where a control frame's payload is put together that comes in parts. */
  #control: Uint8Array = EMPTY;
  #controlBytes = 0;

  // The message that is being read.
  /** Its type; {@linkcode NO_MESSAGE} between messages. */
  #message: number = NO_MESSAGE;
  /** Whether none of it was handed on. */
  #isNew = false;
  #messageBytes = 0;
  #fragments = 0;
  readonly #utf8 = new Utf8Validator();

  /** Makes a reader for `role`: a server's takes masked frames, a client's those that are not. */
  constructor(
    limits: WebSocketLimits,
    role: Role = "server",
    compression: "none" | "permessage-deflate" = "none",
  ) {
    this.#limits = limits;
    this.#masked = role === "server" ? MASKED : 0;
    this.#extensions = compression === "none" ? 0 : COMPRESSED;
  }

  /** Whether there are bytes that were not handed on, since `maxBytes` was used up. */
  get hasUnread(): boolean {
    return this.#at < this.#inputEnd;
  }

  /** Whether the peer has sent part of a message, or of a frame, and not the rest. */
  get isWithinMessage(): boolean {
    return this.#message !== NO_MESSAGE || (this.#state !== FIRST_BYTE && this.#state !== CLOSED);
  }

  /** Stops reading: whatever comes after is ignored. */
  close(): void {
    this.#state = CLOSED;
    this.#at = this.#inputEnd = 0;
    this.#input = this.#control = EMPTY;
    this.#message = NO_MESSAGE;
  }

  /**
   * Gives the reader the next bytes of the connection: the first `length` of `bytes`. They are borrowed until
   * {@linkcode next} returned {@linkcode NEED_DATA} and {@linkcode hasUnread} is false; only then may more be
   * pushed. Masks are taken off where they lie.
   */
  push(bytes: Uint8Array, length: number = bytes.length): void {
    if (this.#state === CLOSED) return;
    this.#input = bytes;
    this.#at = 0;
    this.#inputEnd = length;
  }

  /**
   * Reads up to the next event. {@linkcode DATA} never has more than `maxBytes`; with 0, reading stops before
   * the next frame, or byte, of a message. A message's last part is empty if it ends with an empty frame.
   *
   * @throws {WebSocketProtocolError} when the bytes are not what a peer may send; the reader is closed then
   */
  next(maxBytes = Infinity): FrameEvent {
    try {
      return this.#next(maxBytes);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #next(maxBytes: number): FrameEvent {
    const input = this.#input;
    const end = this.#inputEnd;
    while (this.#at < end) {
      switch (this.#state) {
        case FIRST_BYTE:
          // A message's frame may have no payload to stop before.
          if (maxBytes === 0 && (input[this.#at] & CONTROL) === 0) return NEED_DATA;
          this.#readFirstByte(input[this.#at++]);
          break;
        case SECOND_BYTE:
          this.#readSecondByte(input[this.#at++]);
          break;
        case LENGTH:
          this.#length = this.#length * 256 + input[this.#at];
          this.#readLengthByte(input[this.#at++]);
          break;
        case KEY:
          this.#readKey(input, end);
          break;
        case MESSAGE_DATA:
          if (maxBytes === 0) return NEED_DATA;
          return this.#readMessageData(maxBytes);
        case CONTROL_DATA:
          this.#readControlData();
          break;
        default:
          return NEED_DATA;
      }
      if (this.#remaining === 0 && this.#state >= MESSAGE_DATA) {
        const event = this.#endPayload();
        if (event !== NEED_DATA) return event;
      }
    }
    return NEED_DATA;
  }

  /** Ends a control frame whose payload is complete, or a message's frame that has none. */
  #endPayload(): FrameEvent {
    if (this.#state === CONTROL_DATA) return this.#endControlFrame();
    return this.#state === MESSAGE_DATA && this.#endEmptyFrame() ? DATA : NEED_DATA;
  }

  #readFirstByte(byte: number): void {
    const opcode = byte & 0x0f;
    const isNew = opcode === TEXT || opcode === BINARY;
    if ((byte & RESERVED) !== 0 || (byte & COMPRESSED & ~(isNew ? this.#extensions : 0)) !== 0) {
      throw protocolFault("a frame with reserved bits", "5.2");
    }
    if (isNew || opcode === CONTINUATION) {
      if (isNew && this.#message !== NO_MESSAGE) {
        throw protocolFault("a message within another", "5.4");
      }
      if (!isNew && this.#message === NO_MESSAGE) {
        throw protocolFault("a continuation of no message", "5.4");
      }
    } else if (opcode !== CLOSE && opcode !== PING && opcode !== PONG) {
      throw protocolFault(`a frame with the reserved opcode ${opcode}`, "5.2");
    } else if ((byte & FIN) === 0) {
      throw protocolFault("a control frame in fragments", "5.5");
    }
    this.#firstByte = byte;
    this.#state = SECOND_BYTE;
  }

  #readSecondByte(byte: number): void {
    if ((byte & MASKED) !== this.#masked) {
      throw this.#masked === 0
        ? protocolFault("a masked frame of a server", "5.1")
        : protocolFault("a frame without a mask", "5.1");
    }
    const length = byte & 0x7f;
    if ((this.#firstByte & CONTROL) !== 0 && length > MAX_CONTROL_BYTES) {
      throw protocolFault(`a control frame of more than ${MAX_CONTROL_BYTES} bytes`, "5.5");
    }
    if (length < LENGTH_16) {
      this.#length = length;
      this.#endLength();
    } else {
      this.#length = 0;
      this.#lengthBytes = this.#missing = length === LENGTH_64 ? 8 : 2;
      this.#state = LENGTH;
    }
  }

  /** Takes note of a byte of the length, which is in `#length` by now. */
  #readLengthByte(byte: number): void {
    if (this.#missing === 8 && (byte & 0x80) !== 0) {
      throw protocolFault("a length whose first bit is set", "5.2");
    }
    if (--this.#missing > 0) return;
    if (this.#length < (this.#lengthBytes === 2 ? LENGTH_16 : 0x1_0000)) {
      throw protocolFault("a length in more bytes than it takes", "5.2");
    }
    this.#endLength();
  }

  /** Reads the key at once if all of it is here, as it mostly is, and else a byte of it. */
  #readKey(input: Uint8Array, end: number): void {
    const at = this.#at;
    if (this.#missing === KEY_BYTES && end - at >= KEY_BYTES) {
      this.#key = input[at] | input[at + 1] << 8 | input[at + 2] << 16 | input[at + 3] << 24;
      this.#missing = 0;
      this.#at = at + KEY_BYTES;
    } else {
      this.#key = rotated((this.#key & ~0xff) | input[at]);
      this.#missing--;
      this.#at = at + 1;
    }
    if (this.#missing === 0) this.#beginPayload();
  }

  #endLength(): void {
    if ((this.#firstByte & CONTROL) === 0) this.#countFrame();
    this.#remaining = this.#length;
    if (this.#masked === 0) {
      this.#beginPayload();
    } else {
      this.#missing = KEY_BYTES;
      this.#key = 0;
      this.#state = KEY;
    }
  }

  /** Takes note of a message's frame, before any of its payload has come. */
  #countFrame(): void {
    const { maxMessageBytes, maxFragments } = this.#limits;
    const opcode = this.#firstByte & 0x0f;
    if (opcode !== CONTINUATION) {
      this.#message = opcode;
      this.isCompressed = (this.#firstByte & COMPRESSED) !== 0;
      this.#isNew = true;
      this.#messageBytes = this.#fragments = 0;
    }
    this.#messageBytes += this.#length;
    const maxBytes = this.isCompressed ? maxCompressedBytes(maxMessageBytes) : maxMessageBytes;
    if (this.#messageBytes > maxBytes) throw messageTooLarge(maxMessageBytes);
    if (++this.#fragments > maxFragments) throw tooManyFragments(maxFragments);
  }

  #beginPayload(): void {
    if ((this.#firstByte & CONTROL) === 0) {
      this.#state = MESSAGE_DATA;
    } else {
      this.#state = CONTROL_DATA;
      this.#controlBytes = 0;
    }
  }

  #readMessageData(maxBytes: number): FrameEvent {
    const start = this.#at;
    const end = start + Math.min(this.#inputEnd - start, this.#remaining, maxBytes);
    this.#at = end;
    this.#remaining -= end - start;
    if (this.#masked !== 0) this.#key = applyMask(this.#input, start, end, this.#key);
    const isPlainText = this.#message === TEXT && !this.isCompressed;
    if (isPlainText && !this.#utf8.push(this.#input, start, end)) throw malformedText("a message");
    this.#tell(this.#input, start, end);
    this.#tellPart();
    return DATA;
  }

  /** Ends a frame without a payload; whether it is worth an event: if a message begins or ends with it. */
  #endEmptyFrame(): boolean {
    this.#tell(EMPTY, 0, 0);
    this.#tellPart();
    return this.isFirst || this.isLast;
  }

  /** Notes what part of its message the bytes are that are handed on. */
  #tellPart(): void {
    this.opcode = this.#message;
    this.isFirst = this.#isNew;
    this.#isNew = false;
    this.isLast = this.#remaining === 0 && (this.#firstByte & FIN) !== 0;
    if (this.#remaining === 0) this.#state = FIRST_BYTE;
    if (!this.isLast) return;
    if (!this.#utf8.isComplete) throw malformedText("a message");
    this.#message = NO_MESSAGE;
  }

  #tell(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
  }

  #readControlData(): void {
    const start = this.#at;
    const end = start + Math.min(this.#inputEnd - start, this.#remaining);
    this.#at = end;
    this.#remaining -= end - start;
    if (this.#masked !== 0) this.#key = applyMask(this.#input, start, end, this.#key);
    this.#tell(this.#input, start, end);
    if (end - start === this.#length) return;
    if (this.#control.length === 0) this.#control = new Uint8Array(MAX_CONTROL_BYTES);
    this.#control.set(this.#input.subarray(start, end), this.#controlBytes);
    this.#controlBytes += end - start;
    this.#tell(this.#control, 0, this.#controlBytes);
  }

  #endControlFrame(): FrameEvent {
    this.#state = FIRST_BYTE;
    if (this.#length === 0) this.#tell(EMPTY, 0, 0);
    const opcode = this.#firstByte & 0x0f;
    if (opcode === PING) return PING_FRAME;
    if (opcode === PONG) return PONG_FRAME;
    this.#readClose();
    this.close();
    return CLOSE_FRAME;
  }

  #readClose(): void {
    const { bytes, start, end } = this;
    if (start === end) return;
    if (end - start === 1) throw protocolFault("a close frame with half a code", "5.5.1");
    const code = bytes[start] * 256 + bytes[start + 1];
    if (!isSendableCode(code)) throw protocolFault(`the close code ${code}`, "7.4");
    this.closeCode = code;
    try {
      this.closeReason = reasons.decode(bytes.subarray(start + 2, end));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw malformedText("a close frame's reason");
    }
  }
}
