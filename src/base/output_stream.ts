/**
 * Streams for what handlers write.
 *
 * @module
 */

import { ignoreRejection } from "./captured.ts";

const { WritableStream, WritableStreamDefaultWriter } = globalThis;

/**
 * A stream whose writer need not wait for what it writes: a failure that it does not hear of, as when its client
 * leaves, is no error that nobody catches.
 */
export class OutputStream extends WritableStream<Uint8Array | string> {
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
