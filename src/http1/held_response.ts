/**
 * A response, or part of one, that came before its turn, and is held until then.
 *
 * @module
 */

import type { ResponseHead } from "../message/exchange.ts";
import { WHOLE_BODY } from "../message/exchange.ts";

/** Who sends a held response when it is its turn. */
interface Sender {
  write(chunk: Uint8Array): void;
  end(trailerLines: string): void;
  fail(status: number): void;
}

/** A response that is held. It has copies of all that it was given. */
export class HeldResponse {
  /** Its head. */
  readonly head: ResponseHead;
  /** What of its body came with the head. */
  readonly body: Uint8Array | string | null;

  readonly #chunks: Uint8Array[] = [];
  #bodyBytes: number;
  #trailerLines = "";
  #ending: "open" | "ended" | "broken" = "open";

  /** Holds a response that begins so. */
  constructor(head: ResponseHead, body: Uint8Array | string | null) {
    const { fieldLines } = head;
    this.head = {
      ...head,
      fieldLines: typeof fieldLines === "string" ? fieldLines : fieldLines.slice(),
    };
    this.body = body === null || typeof body === "string" ? body : body.slice();
    this.#bodyBytes = body?.length ?? 0;
  }

  /** Whether all of it is here. */
  get isComplete(): boolean {
    const { bodyLength } = this.head;
    return this.#ending !== "open" || bodyLength === WHOLE_BODY || bodyLength === this.#bodyBytes;
  }

  /** Bytes of it that are here. */
  get bytes(): number {
    return this.head.fieldLines.length + this.#bodyBytes;
  }

  /** Adds part of the body, unless that has ended. */
  write(chunk: Uint8Array): void {
    if (this.#ending !== "open") return;
    this.#chunks.push(chunk.slice());
    this.#bodyBytes += chunk.length;
  }

  /** Ends the body; the first end counts. */
  end(trailerLines: string): void {
    if (this.#ending !== "open") return;
    this.#trailerLines = trailerLines;
    this.#ending = "ended";
  }

  /** The rest will not come; the first end counts. */
  breakOff(): void {
    if (this.#ending === "open") this.#ending = "broken";
  }

  /** Has `sender`, which has begun with head and body, send what came after them. */
  sendRest(sender: Sender): void {
    for (const chunk of this.#chunks) sender.write(chunk);
    if (this.#ending === "ended") sender.end(this.#trailerLines);
    else if (this.#ending === "broken") sender.fail(502);
  }
}
