/**
 * The limits of FastCGI connections, in one place with their defaults.
 *
 * @module
 */

/** Limits of the FastCGI codec and endpoint. Times are in milliseconds, 0 switches one off. */
export interface FastCgiLimits {
  /** Bytes of a request's parameters, which hold its header fields and target. */
  readonly maxHeaderBytes: number;
  /** Header fields (`HTTP_` parameters) of a request. */
  readonly maxHeaderCount: number;
  /** Bytes of a request target. */
  readonly maxTargetBytes: number;
  /** Bytes of a request's body. */
  readonly maxBodyBytes: number;
  /** Time from the beginning of a request (or the opening of its connection) to the end of its parameters. */
  readonly headerTimeoutMs: number;
  /** Time without progress while a request's body is awaited or a response is taken. */
  readonly bodyIdleTimeoutMs: number;
  /** Time that a connection is kept open between requests. */
  readonly idleTimeoutMs: number;
  /** Time from the end of a request's parameters to the start of its response. */
  readonly requestTimeoutMs: number;
  /** Requests on one connection, 0 for any number. */
  readonly maxRequestsPerConnection: number;
  /** Open connections of one endpoint; what comes on others is answered FCGI_OVERLOADED. */
  readonly maxConns: number;
  /** Requests at a time of one endpoint; others are answered FCGI_OVERLOADED. */
  readonly maxReqs: number;
}

/** The default limits. */
export const DEFAULT_FASTCGI_LIMITS: FastCgiLimits = Object.freeze({
  maxHeaderBytes: 32_768,
  maxHeaderCount: 128,
  maxTargetBytes: 8_192,
  maxBodyBytes: Number.MAX_SAFE_INTEGER,
  headerTimeoutMs: 15_000,
  bodyIdleTimeoutMs: 60_000,
  idleTimeoutMs: 75_000,
  requestTimeoutMs: 0,
  maxRequestsPerConnection: 0,
  maxConns: 1_024,
  maxReqs: 1_024,
});

/** Connections beyond the limit that are accepted all the same, to tell them so. */
export const MAX_REFUSED_CONNECTIONS = 64;

/** Time that a body may hold up all else on its connection before it is put aside, in milliseconds. */
export const HOLD_UP_MS = 100;

/** Bytes of a body put aside that stay in memory; what exceeds them goes to a temporary file. */
export const MAX_SPOOLED_MEMORY_BYTES = 262_144;

/** Bytes of one body that are put aside at the most; beyond, its connection waits. */
export const MAX_SPOOLED_BYTES = 1_073_741_824;

/** Bytes of an app's messages that one request sends to the web server's error log. */
export const MAX_STDERR_BYTES = 65_528;
