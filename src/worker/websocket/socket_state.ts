/**
 * What the holder of a socket leaves to the next one, as bytes: the app's data, as the platform's structured clone
 * has it, and what is known of the request. Each holder is a worker with this same code.
 *
 * @module
 */

import { latin1Text } from "../../message/fields.ts";
import { copyOf, lengthOf, setBytes, uncurried, viewOf } from "../../base/captured.ts";
import type { Peer, RequestHead } from "../../message/exchange.ts";
import { MAX_STATE_BYTES } from "../../message/kept_sockets.ts";

/** An app's data at the most, in bytes as they are kept. */
export const MAX_DATA_BYTES = 65_536;
/** What is known of the request at the most, in bytes; the rest of its target is forgotten. */
const MAX_TARGET_CHARS = 2_048;

const { Array, Error, RangeError, Uint8Array, structuredClone } = globalThis;
const { isArray } = Array;
const { parse, stringify } = JSON;
const substring = uncurried(String.prototype.substring);
const charCodeAt = uncurried(String.prototype.charCodeAt);
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const encode: (encoder: TextEncoder, text: string) => Uint8Array = uncurried(
  TextEncoder.prototype.encode,
);
const decode: (decoder: TextDecoder, bytes: Uint8Array) => string = uncurried(
  TextDecoder.prototype.decode,
);
const { process } = globalThis as unknown as { process: NodeProcess };
const getBuiltinModule = uncurried(process.getBuiltinModule);

/** The members of `node:process` that matter here. */
interface NodeProcess {
  getBuiltinModule(name: string): unknown;
}

/** What is used of `node:v8`: it takes long to load, so that only apps with sockets to keep do. */
interface V8 {
  serialize(value: unknown): Uint8Array;
  deserialize(bytes: Uint8Array): unknown;
}

let v8: V8 | null = null;

/** Gets ready to keep sockets. */
export function loadSerializer(): void {
  v8 ??= { ...getBuiltinModule(process, "v8") as V8 };
}

/** What holders know of a socket besides the app's data. */
export interface SocketFacts {
  /** The subprotocol, `""` for none. */
  readonly protocol: string;
  /** The extensions in use. */
  readonly extensions: string;
  /** What messages of bytes are given as. */
  readonly binaryType: string;
}

/** A socket that comes from another holder. */
export interface KnownSocket extends SocketFacts {
  /** The app's data. */
  readonly data: unknown;
}

/**
 * The bytes of the app's `data`.
 *
 * @throws {Error} if it cannot be cloned
 * @throws {RangeError} if it is too large
 */
export function dataBytes(data: unknown): Uint8Array {
  // It throws at what serialize() makes empty objects of.
  const bytes = v8!.serialize(structuredClone(data));
  const length = lengthOf(bytes);
  if (length > MAX_DATA_BYTES) {
    throw new RangeError(
      `the data of a socket takes ${length} bytes, and can take ${MAX_DATA_BYTES}`,
    );
  }
  return bytes;
}

/**
 * What is kept of a socket that was opened by a request with `head`.
 *
 * @throws {RangeError} if it is too much, which only a giant name of a protocol is
 */
export function stateBytes(head: RequestHead, facts: SocketFacts, data: Uint8Array): Uint8Array {
  const { block, targetStart, targetEnd, authorityStart, authorityEnd, peer } = head;
  const text = encode(
    encoder,
    stringify([
      substring(latin1Text(block, targetStart, targetEnd), 0, MAX_TARGET_CHARS),
      latin1Text(block, authorityStart, authorityEnd),
      peer.endpoint,
      peer.scheme,
      peer.remoteAddr,
      peer.localAddr,
      facts.protocol,
      facts.extensions,
      facts.binaryType,
    ]),
  );
  const textBytes = lengthOf(text);
  const bytes = new Uint8Array(2 + textBytes + lengthOf(data));
  if (textBytes > 0xffff || lengthOf(bytes) > MAX_STATE_BYTES) {
    throw new RangeError("too much to keep of a socket: its subprotocol or its URL is too long");
  }
  bytes[0] = textBytes;
  bytes[1] = textBytes >>> 8;
  setBytes(bytes, text, 2);
  setBytes(bytes, data, 2 + textBytes);
  return bytes;
}

/**
 * Reads what {@linkcode stateBytes} has written, and notes in `head` what is known of the request.
 *
 * @throws {Error} if it is something else
 */
export function readSocketState(state: Uint8Array, head: RequestHead): KnownSocket {
  const textBytes = state[0] | (state[1] << 8);
  const data = copyOf(state, 2 + textBytes, lengthOf(state));
  const parts = parse(decode(decoder, viewOf(state, 2, 2 + textBytes)));
  if (!isKnown(parts)) throw new Error("what is kept of a socket is in another form");
  const [target, authority, endpoint, scheme, remoteAddr, localAddr] = parts;
  const block = head.block = new Uint8Array(target.length + authority.length);
  for (let i = 0; i < target.length; i++) block[i] = charCodeAt(target, i);
  for (let i = 0; i < authority.length; i++) block[target.length + i] = charCodeAt(authority, i);
  head.method = "GET";
  head.targetEnd = head.authorityStart = target.length;
  head.authorityEnd =
    head.fieldsStart =
    head.fieldsEnd =
    head.paramsStart =
    head.paramsEnd =
      lengthOf(block);
  head.peer = { endpoint, scheme, remoteAddr, localAddr } as Peer;
  return {
    protocol: parts[6],
    extensions: parts[7],
    binaryType: parts[8],
    data: v8!.deserialize(data),
  };
}

const PARTS = 9;

/** Whether `parts` are what {@linkcode stateBytes} writes: they have come through another worker. */
function isKnown(parts: unknown): boolean {
  if (!isArray(parts) || parts.length !== PARTS) return false;
  for (let i = 0; i < PARTS; i++) {
    const isAddress = i === REMOTE || i === LOCAL;
    if (typeof parts[i] !== (isAddress ? "object" : "string") || parts[i] === null) return false;
  }
  return true;
}

/** Where the addresses are among the parts. */
const REMOTE = 4;
const LOCAL = 5;
