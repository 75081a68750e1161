/**
 * The frames that the gateway and its workers exchange: the only format that both sides know.
 *
 * @module
 */

import type { AbortReason, EndpointKind, Peer, RequestRole, ResponseHead } from "../exchange.ts";
import { RequestHead, UNKNOWN_LENGTH, WHOLE_BODY } from "../exchange.ts";
import { copyBytes, Slab } from "../buffers.ts";
import { utf8Length, writeUtf8 } from "../text.ts";
import type { RingReader, RingWriter } from "./ring.ts";
import { RingError } from "./ring.ts";

/** Version of the format; both sides must be of the same. */
export const FRAMES_VERSION = 3;

// Kinds of frames. The comment says who sends it, and what its value and payload are.

/** Gateway: a request's head. Value: index of the mount. */
export const REQUEST = 1;
/** Worker: a response's head and the beginning of its body. Value: status. Flags: REPORT_SENT. */
export const RESPONSE = 2;
/** Both: body bytes. */
export const BODY = 3;
/** Gateway: a chunk as the client framed it begins. Payload: its size, in two words. */
export const CHUNK = 4;
/** Both: a body of unknown length is complete. Payload: trailer field lines. */
export const END = 5;
/** Both: more body bytes may be sent the other way. Value: how many. Flags: OF_DATA. */
export const CREDIT = 6;
/** Gateway: the exchange was cut short. Value: index of the reason. */
export const ABORT = 7;
/** Worker: the request failed. Value: status for the client. */
export const FAIL = 8;
/** Gateway: the response was sent, for those who asked. */
export const SENT = 9;
/** Worker: a line for the gateway's log. Value: index of the level. Payload: text. */
export const LOG = 10;
/** Gateway: no more requests will come; say when all work is done. Worker: all work is done. */
export const DRAINED = 11;

/** Gateway: bytes of the file that comes with a filter's request. */
export const DATA = 12;
/** Gateway: that file is complete. */
export const DATA_END = 13;
/** Worker: a fault that the front server is to be told of. Payload: text. */
export const FAULT = 14;

/** Gateway: give a sign of life. */
export const PING = 15;
/** Worker: a sign of life. Value: memory of its own in KiB. */
export const PONG = 16;

/** Flag of CREDIT: it is for DATA frames. */
export const OF_DATA = 1;
/** Flag of RESPONSE: a SENT frame is wanted. */
export const REPORT_SENT = 1;

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
const REQUEST_WORDS = 12;
/** Words before the bytes of a RESPONSE's payload. */
const RESPONSE_WORDS = 4;
/** High word of the lengths that are no number of bytes. */
const SPECIAL_LENGTH = 0xffff_ffff;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const EMPTY = new Uint8Array(0);

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
  readonly #block: Uint8Array;
  readonly #start: number;
  readonly #end: number;
  #addresses: readonly [Deno.Addr, Deno.Addr] | null = null;

  /** Makes the peer whose addresses are encoded in `block[start, end)`. */
  constructor(
    endpoint: EndpointKind,
    scheme: "http" | "https",
    block: Uint8Array,
    start: number,
    end: number,
  ) {
    this.endpoint = endpoint;
    this.scheme = scheme;
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
      const encoded = this.#block.subarray(this.#start, this.#end);
      const parts = JSON.parse(decoder.decode(encoded));
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
    (head.peer.scheme === "https" ? 4 : 0) | (ENDPOINTS.indexOf(head.peer.endpoint) << 8) |
    (ROLES.indexOf(head.role) << 16);
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
  head.role = ROLES[flags >>> 16];
  head.mount = reader.value;
  head.peer = new RemotePeer(
    ENDPOINTS[(flags >>> 8) & 0xff],
    (flags & 4) !== 0 ? "https" : "http",
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
  for (let i = 0; i < bytes; i++) method += String.fromCharCode(block[at + i]);
  return method;
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
): void {
  const { fieldLines } = head;
  const bodyBytes = body === null ? 0 : typeof body === "string" ? utf8Length(body) : body.length;
  const headerBytes = RESPONSE_WORDS * 4;
  writer.reserve(RESPONSE, flags, id, head.status, headerBytes + fieldLines.length + bodyBytes);
  const { bytes, words } = writer;
  const word = writer.at >>> 2;
  words[word] = fieldLines.length;
  writeLength(words, word + 1, head.bodyLength);
  let at = writer.at + headerBytes;
  if (typeof fieldLines === "string") {
    for (let i = 0; i < fieldLines.length; i++) bytes[at++] = fieldLines.charCodeAt(i);
  } else {
    bytes.set(fieldLines, at);
    at += fieldLines.length;
  }
  if (typeof body === "string") writeUtf8(body, bodyBytes, bytes, at);
  else if (body !== null) copyBytes(bytes, at, body, 0, body.length);
}

/** A RESPONSE frame as read: the field lines and the body are borrowed from the ring. */
export interface ResponseFrame {
  /** The response's head. */
  readonly head: ResponseHead;
  /** The part of the body that came with it. */
  readonly body: Uint8Array;
}

/**
 * Reads a RESPONSE frame.
 *
 * @throws {RingError} if its sizes do not fit it
 */
export function readResponse(reader: RingReader): ResponseFrame {
  const { words, bytes } = reader;
  const word = reader.at >>> 2;
  const headerBytes = RESPONSE_WORDS * 4;
  const fieldBytes = words[word];
  const bodyStart = reader.at + headerBytes + fieldBytes;
  const end = reader.at + reader.length;
  if (reader.length < headerBytes || bodyStart > end) {
    throw new RingError("a response frame is shorter than it says");
  }
  const head: ResponseHead = {
    status: reader.value,
    fieldLines: bytes.subarray(reader.at + headerBytes, bodyStart),
    bodyLength: readLength(words, word + 1),
  };
  return { head, body: bodyStart === end ? EMPTY : bytes.subarray(bodyStart, end) };
}

/** Writes `chunk` in frames of the kind BODY or DATA. */
export function writeBody(
  writer: RingWriter,
  kind: typeof BODY | typeof DATA,
  id: number,
  chunk: Uint8Array,
): void {
  for (let at = 0; at < chunk.length; at += MAX_BODY_FRAME_BYTES) {
    writer.write(kind, 0, id, 0, chunk, at, Math.min(chunk.length, at + MAX_BODY_FRAME_BYTES));
  }
}

/** Writes a CHUNK frame. */
export function writeChunk(writer: RingWriter, id: number, declaredBytes: number): void {
  writer.reserve(CHUNK, 0, id, 0, 8);
  writeLength(writer.words, writer.at >>> 2, declaredBytes);
}

/** The declared size in a CHUNK frame. */
export function readChunk(reader: RingReader): number {
  return readLength(reader.words, reader.at >>> 2);
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
): void {
  const bytes = encoder.encode(text);
  writer.write(kind, 0, id, value, bytes, 0, Math.min(bytes.length, MAX_BODY_FRAME_BYTES));
}

/** The text of a LOG or FAULT frame. */
export function readText(reader: RingReader): string {
  return decoder.decode(reader.bytes.slice(reader.at, reader.at + reader.length));
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

function readLength(words: Uint32Array, at: number): number {
  const low = words[at];
  const high = words[at + 1];
  if (high === SPECIAL_LENGTH) return low === 2 ? WHOLE_BODY : UNKNOWN_LENGTH;
  return high * 4_294_967_296 + low;
}
