/**
 * Chunks as clients framed them, many in a frame: what a client sends in small pieces is to cost next to
 * nothing more for that.
 *
 * A frame holds pieces, one after another: the declared size of a chunk, the number of its bytes that
 * are here, and those. The sizes are numbers in groups of 7 bits, the lowest first, each in a byte
 * whose highest bit says that another one follows. The rest of a chunk comes in BODY frames.
 *
 * @module
 */

import { copyShared } from "../base/buffers.ts";
import { lengthOf, viewOf } from "../base/captured.ts";
import type { ExchangeReceiver } from "../message/exchange.ts";
import { BODY, CHUNKS, MAX_BODY_FRAME_BYTES, writeBody } from "./frames.ts";
import type { RingReader, RingWriter } from "./ring.ts";
import { RingError } from "./ring.ts";

const { floor, min } = Math;

/** Bytes that a size takes at the most: 53 bits are as many as a number has. */
const MAX_SIZE_BYTES = 8;
/** Data of a chunk in one piece at the most. */
const MAX_PIECE_BYTES = MAX_BODY_FRAME_BYTES - 2 * MAX_SIZE_BYTES;

/** Writes the beginning of a chunk of `declaredBytes`, with as much of its data as is in `data`. */
export function writeChunk(
  writer: RingWriter,
  id: number,
  declaredBytes: number,
  data: Uint8Array,
): void {
  const dataBytes = lengthOf(data);
  const pieceBytes = min(dataBytes, MAX_PIECE_BYTES);
  const bytes = sizeBytes(declaredBytes) + sizeBytes(pieceBytes) + pieceBytes;
  if (!writer.extend(CHUNKS, id, bytes, MAX_BODY_FRAME_BYTES)) {
    writer.reserveOpen(CHUNKS, id, bytes);
  }
  const target = writer.bytes;
  let at = putSize(target, writer.at, declaredBytes);
  at = putSize(target, at, pieceBytes);
  copyShared(target, at, data, 0, pieceBytes, "target");
  if (pieceBytes < dataBytes) writeBody(writer, BODY, id, viewOf(data, pieceBytes, dataBytes));
}

/**
 * Tells `receiver` of the chunks in a CHUNKS frame, whose bytes it borrows.
 *
 * @throws {RingError} if a piece does not fit its frame
 */
export function readChunks(
  { bytes, at, length }: RingReader,
  receiver: Pick<ExchangeReceiver, "onBody" | "onChunk">,
): void {
  const end = at + length;
  while (at < end) {
    const first = bytes[at];
    const second = bytes[at + 1];
    let declaredBytes: number;
    let pieceBytes: number;
    if (first < 0x80 && second < 0x80) {
      declaredBytes = first;
      pieceBytes = second;
      at += 2;
    } else {
      let bytesRead = sizeLength(bytes, at, end);
      declaredBytes = sizeAt(bytes, at, bytesRead);
      at += bytesRead;
      bytesRead = sizeLength(bytes, at, end);
      pieceBytes = sizeAt(bytes, at, bytesRead);
      at += bytesRead;
    }
    if (pieceBytes > end - at) throw new RingError("a chunk lies beyond the end of its frame");
    receiver.onChunk(declaredBytes);
    receiver.onBody(viewOf(bytes, at, at + pieceBytes));
    at += pieceBytes;
  }
}

/** Bytes that a size takes. */
function sizeBytes(size: number): number {
  let bytes = 1;
  for (; size >= 0x80; size = floor(size / 0x80)) bytes++;
  return bytes;
}

/** Writes a size; returns where it ends. */
function putSize(target: Uint8Array, at: number, size: number): number {
  for (; size >= 0x80; size = floor(size / 0x80)) target[at++] = size % 0x80 | 0x80;
  target[at++] = size;
  return at;
}

/** Bytes that the size at `at` takes. */
function sizeLength(bytes: Uint8Array, at: number, end: number): number {
  for (let length = 1; length <= MAX_SIZE_BYTES && at + length <= end; length++) {
    if (bytes[at + length - 1] < 0x80) return length;
  }
  throw new RingError("the size of a chunk does not end");
}

function sizeAt(bytes: Uint8Array, at: number, length: number): number {
  let size = 0;
  for (let i = length - 1; i >= 0; i--) size = size * 0x80 + (bytes[at + i] & 0x7f);
  return size;
}
