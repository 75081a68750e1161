/**
 * Uploads that come in parts, a message each.
 *
 * @module
 */

import { StreamedBody } from "./body_source.ts";
import { headerValue } from "./codec/message.ts";
import type { Mongrel2Message } from "./codec/message.ts";
import type { PendingUpload } from "./early_upload.ts";
import type { Mongrel2Exchange } from "./mongrel2_exchange.ts";

/** The upload of a request, of which parts come as there are credits for them. */
export class StreamedUpload implements PendingUpload {
  readonly #body: StreamedBody;
  readonly #maxBytes: number;

  /** Makes the body of `exchange`, of `maxBytes` at the most; `giveCredits` lets that many more bytes come. */
  constructor(
    exchange: Mongrel2Exchange,
    maxBytes: number,
    giveCredits: (bytes: number) => void,
  ) {
    this.#body = exchange.source = new StreamedBody(exchange, giveCredits);
    this.#maxBytes = maxBytes;
  }

  get isComplete(): boolean {
    return this.#body.isComplete;
  }

  start(): void {
    this.#body.start();
  }

  end(): void {}

  /** Takes a message that {@linkcode isPart}; `false` if it would make the body too large. */
  onPart(message: Mongrel2Message): boolean {
    const offset = Number(headerValue(message, "UPLOAD_STREAM"));
    const { body } = message;
    if (offset + body.length > this.#maxBytes) return false;
    this.#body.push(offset, body, isLastPart(message));
    return true;
  }
}

/** Whether `message` has, or begins, an upload in parts. */
export function isPart(message: Mongrel2Message): boolean {
  return headerValue(message, "UPLOAD_STREAM") !== undefined;
}

/** Whether a part is the last one. */
export function isLastPart(message: Mongrel2Message): boolean {
  return headerValue(message, "UPLOAD_STREAM_DONE") !== undefined;
}
