/**
 * One of a request's incoming streams: passes on what its reader takes, and puts aside what would
 * hold up other requests on the same connection.
 *
 * @module
 */

import { BODY_WINDOW_BYTES } from "../message/exchange.ts";
import type { DATA, STDIN } from "./codec/records.ts";
import { Spool } from "./spool.ts";

/** The streams that a web server sends after the parameters, by the type of their records. */
export type InputType = typeof STDIN | typeof DATA;

/** Who reads a request's streams. */
export interface InputReader {
  /** Bytes have come: borrowed, never more than granted. */
  onInput(type: InputType, chunk: Uint8Array): void;
  /** A stream is complete. */
  onInputEnd(type: InputType): void;
}

/** A stream with a window: its reader grants what it will take. */
export class InputStream {
  /** Whether its end has come, be it not passed on yet. */
  ended = false;

  readonly #type: InputType;
  readonly #reader: () => InputReader;
  #granted = BODY_WINDOW_BYTES;
  #spool: Spool | null = null;
  #passing = false;
  /** Whether there is no reader yet. */
  #isHeld = false;
  #endPassed = false;

  /** Makes a stream for the current reader. */
  constructor(type: InputType, reader: () => InputReader) {
    this.#type = type;
    this.#reader = reader;
  }

  /** Bytes that {@linkcode push} will take now; if none, its connection waits. */
  get room(): number {
    return this.#spool === null ? this.#granted : this.#spool.room;
  }

  /** Whether its reader waits for bytes that have not come. */
  get isAwaited(): boolean {
    return !this.ended && this.#granted > 0;
  }

  /**
   * From here on, what the reader does not take is put aside until it has caught up: much of it
   * into a file in `tempFolder`. If that fails, `onNoFile` gets the reason, and less is put aside.
   */
  putAside(tempFolder: string, onNoFile: (reason: string) => void): void {
    this.#spool ??= new Spool(tempFolder, onNoFile);
  }

  /** Keeps what comes until {@linkcode release}, as {@linkcode putAside} does. */
  hold(tempFolder: string, onNoFile: (reason: string) => void): void {
    this.#isHeld = true;
    this.putAside(tempFolder, onNoFile);
  }

  /** Passes on what was held. */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#passOn();
  }

  /** Takes bytes that have come, no more than {@linkcode room}. */
  push(chunk: Uint8Array): void {
    if (this.#spool !== null) {
      this.#spool.push(chunk);
      this.#passOn();
      return;
    }
    this.#granted -= chunk.length;
    this.#reader().onInput(this.#type, chunk);
  }

  /** Takes note of the end. */
  end(): void {
    this.ended = true;
    this.#passOn();
  }

  /** The reader will take `bytes` more. */
  grant(bytes: number): void {
    this.#granted += bytes;
    this.#passOn();
  }

  /** Forgets what was put aside. */
  close(): void {
    this.#endPassed = true;
    this.#spool?.[Symbol.dispose]();
    this.#spool = null;
  }

  #passOn(): void {
    // The reader may grant more while it is given something.
    if (this.#passing || this.#isHeld) return;
    this.#passing = true;
    try {
      while (this.#spool !== null && this.#spool.length > 0 && this.#granted > 0) {
        const chunk = this.#spool.shift(this.#granted);
        this.#granted -= chunk.length;
        this.#reader().onInput(this.#type, chunk);
      }
    } finally {
      this.#passing = false;
    }
    if (this.#spool !== null && this.#spool.length === 0) this.#spool = null;
    if (this.ended && this.#spool === null && !this.#endPassed) {
      this.#endPassed = true;
      this.#reader().onInputEnd(this.#type);
    }
  }
}
