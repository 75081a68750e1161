/**
 * Messages that are sent compressed (RFC 7692 7.2.1): what is to be said goes in, frames come out, and are taken
 * when there is room for them.
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";
import { concatenated } from "../base/bytes.ts";
import { Queue } from "../base/queue.ts";
import { COMPRESSED, CONTINUATION, FIN } from "./codec/protocol.ts";
import type { EngineUser } from "./zlib_engine.ts";
import { ZlibEngine } from "./zlib_engine.ts";

/** Bytes at the end of each message that are left out: `00 00 ff ff`. */
const TRAILER_BYTES = 4;
/** A message without bytes: a block of the format without data (RFC 7692 7.2.3.6). */
const EMPTY_BLOCK = new Uint8Array([0x00]);
/** Bytes that wait to be taken, beyond which no more are made. */
const MAX_WAITING_BYTES = 65_536;
const NO_MESSAGE = -1;

/** How we compress. */
export interface DeflaterTerms {
  /** How far we refer back: 2 to this power, in bytes. 9 to 15. */
  readonly windowBits: number;
  /** Whether we forget what was said in earlier messages: the engine is shared then. */
  readonly noContextTakeover: boolean;
}

/** A frame that is to be sent. */
export interface OutgoingFrame {
  /** Opcode with the bits `FIN` and `COMPRESSED`. */
  readonly firstByte: number;
  /** Payload. */
  readonly payload: Uint8Array;
}

/** Parts of one message that wait are put together up to this size: each costs a call of zlib's. */
const MAX_GATHERED_BYTES = 16_384;

/** Part of a message that was not compressed yet. */
class Part {
  readonly opcode: number;
  isLast: boolean;
  #bytes: Uint8Array;
  #length: number;

  constructor(opcode: number, bytes: Uint8Array, isLast: boolean) {
    this.opcode = opcode;
    this.isLast = isLast;
    this.#bytes = bytes;
    this.#length = bytes.length;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Takes in what comes after it in its message, if there is little of both. Whether it has. */
  gather(part: Uint8Array, isLast: boolean): boolean {
    const length = this.#length + part.length;
    if (this.isLast || length > MAX_GATHERED_BYTES) return false;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.min(MAX_GATHERED_BYTES, length * 2));
      larger.set(this.bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(part, this.#length);
    this.#length = length;
    this.isLast = isLast;
    return true;
  }
}

/** Deflates one message after another. Small ones pass as they are, in their turn. */
export class MessageDeflater implements EngineUser {
  /** Whether it has failed: nothing more will come. */
  isBroken = false;

  readonly #terms: DeflaterTerms;
  readonly #smallBytes: number;
  readonly #onReady: () => void;
  #engine: ZlibEngine | null = null;
  readonly #parts = new Queue<Part>();
  /** The last of them. */
  #newest: Part | null = null;
  /** The part that is being deflated. */
  #part: Part | null = null;
  #isPaused = false;
  #isClosed = false;
  #willTell = false;
  readonly #frames = new Queue<OutgoingFrame>();
  #waitingBytes = 0;
  /** What has come out, and may be the end of the message. */
  #held: Uint8Array = EMPTY;
  /** First byte of the message's next frame; {@linkcode NO_MESSAGE} between messages. */
  #firstByte = NO_MESSAGE;
  /** Whether the last part that was pushed leaves its message incomplete. */
  #isWithinMessage = false;
  #doneBytes = 0;

  /**
   * Makes a deflater. `onReady` is called when there is something to be taken, or nothing more to come: never while
   * {@linkcode push} or {@linkcode take} is. Whole messages of less than `smallBytes` are not compressed.
   */
  constructor(terms: DeflaterTerms, smallBytes: number, onReady: () => void) {
    this.#terms = terms;
    this.#onReady = onReady;
    this.#smallBytes = smallBytes;
  }

  /** Whether there is more to come, or to be taken, of what was pushed. */
  get isBusy(): boolean {
    return this.#part !== null || this.#parts.length > 0 || this.#frames.length > 0;
  }

  /**
   * Takes a copy of part of a message of the type `opcode`, which ends with it if `isLast`. Parts wait for
   * those before them: how many is up to the window that their sender has.
   */
  push(opcode: number, part: Uint8Array, isLast: boolean): void {
    if (this.#isClosed) return;
    const isSmall = isLast && !this.#isWithinMessage && part.length < this.#smallBytes;
    this.#isWithinMessage = !isLast;
    if (this.#newest?.gather(part, isLast)) return;
    const bytes = new Uint8Array(part);
    if (isSmall && this.#part === null && this.#parts.length === 0) {
      this.#emitWhole(opcode, bytes);
      this.#tell();
    } else {
      this.#newest = new Part(opcode, bytes, isLast);
      this.#parts.push(this.#newest);
      this.#deflateNext();
    }
  }

  /** The next frame; `null` if there is none, or none yet. */
  take(): OutgoingFrame | null {
    const frame = this.#frames.shift();
    if (frame === undefined) return null;
    this.#waitingBytes -= frame.payload.length;
    if (this.#isPaused && this.#waitingBytes < MAX_WAITING_BYTES) {
      this.#isPaused = false;
      this.#engine?.resume();
      this.#deflateNext();
    }
    return frame;
  }

  /** Bytes of parts that are in frames by now, and were not counted by an earlier call. */
  takeDoneBytes(): number {
    const bytes = this.#doneBytes;
    this.#doneBytes = 0;
    return bytes;
  }

  /** Stops: nothing is told any more. */
  close(): void {
    this.#isClosed = true;
    this.#engine?.close();
    this.#engine = this.#part = this.#newest = null;
    this.#parts.clear();
    this.#frames.clear();
    this.#held = EMPTY;
  }

  onOutput(piece: Uint8Array): void {
    this.#sendHeld();
    this.#held = this.#held.length === 0 ? piece : concatenated([this.#held, piece]);
    if (this.#waitingBytes < MAX_WAITING_BYTES) return;
    this.#isPaused = true;
    this.#engine!.pause();
    this.#tell();
  }

  onWritten(): void {
    const { isLast, bytes } = this.#part!;
    this.#part = null;
    this.#doneBytes += bytes.length;
    if (isLast) this.#endMessage();
    else this.#sendHeld();
    this.#tell();
    this.#deflateNext();
  }

  /** Is not to happen: there is nothing that cannot be compressed, but memory may have run out. */
  onFault(): void {
    this.close();
    this.isBroken = true;
    queueMicrotask(this.#onReady);
  }

  #deflateNext(): void {
    while (this.#part === null && this.#waitingBytes < MAX_WAITING_BYTES) {
      const part = this.#parts.shift();
      if (part === undefined) return;
      if (part === this.#newest) this.#newest = null;
      const { opcode, bytes, isLast } = part;
      if (this.#firstByte === NO_MESSAGE && isLast && bytes.length < this.#smallBytes) {
        this.#emitWhole(opcode, bytes);
        continue;
      }
      if (this.#firstByte === NO_MESSAGE) this.#firstByte = COMPRESSED | opcode;
      if (this.#engine === null) {
        this.#engine = ZlibEngine.take("deflate", this.#terms.windowBits);
        this.#engine.user = this;
      }
      this.#part = part;
      this.#engine.write(bytes);
    }
    // Goes on when some of it was taken.
    if (this.#parts.length > 0 && this.#part === null) this.#isPaused = true;
  }

  /** Sends what cannot be the end of the message. */
  #sendHeld(): void {
    const end = this.#held.length - TRAILER_BYTES;
    if (end <= 0) return;
    this.#emit(this.#firstByte, this.#held.subarray(0, end));
    this.#firstByte = CONTINUATION;
    this.#held = this.#held.subarray(end);
  }

  #endMessage(): void {
    const end = this.#held.length - TRAILER_BYTES;
    const isFirst = this.#firstByte !== CONTINUATION;
    const payload = end > 0 ? this.#held.subarray(0, end) : isFirst ? EMPTY_BLOCK : EMPTY;
    this.#emit(FIN | this.#firstByte, payload);
    this.#firstByte = NO_MESSAGE;
    this.#held = EMPTY;
    if (!this.#terms.noContextTakeover) return;
    this.#engine!.give();
    this.#engine = null;
  }

  #emitWhole(opcode: number, message: Uint8Array): void {
    this.#emit(FIN | opcode, message);
    this.#doneBytes += message.length;
  }

  #emit(firstByte: number, payload: Uint8Array): void {
    this.#frames.push({ firstByte, payload });
    this.#waitingBytes += payload.length;
  }

  /** Calls `onReady` soon: it may be that a call of ours is under way. */
  #tell(): void {
    if (this.#willTell) return;
    this.#willTell = true;
    queueMicrotask(() => {
      this.#willTell = false;
      if (!this.#isClosed) this.#onReady();
    });
  }
}
