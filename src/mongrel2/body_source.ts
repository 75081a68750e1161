/**
 * Where the body of a request comes from: its message, or a file that Mongrel2 has written, or
 * further messages.
 *
 * @module
 */

import { EMPTY } from "../base/empty.ts";
import { BODY_WINDOW_BYTES } from "../message/exchange.ts";
import { Queue } from "../base/queue.ts";

/** Who takes a body. */
export interface BodyTaker {
  /** Bytes of the body, never more than granted. */
  onBody(chunk: Uint8Array): void;
  /** The body is complete. */
  onBodyEnd(): void;
  /** The rest of the body is not available. */
  onBodyFailed(reason: string): void;
}

/** A body that is delivered as its taker grants. */
export interface BodySource {
  /** Permits `bytes` more to be delivered. */
  grant(bytes: number): void;
  /** The rest is not wanted. */
  cancel(): void;
}

/** A body that came with its message. */
export class InlineBody implements BodySource {
  readonly #taker: BodyTaker;
  #rest: Uint8Array;
  #granted = BODY_WINDOW_BYTES;

  /** Makes the source of `body`; {@linkcode start} begins to deliver it. */
  constructor(body: Uint8Array, taker: BodyTaker) {
    this.#rest = body;
    this.#taker = taker;
  }

  /** Delivers what was granted. */
  start(): void {
    this.grant(0);
  }

  grant(bytes: number): void {
    this.#granted += bytes;
    while (this.#granted > 0 && this.#rest.length > 0) {
      const chunk = this.#rest.subarray(0, this.#granted);
      this.#rest = this.#rest.subarray(chunk.length);
      this.#granted -= chunk.length;
      this.#taker.onBody(chunk);
    }
  }

  cancel(): void {
    this.#rest = EMPTY;
  }
}

/** A file that is read from its beginning. */
export interface ReadableFile {
  /** Reads the next bytes into `buffer`: how many, or `null` at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Closes the file. */
  close(): void;
}

/** A body in a file, which is removed already: it is gone when it was read, or the process ends. */
export class FileBody implements BodySource {
  readonly #file: ReadableFile;
  readonly #taker: BodyTaker;
  #granted = BODY_WINDOW_BYTES;
  #remaining: number;
  #reading = false;
  #isClosed = false;

  /** Makes the source of the first `length` bytes of `file`, which it closes. */
  constructor(file: ReadableFile, length: number, taker: BodyTaker) {
    this.#file = file;
    this.#remaining = length;
    this.#taker = taker;
  }

  /** Begins to deliver. */
  start(): void {
    this.grant(0);
  }

  grant(bytes: number): void {
    this.#granted += bytes;
    if (!this.#reading && !this.#isClosed) this.#read();
  }

  cancel(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (!this.#reading) this.#file.close();
  }

  async #read(): Promise<void> {
    this.#reading = true;
    const buffer = new Uint8Array(FILE_READ_BYTES);
    try {
      while (!this.#isClosed && this.#granted > 0 && this.#remaining > 0) {
        const wanted = Math.min(buffer.length, this.#granted, this.#remaining);
        const bytes = await this.#file.read(buffer.subarray(0, wanted));
        if (this.#isClosed) break;
        if (bytes === null) {
          this.#isClosed = true;
          this.#taker.onBodyFailed("the upload's file is shorter than it was");
          break;
        }
        this.#granted -= bytes;
        this.#remaining -= bytes;
        this.#taker.onBody(buffer.subarray(0, bytes));
      }
    } catch (error) {
      if (!this.#isClosed) this.#taker.onBodyFailed(`the upload's file cannot be read: ${error}`);
      this.#isClosed = true;
    }
    this.#reading = false;
    if (this.#remaining === 0) this.#isClosed = true;
    if (this.#isClosed) this.#file.close();
  }
}

/** A body that comes in messages, which Mongrel2 sends as it is given credits. */
export class StreamedBody implements BodySource {
  /** Whether all of it has come. */
  isComplete = false;

  readonly #taker: BodyTaker;
  readonly #giveCredits: (bytes: number) => void;
  readonly #queue = new Queue<Uint8Array>();
  #granted = 0;
  #receivedBytes = 0;
  #isOver = false;

  /** `giveCredits` lets that many more bytes come. */
  constructor(taker: BodyTaker, giveCredits: (bytes: number) => void) {
    this.#taker = taker;
    this.#giveCredits = giveCredits;
  }

  /** Lets the first bytes come; after {@linkcode cancel}, the rest. */
  start(): void {
    this.#granted += BODY_WINDOW_BYTES;
    this.#giveCredits(BODY_WINDOW_BYTES);
  }

  /** Takes the part that begins at `offset`. */
  push(offset: number, part: Uint8Array, isLast: boolean): void {
    this.isComplete = isLast;
    if (this.#isOver) {
      if (!isLast) this.#giveCredits(part.length);
      return;
    }
    if (offset !== this.#receivedBytes) {
      this.cancel();
      this.#taker.onBodyFailed(`a part of an upload is missing at byte ${this.#receivedBytes}`);
      return;
    }
    this.#receivedBytes += part.length;
    if (part.length > 0) this.#queue.push(part);
    this.#deliver();
  }

  grant(bytes: number): void {
    if (this.#isOver) return;
    this.#granted += bytes;
    if (!this.isComplete) this.#giveCredits(bytes);
    this.#deliver();
  }

  cancel(): void {
    this.#isOver = true;
    this.#queue.clear();
  }

  #deliver(): void {
    while (this.#granted > 0) {
      const part = this.#queue.first;
      if (part === undefined) break;
      const chunk = part.subarray(0, this.#granted);
      // A chunk of the client's comes whole, however large.
      if (chunk.length < part.length) this.#queue.replaceFirst(part.subarray(chunk.length));
      else this.#queue.shift();
      this.#granted -= chunk.length;
      this.#taker.onBody(chunk);
    }
    if (!this.isComplete || this.#queue.length > 0 || this.#isOver) return;
    this.#isOver = true;
    this.#taker.onBodyEnd();
  }
}

const FILE_READ_BYTES = 65_536;
