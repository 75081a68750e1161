/**
 * Uploads whose requests have begun, though Mongrel2 writes to their files still.
 *
 * @module
 */

import { ProtocolError } from "../base/errors.ts";
import { UNKNOWN_LENGTH } from "../message/exchange.ts";
import { expired } from "../net/socket_connection.ts";
import { headerValue } from "./codec/message.ts";
import type { Mongrel2Message } from "./codec/message.ts";
import type { FileBody } from "./file_body.ts";
import { uploadNotice } from "./upload.ts";
import type { SizedFile } from "./upload_rest.ts";
import { UploadRest } from "./upload_rest.ts";

/** An upload of which more is to come. */
export interface PendingUpload {
  /** Whether all of it has come. */
  readonly isComplete: boolean;
  /** Lets the rest come that nobody wants. */
  start(): void;
  /** Nobody waits for more of it. */
  end(): void;
}

/** An upload that Mongrel2 has begun to write to a file. */
export class EarlyUpload implements PendingUpload {
  /** What Mongrel2 calls the file. */
  readonly path: string;
  readonly #onComplete: () => void;
  #body: FileBody | null = null;
  #rest: UploadRest | null = null;
  /** Since when nobody has the file to look at it. */
  #blindSince: number | null = null;
  #isComplete = false;
  #isOver = false;

  /** Makes the upload to the file `path`; `onComplete` is called if all is there of a rest that nobody reads. */
  constructor(path: string, onComplete: () => void) {
    this.path = path;
    this.#onComplete = onComplete;
  }

  get isComplete(): boolean {
    return this.#isComplete || this.#body?.isDelivered === true;
  }

  /** Whether `message` says that the file is complete. */
  isEndedBy(message: Mongrel2Message): boolean {
    try {
      const notice = uploadNotice(message);
      return notice.kind === "done" && notice.path === this.path;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return false;
    }
  }

  /** Whether the file has not grown for `timeoutMs`, though more of it is waited for. */
  isStalled(now: number, timeoutMs: number): boolean {
    if (this.isComplete) return false;
    const { waitingSince } = this.#rest ?? this.#body ?? { waitingSince: this.#blindSince };
    return waitingSince !== null && expired(now, waitingSince, timeoutMs);
  }

  /** Has `body`, which reads the file, know when the file is complete. */
  attach(body: FileBody): void {
    this.#body = body;
    if (this.#isComplete) body.finish();
  }

  /** Takes note that the file is complete. */
  finish(): void {
    this.#isComplete = true;
    this.#rest?.[Symbol.dispose]();
    this.#body?.finish();
  }

  /** Takes the file over that is not read any more, of which `length` bytes are to come. */
  watchRest(file: SizedFile, length: number): void {
    if (this.#isOver || this.isComplete || length === UNKNOWN_LENGTH) {
      file.close();
      return;
    }
    this.#rest = new UploadRest(file, length, () => {
      this.#isComplete = true;
      this.#onComplete();
    });
  }

  /** Mongrel2 asks nobody. */
  start(): void {
    this.#blindSince ??= performance.now();
  }

  end(): void {
    this.#isOver = true;
    this.#rest?.[Symbol.dispose]();
  }
}

/** Length of a body that `message` announces, in bytes; {@linkcode UNKNOWN_LENGTH} if it comes in chunks. */
export function announcedLength(message: Mongrel2Message): number {
  const isChunked = headerValue(message, "transfer-encoding") !== undefined;
  return isChunked ? UNKNOWN_LENGTH : contentLength(message);
}

/** The `content-length` of `message`, in bytes; {@linkcode UNKNOWN_LENGTH} if it has none of use. */
export function contentLength(message: Mongrel2Message): number {
  const text = headerValue(message, "content-length") ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : UNKNOWN_LENGTH;
}

/** What is wrong with a request whose upload is stalled. */
export function uploadStalled(): ProtocolError {
  return new ProtocolError(408, "the request's body has stopped coming", "RFC 9110 15.5.9");
}
