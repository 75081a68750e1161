/**
 * What a dispatcher bounds, and by how much if nothing else is said.
 *
 * @module
 */

/** Bounds and times of a dispatcher. */
export interface DispatchLimits {
  /** Interval of pings, in milliseconds. A handler that is silent for two of them is dead. */
  readonly pingIntervalMs: number;
  /** Requests that wait for a handler at the most. */
  readonly maxQueue: number;
  /** Time after which a request that waits is answered by 503, in milliseconds. */
  readonly queueTimeoutMs: number;
  /**
   * Time in which a handler has to begin its answer to a request, in milliseconds; after it, the request gets
   * 504. 0: it may take as long as it likes.
   */
  readonly requestTimeoutMs: number;
  /** Bytes of requests that are kept, waiting or to be given to another handler, at the most. */
  readonly maxHeldBytes: number;
}

/** The limits if nothing else is said. */
export const DEFAULT_DISPATCH_LIMITS: DispatchLimits = Object.freeze({
  pingIntervalMs: 1_000,
  maxQueue: 1_024,
  queueTimeoutMs: 30_000,
  requestTimeoutMs: 0,
  maxHeldBytes: 268_435_456,
});
