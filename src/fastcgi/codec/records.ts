/**
 * The records of FastCGI 1.0 (section 3.3): bytes in, records out, in any split, and back. It does no
 * I/O and has no timers. Servers and clients use it alike.
 *
 * @module
 */

import { EMPTY } from "../../base/empty.ts";
import { copyBytes } from "../../base/buffers.ts";
import type { OutputBuffer } from "../../base/buffers.ts";
import { ProtocolError } from "../../base/errors.ts";

/** The version of the protocol that every record names. */
export const VERSION_1 = 1;

// Types of records (FastCGI 1.0, section 8).
/** Web server: a request begins. */
export const BEGIN_REQUEST = 1;
/** Web server: ends a request early. */
export const ABORT_REQUEST = 2;
/** Application: a request has ended. */
export const END_REQUEST = 3;
/** Web server, stream: name-value pairs. */
export const PARAMS = 4;
/** Web server, stream: the request's body. */
export const STDIN = 5;
/** Application, stream: the response. */
export const STDOUT = 6;
/** Application, stream: messages about faults. */
export const STDERR = 7;
/** Web server, stream: the file that a filter works on. */
export const DATA = 8;
/** Web server, management: asks for values. */
export const GET_VALUES = 9;
/** Application, management: the values. */
export const GET_VALUES_RESULT = 10;
/** Application, management: a record's type is not known. */
export const UNKNOWN_TYPE = 11;

// Roles that a request asks for.
/** Answers a request. */
export const RESPONDER = 1;
/** Decides whether a request may go on. */
export const AUTHORIZER = 2;
/** Answers a request, from a file that comes with it. */
export const FILTER = 3;

/** Flag of BEGIN_REQUEST: the connection stays open after the request. */
export const KEEP_CONN = 1;

// How a request has ended, as END_REQUEST says.
/** The request was answered. */
export const REQUEST_COMPLETE = 0;
/** Refused: the application takes one request a connection. */
export const CANT_MPX_CONN = 1;
/** Refused: the application has too much to do. */
export const OVERLOADED = 2;
/** Refused: the application does not have the role. */
export const UNKNOWN_ROLE = 3;

/** Most padding that is ever written. */
const MAX_PADDING_BYTES = 7;
/** Bytes before the content of each record. */
export const HEADER_BYTES = 8;
/** Most content of one record that leaves the next one aligned to 8 bytes. */
export const MAX_ALIGNED_CONTENT_BYTES = 65_528;
const MAX_CONTENT_BYTES = 65_535;
/** Content of BEGIN_REQUEST, END_REQUEST and UNKNOWN_TYPE. */
const FIXED_CONTENT_BYTES = 8;

/** How the content of a record of this type is read. */
const STREAM = 1;
const FIXED = 2;
const BARE = 3;
const PAIRS = 4;
const SHAPE: readonly number[] = [
  0,
  FIXED,
  BARE,
  FIXED,
  STREAM,
  STREAM,
  STREAM,
  STREAM,
  STREAM,
  PAIRS,
  PAIRS,
  FIXED,
];

/** Whether records of this type are pieces of a stream, which an empty one ends. */
export function isStream(type: number): boolean {
  return SHAPE[type] === STREAM;
}

/** Whether the protocol defines this type of record. */
export function isKnownType(type: number): boolean {
  return type >= BEGIN_REQUEST && type <= UNKNOWN_TYPE;
}

/**
 * Reads records. After {@linkcode RecordReader.push}, call {@linkcode RecordReader.readHeader} for the
 * next record, and then one of {@linkcode RecordReader.take} (in parts, for streams),
 * {@linkcode RecordReader.takeAll} and {@linkcode RecordReader.skip} for its content.
 */
export class RecordReader {
  /** Type of the record that is being read. */
  type = 0;
  /** The request that it belongs to; 0 means management. */
  requestId = 0;
  /** Bytes of its content. */
  contentLength = 0;
  /** What {@linkcode start} and {@linkcode end} point into: valid until more is pushed. */
  content: Uint8Array = EMPTY;
  /** Start of the content that was taken. */
  start = 0;
  /** End of the content that was taken. */
  end = 0;
  /** Whether a record's header was read, and its content not yet in full. */
  inRecord = false;

  #bytes: Uint8Array = EMPTY;
  #at = 0;
  #limit = 0;
  #remaining = 0;
  #paddingLength = 0;
  #padding = 0;
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  #whole: Uint8Array = EMPTY;
  #wholeBytes = 0;

  /** Whether bytes that were pushed have not been read yet. */
  get hasUnread(): boolean {
    return this.#at < this.#limit;
  }

  /** Whether the last record was read to its end, padding included, and no other has begun. */
  get betweenRecords(): boolean {
    return !this.inRecord && this.#padding === 0 && this.#headerBytes === 0;
  }

  /**
   * Hands the reader `bytes[0, length)`, which it borrows. What was pushed before must be used up.
   */
  push(bytes: Uint8Array, length: number = bytes.length): void {
    this.#bytes = bytes;
    this.#at = 0;
    this.#limit = length;
  }

  /** Forgets what was pushed and not read. */
  discard(): void {
    this.#at = this.#limit;
  }

  /**
   * Reads the header of the next record; `false` if it is not here yet.
   *
   * @throws {ProtocolError} if it is of another version
   */
  readHeader(): boolean {
    if (this.#padding > 0) {
      const skipped = Math.min(this.#padding, this.#limit - this.#at);
      this.#padding -= skipped;
      this.#at += skipped;
      if (this.#padding > 0) return false;
    }
    if (this.#headerBytes === 0 && this.#limit - this.#at >= HEADER_BYTES) {
      this.#parseHeader(this.#bytes, this.#at);
      this.#at += HEADER_BYTES;
      return true;
    }
    while (this.#headerBytes < HEADER_BYTES && this.#at < this.#limit) {
      this.#header[this.#headerBytes++] = this.#bytes[this.#at++];
    }
    if (this.#headerBytes < HEADER_BYTES) return false;
    this.#headerBytes = 0;
    this.#parseHeader(this.#header, 0);
    return true;
  }

  /** Takes up to `maxBytes` of the record's content; returns how many, 0 if none is here. */
  take(maxBytes: number): number {
    const bytes = Math.min(this.#remaining, maxBytes, this.#limit - this.#at);
    this.content = this.#bytes;
    this.start = this.#at;
    this.end = this.#at += bytes;
    this.#remaining -= bytes;
    if (this.#remaining === 0) this.#endRecord();
    return bytes;
  }

  /** Takes the record's content in one piece; `false` if it is not all here yet. */
  takeAll(): boolean {
    const { contentLength } = this;
    if (this.#wholeBytes === 0 && this.#limit - this.#at >= contentLength) {
      this.take(contentLength);
      return true;
    }
    if (this.#whole.length < contentLength) this.#whole = new Uint8Array(contentLength);
    const bytes = Math.min(this.#remaining, this.#limit - this.#at);
    this.#whole.set(this.#bytes.subarray(this.#at, this.#at + bytes), this.#wholeBytes);
    this.#wholeBytes += bytes;
    this.#at += bytes;
    this.#remaining -= bytes;
    if (this.#remaining > 0) return false;
    this.#wholeBytes = 0;
    this.content = this.#whole;
    this.start = 0;
    this.end = contentLength;
    this.#endRecord();
    return true;
  }

  /** Skips the record's content; `false` if it is not all here yet. */
  skip(): boolean {
    this.take(Infinity);
    return !this.inRecord;
  }

  /**
   * Checks the record that was begun, if it is for somebody.
   *
   * @throws {ProtocolError} if its length is impossible for its type
   */
  checkLength(): void {
    const { type, contentLength: length } = this;
    const shape = SHAPE[type];
    if ((shape === FIXED && length !== FIXED_CONTENT_BYTES) || (shape === BARE && length !== 0)) {
      throw new ProtocolError(
        400,
        `a record of type ${type} with ${length} bytes of content`,
        "FastCGI 1.0 8",
      );
    }
  }

  #parseHeader(bytes: Uint8Array, at: number): void {
    const version = bytes[at];
    if (version !== VERSION_1) {
      throw new ProtocolError(
        400,
        `a record of version ${version} instead of 1`,
        "FastCGI 1.0 3.3",
      );
    }
    this.type = bytes[at + 1];
    this.requestId = (bytes[at + 2] << 8) | bytes[at + 3];
    this.contentLength = this.#remaining = (bytes[at + 4] << 8) | bytes[at + 5];
    this.#paddingLength = bytes[at + 6];
    this.inRecord = true;
  }

  #endRecord(): void {
    this.inRecord = false;
    this.#padding = this.#paddingLength;
  }
}

/** Begins a record: content can be appended to `out`. Returns where the record starts. */
export function beginRecord(out: OutputBuffer): number {
  out.reserve(HEADER_BYTES);
  const start = out.length;
  out.length += HEADER_BYTES;
  return start;
}

/**
 * Finishes what {@linkcode beginRecord} began at `start`, with padding. A stream's content that is too
 * long for one record becomes several.
 */
export function finishRecord(out: OutputBuffer, start: number, type: number, id: number): void {
  const length = out.length - start - HEADER_BYTES;
  const padding = -length & 7;
  if (length <= MAX_CONTENT_BYTES) {
    out.reserve(padding);
    writeHeader(out.bytes, start, type, id, length, padding);
    writePadding(out, padding);
    return;
  }
  const records = Math.ceil(length / MAX_ALIGNED_CONTENT_BYTES);
  out.reserve((records - 1) * HEADER_BYTES + padding);
  const { bytes } = out;
  // From the last to the first, each piece moves back by the headers that come to stand before it.
  for (let i = records - 1; i >= 0; i--) {
    const from = start + HEADER_BYTES + i * MAX_ALIGNED_CONTENT_BYTES;
    const to = from + i * HEADER_BYTES;
    const isLast = i === records - 1;
    const pieceBytes = isLast ? length - i * MAX_ALIGNED_CONTENT_BYTES : MAX_ALIGNED_CONTENT_BYTES;
    bytes.copyWithin(to, from, from + pieceBytes);
    writeHeader(bytes, to - HEADER_BYTES, type, id, pieceBytes, isLast ? padding : 0);
  }
  out.length += (records - 1) * HEADER_BYTES;
  writePadding(out, padding);
}

/** Appends `chunk` as records of a stream; none if it is empty. */
export function writeStream(out: OutputBuffer, type: number, id: number, chunk: Uint8Array): void {
  const records = Math.ceil(chunk.length / MAX_ALIGNED_CONTENT_BYTES);
  out.reserveChunk(chunk.length + records * HEADER_BYTES + MAX_PADDING_BYTES);
  for (let at = 0; at < chunk.length; at += MAX_ALIGNED_CONTENT_BYTES) {
    const length = Math.min(chunk.length - at, MAX_ALIGNED_CONTENT_BYTES);
    const padding = -length & 7;
    writeHeader(out.bytes, out.length, type, id, length, padding);
    copyBytes(out.bytes, out.length + HEADER_BYTES, chunk, at, at + length);
    out.length += HEADER_BYTES + length;
    writePadding(out, padding);
  }
}

/** Appends padding, for which there is room. */
function writePadding(out: OutputBuffer, bytes: number): void {
  for (let i = 0; i < bytes; i++) out.bytes[out.length++] = 0;
}

/** Appends the ends of these streams, and of their request, which is complete. */
export function writeEnd(
  out: OutputBuffer,
  streams: readonly number[],
  id: number,
  appStatus: number,
): void {
  for (let i = 0; i < streams.length; i++) writeEmptyRecord(out, streams[i], id);
  writeEndRequest(out, id, appStatus, REQUEST_COMPLETE);
}

/** Appends a record without content: the end of a stream, or ABORT_REQUEST. */
export function writeEmptyRecord(out: OutputBuffer, type: number, id: number): void {
  out.reserve(HEADER_BYTES);
  writeHeader(out.bytes, out.length, type, id, 0, 0);
  out.length += HEADER_BYTES;
}

/** Appends BEGIN_REQUEST. */
export function writeBeginRequest(
  out: OutputBuffer,
  id: number,
  role: number,
  flags: number,
): void {
  const at = writeFixed(out, BEGIN_REQUEST, id);
  out.bytes[at] = role >>> 8;
  out.bytes[at + 1] = role;
  out.bytes[at + 2] = flags;
}

/** Appends END_REQUEST. */
export function writeEndRequest(
  out: OutputBuffer,
  id: number,
  appStatus: number,
  protocolStatus: number,
): void {
  const at = writeFixed(out, END_REQUEST, id);
  const { bytes } = out;
  bytes[at] = appStatus >>> 24;
  bytes[at + 1] = appStatus >>> 16;
  bytes[at + 2] = appStatus >>> 8;
  bytes[at + 3] = appStatus;
  bytes[at + 4] = protocolStatus;
}

/** Appends UNKNOWN_TYPE, about `type`. */
export function writeUnknownType(out: OutputBuffer, type: number): void {
  const at = writeFixed(out, UNKNOWN_TYPE, 0);
  out.bytes[at] = type;
}

/** Appends a record with 8 bytes of content, all 0; returns where these are. */
function writeFixed(out: OutputBuffer, type: number, id: number): number {
  out.reserve(HEADER_BYTES + FIXED_CONTENT_BYTES);
  writeHeader(out.bytes, out.length, type, id, FIXED_CONTENT_BYTES, 0);
  out.length += HEADER_BYTES;
  const at = out.length;
  writePadding(out, FIXED_CONTENT_BYTES);
  return at;
}

function writeHeader(
  bytes: Uint8Array,
  at: number,
  type: number,
  id: number,
  contentLength: number,
  paddingLength: number,
): void {
  bytes[at] = VERSION_1;
  bytes[at + 1] = type;
  bytes[at + 2] = id >>> 8;
  bytes[at + 3] = id;
  bytes[at + 4] = contentLength >>> 8;
  bytes[at + 5] = contentLength;
  bytes[at + 6] = paddingLength;
  bytes[at + 7] = 0;
}
