/**
 * The frames that the gateway and its workers exchange: the only format that both sides know.
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";
import { copyBytes, copyShared, Slab } from "../base/buffers.ts";
import { charCodeAt, copyOf, lengthOf, setBytes, uncurried, viewOf } from "../base/captured.ts";
import type {
  AbortReason,
  EndpointKind,
  Peer,
  RequestRole,
  ResponseHead,
  UpgradeHead,
} from "../message/exchange.ts";
import {
  MAX_REASON_BYTES,
  MAX_UPGRADE_BYTES,
  RequestHead,
  UNKNOWN_LENGTH,
  WHOLE_BODY,
} from "../message/exchange.ts";
import type { SocketHandover } from "../message/kept_sockets.ts";
import { MAX_STATE_BYTES, MAX_TOPIC_BYTES } from "../message/kept_sockets.ts";
import {
  BINARY as BINARY_RECORD,
  LAST as LAST_PART,
  RECORD_HEADER_BYTES,
} from "../message/socket_records.ts";
import type { FileOrder } from "../message/file_order.ts";
import { MAX_FILE_PATH_BYTES } from "../message/file_order.ts";
import { latin1Text as latin1Text } from "../message/fields.ts";
import { utf8Length, writeUtf8 } from "../base/text.ts";
import { KnownLines, MAX_KNOWN_BYTES } from "./known_lines.ts";
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
const ENDPOINTS: readonly EndpointKind[] = ["http", "fastcgi", "mongrel2"];
const ROLES: readonly RequestRole[] = ["responder", "authorizer", "filter"];

/** Words before the bytes of a REQUEST's payload. */
const REQUEST_WORDS = 16;
/** Words before the bytes of a RESPONSE's payload: field lines, a reason phrase and a zero, or nothing, and body. */
const RESPONSE_WORDS = 4;
/** Words before the bytes of an ADOPT's payload. */
const ADOPT_WORDS = 3;
/** High word of the special lengths. */
const SPECIAL_LENGTH = 0xffff_ffff;
/** What the high word of a length is less than, so that the length is a whole number. */
const MAX_HIGH_WORD = 0x20_0000;

const { parse } = JSON;
const { min } = Math;
const { fromCharCode } = String;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** Names of topics are told apart by all their characters. */
const topicDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encode: (encoder: TextEncoder, text: string) => Uint8Array = uncurried(
  TextEncoder.prototype.encode,
);
const decode: (decoder: TextDecoder, bytes: Uint8Array) => string = uncurried(
  TextDecoder.prototype.decode,
);
const substring: (text: string, start: number, end: number) => string = uncurried(
  String.prototype.substring,
);
/** Field lines of responses that were written, and read, last. */
const writtenLines = new KnownLines();
const readLines = new KnownLines();

/** A value for an ABORT frame. */
export function abortValue(reason: AbortReason): number {
  return ABORT_REASONS.indexOf(reason);
}

/** The reason in an ABORT frame. */
export function abortReason(value: number): AbortReason {
  return ABORT_REASONS[value] ?? "client-gone";
}

/** The addresses of each peer, encoded once: `["host",port,"host",port]`, or two `Deno.Addr`. */
const encodedPeers = new WeakMap<Peer, Uint8Array>();

function encodePeer(peer: Peer): Uint8Array {
  let encoded = encodedPeers.get(peer);
  if (encoded === undefined) {
    const { remoteAddr: remote, localAddr: local } = peer;
    const parts = remote.transport === "tcp" && local.transport === "tcp"
      ? [remote.hostname, remote.port, local.hostname, local.port]
      : [remote, local];
    encoded = encoder.encode(JSON.stringify(parts));
    encodedPeers.set(peer, encoded);
  }
  return encoded;
}

/** A peer as the worker knows it: its addresses are decoded when an app asks for them. */
class RemotePeer implements Peer {
  readonly endpoint: EndpointKind;
  readonly scheme: "http" | "https";
  readonly isForwarded: boolean;
  readonly #block: Uint8Array;
  readonly #start: number;
  readonly #end: number;
  #addresses: readonly [Deno.Addr, Deno.Addr] | null = null;

  /** Makes the peer whose addresses are encoded in `block[start, end)`. */
  constructor(
    endpoint: EndpointKind,
    scheme: "http" | "https",
    isForwarded: boolean,
    block: Uint8Array,
    start: number,
    end: number,
  ) {
    this.endpoint = endpoint;
    this.scheme = scheme;
    this.isForwarded = isForwarded;
    this.#block = block;
    this.#start = start;
    this.#end = end;
  }

  get remoteAddr(): Deno.Addr {
    return this.#decoded()[0];
  }

  get localAddr(): Deno.Addr {
    return this.#decoded()[1];
  }

  #decoded(): readonly [Deno.Addr, Deno.Addr] {
    if (this.#addresses === null) {
      const encoded = viewOf(this.#block, this.#start, this.#end);
      const parts = parse(decode(decoder, encoded));
      this.#addresses = parts.length === 2 ? parts : [
        { transport: "tcp", hostname: parts[0], port: parts[1] },
        { transport: "tcp", hostname: parts[2], port: parts[3] },
      ];
    }
    return this.#addresses!;
  }
}

/** Writes a REQUEST frame. */
export function writeRequest(writer: RingWriter, id: number, head: RequestHead): void {
  const { block, method } = head;
  const first = head.targetStart;
  const peer = encodePeer(head.peer);
  const fieldsEnd = head.fieldsEnd - first;
  const hasParams = head.paramsEnd > head.paramsStart;
  const blockBytes = hasParams ? head.paramsEnd - first : fieldsEnd;
  // The authority lies before the end of the field lines.
  const headerBytes = REQUEST_WORDS * 4;
  writer.reserve(
    REQUEST,
    0,
    id,
    head.mount,
    headerBytes + method.length + blockBytes + peer.length,
  );
  const { bytes, words } = writer;
  let word = writer.at >>> 2;
  words[word++] = head.minorVersion | (head.expectsContinue ? 2 : 0) |
    (head.peer.scheme === "https" ? 4 : 0) | (head.peer.isForwarded === true ? 8 : 0) |
    (head.passesId ? 16 : 0) | (head.stripsRoute ? 32 : 0) |
    (ENDPOINTS.indexOf(head.peer.endpoint) << 8) |
    (ROLES.indexOf(head.role) << 16) |
    (head.routeBytes << 18);
  writeLength(words, word, head.bodyLength);
  word += 2;
  words[word++] = method.length;
  words[word++] = head.targetEnd - first;
  words[word++] = head.authorityStart - first;
  words[word++] = head.authorityEnd - first;
  words[word++] = head.fieldsStart - first;
  words[word++] = fieldsEnd;
  words[word++] = hasParams ? head.paramsStart - first : fieldsEnd;
  words[word++] = blockBytes;
  words[word++] = peer.length;
  words[word++] = head.responseWindow;
  writeLength(words, word, head.number);
  // An id is short.
  words[word + 2] = head.idEnd === head.idStart
    ? 0
    : ((head.idStart - first) << 8) | (head.idEnd - head.idStart);
  let at = writer.at + headerBytes;
  for (let i = 0; i < method.length; i++) bytes[at++] = method.charCodeAt(i);
  copyBytes(bytes, at, block, first, first + blockBytes);
  copyBytes(bytes, at + blockBytes, peer, 0, peer.length);
}

/** Reads a REQUEST frame. The head owns its bytes. */
export function readRequest(reader: RingReader): RequestHead {
  const head = new RequestHead();
  const { words } = reader;
  let word = reader.at >>> 2;
  const flags = words[word++];
  head.minorVersion = flags & 1;
  head.expectsContinue = (flags & 2) !== 0;
  head.passesId = (flags & 16) !== 0;
  head.stripsRoute = (flags & 32) !== 0;
  // Nothing above it is set (MAX_ROUTE_BYTES).
  head.routeBytes = flags >>> 18;
  head.bodyLength = readLength(words, word);
  word += 2;
  const methodBytes = words[word++];
  head.targetEnd = words[word++];
  head.authorityStart = words[word++];
  head.authorityEnd = words[word++];
  head.fieldsStart = words[word++];
  head.fieldsEnd = words[word++];
  head.paramsStart = words[word++];
  const blockBytes = words[word++];
  const peerBytes = words[word++];
  head.responseWindow = words[word++];
  head.number = readLength(words, word);
  const id = words[word + 2];
  const start = reader.at + REQUEST_WORDS * 4;
  const at = requests.keep(
    reader.bytes,
    start,
    start + methodBytes + blockBytes + peerBytes,
  );
  const block = head.block = requests.bytes;
  head.method = methodText(block, at, methodBytes);
  const target = head.targetStart = at + methodBytes;
  head.targetEnd += target;
  head.authorityStart += target;
  head.authorityEnd += target;
  head.fieldsStart += target;
  head.fieldsEnd += target;
  head.paramsStart += target;
  const end = head.paramsEnd = target + blockBytes;
  head.idStart = target + (id >>> 8);
  head.idEnd = head.idStart + (id & 0xff);
  head.role = ROLES[(flags >>> 16) & 3];
  head.mount = reader.value;
  head.peer = new RemotePeer(
    ENDPOINTS[(flags >>> 8) & 0xff],
    (flags & 4) !== 0 ? "https" : "http",
    (flags & 8) !== 0,
    block,
    end,
    end + peerBytes,
  );
  return head;
}

/** Where the bytes of requests are kept. */
const requests = new Slab();

function methodText(block: Uint8Array, at: number, bytes: number): string {
  if (bytes === 3 && block[at] === 0x47 && block[at + 1] === 0x45 && block[at + 2] === 0x54) {
    return "GET";
  }
  let method = "";
  for (let i = 0; i < bytes; i++) method += fromCharCode(block[at + i]);
  return method;
}

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

function writeLength(words: Uint32Array, at: number, length: number): void {
  if (length < 0) {
    words[at] = -length;
    words[at + 1] = SPECIAL_LENGTH;
  } else {
    words[at] = length >>> 0;
    words[at + 1] = length / 4_294_967_296;
  }
}

/** Reads a length: each of its words once. */
function readLength(words: Uint32Array, at: number): number {
  const low = words[at];
  const high = words[at + 1];
  if (high < MAX_HIGH_WORD) return high * 4_294_967_296 + low;
  if (high === SPECIAL_LENGTH && low === -UNKNOWN_LENGTH) return UNKNOWN_LENGTH;
  if (high === SPECIAL_LENGTH && low === -WHOLE_BODY) return WHOLE_BODY;
  throw new RingError("a malformed length");
}
