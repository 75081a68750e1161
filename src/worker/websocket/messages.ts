/**
 * What an app sends over a WebSocket, as socket records.
 *
 * @module
 */

import { copyBytes } from "../../base/buffers.ts";
import { bufferOf, byteOffsetOf, lengthOf, viewOf } from "../../base/captured.ts";
import { EMPTY } from "../../base/empty.ts";
import { utf8Length, writeUtf8 } from "../../base/text.ts";
import {
  BINARY,
  CLOSE,
  LAST,
  RECORD_HEADER_BYTES,
  recordOf,
  TEXT,
  writeRecordHeader,
} from "../../message/socket_records.ts";

/** What an app can send. */
export type OutgoingMessage = string | ArrayBufferLike | ArrayBufferView | Blob;

const { ArrayBuffer, Uint8Array } = globalThis;
const { isView } = ArrayBuffer;

/** Where records are put together that are sent at once. */
const borrowed = new Uint8Array(131_072);
const MAX_BORROWED_BYTES = lengthOf(borrowed);

/** The record of a message, which is no blob. What the app does with its bytes after this is of no importance. */
export function messageOf(data: string | ArrayBufferLike | ArrayBufferView): Uint8Array {
  if (typeof data === "string") {
    const length = utf8Length(data);
    const record = new Uint8Array(RECORD_HEADER_BYTES + length);
    writeMessage(record, data, length);
    return record;
  }
  return recordOf(BINARY | LAST, bytesOf(data));
}

/** As {@linkcode messageOf}, but borrowed until the next one: what is sent at once needs no memory of its own. */
export function borrowedMessage(data: string | ArrayBufferLike | ArrayBufferView): Uint8Array {
  const bytes = typeof data === "string" ? null : bytesOf(data);
  const length = bytes === null ? utf8Length(data as string) : lengthOf(bytes);
  const recordBytes = RECORD_HEADER_BYTES + length;
  const record = recordBytes <= MAX_BORROWED_BYTES
    ? viewOf(borrowed, 0, recordBytes)
    : new Uint8Array(recordBytes);
  if (bytes === null) {
    writeMessage(record, data as string, length);
  } else {
    writeRecordHeader(record, BINARY | LAST, length);
    copyBytes(record, RECORD_HEADER_BYTES, bytes, 0, length);
  }
  return record;
}

function writeMessage(record: Uint8Array, text: string, length: number): void {
  writeRecordHeader(record, TEXT | LAST, length);
  writeUtf8(text, length, record, RECORD_HEADER_BYTES);
}

function bytesOf(data: ArrayBufferLike | ArrayBufferView): Uint8Array {
  if (!isView(data)) return new Uint8Array(data);
  if (data instanceof Uint8Array) {
    return new Uint8Array(bufferOf(data), byteOffsetOf(data), lengthOf(data));
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The record with which an app closes its socket. */
export function closeRecord(code: number | undefined, reason: string): Uint8Array {
  if (code === undefined && reason === "") return recordOf(CLOSE, EMPTY);
  const said = code ?? 1000;
  const length = utf8Length(reason);
  const payload = new Uint8Array(2 + length);
  payload[0] = said >>> 8;
  payload[1] = said;
  writeUtf8(reason, length, payload, 2);
  return recordOf(CLOSE, payload);
}
