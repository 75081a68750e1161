/**
 * The body of a response of Node's kind that is written part by part.
 *
 * @module
 */

import { copyOf, lengthOf } from "../../base/captured.ts";
import { utf8Length } from "../../base/text.ts";
import type { Chunk } from "./node_chunks.ts";
import { bytesOf } from "./node_chunks.ts";
import type { BodySource, BodyTarget, PushedResponse } from "../response_parts.ts";

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
/** A body of more than this is complete when it has gone, not when it was given, in bytes. */
export const MAX_WHOLE_BYTES = 65_536;

/** Pushes what is written to the task of the request, or into a stream if somebody reads that instead. */
export class OutgoingBody implements BodySource {
  readonly #writer: BodyWriter;
  #target: BodyTarget | null = null;
  #controller: Controller | null = null;
  readonly #length: number | undefined;
  /** What was written before it is known where to. */
  #early: Chunk[] = [];
  #trailerLines: string | null = null;
  #failure: Error | null = null;
  #waitingBytes = 0;

  /** Makes the body that `writer` writes, of `length` bytes if the fields of the response say so. */
  constructor(writer: BodyWriter, length: number | undefined) {
    this.#writer = writer;
    this.#length = length;
  }

  /** Bytes that wait to be sent. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Writes some of it; whether all that was written has gone. Text is in UTF-8. */
  write(chunk: Chunk): boolean {
    if (this.#target !== null) {
      const bytes = bytesOf(chunk, null);
      if (this.#target.push(bytes)) return true;
      this.#waitingBytes += lengthOf(bytes);
      return false;
    }
    // The app may write into an array again.
    const own = typeof chunk === "string" ? chunk : copyOf(chunk, 0, lengthOf(chunk));
    this.#waitingBytes += typeof own === "string" ? utf8Length(own) : own.length;
    if (this.#controller !== null) this.#controller.enqueue(bytesOf(own, null));
    else this.#early.push(own);
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
    if (this.#isWhole()) {
      const { status, reason, fieldLines } = parts;
      target.respondPlain({ status, reason, fieldLines, body: this.#takeEarly()[0] });
      this.onDone();
      return;
    }
    if (!target.respondPushed(parts)) return;
    this.#target = target;
    let hasGone = true;
    for (const chunk of this.#takeEarly()) hasGone = target.push(bytesOf(chunk, null));
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
        for (const chunk of this.#takeEarly()) controller.enqueue(bytesOf(chunk, null));
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

  /** Whether one piece is all, and as long as was said: it takes a single frame. */
  #isWhole(): boolean {
    return this.#trailerLines === "" && this.#early.length === 1 &&
      this.#waitingBytes === this.#length && this.#waitingBytes <= MAX_WHOLE_BYTES;
  }

  #takeEarly(): readonly Chunk[] {
    const early = this.#early;
    this.#early = [];
    return early;
  }
}
