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

import { copyBytes } from "../base/buffers.ts";
import { lengthOf, setBytes, viewOf } from "../base/captured.ts";

const { load, store, exchange } = Atomics;
const { ArrayBuffer, Int32Array, RangeError, SharedArrayBuffer, Uint32Array, Uint8Array } =
  globalThis;
const { max } = Math;

/** Where the writer is; written by the writer. */
const TAIL = 0;
/** Where the reader is; written by the reader. */
const HEAD = 16;
/** Where the frame ends that the reader has begun last; written by the reader. */
const PROGRESS = 17;
/** 1 while the reader sleeps. */
const ASLEEP = 32;
/** 1 while the writer waits for room, or for the reader to go on. */
const BLOCKED = 48;
const CONTROL_BYTES = 256;

const UNIT_BITS = 3;
const HEADER_BYTES = 16;
/** Frame kind that marks the unused end of the buffer. */
const WRAP = 0;
/** The reader makes room known after it has read this many bytes. */
const RELEASE_BYTES = 65_536;
/**
 * Beyond this place, an empty ring starts again at its beginning: what was used last is in the
 * caches, and what is used seldom need not be in memory.
 */
const RESTART_BYTES = 262_144;
/** What each frame counts for at the least, in bytes: the small ones make work, too. */
const MIN_FRAME_CHARGE = 64;
/** Size of the blocks that frames wait in, in bytes. */
const BLOCK_BYTES = 65_536;

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

/** Memory for frames that wait outside a ring, one after another as they are in it. */
class Block {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly capacity: number;
  /** Where the oldest frame begins. */
  start = 0;
  /** Where the youngest one ends. */
  end = 0;
  /** The block after it. */
  next: Block | null = null;

  constructor(capacity: number) {
    const buffer = new ArrayBuffer(capacity);
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.capacity = capacity;
  }
}

/** The writing end. */
export class RingWriter {
  /** The bytes that the payload of the reserved frame goes into. */
  bytes: Uint8Array;
  /** The same memory as 32-bit words. */
  words: Uint32Array;
  /** Where the payload begins in {@linkcode bytes}: a multiple of 8, unless it goes on. */
  at = 0;
  /** Largest payload of one frame, in bytes. */
  readonly maxPayloadBytes: number;

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
  #firstBlock: Block | null = null;
  #lastBlock: Block | null = null;
  #overflowBytes = 0;
  #readerIsAstray = false;

  /** Kind of the last frame, if its payload can go on; `WRAP` if not. */
  #openKind = WRAP;
  #openId = 0;
  /** Where the open frame begins, in bytes. */
  #openAt = 0;
  #openLength = 0;
  /** The block that the open frame is in; `null` for the ring. */
  #openBlock: Block | null = null;

  /** Makes the writer of `buffer`, which {@linkcode allocateRing} made. `doorbell` wakes the reader. */
  constructor(buffer: SharedArrayBuffer, doorbell: () => void) {
    this.#control = new Int32Array(buffer, 0, CONTROL_BYTES / 4);
    this.#ringBytes = this.bytes = new Uint8Array(buffer, CONTROL_BYTES);
    this.#ringWords = this.words = new Uint32Array(buffer, CONTROL_BYTES);
    this.#capacity = lengthOf(this.#ringBytes);
    this.maxPayloadBytes = this.#capacity / 2 - HEADER_BYTES;
    this.#doorbell = doorbell;
  }

  /** A number that changes whenever the reader goes on to another frame. */
  get readerProgress(): number {
    return this.#control[PROGRESS];
  }

  /** Where the frames end that are in the ring. */
  get position(): number {
    return this.#tail;
  }

  /** Whether the reader is done with all that was written. */
  get isRead(): boolean {
    return this.#firstBlock === null && load(this.#control, HEAD) === this.#tail;
  }

  /** Whether the reader is done with what was written before the ring's `position`. */
  hasPassed(position: number): boolean {
    const control = this.#control;
    return ((control[PROGRESS] - position) | 0) > 0 ||
      ((load(control, HEAD) - position) | 0) >= 0;
  }

  /** Has the reader ring when it goes on, as it does for room; `false` if there is nothing for it to read. */
  awaitReader(): boolean {
    store(this.#control, BLOCKED, 1);
    // It may have gone on before it saw this.
    return !this.isRead;
  }

  /** Whether there is room in the ring for a frame with so many bytes, whatever comes before it. */
  hasRoomFor(payloadBytes: number): boolean {
    // The rest before the end may have to be skipped.
    return this.#firstBlock === null && this.#hasRoom(2 * frameBytesOf(payloadBytes));
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
    this.#openKind = WRAP;
    const frameBytes = frameBytesOf(payloadBytes);
    if (this.#firstBlock !== null || !this.#reserveInRing(frameBytes)) {
      this.#reserveInBlock(frameBytes);
    }
    const header = (this.at - HEADER_BYTES) >>> 2;
    this.words[header] = kind | (flags << 8);
    this.words[header + 1] = id;
    this.words[header + 2] = payloadBytes;
    this.words[header + 3] = value;
  }

  /** Begins a frame as {@linkcode reserve} does, whose payload may go on later ({@linkcode extend}). */
  reserveOpen(kind: number, id: number, payloadBytes: number): void {
    this.reserve(kind, 0, id, 0, payloadBytes);
    this.#openKind = kind;
    this.#openId = id;
    this.#openAt = this.at - HEADER_BYTES;
    this.#openLength = payloadBytes;
    this.#openBlock = this.#lastBlock;
  }

  /**
   * Lets the payload of the last frame go on, if it is an open one of `kind` for `id` that the
   * reader has not seen, would not exceed `maxBytes`, and has room: The caller fills in
   * `payloadBytes` more at {@linkcode at}. Returns `false` if another frame is needed.
   */
  extend(kind: number, id: number, payloadBytes: number, maxBytes: number): boolean {
    if (kind !== this.#openKind || id !== this.#openId) return false;
    const before = this.#openLength;
    const length = before + payloadBytes;
    if (length > maxBytes) return false;
    const frameBytes = frameBytesOf(length);
    const growth = frameBytes - frameBytesOf(before);
    const block = this.#openBlock;
    if (block === null) {
      if (this.#openAt + frameBytes > this.#capacity || !this.#hasRoom(growth)) return false;
      this.#tail = (this.#tail + (growth >>> UNIT_BITS)) | 0;
      this.bytes = this.#ringBytes;
      this.words = this.#ringWords;
    } else {
      if (this.#openAt + frameBytes > block.capacity) return false;
      block.end += growth;
      this.#overflowBytes += growth;
      this.bytes = block.bytes;
      this.words = block.words;
    }
    this.#openLength = this.words[(this.#openAt >>> 2) + 2] = length;
    this.at = this.#openAt + HEADER_BYTES + before;
    return true;
  }

  /** Writes a whole frame with the bytes `payload[start, end)`. */
  write(
    kind: number,
    flags: number,
    id: number,
    value: number,
    payload: Uint8Array,
    start = 0,
    end: number = lengthOf(payload),
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
    if (this.#readerIsAstray) throw new RingError("the reader of a ring is at an impossible place");
    if (this.#firstBlock !== null) this.#moveOverflow();
    // A reader that is woken publishes too: woken for nothing, both would wake each other for ever.
    if (this.#tail === this.#published) return;
    this.#published = this.#tail;
    // The reader has it now.
    if (this.#openBlock === null) this.#openKind = WRAP;
    const control = this.#control;
    store(control, TAIL, this.#tail);
    if (load(control, ASLEEP) === 1 && exchange(control, ASLEEP, 0) === 1) this.#doorbell();
  }

  #reserveInRing(frameBytes: number): boolean {
    const capacity = this.#capacity;
    const position = (this.#tail << UNIT_BITS) & (capacity - 1);
    const untilEnd = capacity - position;
    const isWorn = position >= RESTART_BYTES && frameBytes <= position && this.#usedNow() === 0;
    const fits = frameBytes <= untilEnd && !isWorn;
    const needed = fits ? frameBytes : untilEnd + frameBytes;
    if (!this.#hasRoom(needed)) return false;
    this.bytes = this.#ringBytes;
    this.words = this.#ringWords;
    if (fits) {
      this.at = position + HEADER_BYTES;
    } else {
      this.#ringWords[position >>> 2] = WRAP;
      this.at = HEADER_BYTES;
    }
    this.#tail = (this.#tail + (needed >>> UNIT_BITS)) | 0;
    return true;
  }

  #reserveInBlock(frameBytes: number): void {
    let block = this.#lastBlock;
    if (block === null || block.capacity - block.end < frameBytes) {
      const added = new Block(max(BLOCK_BYTES, frameBytes));
      if (block === null) this.#firstBlock = added;
      else block.next = added;
      block = this.#lastBlock = added;
    }
    this.bytes = block.bytes;
    this.words = block.words;
    this.at = block.end + HEADER_BYTES;
    block.end += frameBytes;
    this.#overflowBytes += frameBytes;
  }

  #hasRoom(bytes: number): boolean {
    const capacity = this.#capacity;
    return bytes <= capacity - this.#used() || bytes <= capacity - this.#usedNow();
  }

  #used(): number {
    return ((this.#tail - this.#head) >>> 0) * (1 << UNIT_BITS);
  }

  #usedNow(): number {
    const before = this.#head;
    this.#head = load(this.#control, HEAD);
    const used = this.#used();
    if (used <= this.#capacity) return used;
    // The writer takes no part in it: it is notified when all is published.
    this.#readerIsAstray = true;
    this.#head = before;
    return this.#capacity;
  }

  /** Moves frames that waited into the ring; asks to be rung if some have to wait on. */
  #moveOverflow(): void {
    for (let attempt = 0; attempt < 2; attempt++) {
      let block = this.#firstBlock;
      while (block !== null && this.#moveFrames(block)) block = this.#firstBlock = block.next;
      if (block === null) {
        this.#lastBlock = this.#openBlock = null;
        this.#openKind = WRAP;
        return;
      }
      // The reader may make room before it sees this: so there is a second attempt.
      store(this.#control, BLOCKED, 1);
    }
  }

  /** Moves the frames of a block, as far as there is room; whether it was all of them. */
  #moveFrames(block: Block): boolean {
    while (block.start < block.end) {
      const { start } = block;
      const frameBytes = frameBytesOf(block.words[(start >>> 2) + 2]);
      if (!this.#reserveInRing(frameBytes)) return false;
      const frame = viewOf(block.bytes, start, start + frameBytes);
      setBytes(this.#ringBytes, frame, this.at - HEADER_BYTES);
      block.start += frameBytes;
      this.#overflowBytes -= frameBytes;
    }
    return true;
  }
}

/** What a frame takes, with its header. */
function frameBytesOf(payloadBytes: number): number {
  return HEADER_BYTES + ((payloadBytes + 7) & ~7);
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
  #reading = false;

  /** What the frame that is being read counts for, besides its bytes. */
  #extraCharge = 0;

  /** Makes the reader of `buffer`. `doorbell` wakes a writer that waits for room. */
  constructor(buffer: SharedArrayBuffer, doorbell: () => void) {
    this.#control = new Int32Array(buffer, 0, CONTROL_BYTES / 4);
    this.bytes = new Uint8Array(buffer, CONTROL_BYTES);
    this.words = new Uint32Array(buffer, CONTROL_BYTES);
    this.#capacity = lengthOf(this.bytes);
    this.#doorbell = doorbell;
  }

  /** The payload of the current frame. */
  get payload(): Uint8Array {
    return viewOf(this.bytes, this.at, this.at + this.length);
  }

  /**
   * Calls `onFrame` for each waiting frame, and then sleeps: the writer will ring. Returns `true`
   * then, or if it is called by `onFrame`.
   *
   * After `maxBytes`, for which each frame counts as {@linkcode MIN_FRAME_CHARGE} at the least, it stops,
   * awake, and returns `false`: the writer will not ring, so it has to be called again.
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
        store(control, ASLEEP, 0);
        // Checking costs something, too: a tail that changes all the time is not a reason to stay.
        left -= this.#readAvailable(onFrame, left) || MIN_FRAME_CHARGE;
        if (left <= 0) return false;
        store(control, ASLEEP, 1);
      } while (load(control, TAIL) !== this.#head);
      return true;
    } finally {
      this.#reading = false;
    }
  }

  /** Has the frame that is being read count for `bytes` more: what it asks for is much work. */
  charge(bytes: number): void {
    this.#extraCharge += bytes;
  }

  /** Reads what has come, up to about `maxBytes`; returns how many bytes that counts for. */
  #readAvailable(onFrame: (reader: RingReader) => void, maxBytes: number): number {
    const control = this.#control;
    const mask = this.#capacity - 1;
    let unreleased = 0;
    let charged = 0;
    while (charged < maxBytes) {
      const tail = load(control, TAIL);
      let available = ((tail - this.#head) >>> 0) * (1 << UNIT_BITS);
      if (available === 0) break;
      if (available > this.#capacity) {
        throw new RingError("the writer of a ring is at an impossible place");
      }
      while (available > 0 && charged < maxBytes) {
        const bytes = this.#readFrame((this.#head << UNIT_BITS) & mask, available);
        const end = control[PROGRESS] = (this.#head + (bytes >>> UNIT_BITS)) | 0;
        if (this.kind !== WRAP) onFrame(this);
        if (this.#extraCharge > 0) {
          charged += this.#extraCharge;
          this.#extraCharge = 0;
        }
        this.#head = end;
        available -= bytes;
        charged += bytes < MIN_FRAME_CHARGE || this.kind === WRAP ? MIN_FRAME_CHARGE : bytes;
        unreleased += bytes;
        // A writer is worth waking if it can write much.
        if (unreleased >= RELEASE_BYTES && available <= this.#capacity / 2) {
          this.#release();
          unreleased = 0;
        }
      }
    }
    this.#release();
    return charged;
  }

  /**
   * Reads the header at `position`; how many bytes the frame takes in all. Each word is looked at once:
   * what counts is what was read then, whatever becomes of the memory.
   */
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
    if (untilEnd < HEADER_BYTES) {
      throw new RingError("the header of a frame lies beyond its ring's end");
    }
    const length = words[header + 2];
    const room = available < untilEnd ? available : untilEnd;
    // The room is a multiple of 8, too: what fits it does so with its padding.
    if (length > room - HEADER_BYTES) {
      throw new RingError(`a frame of ${length} bytes lies beyond its ring's end`);
    }
    this.flags = kindAndFlags >>> 8;
    this.id = words[header + 1];
    this.length = length;
    this.value = words[header + 3];
    this.at = position + HEADER_BYTES;
    return frameBytesOf(length);
  }

  #release(): void {
    const control = this.#control;
    store(control, HEAD, this.#head);
    if (load(control, BLOCKED) === 1 && exchange(control, BLOCKED, 0) === 1) this.#doorbell();
  }
}
