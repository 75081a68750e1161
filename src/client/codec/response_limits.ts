/**
 * The limits of the client's half of HTTP/1.1, in one place with their defaults.
 *
 * @module
 */

/** Limits of what a server may send. */
export interface ResponseLimits {
  /** Bytes of a response's head: status line, field lines and line ends. Also of its trailers. */
  readonly maxHeadBytes: number;
  /** Field lines of a response. Also in its trailers. */
  readonly maxFieldCount: number;
  /** Bytes of a response's body, without its framing. */
  readonly maxBodyBytes: number;
  /** Interim responses (1xx) before a final one. */
  readonly maxInterimCount: number;
}

/** The default limits. */
export const DEFAULT_RESPONSE_LIMITS: ResponseLimits = Object.freeze({
  maxHeadBytes: 65_536,
  maxFieldCount: 256,
  maxBodyBytes: Number.MAX_SAFE_INTEGER,
  maxInterimCount: 32,
});
