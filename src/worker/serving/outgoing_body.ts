/**
 * The body of a response of Node's kind that is written part by part.
 *
 * @module
 */

import { copyOf, lengthOf } from "../../base/captured.ts";
import type { BodySource, BodyTarget, PushedResponse } from "../response.ts";

/** Who writes a body. */
export interface BodyWriter {
  /** All that was written has gone, and there is room again. */
  onRoom(): void;
  /** The body has ended, and gone. */
  onDone(): void;
  /** Nobody wants the rest. */
  onUnwanted(): void;
}

type Controller = ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;

const { ReadableStream } = globalThis;

/** Pushes what is written to the task of the request, or into a stream if somebody reads that instead. */
export class OutgoingBody implements BodySource {
  readonly #writer: BodyWriter;
  #target: BodyTarget | null = null;
  #controller: Controller | null = null;
  /** What was written before it is known where to. */
  #early: Uint8Array<ArrayBuffer>[] = [];
  #trailerLines: string | null = null;
  #failure: Error | null = null;
  #waitingBytes = 0;

  /** Makes the body that `writer` writes. */
  constructor(writer: BodyWriter) {
    this.#writer = writer;
  }

  /** Bytes that wait to be sent. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Writes some of it; whether all that was written has gone. */
  write(chunk: Uint8Array<ArrayBuffer>): boolean {
    const bytes = lengthOf(chunk);
    if (this.#target !== null) {
      if (this.#target.push(chunk)) return true;
      this.#waitingBytes += bytes;
      return false;
    }
    // The app may write into it again.
    const copy = copyOf(chunk, 0, bytes);
    this.#waitingBytes += bytes;
    if (this.#controller !== null) this.#controller.enqueue(copy);
    else this.#early.push(copy);
    return false;
  }

  /** Ends it. */
  end(trailerLines: string): void {
    this.#trailerLines = trailerLines;
    if (this.#target !== null) {
      if (this.#target.endPushed(trailerLines)) this.#writer.onDone();
    } else if (this.#controller !== null) {
      this.#controller.close();
      this.#writer.onDone();
    }
  }

  /** Breaks it off. */
  fail(error: Error): void {
    this.#failure = error;
    this.#early = [];
    if (this.#trailerLines === null) this.#controller?.error(error);
  }

  pushTo(target: BodyTarget, parts: PushedResponse): void {
    if (this.#failure !== null) throw this.#failure;
    if (!target.respondPushed(parts)) return;
    this.#target = target;
    let hasGone = true;
    for (const chunk of this.#takeEarly()) hasGone = target.push(chunk);
    if (this.#trailerLines !== null) {
      if (target.endPushed(this.#trailerLines)) this.#writer.onDone();
    } else if (hasGone) {
      this.onRoom();
    }
  }

  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
        for (const chunk of this.#takeEarly()) controller.enqueue(chunk);
        if (this.#failure !== null) {
          controller.error(this.#failure);
        } else if (this.#trailerLines !== null) {
          controller.close();
          this.#writer.onDone();
        }
      },
      pull: () => this.onRoom(),
      cancel: () => this.#writer.onUnwanted(),
    }, { highWaterMark: 1 });
  }

  onRoom(): void {
    this.#waitingBytes = 0;
    this.#writer.onRoom();
  }

  onDone(): void {
    this.#waitingBytes = 0;
    this.#writer.onDone();
  }

  #takeEarly(): readonly Uint8Array<ArrayBuffer>[] {
    const early = this.#early;
    this.#early = [];
    return early;
  }
}
