/**
 * Socket records: what the endpoint of a WebSocket and its handler say to each other, as the bytes of an
 * exchange that was upgraded. A record is a byte for its kind, four for the length of its payload
 * (little-endian), and the payload. Records let messages of any size pass in pieces, within the windows of
 * the exchange.
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";
import { copyOf, lengthOf, setBytes, viewOf } from "../base/captured.ts";

/** Both: part of a message of text, in UTF-8; characters may be cut. */
export const TEXT = 1;
/** Both: part of a message of bytes. */
export const BINARY = 2;
/**
 * Both: the closing handshake. From the handler: payload of a close frame (RFC 6455 5.5.1), the code and
 * the reason, or nothing; it is also how the handler says that it has taken all that came before the client's.
 * From the endpoint, as the last record: a byte that is 1 if the closing was clean, and the same.
 */
export const CLOSE = 3;
/** Endpoint: the client has its answer. Payload: value of `Sec-WebSocket-Extensions` in it. */
export const OPENED = 4;
/** Endpoint: why the connection is about to be closed without a closing handshake. Payload: text. */
export const FAULT = 5;
/** Handler: a ping to the client. Payload: that of the frame (RFC 6455 5.5.2). */
export const PING = 6;

/** Bit of the kind of TEXT and BINARY: the message is complete. */
export const LAST = 0x80;

/** Bytes before a payload. */
export const RECORD_HEADER_BYTES = 5;
/** A payload of CLOSE, OPENED, FAULT or PING at the most, in bytes. */
const MAX_WHOLE_BYTES = 4_096;
/** Parts of messages up to this size are handed on whole. */
const MAX_HELD_BYTES = 4_096;

const { Error, Uint8Array } = globalThis;
const { min } = Math;

/** What was written is no record. */
export class SocketRecordError extends Error {
  /** Name of the class. */
  override name = "SocketRecordError";
}

/** Takes what a {@linkcode SocketRecordReader} finds. Payloads are borrowed. */
export interface SocketRecordTaker {
  /** Part of a message comes: `isLast` if the message ends with it. */
  onPart(kind: typeof TEXT | typeof BINARY, part: Uint8Array, isLast: boolean): void;
  /** Another record has come. */
  onRecord(kind: number, payload: Uint8Array): void;
}

/** Writes the header of a record to the first bytes of `target`. */
export function writeRecordHeader(target: Uint8Array, kind: number, length: number): void {
  target[0] = kind;
  target[1] = length;
  target[2] = length >>> 8;
  target[3] = length >>> 16;
  target[4] = length >>> 24;
}

/** A record. */
export function recordOf(kind: number, payload: Uint8Array): Uint8Array {
  const record = new Uint8Array(RECORD_HEADER_BYTES + lengthOf(payload));
  writeRecordHeader(record, kind, lengthOf(payload));
  setBytes(record, payload, RECORD_HEADER_BYTES);
  return record;
}

/** Finds the records in bytes that come in any split. */
export class SocketRecordReader {
  /** Bytes of the header that have come, and what they say. */
  #headerBytes = 0;
  #first = 0;
  #length = 0;
  /** Bytes of the payload that have not come. */
  #missing = 0;
  /** A payload that is put together; empty if it is handed on in parts. */
  #held: Uint8Array = EMPTY;
  #heldBytes = 0;

  /**
   * Reads all of `chunk`, each byte once: it may be in memory that somebody else writes to.
   *
   * @throws {SocketRecordError} if it holds no records
   */
  push(chunk: Uint8Array, taker: SocketRecordTaker): void {
    const end = lengthOf(chunk);
    let at = 0;
    while (at < end) {
      if (this.#headerBytes < RECORD_HEADER_BYTES) {
        if (this.#headerBytes === 0 && end - at >= RECORD_HEADER_BYTES) {
          this.#first = chunk[at];
          this.#length = chunk[at + 1] + chunk[at + 2] * 0x100 + chunk[at + 3] * 0x1_0000 +
            chunk[at + 4] * 0x100_0000;
          this.#headerBytes = RECORD_HEADER_BYTES;
          at += RECORD_HEADER_BYTES;
        } else {
          this.#readHeaderByte(chunk[at++]);
          if (this.#headerBytes < RECORD_HEADER_BYTES) continue;
        }
        this.#begin(end - at);
        if (this.#missing > 0) continue;
      }
      const bytes = min(end - at, this.#missing);
      this.#missing -= bytes;
      this.#take(viewOf(chunk, at, at + bytes), taker);
      at += bytes;
    }
  }

  #readHeaderByte(byte: number): void {
    if (this.#headerBytes === 0) {
      this.#first = byte;
      this.#length = 0;
    } else {
      this.#length += byte * 0x100 ** (this.#headerBytes - 1);
    }
    this.#headerBytes++;
  }

  /** Begins the payload of a record whose header is here, of which `available` bytes are here, too. */
  #begin(available: number): void {
    const first = this.#first;
    const length = this.#length;
    const kind = first & ~LAST;
    const isPart = kind === TEXT || kind === BINARY;
    const isKnown = isPart || (kind >= CLOSE && kind <= PING && first === kind);
    if (!isKnown) throw new SocketRecordError("a socket record of an unknown kind");
    if (!isPart && length > MAX_WHOLE_BYTES) {
      throw new SocketRecordError(`a socket record of ${length} bytes that must be whole`);
    }
    this.#missing = length;
    this.#heldBytes = 0;
    const isHeld = available < length && (!isPart || length <= MAX_HELD_BYTES);
    this.#held = isHeld ? new Uint8Array(length) : EMPTY;
  }

  #take(bytes: Uint8Array, taker: SocketRecordTaker): void {
    const isComplete = this.#missing === 0;
    if (isComplete) this.#headerBytes = 0;
    let payload = bytes;
    if (lengthOf(this.#held) > 0) {
      setBytes(this.#held, bytes, this.#heldBytes);
      this.#heldBytes += lengthOf(bytes);
      if (!isComplete) return;
      payload = this.#held;
      this.#held = EMPTY;
    }
    const first = this.#first;
    const kind = first & ~LAST;
    if (kind === TEXT || kind === BINARY) {
      taker.onPart(kind, payload, isComplete && (first & LAST) !== 0);
    } else {
      // What it says must not change while it is looked at.
      taker.onRecord(kind, copyOf(payload, 0, lengthOf(payload)));
    }
  }
}
