/**
 * Messages that come compressed (RFC 7692 7.2.2): what a frame reader hands on goes in, and what was meant
 * comes out, in pieces that are taken when there is room for them.
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";
import { concatenated } from "../base/bytes.ts";
import { Queue } from "../base/queue.ts";
import type { WebSocketProtocolError } from "./codec/faults.ts";
import { malformedDeflate, malformedText, messageTooLarge } from "./codec/faults.ts";
import { TEXT } from "./codec/protocol.ts";
import { Utf8Validator } from "./codec/utf8.ts";
import type { EngineUser } from "./zlib_engine.ts";
import { RecentBytes } from "./recent_bytes.ts";
import { ZlibEngine } from "./zlib_engine.ts";

/** What senders leave out at the end of each message. */
const TRAILER = new Uint8Array([0x00, 0x00, 0xff, 0xff]);
/** Bytes that wait to be taken, beyond which no more are made. */
const MAX_WAITING_BYTES = 65_536;

/** Parts of a message are put together up to this size, in bytes. */
const MIN_INPUT_BYTES = 512;
/** Times that the format may end within a message and begin anew. */
const MAX_FINAL_BLOCKS = 2;
/**
 * Each end of the format costs an engine, which is dear. Hardly anybody ends it, so that those who do have to wait
 * when they have done so a few times.
 */
const FREE_ENGINES = 16;
/** How long. */
const ENGINE_PAUSE_MS = 20;
/** No message is under way. */
const NO_MESSAGE = 0;

/** How the peer compresses. */
export interface InflaterTerms {
  /** How far it refers back: 2 to this power, in bytes. 8 to 15. */
  readonly windowBits: number;
  /** Whether it forgets what it said in earlier messages. */
  readonly noContextTakeover: boolean;
}

/** A piece of a message, as it was before it was compressed. */
export interface InflatedPiece {
  /** The piece. Empty at the end of a message if there is no more to it. */
  readonly bytes: Uint8Array;
  /** Whether the message ends with it. */
  readonly isLast: boolean;
}

/** Inflates one message after another. */
export class MessageInflater implements EngineUser {
  readonly #terms: InflaterTerms;
  readonly #maxMessageBytes: number;
  readonly #onReady: () => void;
  #engine: ZlibEngine | null = null;
  /** Small parts, which wait for others: a call of zlib's takes as long as to inflate a few KiB. */
  #gathered: Uint8Array = EMPTY;
  #gatheredBytes = 0;
  /** What is being inflated; empty if nothing is. */
  #input: Uint8Array = EMPTY;
  #isInflating = false;
  /** Whether the message ends with it. */
  #isLastPart = false;
  #spentEngines = 0;
  /** What was said last: the format may come to its end, and what goes on after it refers to that. */
  readonly #recent: RecentBytes;
  /** Bytes that come out of the engine since it was told them. */
  #repeatedBytes = 0;
  /** Set while it waits for an engine. */
  #pause: ReturnType<typeof setTimeout> | undefined;
  #isPaused = false;
  #isClosed = false;
  #willTell = false;
  #fault: WebSocketProtocolError | null = null;

  // What has come out, and was not taken.
  readonly #waiting = new Queue<Uint8Array>();
  #waitingBytes = 0;
  /** Whether it is the end of the message, once nothing is being inflated. */
  #isEnd = false;

  // The message that is being inflated.
  #opcode: number = NO_MESSAGE;
  /** Whether any of it has come. */
  #isBegun = false;
  #messageBytes = 0;
  #finalBlocks = 0;
  readonly #utf8 = new Utf8Validator();

  /**
   * Makes an inflater for messages of up to `maxMessageBytes`. `onReady` is called when there is something to be
   * taken, or nothing more to come: never while {@linkcode push} or {@linkcode take} is.
   */
  constructor(terms: InflaterTerms, maxMessageBytes: number, onReady: () => void) {
    this.#terms = terms;
    this.#maxMessageBytes = maxMessageBytes;
    this.#onReady = onReady;
    this.#recent = new RecentBytes(2 ** terms.windowBits);
  }

  /** Whether there is more to come, or to be taken, of what was pushed: nothing more may be pushed then. */
  get isBusy(): boolean {
    return this.#isInflating || this.#isEnd || this.#waiting.length > 0 || this.#fault !== null;
  }

  /**
   * Takes a copy of part of a message of the type `opcode`, which ends with it if `isLast`. More may be pushed at
   * once if {@linkcode isBusy} is still false.
   */
  push(opcode: number, part: Uint8Array, isLast: boolean): void {
    if (this.isBusy) throw new Error("a part came before all was taken of the one before it");
    if (this.#isClosed) return;
    if (this.#opcode === NO_MESSAGE) {
      this.#opcode = opcode;
      this.#messageBytes = this.#finalBlocks = 0;
      this.#isBegun = false;
    }
    this.#isLastPart = isLast;
    this.#isBegun ||= part.length > 0;
    if (!this.#isBegun) {
      // No block is so short, but it is clear what is meant.
      if (isLast) this.#endMessage();
      this.#tell();
      return;
    }
    if (!isLast && this.#gatheredBytes + part.length < MIN_INPUT_BYTES) {
      if (this.#gathered.length === 0) this.#gathered = new Uint8Array(MIN_INPUT_BYTES);
      this.#gathered.set(part, this.#gatheredBytes);
      this.#gatheredBytes += part.length;
      return;
    }
    const input = [this.#gathered.subarray(0, this.#gatheredBytes), part];
    if (isLast) input.push(TRAILER);
    this.#gatheredBytes = 0;
    this.#gathered = EMPTY;
    this.#inflate(concatenated(input));
  }

  /**
   * The next piece, of no more than `maxBytes` (more than 0); `null` if there is none, or none yet.
   *
   * @throws {WebSocketProtocolError} if the message is malformed or too large
   */
  take(maxBytes: number): InflatedPiece | null {
    if (this.#fault !== null) throw this.#fault;
    const { first } = this.#waiting;
    if (first === undefined && !this.#isEnd) return null;
    let bytes = first ?? EMPTY;
    if (bytes.length > maxBytes) {
      this.#waiting.replaceFirst(bytes.subarray(maxBytes));
      bytes = bytes.subarray(0, maxBytes);
    } else {
      this.#waiting.shift();
    }
    this.#waitingBytes -= bytes.length;
    if (this.#isPaused && this.#waitingBytes < MAX_WAITING_BYTES) {
      this.#isPaused = false;
      this.#engine?.resume();
    }
    const isLast = this.#isEnd && this.#waiting.length === 0;
    if (isLast) this.#isEnd = false;
    return { bytes, isLast };
  }

  /** Stops: nothing is told any more. */
  close(): void {
    this.#isClosed = true;
    this.#fault = null;
    this.#isInflating = this.#isEnd = false;
    clearTimeout(this.#pause);
    this.#engine?.close();
    this.#engine = null;
    this.#recent.clear();
    this.#waiting.clear();
    this.#input = this.#gathered = EMPTY;
    this.#gatheredBytes = 0;
  }

  onOutput(whole: Uint8Array): void {
    const repeated = Math.min(whole.length, this.#repeatedBytes);
    this.#repeatedBytes -= repeated;
    if (repeated === whole.length) return;
    const piece = whole.subarray(repeated);
    this.#messageBytes += piece.length;
    this.#recent.push(piece);
    if (this.#messageBytes > this.#maxMessageBytes) {
      this.#fail(messageTooLarge(this.#maxMessageBytes));
    } else if (this.#opcode === TEXT && !this.#utf8.push(piece, 0, piece.length)) {
      this.#fail(malformedText("a message"));
    } else {
      this.#waiting.push(piece);
      this.#waitingBytes += piece.length;
      if (this.#waitingBytes < MAX_WAITING_BYTES) return;
      this.#isPaused = true;
      this.#engine!.pause();
      this.#tell();
    }
  }

  onWritten(unused: number): void {
    const rest = this.#input.subarray(this.#input.length - unused);
    if (this.#engine!.isSpent) {
      this.#engine = null;
      this.#spentEngines++;
      // The format has come to its end, and may go on (RFC 7692 7.2.3.4).
      const isDone = this.#isLastPart ? isEmptyBlock(rest) : rest.length === 0;
      if (!isDone) {
        if (++this.#finalBlocks > MAX_FINAL_BLOCKS) this.#fail(malformedDeflate());
        else this.#inflate(rest);
        return;
      }
    }
    this.#isInflating = false;
    this.#input = EMPTY;
    if (this.#isLastPart) this.#endMessage();
    this.#tell();
  }

  onFault(): void {
    this.#fail(malformedDeflate());
  }

  #inflate(input: Uint8Array): void {
    this.#isInflating = true;
    this.#input = input;
    if (this.#engine !== null) {
      this.#engine.write(input);
    } else if (this.#spentEngines <= FREE_ENGINES) {
      this.#takeEngine();
    } else {
      this.#pause = setTimeout(() => this.#takeEngine(), ENGINE_PAUSE_MS);
    }
  }

  #takeEngine(): void {
    const engine = this.#engine = ZlibEngine.take("inflate", this.#terms.windowBits);
    engine.user = this;
    const recent = this.#recent.copy;
    if (recent.length > 0) {
      // A block without compression, which tells the engine what it may be referred to, and comes out again.
      this.#input = concatenated([storedHeader(recent.length), recent, this.#input]);
      this.#repeatedBytes = recent.length;
    }
    engine.write(this.#input);
  }

  #endMessage(): void {
    if (!this.#utf8.isComplete) {
      this.#fail(malformedText("a message"));
      return;
    }
    this.#opcode = NO_MESSAGE;
    this.#isEnd = true;
    if (!this.#terms.noContextTakeover) return;
    this.#recent.clear();
    this.#engine?.give();
    this.#engine = null;
  }

  /** Whether part of a message has come, and not all of it. */
  get isWithinMessage(): boolean {
    return this.#opcode !== NO_MESSAGE;
  }

  #fail(fault: WebSocketProtocolError): void {
    if (this.#isClosed) return;
    this.close();
    this.#fault = fault;
    this.#tell();
  }

  /** Calls `onReady` soon: the engine may be within a call of ours. */
  #tell(): void {
    if (this.#willTell) return;
    this.#willTell = true;
    queueMicrotask(() => {
      this.#willTell = false;
      if (!this.#isClosed || this.#fault !== null) this.#onReady();
    });
  }
}

/** The header of a block of `length` bytes without compression (RFC 1951 3.2.4). */
function storedHeader(length: number): Uint8Array {
  return new Uint8Array([0x00, length, length >>> 8, ~length, ~length >>> 8]);
}

/** Whether the end of a message says nothing more: a block without data may be left of it, or nothing. */
function isEmptyBlock(rest: Uint8Array): boolean {
  return rest.length <= TRAILER.length || (rest.length === TRAILER.length + 1 && rest[0] === 0);
}
