/**
 * What FastCGI connections know of their endpoint.
 *
 * @module
 */

import type { FaultLog } from "../net/fault_log.ts";
import type { FastCgiLimits } from "./codec/limits.ts";
import type { RequestHandler } from "./request_handler.ts";

/** What the FastCGI connections of an endpoint have in common. */
export interface FastCgiHost extends RequestHandler {
  /** Limits of each connection. */
  readonly limits: FastCgiLimits;
  /** Takes warnings about what is wrong with connections. */
  readonly faultLog: FaultLog;
  /** The roles that can be asked for. */
  readonly roles: ReadonlySet<number>;
  /** Folder for bodies that are not read yet. */
  readonly tempFolder: string;
  /** Counts one more request in, unless there are too many. */
  admit(): boolean;
  /** Counts a request out. */
  release(): void;
}

/** What happens to the requests of a connection: they are served, or refused for lack of room. */
export type Admission = "served" | "overloaded";
