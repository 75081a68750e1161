/**
 * Where the body of a request comes from: its message, or further messages. Files are apart
 * (`file_body.ts`).
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
