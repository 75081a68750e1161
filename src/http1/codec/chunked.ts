/**
 * The chunked transfer coding (RFC 9112 7.1) as far as the last chunk: bytes in, chunks and their data
 * out, in any split. Each byte is looked at once, and none is kept.
 *
 * @module
 */

import { CLASS, CR, FIELD, HEX, LF, SEMICOLON } from "../../message/chars.ts";
import { bodyTooLarge } from "../../message/request_faults.ts";
import { bareCarriageReturn, bareLineFeed, malformedChunk } from "./faults.ts";
import type { HttpLimits } from "./limits.ts";
import { MAX_CHUNK_EXTENSION_BYTES, MAX_CHUNK_LINE_BYTES } from "./limits.ts";

/** All bytes are used up. */
export const CHUNKS_NEED_DATA = 0;
/** A chunk begins; its declared size is {@linkcode ChunkReader.chunkBytes}. */
export const CHUNK_BEGINS = 1;
/** Data of a chunk: the bytes from {@linkcode ChunkReader.dataStart} to where the reader stands. */
export const CHUNK_DATA = 2;
/** The line of the last chunk was read: the trailers follow. */
export const LAST_CHUNK = 3;

/** What {@linkcode ChunkReader.next} returns. */
export type ChunkEvent =
  | typeof CHUNKS_NEED_DATA
  | typeof CHUNK_BEGINS
  | typeof CHUNK_DATA
  | typeof LAST_CHUNK;

/**
 * Where the reader stands. The transitions:
 *
 *     SIZE -> (EXTENSION ->) SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE
 */
const SIZE = 0;
const EXTENSION = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;

/** Significant digits of a size; further ones count like extensions. */
const MAX_PLAIN_DIGITS = 16;

/** Reads the chunks of one body after another. */
export class ChunkReader {
  /** Where the next unread byte is. */
  at = 0;
  /** Declared size of the chunk that began, in bytes. */
  chunkBytes = 0;
  /** Where the data begins of which there was word last. */
  dataStart = 0;

  readonly #limits: HttpLimits;
  #state = SIZE;
  /** The size as far as it was read; then the bytes of the chunk that have not come. */
  #remaining = 0;
  #digits = 0;
  #lineBytes = 0;
  #extensionBytes = 0;
  #bodyBytes = 0;

  /** Makes a reader. */
  constructor(limits: HttpLimits) {
    this.#limits = limits;
  }

  /** Whether the next event would be data. */
  get atData(): boolean {
    return this.#state === DATA;
  }

  /** Begins another body. */
  begin(): void {
    this.#state = SIZE;
    this.#remaining = this.#digits = this.#lineBytes = 0;
    this.#extensionBytes = this.#bodyBytes = 0;
  }

  /**
   * Reads `buffer[at, end)` up to the next event. Data is never more than `maxBytes`.
   *
   * @throws {ProtocolError} if the coding is malformed, or exceeds a limit
   */
  next(buffer: Uint8Array, at: number, end: number, maxBytes: number): ChunkEvent {
    while (at < end) {
      const byte = buffer[at];
      switch (this.#state) {
        case SIZE:
        case EXTENSION:
          at = this.#readLine(buffer, at, end);
          break;
        case SIZE_LF:
          if (byte !== LF) throw bareCarriageReturn();
          this.at = at + 1;
          return this.#beginChunk();
        case DATA: {
          const bytes = Math.min(end - at, this.#remaining, maxBytes);
          this.dataStart = at;
          this.at = at + Math.max(bytes, 0);
          if (bytes <= 0) return CHUNKS_NEED_DATA;
          this.#remaining -= bytes;
          if (this.#remaining === 0) this.#state = DATA_CR;
          return CHUNK_DATA;
        }
        case DATA_CR:
          if (byte !== CR) throw malformedChunk("data longer than its size");
          this.#state = DATA_LF;
          at++;
          break;
        default:
          if (byte !== LF) throw bareCarriageReturn();
          this.#state = SIZE;
          at++;
      }
    }
    this.at = end;
    return CHUNKS_NEED_DATA;
  }

  /** Reads on in the line of a chunk's size up to its CR, if that is here; returns where it stands. */
  #readLine(buffer: Uint8Array, start: number, end: number): number {
    let at = start;
    if (this.#state === SIZE) {
      at = this.#readDigits(buffer, start, end);
      if (at === end) return at;
      if (this.#digits === 0) throw malformedChunk("no hexadecimal size");
      if (buffer[at] === SEMICOLON) this.#state = EXTENSION;
    }
    const extensionStart = at;
    if (this.#state === EXTENSION) {
      while (at < end && (CLASS[buffer[at]] & FIELD) !== 0) at++;
      this.#countExtension(at - extensionStart);
      this.#countLine(at - extensionStart);
      if (at === end) return at;
    }
    if (buffer[at] === LF) throw bareLineFeed("7.1");
    if (buffer[at] !== CR) throw malformedChunk("a size that is not hexadecimal");
    this.#state = SIZE_LF;
    return at + 1;
  }

  #readDigits(buffer: Uint8Array, start: number, end: number): number {
    let at = start;
    let size = this.#remaining;
    for (; at < end && (CLASS[buffer[at]] & HEX) !== 0; at++) {
      const byte = buffer[at];
      size = size * 16 + (byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57);
      if (size > Number.MAX_SAFE_INTEGER) throw malformedChunk("a size out of range");
    }
    const before = Math.max(this.#digits, MAX_PLAIN_DIGITS);
    this.#remaining = size;
    this.#digits += at - start;
    if (this.#digits > before) this.#countExtension(this.#digits - before);
    this.#countLine(at - start);
    return at;
  }

  #countLine(bytes: number): void {
    this.#lineBytes += bytes;
    if (this.#lineBytes > MAX_CHUNK_LINE_BYTES) {
      throw malformedChunk("a size line that is too long");
    }
  }

  #countExtension(bytes: number): void {
    this.#extensionBytes += bytes;
    if (this.#extensionBytes > MAX_CHUNK_EXTENSION_BYTES) {
      throw malformedChunk(`extensions of more than ${MAX_CHUNK_EXTENSION_BYTES} bytes in all`);
    }
  }

  #beginChunk(): ChunkEvent {
    const size = this.#remaining;
    this.#digits = this.#lineBytes = 0;
    this.#bodyBytes += size;
    if (this.#bodyBytes > this.#limits.maxBodyBytes) throw bodyTooLarge(this.#limits);
    if (size === 0) return LAST_CHUNK;
    this.#state = DATA;
    this.chunkBytes = size;
    return CHUNK_BEGINS;
  }
}
