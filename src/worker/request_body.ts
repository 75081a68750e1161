/**
 * The body of a request on the app's side: chunks that wait for the app, and the credit that
 * its reading earns.
 *
 * @module
 */

import { copyBytes, freeMemory, Slab } from "../base/buffers.ts";
import type { Deferred } from "../base/captured.ts";
import { copyOf, deferred, ignoreRejection, lengthOf, uncurried } from "../base/captured.ts";
import type { AbortReason, Exchange } from "../message/exchange.ts";
import { BODY_WINDOW_BYTES, CHUNK_COST_BYTES, UNKNOWN_LENGTH } from "../message/exchange.ts";
import { parseFieldLines } from "../message/fields.ts";
import { ChunkMarks } from "./chunk_marks.ts";

const { DOMException, Headers, Promise, ReadableStream, Uint8Array: Bytes } = globalThis;
const { max, min } = Math;
type Controller = ReadableByteStreamController;
const { prototype } = ReadableByteStreamController;
const enqueue: (controller: Controller, part: Uint8Array<ArrayBuffer>) => void = uncurried(
  prototype.enqueue,
);
const close = uncurried(prototype.close);
const { get: byobRequestOf } = Object.getOwnPropertyDescriptor(prototype, "byobRequest")!;
const pendingRequest = uncurried(byobRequestOf!);
const respond = uncurried(ReadableStreamBYOBRequest.prototype.respond);

/** Credit is given back in portions of this size, so that not every read sends one. */
const GRANT_BYTES = BODY_WINDOW_BYTES / 4;
/** Memory that is taken for pieces which come one after another, in bytes. */
const MIN_SEGMENT_BYTES = 1_024;
const MAX_SEGMENT_BYTES = 65_536;
/** Bodies up to this size that come in one piece have no memory of their own: to make that takes long. */
const MAX_SMALL_BODY_BYTES = 4_096;
/** Where they are kept. */
const small = new Slab();
/** A piece of this size has memory of its own, so that it is written once: new memory is filled with zeros. */
const LARGE_PIECE_BYTES = 8_192;

/** One piece of a body as its client framed it. */
export interface BodyPiece {
  /** Declared size in bytes of the chunk that begins with this piece; absent within a chunk. */
  readonly chunkBytes?: number;
  /** The data, as much as has arrived. */
  readonly data: Uint8Array<ArrayBuffer>;
}

/** Data that has arrived, in memory that may have room for more. */
interface Segment {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Bytes that it was made for. */
  readonly capacity: number;
  /** Where its memory ends. */
  readonly limit: number;
  /** Where the data begins that is still to be read. */
  start: number;
  end: number;
  /** Chunks that begin in it. */
  chunks: number;
  next: Segment | null;
}

/** The incoming body of one request, or its file. It is read once: whole, as a stream, or in pieces. */
export class RequestBody {
  /** Whether the app has begun to read it. */
  used = false;

  readonly #exchange: Exchange;
  readonly #source: "body" | "data";
  readonly #length: number;
  #first: Segment | null = null;
  #last: Segment | null = null;
  /** Where the client's chunks begin; `null` when it will not be needed. */
  #marks: ChunkMarks | null = null;
  #wantsMarks = true;
  #receivedBytes = 0;
  #readBytes = 0;
  /** Chunks that have begun, of which the data has come, and of which all was read. */
  #chunksBegun = 0;
  #chunksReceived = 0;
  #chunksRead = 0;
  /** What was given back, for bytes and for chunks. */
  #granted = 0;
  #ended: boolean;
  #error: Error | null = null;
  #wake: (() => void) | null = null;
  #trailers: Deferred<Headers> | null = null;
  #trailerFields: Headers | null = null;
  #trailerLines: Uint8Array | null = null;
  #isPermitted = false;

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
      this.#trailers = deferred();
      ignoreRejection(this.#trailers.promise);
      if (this.#error !== null) this.#trailers.reject(this.#error);
      else if (this.#ended) this.#trailers.resolve(this.#trailerFields ?? new Headers());
    }
    return this.#trailers.promise;
  }

  /** Takes data that has arrived; it is copied. */
  push(chunk: Uint8Array): void {
    const bytes = lengthOf(chunk);
    let segment: Segment;
    if (bytes === this.#length && bytes <= MAX_SMALL_BODY_BYTES) {
      segment = this.#keepSmall(chunk, bytes);
    } else if (bytes >= LARGE_PIECE_BYTES) {
      segment = this.#add(new Bytes(chunk));
      segment.end = bytes;
    } else {
      segment = this.#roomFor(bytes);
      copyBytes(segment.bytes, segment.end, chunk, 0, bytes);
      segment.end += bytes;
    }
    segment.chunks += this.#chunksBegun - this.#chunksReceived;
    this.#chunksReceived = this.#chunksBegun;
    this.#receivedBytes += bytes;
    if (this.#receivedBytes === this.#length) this.#end(null);
    this.#wakeUp();
  }

  /** Takes note that a chunk of `declaredBytes` begins. */
  beginChunk(declaredBytes: number): void {
    this.#chunksBegun++;
    if (!this.#wantsMarks) return;
    this.#marks ??= new ChunkMarks();
    this.#marks.add(declaredBytes);
  }

  /** Takes note that a body of unknown length is complete. */
  end(trailerLines: Uint8Array): void {
    const bytes = lengthOf(trailerLines);
    if (bytes > 0) this.#trailerLines = copyOf(trailerLines, 0, bytes);
    this.#end(bytes === 0 ? null : new Headers(parseFieldLines(trailerLines)));
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

  /** Reads the whole body, and resolves to what `convert` makes of it: of `bytes[start, end)`, which it borrows. */
  readAll<Result>(
    convert: (bytes: Uint8Array<ArrayBuffer>, start: number, end: number) => Result,
  ): Promise<Result> {
    this.#begin();
    this.#dropMarks();
    return new Promise((resolve, reject) => {
      const goOn = () => {
        try {
          // What has come counts as read: the rest must always have room.
          for (let credited = -1; credited < this.#receivedBytes;) {
            credited = this.#receivedBytes;
            // On the gateway's own thread, more can come at once.
            this.#giveCredit(credited, this.#chunksReceived);
          }
          if (this.#error !== null) reject(this.#error);
          else if (this.#ended) resolve(this.#convertAll(convert));
          else this.#wake = goOn;
        } catch (error) {
          reject(error);
        }
      };
      goOn();
    });
  }

  #convertAll<Result>(
    convert: (bytes: Uint8Array<ArrayBuffer>, start: number, end: number) => Result,
  ): Result {
    const only = this.#first;
    const length = this.#receivedBytes - this.#readBytes;
    this.#clear();
    if (only !== null && only.next === null) return convert(only.bytes, only.start, only.end);
    const whole = new Bytes(length);
    let at = 0;
    for (let segment = only; segment !== null; segment = segment.next) {
      copyBytes(whole, at, segment.bytes, segment.start, segment.end);
      at += segment.end - segment.start;
      if (segment.capacity >= LARGE_PIECE_BYTES) freeMemory(segment.bytes);
    }
    return convert(whole, 0, length);
  }

  /** A byte stream of the body. Data is taken from the client only as the stream is read. */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream({
      type: "bytes",
      start: () => {
        this.#begin();
        this.#dropMarks();
      },
      pull: (controller) => {
        const segment = this.#first;
        if (segment === null) return this.#pullLater(controller);
        enqueue(controller, this.#take(segment, segment.end));
      },
      cancel: () => this.#clear(),
    }, { highWaterMark: 0 });
  }

  async #pullLater(controller: Controller): Promise<void> {
    if (await this.#hasMore()) {
      const segment = this.#first!;
      enqueue(controller, this.#take(segment, segment.end));
      return;
    }
    close(controller);
    const request = pendingRequest(controller);
    if (request !== null) respond(request, 0);
  }

  /** The body in the client's own chunks; a body of known length counts as one chunk. */
  async *pieces(): AsyncGenerator<BodyPiece, void, void> {
    this.#begin();
    let chunkBytes = this.#length > 0 ? this.#length : undefined;
    while (await this.#hasMore()) {
      const segment = this.#first!;
      const marks = this.#marks;
      let end = segment.end;
      if (marks !== null) {
        while (marks.position === this.#readBytes) chunkBytes = marks.take();
        end = min(end, segment.start + marks.position - this.#readBytes);
      }
      const data = this.#take(segment, end);
      yield chunkBytes === undefined ? { data } : { chunkBytes, data };
      chunkBytes = undefined;
    }
  }

  /**
   * Calls `onPiece` with what has come, at once or as soon as there is something, or with `null` at
   * the end; `onError` if the rest will not come. For reading piece by piece: one call at a time.
   */
  readPiece(
    onPiece: (piece: Uint8Array<ArrayBuffer> | null) => void,
    onError: (error: Error) => void,
  ): void {
    this.#begin();
    this.#dropMarks();
    const segment = this.#first;
    if (segment !== null) onPiece(this.#take(segment, segment.end));
    else if (this.#error !== null) onError(this.#error);
    else if (this.#ended) onPiece(null);
    else this.#wake = () => this.readPiece(onPiece, onError);
  }

  /** Lets the client send the body if it waits to be told so. */
  permit(): void {
    if (this.#isPermitted) return;
    this.#isPermitted = true;
    const awaited = this.#source === "body" && this.#exchange.head.expectsContinue;
    if (awaited) this.#exchange.grant(BODY_WINDOW_BYTES);
  }

  /** Names and values of the trailer fields that have come. */
  get rawTrailers(): [string, string][] {
    return this.#trailerLines === null ? [] : parseFieldLines(this.#trailerLines);
  }

  #begin(): void {
    if (this.used) return;
    this.used = true;
    this.permit();
  }

  #dropMarks(): void {
    this.#wantsMarks = false;
    this.#marks = null;
  }

  /** Keeps a body that came whole. */
  #keepSmall(chunk: Uint8Array, bytes: number): Segment {
    const start = small.keep(chunk, 0, bytes);
    const end = start + bytes;
    // What is kept there may be looked at, but not handed over.
    return this.#first = this.#last = {
      bytes: small.bytes,
      capacity: bytes,
      limit: end,
      start,
      end,
      chunks: 0,
      next: null,
    };
  }

  /** The segment that `bytes` more go into. */
  #roomFor(bytes: number): Segment {
    const last = this.#last;
    if (last !== null && bytes <= last.limit - last.end) return last;
    // The first one is made to measure: mostly it is all there is.
    const capacity = last === null
      ? bytes
      : max(bytes, MIN_SEGMENT_BYTES, min(last.capacity * 2, MAX_SEGMENT_BYTES));
    return this.#add(new Bytes(capacity));
  }

  /** Adds a segment that has nothing in it yet. */
  #add(bytes: Uint8Array<ArrayBuffer>): Segment {
    const last = this.#last;
    const capacity = lengthOf(bytes);
    const added = { bytes, capacity, limit: capacity, start: 0, end: 0, chunks: 0, next: null };
    if (last === null) this.#first = added;
    else last.next = added;
    return this.#last = added;
  }

  /** Takes the data of the first segment up to `end`. */
  #take(segment: Segment, end: number): Uint8Array<ArrayBuffer> {
    const { bytes, start } = segment;
    const data = ownBytes(bytes, start, end);
    segment.start = end;
    if (end === segment.end) {
      this.#chunksRead += segment.chunks;
      this.#first = segment.next;
      if (segment.next === null) this.#last = null;
    }
    this.#readBytes += end - start;
    this.#giveCredit(this.#readBytes, this.#chunksRead);
    return data;
  }

  #clear(): void {
    this.#first = this.#last = null;
    this.#readBytes = this.#receivedBytes;
    this.#chunksRead = this.#chunksReceived;
  }

  /** Waits for data; whether there is some, or the end. */
  async #hasMore(): Promise<boolean> {
    while (this.#first === null) {
      if (this.#error !== null) throw this.#error;
      if (this.#ended) return false;
      await this.#change();
    }
    return true;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }

  /** Gives credit for all that was read, `readBytes` in `readChunks`, once it is worth a frame. */
  #giveCredit(readBytes: number, readChunks: number): void {
    const neverShort = this.#length !== UNKNOWN_LENGTH && this.#length <= BODY_WINDOW_BYTES;
    const bytes = readBytes + readChunks * CHUNK_COST_BYTES - this.#granted;
    if (neverShort || this.#ended || bytes < GRANT_BYTES) return;
    this.#granted += bytes;
    if (this.#source === "body") this.#exchange.grant(bytes);
    else this.#exchange.grantData(bytes);
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

/** `bytes[start, end)` as an array with memory of its own: that itself, if it is all. */
export function ownBytes(
  bytes: Uint8Array<ArrayBuffer>,
  start: number,
  end: number,
): Uint8Array<ArrayBuffer> {
  return start === 0 && end === lengthOf(bytes) ? bytes : copyOf(bytes, start, end);
}
