/**
 * The limits of HTTP/1.1 connections, in one place with their defaults.
 *
 * @module
 */

/** Limits of the HTTP/1.1 codec and endpoint. Times are in milliseconds, 0 switches one off. */
export interface HttpLimits {
  /** Bytes of a request's head: request line, field lines and line ends. Also of its trailers. */
  readonly maxHeaderBytes: number;
  /** Field lines in a request's head. Also in its trailers. */
  readonly maxHeaderCount: number;
  /** Bytes of a request target. */
  readonly maxTargetBytes: number;
  /** Bytes of a request's body, without its chunked framing. */
  readonly maxBodyBytes: number;
  /** Time from the first byte of a request (or the opening of its connection) to the end of its head. */
  readonly headerTimeoutMs: number;
  /** Time without progress while a request's body is awaited or a response is taken. */
  readonly bodyIdleTimeoutMs: number;
  /** Time that a connection is kept open between requests. */
  readonly idleTimeoutMs: number;
  /** Time from the end of a request's head to the start of its response. */
  readonly requestTimeoutMs: number;
  /** Requests on one connection, 0 for any number. */
  readonly maxRequestsPerConnection: number;
  /** Open connections of one endpoint. */
  readonly maxConnections: number;
}

/** The default limits. */
export const DEFAULT_HTTP_LIMITS: HttpLimits = Object.freeze({
  maxHeaderBytes: 32_768,
  maxHeaderCount: 128,
  maxTargetBytes: 8_192,
  maxBodyBytes: Number.MAX_SAFE_INTEGER,
  headerTimeoutMs: 15_000,
  bodyIdleTimeoutMs: 60_000,
  idleTimeoutMs: 75_000,
  requestTimeoutMs: 0,
  maxRequestsPerConnection: 0,
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
