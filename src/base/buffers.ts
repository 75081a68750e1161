/**
 * Buffers that the connections of an endpoint share, so that idle connections hold next to no
 * memory and busy ones allocate next to none.
 *
 * @module
 */

import { EMPTY } from "./empty.ts";
import { bufferOf, byteOffsetOf, lengthOf, setBytes, uncurried, viewOf } from "./captured.ts";

const { Array, ArrayBuffer: Memory, Uint8Array: Bytes } = globalThis;
const { clz32, max, min } = Math;
const transfer = uncurried(Memory.prototype.transfer);

/** An append of this size makes room for more of them, in bytes. */
const LARGE_CHUNK = 32_768;
/** As much that a response's head, and a first piece of 64 KiB, fit a buffer of 256 KiB. */
const LARGE_ROOM = 192_512;
const MIN_BITS = 9;
/** Output begins with this much, in bytes. */
const MIN_OUTPUT_BYTES = 4_096;
const MAX_BITS = 20;

/** Copies shorter than this are made by a loop, which is faster than a call for so little. */
const SHORT_COPY = 48;

/** Copies `source[start, end)` to `target` at `at`. */
export function copyBytes(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  if (end - start > SHORT_COPY) {
    setBytes(target, viewOf(source, start, end), at);
    return;
  }
  for (let i = start; i < end; i++) target[at++] = source[i];
}

/** What the platform copies at once to or from shared memory, if it lies alike on both sides, in bytes. */
const WORD_BYTES = 8;
/** Where bytes are put straight on their way between shared memory and a thread's own. */
const straight = new Bytes(16_384);
const STRAIGHT_BYTES = lengthOf(straight) - WORD_BYTES;

/**
 * Copies `source[start, end)` to `target` at `at`; either of them is shared memory. The platform does so
 * byte by byte if they do not lie alike: that takes five times as long.
 */
export function copyShared(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
  shared: "source" | "target",
): void {
  const sourceAt = byteOffsetOf(source) + start;
  const targetAt = byteOffsetOf(target) + at;
  if (end - start <= SHORT_COPY || (targetAt - sourceAt) % WORD_BYTES === 0) {
    copyBytes(target, at, source, start, end);
    return;
  }
  const lead = (shared === "source" ? sourceAt : targetAt) % WORD_BYTES;
  while (start < end) {
    const bytes = min(end - start, STRAIGHT_BYTES);
    setBytes(straight, viewOf(source, start, start + bytes), lead);
    setBytes(target, viewOf(straight, lead, lead + bytes), at);
    start += bytes;
    at += bytes;
  }
}

/** Returns unused memory at once: the garbage collector hardly sees its size. */
export function freeMemory(bytes: Uint8Array<ArrayBuffer>): void {
  transfer(bufferOf(bytes) as ArrayBuffer, 0);
}

const SLAB_BYTES = 65_536;

/** Arrays up to this length are copied as a whole, though only part of them is kept. */
const WHOLE_COPY = 1_024;

/** Memory in which small pieces of data are kept one after another: one allocation for many of them. */
export class Slab {
  /** The memory that the last piece was put into. */
  bytes: Uint8Array<ArrayBuffer> = EMPTY;
  #size = 0;
  #used = 0;

  /** Copies `source[start, end)`; returns where it begins in {@linkcode bytes}. */
  keep(source: Uint8Array, start: number, end: number): number {
    const bytes = end - start;
    const whole = lengthOf(source);
    if (whole <= WHOLE_COPY && whole <= this.#size - this.#used) {
      // The rest is written over by what is kept next. To make a view of a part would take longer.
      setBytes(this.bytes, source, this.#used);
      const at = this.#used + start;
      this.#used += end;
      return at;
    }
    if (bytes > this.#size - this.#used) {
      this.#size = max(SLAB_BYTES, bytes);
      this.bytes = new Bytes(this.#size);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += bytes;
    copyBytes(this.bytes, at, source, start, end);
    return at;
  }
}

/** As many buffers of the smallest size as fit this are parts of one. */
const SMALL_SLAB_BYTES = 16_384;
const NO_SLAB = new Memory(0);
const DEFAULT_POOL_BYTES = 16_777_216;
/** Buffers of this size are not left to the garbage collector: it comes when much more has gathered. */
const LARGE_BUFFER = 65_536;

/** Buffers by powers of two from 512 bytes to 1 MiB. */
export class BufferPool {
  readonly #free: Uint8Array[][] = Array.from({ length: MAX_BITS + 1 }, () => []);
  /** How many of each size were not needed since the last look. */
  readonly #spare: number[] = Array.from({ length: MAX_BITS + 1 }, () => 0);
  readonly #maxBytes: number;
  #bytes = 0;
  /** Where buffers of the smallest size are taken from. */
  #slab = NO_SLAB;
  #slabUsed = SMALL_SLAB_BYTES;

  /** Makes a pool that keeps at most `maxBytes` of unused buffers. */
  constructor(maxBytes: number = DEFAULT_POOL_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** A buffer of at least `bytes`, with whatever contents. */
  take(bytes: number): Uint8Array {
    const bits = bytes <= 1 << MIN_BITS ? MIN_BITS : 32 - clz32(bytes - 1);
    const buffers = this.#free[bits];
    const buffer = buffers?.pop();
    if (buffer === undefined) {
      return bits === MIN_BITS ? this.#smallest() : new Bytes(bits > MAX_BITS ? bytes : 1 << bits);
    }
    this.#bytes -= buffer.length;
    if (buffers.length < this.#spare[bits]) this.#spare[bits] = buffers.length;
    return buffer;
  }

  /** Takes back a buffer that is no longer used. */
  give(buffer: Uint8Array): void {
    const bits = 31 - clz32(buffer.length);
    const kept = bits >= MIN_BITS && bits <= MAX_BITS && buffer.length === 1 << bits &&
      this.#bytes + buffer.length <= this.#maxBytes;
    if (!kept) {
      BufferPool.#discard(buffer);
      return;
    }
    this.#bytes += buffer.length;
    this.#free[bits].push(buffer);
  }

  /** Frees half of the buffers that were not needed since the last call. */
  trim(): void {
    for (let bits = MIN_BITS; bits <= MAX_BITS; bits++) {
      for (let spare = this.#spare[bits]; spare > 0; spare -= 2) this.#freeOne(bits);
      this.#spare[bits] = this.#free[bits].length;
    }
  }

  /** Frees buffers, the largest first, until they take no more than `maxBytes`. */
  trimTo(maxBytes: number): void {
    for (let bits = MAX_BITS; this.#bytes > maxBytes; bits--) {
      while (this.#bytes > maxBytes && this.#free[bits].length > 0) this.#freeOne(bits);
      this.#spare[bits] = this.#free[bits].length;
    }
  }

  /** A new buffer of the smallest size. Idle connections have one each, and an `ArrayBuffer` of its own takes as much again. */
  #smallest(): Uint8Array {
    if (this.#slabUsed === SMALL_SLAB_BYTES) {
      this.#slab = new Memory(SMALL_SLAB_BYTES);
      this.#slabUsed = 0;
    }
    const at = this.#slabUsed;
    this.#slabUsed += 1 << MIN_BITS;
    return new Bytes(this.#slab, at, 1 << MIN_BITS);
  }

  #freeOne(bits: number): void {
    const buffer = this.#free[bits].pop()!;
    this.#bytes -= buffer.length;
    BufferPool.#discard(buffer);
  }

  static #discard({ buffer }: Uint8Array): void {
    if (buffer.byteLength >= LARGE_BUFFER) transfer(buffer as ArrayBuffer, 0);
  }
}

/** Bytes to send, in a buffer that grows. */
export class OutputBuffer {
  /** The buffer; its first {@linkcode length} bytes are in use. */
  bytes: Uint8Array = EMPTY;
  /** Bytes in use. */
  length = 0;
  /** What it begins with, in bytes. */
  minBytes: number = MIN_OUTPUT_BYTES;
  /** Room to add after a large chunk for further ones, in bytes. */
  roomBytes: number = LARGE_ROOM;

  readonly #pool: BufferPool;

  /** Makes an empty buffer that takes its memory from `pool`. */
  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** Makes room for `bytes` more. */
  reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.bytes.length) return;
    // Beyond what the pool keeps, many small appends would else copy everything each time.
    const larger = this.#pool.take(max(needed, this.bytes.length * 2, this.minBytes));
    if (this.length > 0) larger.set(this.bytes.subarray(0, this.length));
    this.#pool.give(this.bytes);
    this.bytes = larger;
  }

  /** Hands the buffer over to the caller, who gives it back to the pool, and starts an empty one. */
  takeBytes(): Uint8Array {
    const taken = this.bytes;
    this.bytes = EMPTY;
    this.length = 0;
    return taken;
  }

  /** Takes the first `length` bytes of a buffer of the pool's over, without copying if nothing is there yet. */
  adopt(buffer: Uint8Array, length: number): void {
    if (this.length > 0) {
      this.append(buffer.subarray(0, length));
      this.#pool.give(buffer);
      return;
    }
    this.#pool.give(this.bytes);
    this.bytes = buffer;
    this.length = length;
  }

  /** Makes room for a chunk of `bytes`, and for more of them if it is large. */
  reserveChunk(bytes: number): void {
    // Where there is much, more is to follow: growing step by step would copy it again and again.
    this.reserve(bytes < LARGE_CHUNK ? bytes : bytes + this.roomBytes);
  }

  /** Appends bytes. */
  append(chunk: Uint8Array): void {
    const { length } = chunk;
    this.reserveChunk(length);
    if (length >= LARGE_CHUNK && chunk.buffer instanceof SharedArrayBuffer) {
      copyShared(this.bytes, this.length, chunk, 0, length, "source");
    } else {
      this.bytes.set(chunk, this.length);
    }
    this.length += length;
  }

  /** Appends text whose code units are bytes. */
  appendLatin1(text: string): void {
    this.reserve(text.length);
    const { bytes } = this;
    let at = this.length;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.length = at;
  }
}
