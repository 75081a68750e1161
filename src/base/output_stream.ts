/**
 * Streams for what handlers write.
 *
 * @module
 */

import { ignoreRejection } from "./captured.ts";

const { Promise, TextEncoder, TypeError, Uint8Array, WritableStream, WritableStreamDefaultWriter } =
  globalThis;

const encoder = new TextEncoder();

/** What is neither text nor bytes was given to a stream. */
export class WrongChunkError extends TypeError {
  /** Says what the stream takes. */
  constructor() {
    super("the stream takes only Uint8Array and string");
  }
}

/** The streams that a handler writes to, which know when all that they were given is written. */
export class HandlerOutputs {
  readonly #onFailure: (error: unknown) => void;
  /** Chunks that were given to the streams and not written yet. */
  #queuedChunks = 0;
  #flushed: (() => void) | null = null;

  /** `onFailure` is told what cannot be written, as whoever waits for the write is. */
  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** A stream whose chunks `write` takes, one after another. */
  open(write: (chunk: Uint8Array) => void | Promise<void>): WritableStream<Uint8Array | string> {
    let queued = 0;
    let isOver = false;
    const unqueue = (chunks: number) => {
      queued -= chunks;
      this.#queuedChunks -= chunks;
      if (this.#queuedChunks === 0) this.#flushed?.();
    };
    // What the stream is given from now on, or still holds, will never be written.
    const end = () => {
      isOver = true;
      unqueue(queued);
    };
    return new OutputStream({
      write: async (chunk) => {
        try {
          const bytes = typeof chunk === "string" ? encoder.encode(chunk) : chunk;
          if (!(bytes instanceof Uint8Array)) throw new WrongChunkError();
          await write(bytes);
          unqueue(1);
        } catch (error) {
          end();
          this.#onFailure(error);
          throw error;
        }
      },
      close: end,
      abort: end,
    }, {
      highWaterMark: 1,
      // Called for each chunk at the moment that it is given to the stream.
      size: () => {
        if (isOver) return 1;
        queued++;
        this.#queuedChunks++;
        return 1;
      },
    });
  }

  /** Resolves when all that was given to the streams, waited for or not, was written. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#queuedChunks === 0) resolve();
      else this.#flushed = resolve;
    });
  }
}

/**
 * A stream whose writer need not wait for what it writes: a failure that it does not hear of, as when its client
 * leaves, is no error that nobody catches.
 */
class OutputStream extends WritableStream<Uint8Array | string> {
  override getWriter(): OutputWriter {
    return new OutputWriter(this);
  }

  override close(): Promise<void> {
    return heardOrNot(super.close());
  }

  override abort(reason?: unknown): Promise<void> {
    return heardOrNot(super.abort(reason));
  }
}

class OutputWriter extends WritableStreamDefaultWriter<Uint8Array | string> {
  override write(chunk: Uint8Array | string): Promise<void> {
    return heardOrNot(super.write(chunk));
  }

  override close(): Promise<void> {
    return heardOrNot(super.close());
  }

  override abort(reason?: unknown): Promise<void> {
    return heardOrNot(super.abort(reason));
  }
}

/** `promise`, whose rejection is no error that nobody catches. */
function heardOrNot(promise: Promise<void>): Promise<void> {
  ignoreRejection(promise);
  return promise;
}
