/**
 * Who takes the requests of FastCGI connections.
 *
 * @module
 */

import type { ProtocolError } from "../base/errors.ts";
import type { ServerRequest } from "./server_request.ts";

/** Takes requests. */
export interface RequestHandler {
  /**
   * Takes charge of a request whose parameters `params[0, length)` are complete; they are borrowed.
   *
   * @throws {ProtocolError} if it cannot be served
   */
  start(request: ServerRequest, params: Uint8Array, length: number): void;
  /** Answers a request that cannot be served as it is; it ends. */
  refuse(request: ServerRequest, error: ProtocolError): void;
}
