/**
 * What loading from servers, and the modules that come of it, may take.
 *
 * @module
 */

/** Limits for fetching modules. */
export interface FetchLimits {
  /** Size of one module, in bytes, after content decoding. */
  readonly maxModuleBytes: number;
  /**
   * Size of one resource other than a module, such as a package, in bytes, after content decoding.
   */
  readonly maxResourceBytes: number;
  /** Redirects that are followed for one module. */
  readonly maxRedirects: number;
  /** Time without any progress after which a server is given up, in milliseconds. */
  readonly idleTimeoutMs: number;
  /** Time for one URL with all its attempts, in milliseconds. */
  readonly totalTimeoutMs: number;
  /** Pauses before further attempts, in milliseconds: as many attempts as there are pauses. */
  readonly retryDelaysMs: readonly number[];
  /** Requests that run at the same time; further ones wait. */
  readonly maxConcurrentRequests: number;
}

/** The limits unless others are given. */
export const DEFAULT_FETCH_LIMITS: FetchLimits = Object.freeze({
  maxModuleBytes: 64 * 1024 * 1024,
  maxResourceBytes: 512 * 1024 * 1024,
  maxRedirects: 10,
  idleTimeoutMs: 30_000,
  totalTimeoutMs: 600_000,
  retryDelaysMs: Object.freeze([200, 1_000]),
  maxConcurrentRequests: 32,
});
