/**
 * Frames about connections that go on in another protocol, and the topics of sockets.
 *
 * @module
 */

import { copyBytes, copyShared } from "../base/buffers.ts";
import { copyOf, lengthOf, uncurried, viewOf } from "../base/captured.ts";
import { utf8Length, writeUtf8 } from "../base/text.ts";
import type { UpgradeHead } from "../message/exchange.ts";
import { MAX_UPGRADE_BYTES } from "../message/exchange.ts";
import type { SocketHandover } from "../message/kept_sockets.ts";
import { MAX_STATE_BYTES, MAX_TOPIC_BYTES } from "../message/kept_sockets.ts";
import {
  BINARY as BINARY_RECORD,
  LAST as LAST_PART,
  RECORD_HEADER_BYTES,
} from "../message/socket_records.ts";
import {
  ADOPT,
  GOES_ON,
  KEPT,
  MAX_BODY_FRAME_BYTES,
  MORE,
  OF_BYTES,
  PUBLISH,
  readFieldLines,
  SUBSCRIBE,
  UNSUBSCRIBE,
  UPGRADE,
  writeFieldLines,
} from "./frames.ts";
import type { RingReader, RingWriter } from "./ring.ts";
import { RingError } from "./ring.ts";

const { parse } = JSON;
const { min } = Math;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const encode: (encoder: TextEncoder, text: string) => Uint8Array = uncurried(
  TextEncoder.prototype.encode,
);
const decode: (decoder: TextDecoder, bytes: Uint8Array) => string = uncurried(
  TextDecoder.prototype.decode,
);

/** Words before the bytes of an ADOPT's payload. */
const ADOPT_WORDS = 3;
/** Names of topics are told apart by all their characters. */
const topicDecoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Writes an UPGRADE frame. */
export function writeUpgrade(writer: RingWriter, id: number, head: UpgradeHead): void {
  const flags = head.kind === "bytes" ? OF_BYTES : head.state === undefined ? 0 : KEPT;
  const lines = `${head.protocol}\r\n${head.fieldLines}`;
  writeFieldLines(writer, UPGRADE, id, head.idleTimeoutMs, lines, flags);
}

/**
 * Reads an UPGRADE frame.
 *
 * @throws {RingError} if it is larger than it may be, or names no protocol
 */
export function readUpgrade(reader: RingReader): UpgradeHead {
  const { value: idleTimeoutMs, flags } = reader;
  const lines = readFieldLines(reader, MAX_UPGRADE_BYTES);
  const end = lines.indexOf("\r\n");
  if (end < 1) throw new RingError("an upgrade to no protocol");
  return {
    kind: (flags & OF_BYTES) !== 0 ? "bytes" : "websocket",
    protocol: lines.slice(0, end),
    fieldLines: lines.slice(end + 2),
    idleTimeoutMs,
  };
}

/** Writes a frame of the kind SUBSCRIBE or UNSUBSCRIBE. */
export function writeTopic(
  writer: RingWriter,
  kind: typeof SUBSCRIBE | typeof UNSUBSCRIBE,
  id: number,
  topic: string,
): void {
  const length = utf8Length(topic);
  writer.reserve(kind, 0, id, 0, length);
  writeUtf8(topic, length, writer.bytes, writer.at);
}

/**
 * The topic of a SUBSCRIBE or UNSUBSCRIBE frame.
 *
 * @throws {RingError} if it is longer than it may be
 */
export function readTopic({ at, bytes, length }: RingReader): string {
  if (length > MAX_TOPIC_BYTES) throw new RingError("a topic with too long a name");
  return decode(topicDecoder, copyOf(bytes, at, at + length));
}

/**
 * The payload of a KEEP frame.
 *
 * @throws {RingError} if it is larger than it may be
 */
export function readState({ at, bytes, length }: RingReader): Uint8Array {
  if (length > MAX_STATE_BYTES) throw new RingError("more to keep of a socket than there may be");
  return copyOf(bytes, at, at + length);
}

/** Writes PUBLISH frames for a message, given as the socket record of all of it. */
export function writePublish(
  writer: RingWriter,
  id: number,
  mount: number,
  topic: string,
  record: Uint8Array,
): void {
  const topicBytes = utf8Length(topic);
  const kind = record[0] === (BINARY_RECORD | LAST_PART) ? OF_BYTES : 0;
  const message = viewOf(record, RECORD_HEADER_BYTES, lengthOf(record));
  const length = lengthOf(message);
  let at = 0;
  do {
    const isFirst = at === 0;
    const bytes = min(length - at, MAX_BODY_FRAME_BYTES);
    const flags = kind | (at + bytes < length ? MORE : 0) | (isFirst ? 0 : GOES_ON);
    writer.reserve(PUBLISH, flags, id, mount, (isFirst ? 2 + topicBytes : 0) + bytes);
    let to = writer.at;
    if (isFirst) {
      writer.bytes[to++] = topicBytes;
      writer.bytes[to++] = topicBytes >>> 8;
      writeUtf8(topic, topicBytes, writer.bytes, to);
      to += topicBytes;
    }
    copyShared(writer.bytes, to, message, at, at + bytes, "target");
    at += bytes;
  } while (at < length);
}

/** A PUBLISH frame as read: the part of the message is borrowed. */
export interface PublishFrame {
  /** Name of the topic; `""` in a frame that goes on with another one. */
  readonly topic: string;
  /** Part of the message. */
  readonly part: Uint8Array;
}

/**
 * Reads a PUBLISH frame.
 *
 * @throws {RingError} if its sizes do not fit it
 */
export function readPublish(reader: RingReader): PublishFrame {
  const { at, bytes, length, flags } = reader;
  const goesOn = (flags & GOES_ON) !== 0;
  const topicBytes = goesOn || length < 2 ? 0 : bytes[at] | (bytes[at + 1] << 8);
  const start = goesOn ? 0 : 2 + topicBytes;
  if (length < start || length - start > MAX_BODY_FRAME_BYTES) {
    throw new RingError("a message to a topic of another size than it says");
  }
  if (topicBytes > MAX_TOPIC_BYTES) throw new RingError("a topic with too long a name");
  return {
    topic: decode(topicDecoder, copyOf(bytes, at + start - topicBytes, at + start)),
    part: viewOf(bytes, at + start, at + length),
  };
}

/**
 * Writes an ADOPT frame: words for the window, whether the socket is closing, and the bytes of what follows; the
 * topics in JSON; what the last holder left.
 */
export function writeAdopt(
  writer: RingWriter,
  id: number,
  mount: number,
  { state, topics, window, isClosing }: SocketHandover,
): void {
  const names = encode(encoder, JSON.stringify(topics));
  writer.reserve(ADOPT, 0, id, mount, ADOPT_WORDS * 4 + names.length + state.length);
  const { bytes, words, at } = writer;
  const word = at >>> 2;
  words[word] = window;
  words[word + 1] = isClosing ? 1 : 0;
  words[word + 2] = names.length;
  copyBytes(bytes, at + ADOPT_WORDS * 4, names, 0, names.length);
  copyBytes(bytes, at + ADOPT_WORDS * 4 + names.length, state, 0, state.length);
}

/** Reads an ADOPT frame. */
export function readAdopt({ at, bytes, words, length }: RingReader): SocketHandover {
  const word = at >>> 2;
  const namesAt = at + ADOPT_WORDS * 4;
  const stateAt = namesAt + words[word + 2];
  return {
    window: words[word],
    isClosing: words[word + 1] !== 0,
    topics: parse(decode(decoder, copyOf(bytes, namesAt, stateAt))),
    state: copyOf(bytes, stateAt, at + length),
  };
}
