/**
 * DEFLATE (RFC 1951) in steps that can be held up, over the platform's zlib.
 *
 * The streams of `node:zlib` are the only form of it that keeps what was said before from one message to the
 * next on all versions of the runtime. They work on this thread, a piece of 16 KiB at a time.
 *
 * @module
 */

import type { createDeflateRaw, createInflateRaw } from "node:zlib";
import { runtimeModule } from "../base/runtime_modules.ts";

/** Which way. */
export type EngineKind = "inflate" | "deflate";

/** Is told what an engine does. */
export interface EngineUser {
  /** A piece has come out, which is the user's. */
  onOutput(piece: Uint8Array): void;
  /**
   * All has come out of what was written. `unused` bytes of its end were not read, since the last block of the
   * format came before: the engine is of no more use then, but for the case that nothing is left to be read.
   */
  onWritten(unused: number): void;
  /** What was written is not in the format. The engine is of no more use. */
  onFault(): void;
}

/** Loaded by the first engine: few gateways need one. */
function zlib(): typeof import("node:zlib") {
  return runtimeModule("node:zlib");
}

const NOBODY: EngineUser = { onOutput() {}, onWritten() {}, onFault() {} };

/** What the streams of both kinds have in common. */
type ZlibStream = ReturnType<typeof createInflateRaw> | ReturnType<typeof createDeflateRaw>;

/** Work before others have their turn on this thread: some milliseconds. */
const MAX_STEPS = 64;
/** Bytes that go in, or come out, in the time of a call with next to none. */
const STEP_BYTES = 4_096;
/** All that was written comes out (zlib's `Z_SYNC_FLUSH`). */
const SYNC_FLUSH = 2;
/** Steps of all engines since then. */
let steps = 0;

/** Engines that are kept for the next user, of each kind and window. */
const MAX_KEPT_ENGINES = 4;
const kept = new Map<string, ZlibEngine[]>();

/** An engine that takes one piece after another. */
export class ZlibEngine {
  /** Whoever is told. */
  user: EngineUser = NOBODY;

  readonly #name: string;
  readonly #stream: ZlibStream;
  /** Whether not all has come out of what was written. */
  #isWriting = false;
  /** Whether the stream has made all of it, though it may hold some. */
  #isFlushed = false;
  #pieceBytes = 0;
  #usedBefore = 0;
  #isSpent = false;
  // Timers, since Deno 2.6 loses what setImmediate() is given in callbacks of these streams.
  #resuming: ReturnType<typeof setTimeout> | undefined;
  #finishing: ReturnType<typeof setTimeout> | undefined;

  /** Makes an engine with a window of 2 to the power `windowBits`, in bytes. */
  private constructor(kind: EngineKind, windowBits: number, name: string) {
    const stream = this.#stream = kind === "inflate"
      ? zlib().createInflateRaw({ windowBits })
      : zlib().createDeflateRaw({ windowBits, memLevel: memoryLevel(windowBits) });
    this.#name = name;
    stream.on("data", (piece: Uint8Array) => {
      steps += 1 + piece.length / STEP_BYTES;
      this.user.onOutput(piece);
      if (this.#isFlushed) this.#onFlushed();
    });
    stream.on("end", () => this.#onEnd());
    stream.on("error", () => {
      this.#spend();
      this.user.onFault();
    });
  }

  /** An engine that remembers nothing. */
  static take(kind: EngineKind, windowBits: number): ZlibEngine {
    const name = `${kind} ${windowBits}`;
    return kept.get(name)?.pop() ?? new ZlibEngine(kind, windowBits, name);
  }

  /** Whether it is of no more use. */
  get isSpent(): boolean {
    return this.#isSpent;
  }

  /** Takes a piece, which must stay as it is until all has come out. Then only may it be given the next. */
  write(piece: Uint8Array): void {
    const stream = this.#stream;
    steps += 1 + piece.length / STEP_BYTES;
    this.#isWriting = true;
    this.#isFlushed = false;
    this.#pieceBytes = piece.length;
    this.#usedBefore = stream.bytesWritten;
    stream.write(piece);
    stream.flush(SYNC_FLUSH, () => this.#onFlushed());
  }

  /** Lets no more come out, but what is under way. */
  pause(): void {
    this.#stream.pause();
  }

  /** Goes on, after what else there is to do on this thread: each piece costs time. */
  resume(): void {
    this.#resuming = setTimeout(() => this.#stream.resume(), 0);
  }

  /** Is left to the next user, without what it remembers. Nothing must be under way. */
  give(): void {
    this.user = NOBODY;
    const engines = kept.get(this.#name) ?? [];
    if (this.#isSpent || this.#isWriting || engines.length === MAX_KEPT_ENGINES) {
      this.close();
      return;
    }
    clearTimeout(this.#resuming);
    this.#stream.reset();
    this.#stream.resume();
    engines.push(this);
    kept.set(this.#name, engines);
  }

  /** Ends it, wherever it is: its user is told nothing more. */
  close(): void {
    this.user = NOBODY;
    this.#spend();
  }

  #spend(): void {
    this.#isSpent = true;
    this.#isWriting = this.#isFlushed = false;
    clearTimeout(this.#resuming);
    clearTimeout(this.#finishing);
    this.#stream.destroy();
  }

  #onFlushed(): void {
    // After a fault, that is told next.
    if (!this.#isWriting || this.#stream.destroyed) return;
    this.#isFlushed = this.#stream.readableLength > 0;
    if (this.#isFlushed) return;
    if (steps >= MAX_STEPS) {
      // The streams' callbacks come before all that the event loop has: one client could keep it for long.
      steps = 0;
      this.#finishing = setTimeout(() => this.#onFlushed(), 0);
      return;
    }
    this.#isWriting = false;
    this.user.onWritten(0);
  }

  #onEnd(): void {
    if (!this.#isWriting) return;
    const used = this.#stream.bytesWritten - this.#usedBefore;
    this.#spend();
    this.user.onWritten(this.#pieceBytes - used);
  }
}

/** How much memory zlib takes to find what was said before: as much as for the window, up to its default, 8. */
function memoryLevel(windowBits: number): number {
  return Math.min(8, windowBits - 7);
}
