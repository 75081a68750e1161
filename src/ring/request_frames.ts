/**
 * Frames with the heads of requests.
 *
 * @module
 */

import { copyBytes, Slab } from "../base/buffers.ts";
import { uncurried, viewOf } from "../base/captured.ts";
import { EMPTY } from "../base/empty.ts";
import type { EndpointKind, Peer, RequestRole } from "../message/exchange.ts";
import { RequestHead } from "../message/exchange.ts";
import { readLength, REQUEST, writeLength } from "./frames.ts";
import type { RingReader, RingWriter } from "./ring.ts";

const { parse } = JSON;
const { fromCharCode } = String;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const decode: (decoder: TextDecoder, bytes: Uint8Array) => string = uncurried(
  TextDecoder.prototype.decode,
);

const ENDPOINTS: readonly EndpointKind[] = ["http", "fastcgi", "mongrel2"];
const ROLES: readonly RequestRole[] = ["responder", "authorizer", "filter"];

/** Words before the bytes of a REQUEST's payload. */
const REQUEST_WORDS = 16;

/**
 * The addresses of each peer, encoded: `["host",port,"host",port]`, or two `Deno.Addr`. They are kept from its
 * second request on ({@linkcode EMPTY} stands for the first one): connections that wait, and carry one request
 * alone, are to hold little.
 */
const encodedPeers = new WeakMap<Peer, Uint8Array>();

function encodePeer(peer: Peer): Uint8Array {
  const known = encodedPeers.get(peer);
  if (known !== undefined && known !== EMPTY) return known;
  const { remoteAddr: remote, localAddr: local } = peer;
  const parts = remote.transport === "tcp" && local.transport === "tcp"
    ? [remote.hostname, remote.port, local.hostname, local.port]
    : [remote, local];
  const encoded = encoder.encode(JSON.stringify(parts));
  encodedPeers.set(peer, known === undefined ? EMPTY : encoded);
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
