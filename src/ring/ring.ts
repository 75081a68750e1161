/**
 * A queue of frames in shared memory, from one thread that writes to one that reads.
 *
 * The buffer begins with control words, each on a cache line of its own; frames follow. Positions
 * count 8-byte units and wrap at 2^32. A frame is a 16-byte header and its payload, is never split,
 * and begins at a multiple of 8; where the next one does not fit before the end, a `WRAP` mark sends
 * the reader to the beginning.
 *
 * The reader says in a control word that it sleeps before it does; a writer that finds it so rings
 * its doorbell. A writer without room keeps its frames, says that it is blocked, and is rung in turn.
 *
 * Neither side trusts the other: positions, sizes and kinds are checked before they are used.
 *
 * @module
 */

import { copyBytes } from "../buffers.ts";

/** Where the writer is; written by the writer. */
const TAIL = 0;
/** Where the reader is; written by the reader. */
const HEAD = 16;
/** How many frames the reader has begun to read, modulo 2^32; written by the reader. */
const PROGRESS = 17;
/** 1 while the reader sleeps. */
const ASLEEP = 32;
/** 1 while the writer waits for room. */
const BLOCKED = 48;
const CONTROL_BYTES = 256;

const UNIT_BITS = 3;
const HEADER_BYTES = 16;
/** Frame kind that marks the unused end of the buffer. */
const WRAP = 0;
/** The reader makes room known after it has read this many bytes. */
const RELEASE_BYTES = 65_536;

/** The other side of a ring broke its rules. */
export class RingError extends Error {
  override name = "RingError";
}

/** Shared memory for a ring of `capacity` bytes, a power of two. */
export function allocateRing(capacity: number): SharedArrayBuffer {
  if (capacity < 1024 || (capacity & (capacity - 1)) !== 0) {
    throw new RangeError(`a ring's capacity must be a power of two from 1024 on, not ${capacity}`);
  }
  const buffer = new SharedArrayBuffer(CONTROL_BYTES + capacity);
  // Nobody has begun to read yet.
  new Int32Array(buffer)[ASLEEP] = 1;
  return buffer;
}

/** The writing end. */
export class RingWriter {
  /** The bytes that the payload of the reserved frame goes into. */
  bytes: Uint8Array;
  /** The same memory as 32-bit words. */
  words: Uint32Array;
  /** Where the payload begins in {@linkcode bytes}: a multiple of 8. */
  at = 0;

  readonly #control: Int32Array;
  readonly #ringBytes: Uint8Array;
  readonly #ringWords: Uint32Array;
  readonly #capacity: number;
  readonly #doorbell: () => void;
  #tail = 0;
  /** The tail as the reader knows it. */
  #published = 0;
  #head = 0;
  /** Frames for which there was no room, oldest first. */
  #overflow: Uint8Array[] = [];
  #overflowBytes = 0;
  #readerIsAstray = false;

  /** Makes the writer of `buffer`, which {@linkcode allocateRing} made. `doorbell` wakes the reader. */
  constructor(buffer: SharedArrayBuffer, doorbell: () => void) {
    this.#control = new Int32Array(buffer, 0, CONTROL_BYTES / 4);
    this.#ringBytes = this.bytes = new Uint8Array(buffer, CONTROL_BYTES);
    this.#ringWords = this.words = new Uint32Array(buffer, CONTROL_BYTES);
    this.#capacity = this.#ringBytes.length;
    this.#doorbell = doorbell;
  }

  /** Largest payload of one frame, in bytes. */
  get maxPayloadBytes(): number {
    return this.#capacity / 2 - HEADER_BYTES;
  }

  /** A number that changes whenever the reader goes on to another frame. */
  get readerProgress(): number {
    return this.#control[PROGRESS];
  }

  /** Bytes of frames that wait for room in the ring. */
  get overflowBytes(): number {
    return this.#overflowBytes;
  }

  /**
   * Begins a frame: the caller fills in `payloadBytes` at {@linkcode at} of {@linkcode bytes} before
   * it calls anything else here. There always is room, if need be outside the ring.
   */
  reserve(kind: number, flags: number, id: number, value: number, payloadBytes: number): void {
    if (payloadBytes > this.maxPayloadBytes) {
      throw new RangeError(`a frame of ${payloadBytes} bytes does not fit a ring`);
    }
    const frameBytes = HEADER_BYTES + ((payloadBytes + 7) & ~7);
    if (this.#overflow.length > 0 || !this.#reserveInRing(frameBytes)) {
      const frame = new Uint8Array(frameBytes);
      this.#overflow.push(frame);
      this.#overflowBytes += frameBytes;
      this.bytes = frame;
      this.words = new Uint32Array(frame.buffer);
      this.at = HEADER_BYTES;
    }
    const header = (this.at - HEADER_BYTES) >>> 2;
    this.words[header] = kind | (flags << 8);
    this.words[header + 1] = id;
    this.words[header + 2] = payloadBytes;
    this.words[header + 3] = value;
  }

  /** Writes a whole frame with the bytes `payload[start, end)`. */
  write(
    kind: number,
    flags: number,
    id: number,
    value: number,
    payload: Uint8Array,
    start = 0,
    end: number = payload.length,
  ): void {
    this.reserve(kind, flags, id, value, end - start);
    copyBytes(this.bytes, this.at, payload, start, end);
  }

  /**
   * Lets the reader see what was written, and wakes it if it sleeps.
   *
   * @throws {RingError} if the reader broke the rules, as far as it was noticed
   */
  publish(): void {
    if (this.#readerIsAstray) throw new RingError("the reader of a ring is where it cannot be");
    if (this.#overflow.length > 0) this.#moveOverflow();
    // A reader that is woken publishes too: woken for nothing, both would wake each other for ever.
    if (this.#tail === this.#published) return;
    this.#published = this.#tail;
    const control = this.#control;
    Atomics.store(control, TAIL, this.#tail);
    if (Atomics.load(control, ASLEEP) === 1 && Atomics.exchange(control, ASLEEP, 0) === 1) {
      this.#doorbell();
    }
  }

  #reserveInRing(frameBytes: number): boolean {
    const capacity = this.#capacity;
    const position = (this.#tail << UNIT_BITS) & (capacity - 1);
    const untilEnd = capacity - position;
    const needed = frameBytes <= untilEnd ? frameBytes : untilEnd + frameBytes;
    if (needed > capacity - this.#used() && needed > capacity - this.#usedNow()) return false;
    this.bytes = this.#ringBytes;
    this.words = this.#ringWords;
    if (frameBytes <= untilEnd) {
      this.at = position + HEADER_BYTES;
    } else {
      this.#ringWords[position >>> 2] = WRAP;
      this.at = HEADER_BYTES;
    }
    this.#tail = (this.#tail + (needed >>> UNIT_BITS)) | 0;
    return true;
  }

  #used(): number {
    return ((this.#tail - this.#head) >>> 0) * (1 << UNIT_BITS);
  }

  #usedNow(): number {
    this.#head = Atomics.load(this.#control, HEAD);
    const used = this.#used();
    if (used <= this.#capacity) return used;
    // Whoever writes has no part in it: that is told when all is published.
    this.#readerIsAstray = true;
    return this.#capacity;
  }

  /** Moves frames that waited into the ring; asks to be rung if some have to wait on. */
  #moveOverflow(): void {
    let moved = 0;
    for (let attempt = 0; attempt < 2; attempt++) {
      while (moved < this.#overflow.length && this.#reserveInRing(this.#overflow[moved].length)) {
        const frame = this.#overflow[moved++];
        this.#ringBytes.set(frame, this.at - HEADER_BYTES);
        this.#overflowBytes -= frame.length;
      }
      if (moved === this.#overflow.length) break;
      // The reader may make room before it sees this: so there is a second attempt.
      Atomics.store(this.#control, BLOCKED, 1);
    }
    this.#overflow = this.#overflow.slice(moved);
  }
}

/** The reading end. */
export class RingReader {
  /** The bytes that the payload of the current frame lies in; they may change under a hostile writer. */
  readonly bytes: Uint8Array;
  /** The same memory as 32-bit words. */
  readonly words: Uint32Array;
  /** Kind of the current frame. */
  kind = 0;
  /** Flags of the current frame. */
  flags = 0;
  /** Exchange that the current frame belongs to. */
  id = 0;
  /** Value in the current frame's header. */
  value = 0;
  /** Where the current frame's payload begins: a multiple of 8. */
  at = 0;
  /** Bytes of the current frame's payload. */
  length = 0;

  readonly #control: Int32Array;
  readonly #capacity: number;
  readonly #doorbell: () => void;
  #head = 0;
  #frames = 0;
  #reading = false;

  /** Makes the reader of `buffer`. `doorbell` wakes a writer that waits for room. */
  constructor(buffer: SharedArrayBuffer, doorbell: () => void) {
    this.#control = new Int32Array(buffer, 0, CONTROL_BYTES / 4);
    this.bytes = new Uint8Array(buffer, CONTROL_BYTES);
    this.words = new Uint32Array(buffer, CONTROL_BYTES);
    this.#capacity = this.bytes.length;
    this.#doorbell = doorbell;
  }

  /**
   * Calls `onFrame` for each frame that is there, and then sleeps: the writer will ring. Returns
   * `true` then, or if it is called by `onFrame`.
   *
   * After `maxBytes` it stops, awake, and returns `false`: the writer will not ring, so it has to be
   * called again.
   *
   * @throws {RingError} if the writer broke the rules
   */
  drain(onFrame: (reader: RingReader) => void, maxBytes = Infinity): boolean {
    if (this.#reading) return true;
    this.#reading = true;
    try {
      const control = this.#control;
      let left = maxBytes;
      do {
        Atomics.store(control, ASLEEP, 0);
        left -= this.#readAvailable(onFrame, left);
        if (left <= 0) return false;
        Atomics.store(control, ASLEEP, 1);
      } while (Atomics.load(control, TAIL) !== this.#head);
      return true;
    } finally {
      this.#reading = false;
    }
  }

  /** Reads what is there, up to about `maxBytes`; how many bytes it was. */
  #readAvailable(onFrame: (reader: RingReader) => void, maxBytes: number): number {
    const control = this.#control;
    const mask = this.#capacity - 1;
    let unreleased = 0;
    let read = 0;
    while (read < maxBytes) {
      const tail = Atomics.load(control, TAIL);
      let available = ((tail - this.#head) >>> 0) * (1 << UNIT_BITS);
      if (available === 0) break;
      if (available > this.#capacity) {
        throw new RingError("the writer of a ring is where it cannot be");
      }
      read += available;
      while (available > 0) {
        const bytes = this.#readFrame((this.#head << UNIT_BITS) & mask, available);
        control[PROGRESS] = this.#frames = (this.#frames + 1) | 0;
        if (this.kind !== WRAP) onFrame(this);
        this.#head = (this.#head + (bytes >>> UNIT_BITS)) | 0;
        available -= bytes;
        unreleased += bytes;
        if (unreleased >= RELEASE_BYTES) {
          this.#release();
          unreleased = 0;
        }
      }
    }
    this.#release();
    return read;
  }

  /** Reads the header at `position`; how many bytes the frame takes in all. */
  #readFrame(position: number, available: number): number {
    const words = this.words;
    const header = position >>> 2;
    const kindAndFlags = words[header];
    this.kind = kindAndFlags & 0xff;
    const untilEnd = this.#capacity - position;
    if (this.kind === WRAP) {
      if (untilEnd > available) throw new RingError("a ring's wrap mark lies beyond its end");
      return untilEnd;
    }
    this.flags = kindAndFlags >>> 8;
    this.id = words[header + 1];
    this.length = words[header + 2];
    this.value = words[header + 3];
    this.at = position + HEADER_BYTES;
    const frameBytes = HEADER_BYTES + Math.ceil(this.length / 8) * 8;
    if (frameBytes > available || frameBytes > untilEnd) {
      throw new RingError(`a frame of ${this.length} bytes lies beyond its ring's end`);
    }
    return frameBytes;
  }

  #release(): void {
    const control = this.#control;
    Atomics.store(control, HEAD, this.#head);
    if (Atomics.load(control, BLOCKED) === 1 && Atomics.exchange(control, BLOCKED, 0) === 1) {
      this.#doorbell();
    }
  }
}
