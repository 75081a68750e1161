/**
 * How far the requests of a FastCGI connection may write ahead of the web server's reading: each a
 * little, and all together one window more. Mostly there is only one.
 *
 * @module
 */

import { BODY_WINDOW_BYTES } from "../message/exchange.ts";
import { OWN_WINDOW_BYTES } from "./codec/limits.ts";
import type { ServerRequest } from "./server_request.ts";

/** The window of a connection. */
export class SharedWindow {
  /** What requests have of it. */
  #takenBytes = 0;

  /** Gives a request its window. */
  open(request: ServerRequest): void {
    request.window = OWN_WINDOW_BYTES;
    this.widen(request);
  }

  /** Makes the window of a request as large as there is room for; returns what was added. */
  widen(request: ServerRequest): number {
    const bytes = Math.min(
      BODY_WINDOW_BYTES - request.window,
      BODY_WINDOW_BYTES - this.#takenBytes,
    );
    request.window += bytes;
    this.#takenBytes += bytes;
    return bytes;
  }

  /** Takes the window of a request back. */
  close(request: ServerRequest): void {
    if (request.window === 0) return;
    this.#takenBytes -= request.window - OWN_WINDOW_BYTES;
    request.window = 0;
  }

  /** Whether more waits to be sent than `requestCount` requests that are under way may have written. */
  isExceeded(unsentBytes: number, requestCount: number): boolean {
    return unsentBytes > 2 * BODY_WINDOW_BYTES + requestCount * OWN_WINDOW_BYTES;
  }
}
