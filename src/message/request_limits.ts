/**
 * The limits of requests that all protocols have in common, with their defaults.
 *
 * @module
 */

/** Limits of a request and its connection. Times are in milliseconds, 0 switches one off. */
export interface RequestLimits {
  /**
   * Bytes of a request's head: of the request line, field lines and line ends over HTTP (also of its
   * trailers), of the parameters over FastCGI.
   */
  readonly maxHeaderBytes: number;
  /** Header fields of a request. Also in its trailers. */
  readonly maxHeaderCount: number;
  /** Bytes of a request target. */
  readonly maxTargetBytes: number;
  /** Bytes of a request's body, without its framing. */
  readonly maxBodyBytes: number;
  /** Time from the first byte of a request (or the opening of its connection) to the end of its head. */
  readonly headerTimeoutMs: number;
  /** Time without progress while a request's body is awaited or a response is taken. */
  readonly bodyIdleTimeoutMs: number;
  /** Time that a connection is kept open between requests. */
  readonly idleTimeoutMs: number;
  /** Time from the end of a request's head to the start of its response. */
  readonly requestTimeoutMs: number;
  /** Requests on one connection; 0 disables the limit. */
  readonly maxRequestsPerConnection: number;
}

/** The default limits. */
export const DEFAULT_REQUEST_LIMITS: RequestLimits = Object.freeze({
  maxHeaderBytes: 32_768,
  maxHeaderCount: 128,
  maxTargetBytes: 8_192,
  maxBodyBytes: Number.MAX_SAFE_INTEGER,
  headerTimeoutMs: 15_000,
  bodyIdleTimeoutMs: 60_000,
  idleTimeoutMs: 75_000,
  requestTimeoutMs: 0,
  maxRequestsPerConnection: 0,
});
