/**
 * What is said on a connection to a server: one request at a time, and its response. Bytes in, bytes out;
 * no I/O, and no timers.
 *
 * @module
 */

import type { PreparedRequest } from "./prepared_request.ts";

/** A conversation on one connection. */
export interface Conversation {
  /** What has to be asked first on a new connection; `null` if nothing. */
  readonly opening: PreparedRequest | null;
  /** Status of the response that came last: 0 if the protocol has none. */
  readonly status: number;
  /** Bytes of its body, without framing. */
  readonly bodyBytes: number;
  /** Whether another request can be sent on the connection. */
  readonly isReusable: boolean;
  /** Begins a request; returns the bytes to send in place of its `first`. */
  begin(request: PreparedRequest): Uint8Array;
  /**
   * Takes the first `length` of `bytes`, which are borrowed until this returns; whether the response is over.
   *
   * @throws {ProtocolError} if the server may not send that
   */
  push(bytes: Uint8Array, length: number): boolean;
  /**
   * The connection has ended; whether that ends the response.
   *
   * @throws {ProtocolError} if it cuts one off
   */
  close(): boolean;
  /** Takes what is to be sent besides requests, such as the answer to a ping; `null` if nothing is. */
  takeOutput(): Uint8Array | null;
}
