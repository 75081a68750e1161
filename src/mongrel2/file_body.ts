/**
 * Bodies in files that Mongrel2 writes, or has written.
 *
 * @module
 */

import { timerMs } from "../base/timers.ts";
import { BODY_WINDOW_BYTES, UNKNOWN_LENGTH } from "../message/exchange.ts";
import type { BodySource, BodyTaker } from "./body_source.ts";

/** A file that is read from its beginning. */
export interface ReadableFile {
  /** Reads the next bytes into `buffer`: how many, or `null` at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Closes the file. */
  close(): void;
}

/** How a file is read that grows still. */
export interface Growth {
  /** The file's size now, in bytes. */
  size(): Promise<number>;
  /** Whether somebody else was told that the file is complete. It is asked about a body of unknown length. */
  hasEnded(): Promise<boolean>;
  /** Bytes that a body of unknown length may have. */
  readonly maxBytes: number;
  /** Is called when it has more. */
  onTooLarge(): void;
}

const READ_BYTES = 65_536;
/** How long a file that has not grown is left alone, in milliseconds: at first, and at most. */
const MIN_LOOK_MS = 10;
const MAX_LOOK_MS = 160;

/** A body in a file, which is removed already: it is gone when it was read, or the process ends. */
export class FileBody implements BodySource {
  readonly #file: ReadableFile;
  readonly #taker: BodyTaker;
  readonly #growth: Growth | null;
  #granted = BODY_WINDOW_BYTES;
  /** Bytes that are still to be delivered, as far as that is known. */
  #remaining: number;
  #readBytes = 0;
  #isWhole: boolean;
  #isReading = false;
  #isClosed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lookMs = MIN_LOOK_MS;
  #waitingSince: number | null = null;

  /**
   * Makes the source of the first `length` bytes of `file`, which it closes. With `growth`, they may not be there
   * before {@linkcode finish}, and `length` may be unknown until then.
   */
  constructor(file: ReadableFile, length: number, taker: BodyTaker, growth: Growth | null = null) {
    this.#file = file;
    this.#taker = taker;
    this.#growth = growth;
    this.#isWhole = growth === null;
    this.#remaining = length === UNKNOWN_LENGTH ? Infinity : length;
  }

  /** Since when more of the body is waited for, in milliseconds of `performance.now()`; `null` while it is not. */
  get waitingSince(): number | null {
    return this.#waitingSince;
  }

  /** Whether all of a body of known length was delivered. */
  get isDelivered(): boolean {
    return this.#remaining === 0;
  }

  /** Begins to deliver. */
  start(): void {
    this.grant(0);
  }

  /** Takes note that nothing more is written to the file. */
  finish(): void {
    if (this.#isWhole) return;
    this.#isWhole = true;
    this.#wake();
  }

  grant(bytes: number): void {
    this.#granted += bytes;
    if (this.#timer === undefined) this.#wake();
  }

  cancel(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#waitingSince = null;
    if (!this.#isReading) this.#file.close();
  }

  #wake(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#isReading && !this.#isClosed) this.#read();
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    let isHungry = false;
    try {
      if (await this.#hasMore()) isHungry = await this.#deliver();
      else isHungry = true;
    } catch (error) {
      if (!this.#isClosed) this.#fail(`the upload's file cannot be read: ${error}`);
    }
    this.#isReading = false;
    if (this.#remaining === 0) this.#isClosed = true;
    if (this.#isClosed) {
      this.#waitingSince = null;
      this.#file.close();
    } else if (isHungry) {
      this.#wait();
    } else if (this.#granted > 0) {
      // It was granted when this was about to end.
      this.#wake();
    }
  }

  /** Whether it is worth to read: a file that grows is only looked at while it has not. */
  async #hasMore(): Promise<boolean> {
    const growth = this.#growth;
    if (growth === null || this.#waitingSince === null || this.#isWhole) return true;
    if (await growth.size() > this.#readBytes || this.#isWhole) return true;
    if (this.#remaining === Infinity && await growth.hasEnded()) this.#isWhole = true;
    return this.#isWhole;
  }

  /** Delivers what is there, as far as it was granted; whether more is to be written. */
  async #deliver(): Promise<boolean> {
    const buffer = new Uint8Array(READ_BYTES);
    while (!this.#isClosed && this.#granted > 0 && this.#remaining > 0) {
      const wanted = Math.min(buffer.length, this.#granted, this.#remaining);
      // What is written before the word that nothing more is, is read after it.
      const isWhole = this.#isWhole;
      const bytes = await this.#file.read(buffer.subarray(0, wanted));
      if (this.#isClosed) break;
      if (bytes === null) {
        if (isWhole) this.#end();
        else if (!this.#isWhole) return true;
        continue;
      }
      this.#waitingSince = null;
      this.#lookMs = MIN_LOOK_MS;
      this.#granted -= bytes;
      this.#remaining -= bytes;
      this.#readBytes += bytes;
      if (this.#growth !== null && this.#readBytes > this.#growth.maxBytes) {
        this.#isClosed = true;
        this.#growth.onTooLarge();
        break;
      }
      this.#taker.onBody(buffer.subarray(0, bytes));
    }
    return false;
  }

  /** Looks again later. */
  #wait(): void {
    this.#waitingSince ??= performance.now();
    this.#timer = setTimeout(() => this.#wake(), timerMs(this.#lookMs));
    this.#lookMs = Math.min(this.#lookMs * 2, MAX_LOOK_MS);
  }

  #end(): void {
    if (this.#remaining !== Infinity) {
      this.#fail("the upload's file is shorter than it was");
      return;
    }
    this.#isClosed = true;
    this.#taker.onBodyEnd();
  }

  #fail(reason: string): void {
    this.#isClosed = true;
    this.#taker.onBodyFailed(reason);
  }
}
