/**
 * The encoders of `node:zlib`. They work on the thread that calls them.
 *
 * @module
 */

import type { Transform } from "node:stream";
import zlib from "node:zlib";
import type { Coding, CodingLevel } from "./codec/settings.ts";

/** How far encoders refer back, 2 to this power, in bytes: what they take of memory goes with it. */
const WINDOW_BITS = 18;
/** What a file of gzip is at the most, and zlib's own default. */
const DEFLATE_WINDOW_BITS = 15;

/** What is to come of what is written: as much as suits the encoder, all of it, or the end. */
export type Step = "continue" | "flush" | "finish";

const { constants } = zlib;

// Since Node 22.15; types of earlier versions do not have it.
interface Zstd {
  readonly zstdCompressSync: (bytes: Uint8Array, options: object) => Uint8Array;
  readonly createZstdCompress: (options: object) => Transform;
}
const zstd = zlib as unknown as Partial<Zstd>;
const { ZSTD_c_compressionLevel, ZSTD_c_windowLog, ZSTD_e_flush } =
  constants as unknown as Readonly<Record<string, number>>;

function optionsOf({ coding, level }: CodingLevel, sizeBytes: number): object {
  switch (coding) {
    case "gzip":
      return { level, windowBits: DEFLATE_WINDOW_BITS };
    case "br":
      return {
        params: {
          [constants.BROTLI_PARAM_QUALITY]: level,
          [constants.BROTLI_PARAM_LGWIN]: WINDOW_BITS,
          [constants.BROTLI_PARAM_SIZE_HINT]: sizeBytes,
        },
      };
    case "zstd":
      return { params: { [ZSTD_c_compressionLevel]: level, [ZSTD_c_windowLog]: WINDOW_BITS } };
  }
}

/** A whole body in a coding. */
export function encodeWhole(terms: CodingLevel, bytes: Uint8Array): Uint8Array {
  const options = optionsOf(terms, bytes.length);
  switch (terms.coding) {
    case "gzip":
      return zlib.gzipSync(bytes, options);
    case "br":
      return zlib.brotliCompressSync(bytes, options);
    case "zstd":
      return zstd.zstdCompressSync!(bytes, options);
  }
}

/** Whether the runtime has a coding: Zstandard came late. */
export function hasCoding(coding: Coding): boolean {
  if (coding !== "zstd") return true;
  try {
    encodeWhole({ coding, level: 1 }, new Uint8Array(1));
    return true;
  } catch {
    // The functions are there before what they call.
    return false;
  }
}

function streamOf(terms: CodingLevel): Transform {
  const options = optionsOf(terms, 0);
  switch (terms.coding) {
    case "gzip":
      return zlib.createDeflateRaw(options);
    case "br":
      return zlib.createBrotliCompress(options);
    case "zstd":
      return zstd.createZstdCompress!(options);
  }
}

const FLUSHES: Readonly<Record<Coding, number>> = {
  gzip: constants.Z_SYNC_FLUSH,
  br: constants.BROTLI_OPERATION_FLUSH,
  zstd: ZSTD_e_flush,
};

/** What the streams of all codings have in common. */
type CodingStream = Transform & { flush(kind: number, onFlushed: () => void): void };

/** An encoder that takes one piece after another. Of gzip, it makes the blocks alone. */
export class Engine {
  readonly #stream: CodingStream;
  readonly #flushKind: number;
  #pieces: Uint8Array[] = [];
  #resolve: (pieces: Uint8Array[]) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  /** Whether the encoder has done its work, though not all has come out. */
  #isDone = false;

  /** Makes an encoder. */
  constructor(terms: CodingLevel) {
    const stream = this.#stream = streamOf(terms) as CodingStream;
    this.#flushKind = FLUSHES[terms.coding];
    stream.on("data", (piece: Uint8Array) => {
      this.#pieces.push(piece);
      if (this.#isDone) this.#onDone();
    });
    stream.on("end", () => this.#settle());
    stream.on("error", (error: Error) => this.#reject(error));
    // One that is destroyed says nothing else of what it was given.
    stream.on("close", () => this.#reject(new Error("the encoder has ended")));
  }

  /** Encodes a piece, after the one before. What comes of it is the caller's. Rejects if zlib fails. */
  encode(piece: Uint8Array, step: Step): Promise<Uint8Array[]> {
    const stream = this.#stream;
    const done = Promise.withResolvers<Uint8Array[]>();
    this.#resolve = done.resolve;
    this.#reject = done.reject;
    this.#isDone = false;
    if (step === "finish") {
      stream.end(piece);
    } else if (step === "flush") {
      if (piece.length > 0) stream.write(piece);
      stream.flush(this.#flushKind, () => this.#onDone());
    } else {
      stream.write(piece, () => this.#onDone());
    }
    return done.promise;
  }

  /** Gives its memory back. */
  close(): void {
    this.#stream.destroy();
  }

  #onDone(): void {
    this.#isDone = this.#stream.readableLength > 0;
    if (!this.#isDone) this.#settle();
  }

  #settle(): void {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#resolve(pieces);
  }
}
