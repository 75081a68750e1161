/**
 * HTTP/1.1 on one connection.
 *
 * @module
 */

import { ProtocolError } from "../base/errors.ts";
import type { ResponseLimits } from "./codec/response_limits.ts";
import { END, HEAD, NEED_DATA, ResponseReader, SWITCHED } from "./codec/response_reader.ts";
import type { Conversation } from "./conversation.ts";
import type { PreparedRequest } from "./prepared_request.ts";

/** Requests and responses of HTTP/1.1. */
export class HttpConversation implements Conversation {
  readonly opening = null;
  status = 0;
  isReusable = true;
  readonly #reader: ResponseReader;

  /** Begins a conversation on a connection that was made just now. */
  constructor(limits?: ResponseLimits) {
    this.#reader = new ResponseReader(limits);
  }

  get bodyBytes(): number {
    return this.#reader.bodyBytes;
  }

  begin(request: PreparedRequest): Uint8Array {
    this.#reader.expect(request.method);
    this.status = 0;
    return request.first;
  }

  push(bytes: Uint8Array, length: number): boolean {
    const reader = this.#reader;
    reader.push(bytes, length);
    for (;;) {
      const event = reader.next();
      if (event === NEED_DATA) return false;
      if (event === HEAD) {
        this.status = reader.head.status;
        this.isReusable = reader.head.keepsConnection;
      } else if (event === SWITCHED) {
        throw new ProtocolError(502, "an upgrade", "RFC 9110 15.2.2");
      } else if (event === END) {
        // What comes beyond it answers nothing.
        if (reader.hasUnread) reader.next();
        return true;
      }
    }
  }

  close(): boolean {
    this.isReusable = false;
    return this.#reader.close() === END;
  }

  takeOutput(): null {
    return null;
  }
}
