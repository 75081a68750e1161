/**
 * The limits of HTTP/1.1 connections, in one place with their defaults.
 *
 * @module
 */

import type { RequestLimits } from "../request_limits.ts";
import { DEFAULT_REQUEST_LIMITS } from "../request_limits.ts";

/** Limits of the HTTP/1.1 codec and endpoint. */
export interface HttpLimits extends RequestLimits {
  /** Open connections of one endpoint. */
  readonly maxConnections: number;
}

/** The default limits. */
export const DEFAULT_HTTP_LIMITS: HttpLimits = Object.freeze({
  ...DEFAULT_REQUEST_LIMITS,
  maxConnections: 16_384,
});

/** Requests that are read ahead of their turn on one connection. */
export const MAX_PIPELINED_REQUESTS = 64;

/** Bytes of a body that nobody reads which are taken off the connection to keep it usable. */
export const MAX_DISCARDED_BYTES = 262_144;

/** Bytes of one chunk-size line, extensions included. */
export const MAX_CHUNK_LINE_BYTES = 4_096;

/** Bytes of a request method. */
export const MAX_METHOD_BYTES = 32;
