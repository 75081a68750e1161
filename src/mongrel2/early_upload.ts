/**
 * Uploads whose requests have begun, though Mongrel2 writes to their files still.
 *
 * @module
 */

import type { FileBody } from "./file_body.ts";
import { headerValue } from "./codec/message.ts";
import type { Mongrel2Message } from "./codec/message.ts";
import { UNKNOWN_LENGTH } from "../message/exchange.ts";

/** An upload of which more is to come. */
export interface PendingUpload {
  /** Whether all of it has come. */
  readonly isComplete: boolean;
  /** Lets the rest come that nobody wants. */
  start(): void;
}

/** An upload that Mongrel2 has begun to write to a file. */
export class EarlyUpload implements PendingUpload {
  /** What Mongrel2 calls the file. */
  readonly path: string;
  #body: FileBody | null = null;
  #isComplete = false;

  /** Makes the upload to the file `path`. */
  constructor(path: string) {
    this.path = path;
  }

  get isComplete(): boolean {
    return this.#isComplete || this.#body?.isDelivered === true;
  }

  /** What reads the file, once it is open. */
  get body(): FileBody | null {
    return this.#body;
  }

  /** Has `body` know when the file is complete. */
  attach(body: FileBody): void {
    this.#body = body;
    if (this.#isComplete) body.finish();
  }

  /** Takes note that the file is complete. */
  finish(): void {
    this.#isComplete = true;
    this.#body?.finish();
  }

  /** Mongrel2 asks nobody. */
  start(): void {}
}

/** Length of a body that `message` announces, in bytes; {@linkcode UNKNOWN_LENGTH} if it comes in chunks. */
export function announcedLength(message: Mongrel2Message): number {
  if (headerValue(message, "transfer-encoding") !== undefined) return UNKNOWN_LENGTH;
  const text = headerValue(message, "content-length") ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : UNKNOWN_LENGTH;
}
