/**
 * What the two ends of a bus between processes say to each other: records of a length (four bytes,
 * little-endian, of all that follows), a kind (one byte), the length of a name (two bytes), the name in
 * UTF-8, and a payload.
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";
import { MAX_BUS_PAYLOAD_BYTES, MAX_CHANNEL_BYTES } from "./bus.ts";

/** Both: a message. The name is its channel's. */
export const MESSAGE = 1;
/** Process: it wants messages whose channels begin with the name. */
export const SUBSCRIBE = 2;
/** Process: it no longer wants them. */
export const UNSUBSCRIBE = 3;
/** Both: messages were lost. */
export const LOSS = 4;

const LENGTH_BYTES = 4;
/** Kind, and length of the name. */
const HEADER_BYTES = 3;
const MAX_RECORD_BYTES = HEADER_BYTES + MAX_CHANNEL_BYTES + MAX_BUS_PAYLOAD_BYTES;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What has come is no record. */
export class BusRecordError extends Error {
  /** Name of the class. */
  override name = "BusRecordError";
}

/** Takes the records that a {@linkcode BusRecordReader} finds. */
export type BusRecordTaker = (kind: number, name: string, payload: Uint8Array) => void;

/** A record as bytes; `null` if it is larger than one can be. */
export function busRecord(
  kind: number,
  name: string,
  payload: Uint8Array = EMPTY,
): Uint8Array | null {
  const nameBytes = encoder.encode(name);
  if (nameBytes.length > MAX_CHANNEL_BYTES || payload.length > MAX_BUS_PAYLOAD_BYTES) return null;
  const length = HEADER_BYTES + nameBytes.length + payload.length;
  const record = new Uint8Array(LENGTH_BYTES + length);
  const view = new DataView(record.buffer);
  view.setUint32(0, length, true);
  record[LENGTH_BYTES] = kind;
  view.setUint16(LENGTH_BYTES + 1, nameBytes.length, true);
  record.set(nameBytes, LENGTH_BYTES + HEADER_BYTES);
  record.set(payload, LENGTH_BYTES + HEADER_BYTES + nameBytes.length);
  return record;
}

/** Finds the records in bytes that come in any split. */
export class BusRecordReader {
  readonly #length = new Uint8Array(LENGTH_BYTES);
  #lengthBytes = 0;
  /** The record that is coming. */
  #record: Uint8Array<ArrayBuffer> = EMPTY;
  #recordBytes = 0;

  /**
   * Takes the next bytes, and hands on what is complete. Payloads are the taker's own.
   *
   * @throws {BusRecordError} if they are no records
   */
  push(bytes: Uint8Array, taker: BusRecordTaker): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#lengthBytes < LENGTH_BYTES) {
        this.#length[this.#lengthBytes++] = bytes[at++];
        if (this.#lengthBytes === LENGTH_BYTES) this.#begin();
        continue;
      }
      const record = this.#record;
      const part = bytes.subarray(at, at + record.length - this.#recordBytes);
      record.set(part, this.#recordBytes);
      this.#recordBytes += part.length;
      at += part.length;
      if (this.#recordBytes < record.length) return;
      this.#lengthBytes = this.#recordBytes = 0;
      this.#record = EMPTY;
      hand(record, taker);
    }
  }

  #begin(): void {
    const length = new DataView(this.#length.buffer).getUint32(0, true);
    if (length < HEADER_BYTES || length > MAX_RECORD_BYTES) {
      throw new BusRecordError(`a record of ${length} bytes`);
    }
    this.#record = new Uint8Array(length);
  }
}

function hand(record: Uint8Array<ArrayBuffer>, taker: BusRecordTaker): void {
  const kind = record[0];
  const nameEnd = HEADER_BYTES + record[1] + record[2] * 0x100;
  if (nameEnd > record.length) throw new BusRecordError("a name that is longer than its record");
  if (kind < MESSAGE || kind > LOSS) throw new BusRecordError(`a record of the kind ${kind}`);
  taker(kind, decoder.decode(record.subarray(HEADER_BYTES, nameEnd)), record.subarray(nameEnd));
}
