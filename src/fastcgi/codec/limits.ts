/**
 * The limits of FastCGI connections, in one place with their defaults.
 *
 * @module
 */

import type { RequestLimits } from "../../message/request_limits.ts";
import { DEFAULT_REQUEST_LIMITS } from "../../message/request_limits.ts";

/** Limits of the FastCGI codec and endpoint. */
export interface FastCgiLimits extends RequestLimits {
  /** Open connections of one endpoint; requests on further ones get FCGI_OVERLOADED. */
  readonly maxConns: number;
  /** Concurrent requests of one endpoint; further ones get FCGI_OVERLOADED. */
  readonly maxReqs: number;
}

/** The default limits. */
export const DEFAULT_FASTCGI_LIMITS: FastCgiLimits = Object.freeze({
  ...DEFAULT_REQUEST_LIMITS,
  maxConns: 1_024,
  maxReqs: 1_024,
});

/** Connections beyond the limit that are still accepted, to answer FCGI_OVERLOADED. */
export const MAX_REFUSED_CONNECTIONS = 64;

/**
 * A request's parameters are this many times as large as its head may be, at the most. Web servers repeat
 * the target in several (`REQUEST_URI`, `DOCUMENT_URI`, `SCRIPT_NAME`, `SCRIPT_FILENAME`, …): a head that
 * fits nginx's default buffers, a line and three fields of 8 KiB each, takes over 64 KiB.
 */
export const PARAMS_PER_HEADER_BYTES = 3;

/**
 * Requests of one connection whose parameters are not here in full. They are not shared, so further
 * requests are answered FCGI_OVERLOADED; and so are those whose parameters would exceed the limit
 * of their connection: twice that of one request.
 */
export const MAX_UNSTARTED_REQUESTS = 64;

/** Time that a body may block its connection before it is put aside, in milliseconds. */
export const HOLD_UP_MS = 100;

/** Bytes of a body put aside that stay in memory; what exceeds them goes to a temporary file. */
export const MAX_SPOOLED_MEMORY_BYTES = 262_144;

/** Bytes of one body that are put aside at the most; beyond, its connection waits. */
export const MAX_SPOOLED_BYTES = 1_073_741_824;

/** Bytes of an app's messages that one request sends to the web server's error log. */
export const MAX_STDERR_BYTES = 65_528;

/**
 * Bytes of its response that each request may write ahead of the web server's reading. One more window is
 * shared by all requests of a connection: mostly there is only one.
 */
export const OWN_WINDOW_BYTES = 4_096;
