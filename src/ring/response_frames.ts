/**
 * Frames with the heads of responses, and the beginnings of their bodies or the files that these are.
 *
 * @module
 */

import { copyShared } from "../base/buffers.ts";
import { charCodeAt, copyOf, lengthOf, setBytes, uncurried, viewOf } from "../base/captured.ts";
import { EMPTY } from "../base/empty.ts";
import { utf8Length, writeUtf8 } from "../base/text.ts";
import type { ResponseHead } from "../message/exchange.ts";
import { MAX_REASON_BYTES, UNKNOWN_LENGTH } from "../message/exchange.ts";
import { latin1Text } from "../message/fields.ts";
import type { FileOrder } from "../message/file_order.ts";
import { MAX_FILE_PATH_BYTES } from "../message/file_order.ts";
import {
  ANNOUNCES_TRAILERS,
  FILE,
  MAX_BODY_FRAME_BYTES,
  PRECOMPRESSED,
  readLength,
  RESPONSE,
  writeLength,
} from "./frames.ts";
import { KnownLines, MAX_KNOWN_BYTES } from "./known_lines.ts";
import type { RingReader, RingWriter } from "./ring.ts";
import { RingError } from "./ring.ts";

const decoder = new TextDecoder();
const decode: (decoder: TextDecoder, bytes: Uint8Array) => string = uncurried(
  TextDecoder.prototype.decode,
);

/** Words before the bytes of a RESPONSE's payload: field lines, a reason phrase and a zero, or nothing, and body. */
const RESPONSE_WORDS = 4;
/** Field lines of responses that were written, and read, last. */
const writtenLines = new KnownLines();
const readLines = new KnownLines();

/** Writes a FILE frame. */
export function writeFile(writer: RingWriter, id: number, flags: number, order: FileOrder): void {
  const { path, status, reason, fieldLines, requestLines, precompressed } = order;
  const head = { status, reason, fieldLines, bodyLength: UNKNOWN_LENGTH };
  if (precompressed === "use") flags |= PRECOMPRESSED;
  writeResponse(writer, id, flags, head, `${requestLines}\n${path}`, FILE);
}

/**
 * Reads a FILE frame.
 *
 * @throws {RingError} if its sizes do not fit it, or are malformed
 */
export function readFile(reader: RingReader): FileOrder {
  const { head: { status, reason, fieldLines }, body } = readResponse(reader);
  const lines = copyOf(body, 0, lengthOf(body));
  const text = decode(decoder, lines);
  const end = text.startsWith("\n") ? 0 : text.indexOf("\n\n") + 1;
  const path = text.slice(end + 1);
  if (end === 0 && !text.startsWith("\n")) throw new RingError("a file without a path");
  if (path === "" || path.length > MAX_FILE_PATH_BYTES) {
    throw new RingError("a malformed path of a file");
  }
  return {
    path,
    status,
    reason,
    fieldLines: typeof fieldLines === "string"
      ? fieldLines
      : latin1Text(copyOf(fieldLines, 0, lengthOf(fieldLines)), 0, lengthOf(fieldLines)),
    requestLines: text.slice(0, end),
    precompressed: (reader.flags & PRECOMPRESSED) !== 0 ? "use" : "ignore",
  };
}

/**
 * Writes a RESPONSE frame. `body` must fit a frame: no more than `MAX_BODY_FRAME_BYTES`.
 */
export function writeResponse(
  writer: RingWriter,
  id: number,
  flags: number,
  head: ResponseHead,
  body: Uint8Array | string | null,
  kind: typeof RESPONSE | typeof FILE = RESPONSE,
): void {
  const { fieldLines, reason } = head;
  const reasonBytes = reason === undefined ? 0 : reason.length + 1;
  const isText = typeof fieldLines === "string";
  const fieldBytes = isText ? fieldLines.length : lengthOf(fieldLines);
  const bodyBytes = body === null
    ? 0
    : typeof body === "string"
    ? utf8Length(body)
    : lengthOf(body);
  const headerBytes = RESPONSE_WORDS * 4;
  writer.reserve(
    kind,
    flags,
    id,
    head.status,
    headerBytes + fieldBytes + reasonBytes + bodyBytes,
  );
  const { bytes, words } = writer;
  const word = writer.at >>> 2;
  words[word] = fieldBytes;
  writeLength(words, word + 1, head.bodyLength);
  words[word + 3] = reasonBytes;
  let at = writer.at + headerBytes;
  if (!isText) {
    setBytes(bytes, fieldLines, at);
  } else if (fieldBytes <= MAX_KNOWN_BYTES) {
    const known = writtenLines.at(fieldBytes);
    if (fieldLines !== known.text) known.set(fieldLines);
    // What this writes beyond them is written again below, or the end of the frame.
    const first = word + RESPONSE_WORDS;
    for (let i = 0; i * 4 < fieldBytes; i++) words[first + i] = known.words[i];
  } else {
    for (let i = 0; i < fieldBytes; i++) bytes[at + i] = charCodeAt(fieldLines, i);
  }
  at += fieldBytes;
  if (reason !== undefined) {
    for (let i = 0; i < reasonBytes - 1; i++) bytes[at + i] = charCodeAt(reason, i);
    at += reasonBytes;
  }
  if (typeof body === "string") writeUtf8(body, bodyBytes, bytes, at);
  else if (body !== null) copyShared(bytes, at, body, 0, bodyBytes, "target");
}

/**
 * A RESPONSE frame as read: the body, and field lines that are not text, are borrowed from the
 * ring.
 */
export interface ResponseFrame {
  /** The response's head. */
  readonly head: ResponseHead;
  /** The part of the body that came with it. */
  readonly body: Uint8Array;
}

/**
 * Reads a RESPONSE frame.
 *
 * @throws {RingError} if its sizes do not fit it, or are malformed
 */
export function readResponse(reader: RingReader): ResponseFrame {
  const { words, bytes, at } = reader;
  const headerBytes = RESPONSE_WORDS * 4;
  if (reader.length < headerBytes) throw new RingError("a response frame is shorter than it says");
  const word = at >>> 2;
  const fieldBytes = words[word];
  const reasonBytes = words[word + 3];
  const bodyBytes = reader.length - headerBytes - fieldBytes - reasonBytes;
  if (bodyBytes < 0) throw new RingError("a response frame is shorter than it says");
  if (bodyBytes > MAX_BODY_FRAME_BYTES) throw new RingError("a response of more than a frame");
  const fieldsStart = at + headerBytes;
  const fieldsEnd = fieldsStart + fieldBytes;
  const bodyStart = fieldsEnd + reasonBytes;
  const head: ResponseHead = {
    status: reader.value,
    reason: reasonBytes === 0 ? undefined : readReason(bytes, fieldsEnd, reasonBytes),
    fieldLines: fieldBytes <= MAX_KNOWN_BYTES
      ? readLines.at(fieldBytes).read(words, bytes, fieldsStart, fieldBytes)
      : viewOf(bytes, fieldsStart, fieldsEnd),
    bodyLength: readLength(words, word + 1),
    announcesTrailers: (reader.flags & ANNOUNCES_TRAILERS) !== 0,
  };
  return { head, body: bodyBytes === 0 ? EMPTY : viewOf(bytes, bodyStart, bodyStart + bodyBytes) };
}

/** The reason phrase of `reasonBytes`, in which a last byte is counted that says that there is one. */
function readReason(bytes: Uint8Array, start: number, reasonBytes: number): string {
  if (reasonBytes - 1 > MAX_REASON_BYTES) throw new RingError("a malformed reason phrase");
  return latin1Text(copyOf(bytes, start, start + reasonBytes - 1), 0, reasonBytes - 1);
}
