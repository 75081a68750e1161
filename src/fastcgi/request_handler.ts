/**
 * Who takes the requests of FastCGI connections.
 *
 * @module
 */

import type { ProtocolError } from "../base/errors.ts";
import type { OVERLOADED, UNKNOWN_ROLE } from "./codec/records.ts";
import type { ServerRequest } from "./server_request.ts";

/** Why a request is turned away: there are too many, or its role is not served (FastCGI 1.0, section 5.5). */
export type TurningAway = typeof OVERLOADED | typeof UNKNOWN_ROLE;

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
  /**
   * Takes note that the web server was told `reason` for a request, `request` as far as it has come, or `null` if
   * that is nothing. Absent where nobody wants to know.
   */
  onTurnedAway?(
    reason: TurningAway,
    conn: Deno.Conn,
    request: ServerRequest | null,
  ): void;
}
