/**
 * An incoming stream of a low-level handler's request, as a ReadableStream.
 *
 * @module
 */

/** What has come of a stream and was not read yet. */
export class InputQueue {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #onRead: (bytes: number) => void;
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  #isCancelled = false;
  #ended = false;
  #error: Error | null = null;
  #wake: (() => void) | null = null;

  /** `onRead` is told how many bytes were read. */
  constructor(onRead: (bytes: number) => void) {
    this.#onRead = onRead;
    this.stream = new ReadableStream({
      type: "bytes",
      pull: async (controller) => {
        while (this.#chunks.length === 0 && !this.#ended && this.#error === null) {
          await new Promise<void>((resolve) => this.#wake = resolve);
        }
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
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
        for (const chunk of this.#chunks.splice(0)) onRead(chunk.length);
      },
    }, { highWaterMark: 0 });
  }

  push(chunk: Uint8Array): void {
    if (this.#isCancelled) {
      this.#onRead(chunk.length);
      return;
    }
    this.#chunks.push(chunk.slice() as Uint8Array<ArrayBuffer>);
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
