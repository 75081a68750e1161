/**
 * Name-value pairs (FastCGI 1.0, section 3.4).
 *
 * @module
 */

import { BufferPool, OutputBuffer } from "../base/buffers.ts";
import { copyOf, lengthOf, uncurried } from "../base/captured.ts";
import { ProtocolError } from "../base/errors.ts";
import { latin1Text } from "./fields.ts";

const { create, entries } = Object;
const encoder = new TextEncoder();
const buffers = new BufferPool();
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const decode: (decoder: TextDecoder, bytes: Uint8Array) => string = uncurried(
  TextDecoder.prototype.decode,
);

/** Goes through the pairs in some bytes, one {@linkcode PairReader.next} at a time. */
export class PairReader {
  /** The bytes that the positions point into. */
  readonly bytes: Uint8Array;
  /** Start of the current name. */
  nameStart = 0;
  /** End of the current name, and start of its value. */
  nameEnd = 0;
  /** End of the current value. */
  valueEnd = 0;

  readonly #end: number;
  #at: number;

  /** Makes a reader of `bytes[start, end)`. */
  constructor(bytes: Uint8Array, start = 0, end: number = lengthOf(bytes)) {
    this.bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /**
   * Goes on to the next pair; `false` if there is none.
   *
   * @throws {ProtocolError} if the bytes end within it
   */
  next(): boolean {
    if (this.#at === this.#end) return false;
    const nameLength = this.#length();
    const valueLength = this.#length();
    this.nameStart = this.#at;
    this.nameEnd = this.nameStart + nameLength;
    this.valueEnd = this.nameEnd + valueLength;
    if (this.valueEnd > this.#end) throw broken();
    this.#at = this.valueEnd;
    return true;
  }

  #length(): number {
    const { bytes } = this;
    const at = this.#at;
    const first = bytes[at];
    if (at < this.#end && first < 0x80) {
      this.#at = at + 1;
      return first;
    }
    if (at + 4 > this.#end) throw broken();
    this.#at = at + 4;
    return ((first & 0x7f) << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  }
}

function broken(): ProtocolError {
  return new ProtocolError(400, "a name-value pair is cut off", "FastCGI 1.0 3.4");
}

/** Bytes as text: as UTF-8 if that is what they are, and else each byte one code unit. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  for (let at = start; at < end; at++) {
    if (bytes[at] < 0x80) continue;
    try {
      // The decoder takes no shared memory, and apps are to get no view of it: other requests lie beside this one.
      return decode(utf8, copyOf(bytes, start, end));
    } catch {
      break;
    }
  }
  return latin1Text(bytes, start, end);
}

/**
 * The pairs in `bytes[start, end)` as an object without a prototype. Of pairs of the same name the
 * last one counts.
 *
 * @throws {ProtocolError} if the bytes end within a pair
 */
export function decodePairs(
  bytes: Uint8Array,
  start = 0,
  end: number = lengthOf(bytes),
): Record<string, string> {
  const pairs: Record<string, string> = create(null);
  const reader = new PairReader(bytes, start, end);
  while (reader.next()) {
    const name = decodeText(bytes, reader.nameStart, reader.nameEnd);
    pairs[name] = decodeText(bytes, reader.nameEnd, reader.valueEnd);
  }
  return pairs;
}

/** The bytes of the pairs that an object has, in UTF-8. */
export function encodePairs(pairs: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> {
  const out = new OutputBuffer(buffers);
  for (const [name, value] of entries(pairs)) writePair(out, name, value);
  const encoded = out.bytes.slice(0, out.length);
  buffers.give(out.takeBytes());
  return encoded;
}

/** Appends a pair, in UTF-8. */
export function writePair(out: OutputBuffer, name: string, value: string): void {
  writePairBytes(out, encoder.encode(name), encoder.encode(value));
}

/** Appends a pair of bytes. */
export function writePairBytes(out: OutputBuffer, name: Uint8Array, value: Uint8Array): void {
  writeLength(out, name.length);
  writeLength(out, value.length);
  out.append(name);
  out.append(value);
}

/** Appends a pair of texts whose code units are bytes. */
export function writeLatin1Pair(out: OutputBuffer, name: string, value: string): void {
  writeLength(out, name.length);
  writeLength(out, value.length);
  out.appendLatin1(name);
  out.appendLatin1(value);
}

function writeLength(out: OutputBuffer, length: number): void {
  out.reserve(4);
  if (length < 0x80) {
    out.bytes[out.length++] = length;
    return;
  }
  out.bytes[out.length++] = (length >>> 24) | 0x80;
  out.bytes[out.length++] = length >>> 16;
  out.bytes[out.length++] = length >>> 8;
  out.bytes[out.length++] = length;
}
