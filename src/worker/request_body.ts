/**
 * The body of a request on the app's side: chunks that wait for the app, and the credit that
 * its reading earns.
 *
 * @module
 */

import { concatenated } from "../bytes.ts";
import type { AbortReason, Exchange } from "../exchange.ts";
import { BODY_WINDOW_BYTES, UNKNOWN_LENGTH } from "../exchange.ts";
import { parseFieldLines } from "../fields.ts";

/** Credit is given back in portions of this size, so that not every read sends one. */
const GRANT_BYTES = BODY_WINDOW_BYTES / 4;

/** One piece of a body as its client framed it. */
export interface BodyPiece {
  /** Declared size in bytes of the chunk that begins with this piece; absent within a chunk. */
  readonly chunkBytes?: number;
  /** The data, as much as has arrived. */
  readonly data: Uint8Array<ArrayBuffer>;
}

/** The incoming body of one request, or its file. It is read once: whole, as a stream, or in pieces. */
export class RequestBody {
  /** Whether the app has begun to read it. */
  used = false;

  readonly #exchange: Exchange;
  readonly #source: "body" | "data";
  readonly #length: number;
  /** Data, and the declared sizes of chunks (as numbers) before their data. */
  readonly #queue: (Uint8Array<ArrayBuffer> | number)[] = [];
  #receivedBytes = 0;
  #ungrantedBytes = 0;
  #ended: boolean;
  #error: Error | null = null;
  #wake: (() => void) | null = null;
  #trailers: PromiseWithResolvers<Headers> | null = null;
  #trailerFields: Headers | null = null;

  /** Makes the body of `exchange`, which has one, or the file that comes with a filter's request. */
  constructor(exchange: Exchange, source: "body" | "data") {
    this.#exchange = exchange;
    this.#source = source;
    this.#length = source === "body" ? exchange.head.bodyLength : UNKNOWN_LENGTH;
    this.#ended = this.#length === 0;
  }

  /** The trailer fields, once the body has ended. */
  get trailers(): Promise<Headers> {
    if (this.#trailers === null) {
      this.#trailers = Promise.withResolvers();
      this.#trailers.promise.catch(() => {});
      if (this.#error !== null) this.#trailers.reject(this.#error);
      else if (this.#ended) this.#trailers.resolve(this.#trailerFields ?? new Headers());
    }
    return this.#trailers.promise;
  }

  /** Takes data that has arrived; it is copied. */
  push(chunk: Uint8Array): void {
    this.#queue.push(chunk.slice() as Uint8Array<ArrayBuffer>);
    this.#receivedBytes += chunk.length;
    if (this.#receivedBytes === this.#length) this.#end(null);
    this.#wakeUp();
  }

  /** Takes note that a chunk of `declaredBytes` begins. */
  beginChunk(declaredBytes: number): void {
    this.#queue.push(declaredBytes);
  }

  /** Takes note that a body of unknown length is complete. */
  end(trailerLines: Uint8Array): void {
    this.#end(trailerLines.length === 0 ? null : new Headers(parseFieldLines(trailerLines)));
    this.#wakeUp();
  }

  /** Takes note that the rest of the body will not come. */
  abort(reason: AbortReason): void {
    if (this.#ended) return;
    this.#error = new DOMException(
      `the request's body was cut short (${reason})`,
      "AbortError",
    );
    this.#trailers?.reject(this.#error);
    this.#wakeUp();
  }

  /** Reads the whole body. */
  readAll(): Promise<Uint8Array<ArrayBuffer>> {
    this.#begin();
    const [only, ...more] = this.#queue;
    if (this.#ended && more.length === 0 && typeof only === "object") {
      this.#queue.length = 0;
      return Promise.resolve(only);
    }
    return this.#collect();
  }

  async #collect(): Promise<Uint8Array<ArrayBuffer>> {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for (let part = await this.#next(); part !== null; part = await this.#next()) {
      parts.push(part);
    }
    return parts.length === 1 ? parts[0] : concatenated(parts);
  }

  /** A byte stream of the body. Data is taken from the client only as the stream is read. */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream({
      type: "bytes",
      start: () => this.#begin(),
      pull: async (controller) => {
        const part = await this.#next();
        if (part !== null) {
          controller.enqueue(part);
          return;
        }
        controller.close();
        controller.byobRequest?.respond(0);
      },
      cancel: () => {
        this.#queue.length = 0;
      },
    }, { highWaterMark: 0 });
  }

  /** The body in the client's own chunks; a body of known length counts as one chunk. */
  async *pieces(): AsyncGenerator<BodyPiece, void, void> {
    this.#begin();
    let chunkBytes = this.#length > 0 ? this.#length : undefined;
    for (;;) {
      while (typeof this.#queue[0] === "number") chunkBytes = this.#queue.shift() as number;
      const data = await this.#next((size) => chunkBytes = size);
      if (data === null) return;
      yield chunkBytes === undefined ? { data } : { chunkBytes, data };
      chunkBytes = undefined;
    }
  }

  #begin(): void {
    if (this.used) return;
    this.used = true;
    const awaited = this.#source === "body" && this.#exchange.head.expectsContinue;
    if (awaited) this.#exchange.grant(BODY_WINDOW_BYTES);
  }

  /** The next data: at once if it is there, `null` at the end. */
  #next(
    onChunk?: (declaredBytes: number) => void,
  ): Uint8Array<ArrayBuffer> | null | Promise<Uint8Array<ArrayBuffer> | null> {
    for (let item = this.#queue.shift(); item !== undefined; item = this.#queue.shift()) {
      if (typeof item === "number") {
        onChunk?.(item);
        continue;
      }
      this.#giveCredit(item.length);
      return item;
    }
    if (this.#error !== null) throw this.#error;
    if (this.#ended) return null;
    return new Promise<void>((resolve) => this.#wake = resolve).then(() => this.#next(onChunk));
  }

  #giveCredit(bytes: number): void {
    const neverShort = this.#length !== UNKNOWN_LENGTH && this.#length <= BODY_WINDOW_BYTES;
    if (neverShort || this.#ended) return;
    this.#ungrantedBytes += bytes;
    if (this.#ungrantedBytes < GRANT_BYTES) return;
    if (this.#source === "body") this.#exchange.grant(this.#ungrantedBytes);
    else this.#exchange.grantData(this.#ungrantedBytes);
    this.#ungrantedBytes = 0;
  }

  #end(trailers: Headers | null): void {
    this.#ended = true;
    this.#trailerFields = trailers;
    this.#trailers?.resolve(trailers ?? new Headers());
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
