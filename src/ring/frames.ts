/**
 * The frames that the gateway and its workers exchange, which are the only format that both sides know: their
 * kinds, and what those carry that have no module of their own.
 *
 * @module
 */

import { copyShared } from "../base/buffers.ts";
import { charCodeAt, copyOf, lengthOf, uncurried } from "../base/captured.ts";
import type { AbortReason } from "../message/exchange.ts";
import { UNKNOWN_LENGTH, WHOLE_BODY } from "../message/exchange.ts";
import { latin1Text } from "../message/fields.ts";
import type { RingReader, RingWriter } from "./ring.ts";
import { RingError } from "./ring.ts";

/** Version of the format; both sides must be of the same. */
export const FRAMES_VERSION = 12;

// Kinds of frames. Each comment says who sends the frame, and what its value and payload are.

/** Gateway: a request's head. Value: index of the mount. */
export const REQUEST = 1;
/** Worker: a response's head and the beginning of its body. Value: status. Flags: REPORT_SENT. */
export const RESPONSE = 2;
/** Both: body bytes. */
export const BODY = 3;
/** Gateway: chunks as the client framed them, or their beginnings. Payload: see `chunks.ts`. */
export const CHUNKS = 4;
/** Both: a body of unknown length is complete. Payload: trailer field lines. */
export const END = 5;
/** Both: more body bytes may be sent the other way. Value: how many. Flags: OF_DATA. */
export const CREDIT = 6;
/** Gateway: the exchange was cut short. Value: index of the reason. */
export const ABORT = 7;
/** Worker: the request failed. Value: status for the client, or NO_ANSWER. */
export const FAIL = 8;
/** Gateway: the response was sent, for those who asked. */
export const SENT = 9;
/**
 * Worker: a line for the gateway's log. Value: index of the level. Flags: NAMES_REQUEST. Payload: the request's id
 * and a line feed, if it is named; text.
 */
export const LOG = 10;
/** Gateway: no more requests will come; say when all work is done. Worker: all work is done. */
export const DRAINED = 11;

/** Gateway: bytes of the file that comes with a filter's request. */
export const DATA = 12;
/** Gateway: that file is complete. */
export const DATA_END = 13;
/** Worker: a fault to report to the front server. Payload: text. */
export const FAULT = 14;

/** Gateway: give a sign of life. */
export const PING = 15;
/** Worker: a sign of life. Value: memory of its own in KiB. */
export const PONG = 16;
/** Worker: an interim response. Value: status. Payload: field lines. */
export const INTERIM = 17;

/**
 * Worker: the connection goes on in another protocol. Value: `idleTimeoutMs`. Flags: OF_BYTES. Payload: the
 * name of the protocol and CRLF, and further field lines.
 */
export const UPGRADE = 18;

/**
 * Worker: what the next holder of a socket is to know: before its UPGRADE, and whenever it changes. Flags:
 * HANDED_BACK. Payload: the worker's.
 */
export const KEEP = 19;
/** Gateway: a socket that was opened elsewhere. Value: index of the mount. Payload: see {@linkcode writeAdopt}. */
export const ADOPT = 20;
/** Gateway: hand the socket back. */
export const RELEASE = 21;
/** Worker: the socket is subscribed to a topic from now on. Payload: its name. */
export const SUBSCRIBE = 22;
/** Worker: the socket is not subscribed to a topic any more. Payload: its name. */
export const UNSUBSCRIBE = 23;
/**
 * Worker: a message for those who are subscribed to a topic, but for the socket of the frame, if it has one.
 * Value: index of the mount. Flags: OF_BYTES, MORE, GOES_ON. Payload: the bytes of the topic's name (two, the
 * low one first) and the name, unless it goes on with another one; part of the message.
 */
export const PUBLISH = 24;
/** Both: a record about signals and topics (`signals/records.ts`). */
export const SIGNAL_RECORD = 32;
/**
 * Worker: a response whose body is a file. As RESPONSE, but for the body: the fields of the request that matter,
 * each with a line feed, an empty line, and the path. Flags: REPORT_SENT, PRECOMPRESSED.
 */
export const FILE = 25;

/** Flag of CREDIT: it is for DATA frames. */
export const OF_DATA = 1;
/** Flag of RESPONSE: a SENT frame is wanted. */
export const REPORT_SENT = 1;
/** Flag of RESPONSE: trailers come with its END. */
export const ANNOUNCES_TRAILERS = 2;

/** Flag of LOG: the line is about a request. */
export const NAMES_REQUEST = 1;

/** Flag of FILE: precompressed neighbours of the file will do. */
export const PRECOMPRESSED = 4;

/** Flag of UPGRADE: bytes follow as they come, and not socket records. */
export const OF_BYTES = 1;

/** Flag of UPGRADE: the socket may be handed to another worker; its KEEP came before. */
export const KEPT = 2;
/** Flag of KEEP: the answer to RELEASE, after which the worker has no more to do with the socket. */
export const HANDED_BACK = 1;
/** Flag of PUBLISH: more of the message follows at once. */
export const MORE = 2;
/** Flag of PUBLISH: it goes on with the message of the frame before it. */
export const GOES_ON = 4;

/** Reports of faults on one request, in bytes; others are of no use. */
export const MAX_FAULT_BYTES = 1_048_576;
/** What each report counts for at the least, in bytes. */
export const MIN_FAULT_BYTES = 64;

/** Body bytes in one frame at the most. */
export const MAX_BODY_FRAME_BYTES = 65_536;

const ABORT_REASONS: readonly AbortReason[] = [
  "client-gone",
  "client-half-closed",
  "timeout",
  "bad-request",
  "shutdown",
  "invalid-response",
];

/** High word of the special lengths. */
const SPECIAL_LENGTH = 0xffff_ffff;
/** What the high word of a length is less than, so that the length is a whole number. */
const MAX_HIGH_WORD = 0x20_0000;

const { min } = Math;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const encode: (encoder: TextEncoder, text: string) => Uint8Array = uncurried(
  TextEncoder.prototype.encode,
);
const decode: (decoder: TextDecoder, bytes: Uint8Array) => string = uncurried(
  TextDecoder.prototype.decode,
);
const substring: (text: string, start: number, end: number) => string = uncurried(
  String.prototype.substring,
);

/** A value for an ABORT frame. */
export function abortValue(reason: AbortReason): number {
  return ABORT_REASONS.indexOf(reason);
}

/** The reason in an ABORT frame. */
export function abortReason(value: number): AbortReason {
  return ABORT_REASONS[value] ?? "client-gone";
}

/** Writes a frame of the kind INTERIM (`value` is the status), END or UPGRADE with field lines. */
export function writeFieldLines(
  writer: RingWriter,
  kind: typeof INTERIM | typeof END | typeof UPGRADE,
  id: number,
  value: number,
  lines: string,
  flags = 0,
): void {
  const { length } = lines;
  writer.reserve(kind, flags, id, value, length);
  const { at, bytes } = writer;
  for (let i = 0; i < length; i++) bytes[at + i] = charCodeAt(lines, i);
}

/**
 * The field lines of an INTERIM or END frame.
 *
 * @throws {RingError} if they are more than `maxBytes`
 */
export function readFieldLines({ at, bytes, length }: RingReader, maxBytes: number): string {
  if (length > maxBytes) throw new RingError("more field lines than there may be");
  return length === 0 ? "" : latin1Text(copyOf(bytes, at, at + length), 0, length);
}

/**
 * Writes `chunk` in frames of the kind BODY or DATA: what follows what the reader has not seen, in the
 * same frame.
 */
export function writeBody(
  writer: RingWriter,
  kind: typeof BODY | typeof DATA,
  id: number,
  chunk: Uint8Array,
): void {
  const length = lengthOf(chunk);
  for (let at = 0; at < length;) {
    const bytes = min(length - at, MAX_BODY_FRAME_BYTES);
    if (!writer.extend(kind, id, bytes, MAX_BODY_FRAME_BYTES)) writer.reserveOpen(kind, id, bytes);
    copyShared(writer.bytes, writer.at, chunk, at, at + bytes, "target");
    at += bytes;
  }
}

/**
 * The payload of a BODY or DATA frame, borrowed.
 *
 * @throws {RingError} if it is not of a size that such a frame can have
 */
export function readBody(reader: RingReader): Uint8Array {
  const { length } = reader;
  if (length === 0 || length > MAX_BODY_FRAME_BYTES) {
    throw new RingError(`${length} bytes of a body in one frame`);
  }
  return reader.payload;
}

/** Writes a frame without a payload. */
export function writeSignal(
  writer: RingWriter,
  kind: number,
  id: number,
  value: number,
  flags = 0,
): void {
  writer.reserve(kind, flags, id, value, 0);
}

/** Writes a frame of the kind LOG (`id` is 0, `value` the level) or FAULT. */
export function writeText(
  writer: RingWriter,
  kind: typeof LOG | typeof FAULT,
  id: number,
  value: number,
  text: string,
  flags = 0,
): void {
  const bytes = encode(encoder, substring(text, 0, MAX_BODY_FRAME_BYTES));
  writer.write(kind, flags, id, value, bytes, 0, min(lengthOf(bytes), MAX_BODY_FRAME_BYTES));
}

/** The text of a LOG or FAULT frame, as far as it may go. */
export function readText(reader: RingReader): string {
  const bytes = min(reader.length, MAX_BODY_FRAME_BYTES);
  return decode(decoder, copyOf(reader.bytes, reader.at, reader.at + bytes));
}

/** Writes a length of a body, which may be a special one, or another whole number. */
export function writeLength(words: Uint32Array, at: number, length: number): void {
  if (length < 0) {
    words[at] = -length;
    words[at + 1] = SPECIAL_LENGTH;
  } else {
    words[at] = length >>> 0;
    words[at + 1] = length / 4_294_967_296;
  }
}

/**
 * Reads what {@linkcode writeLength} wrote: each of its words once.
 *
 * @throws {RingError} if it is no length
 */
export function readLength(words: Uint32Array, at: number): number {
  const low = words[at];
  const high = words[at + 1];
  // A small number that comes of a multiplication may be kept in memory of its own.
  if (high === 0) return low;
  if (high < MAX_HIGH_WORD) return high * 4_294_967_296 + low;
  if (high === SPECIAL_LENGTH && low === -UNKNOWN_LENGTH) return UNKNOWN_LENGTH;
  if (high === SPECIAL_LENGTH && low === -WHOLE_BODY) return WHOLE_BODY;
  throw new RingError("a malformed length");
}
