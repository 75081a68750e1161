/**
 * An incoming stream of a low-level handler's request, as a ReadableStream.
 *
 * @module
 */

import { ByteQueue } from "../base/byte_queue.ts";

/** What has come of a stream and was not read yet. */
export class InputQueue {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #onRead: (bytes: number) => void;
  readonly #bytes = new ByteQueue();
  #isCancelled = false;
  #ended = false;
  #error: Error | null = null;
  #wake: (() => void) | null = null;

  /** `onRead` gets the number of bytes that were read. */
  constructor(onRead: (bytes: number) => void) {
    this.#onRead = onRead;
    this.stream = new ReadableStream({
      type: "bytes",
      pull: async (controller) => {
        while (this.#bytes.length === 0 && !this.#ended && this.#error === null) {
          await new Promise<void>((resolve) => this.#wake = resolve);
        }
        const chunk = this.#bytes.shift();
        if (chunk !== null) {
          const bytes = chunk.length;
          controller.enqueue(chunk);
          onRead(bytes);
        } else if (this.#error !== null) {
          controller.error(this.#error);
        } else {
          controller.close();
          controller.byobRequest?.respond(0);
        }
      },
      cancel: () => {
        this.#isCancelled = true;
        const { length } = this.#bytes;
        this.#bytes.clear();
        if (length > 0) onRead(length);
      },
    }, { highWaterMark: 0 });
  }

  push(chunk: Uint8Array): void {
    if (this.#isCancelled) {
      this.#onRead(chunk.length);
      return;
    }
    this.#bytes.push(chunk);
    this.#wakeUp();
  }

  end(): void {
    this.#ended = true;
    this.#wakeUp();
  }

  fail(error: Error): void {
    this.#error = error;
    this.#wakeUp();
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
