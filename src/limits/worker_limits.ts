/**
 * What is put up with from a worker before it is ended, or replaced.
 *
 * @module
 */

/** Limits of each worker. 0 disables a limit. */
export interface WorkerLimits {
  /** How long a worker's thread may be blocked before the worker is ended, in milliseconds. */
  readonly hangTimeoutMs: number;
  /** How long a worker may take to load the apps, in milliseconds. */
  readonly loadTimeoutMs: number;
  /**
   * Requests after which a worker is replaced; somewhat fewer, so that not all are replaced at
   * once.
   */
  readonly maxWorkerRequests: number;
  /**
   * Age at which a worker is replaced, in milliseconds; somewhat less, so that not all are replaced
   * at once.
   */
  readonly maxWorkerAgeMs: number;
  /** Memory of its own at which a worker is replaced, in bytes. */
  readonly maxWorkerMemoryBytes: number;
  /**
   * Files and sockets that each worker may have open. They are counted over all workers, without
   * those that were open when the gateway began to serve; apps get at most half of the process's.
   */
  readonly maxWorkerDescriptors: number;
  /**
   * Requests that wait at the most, for each set of workers, while the threads of all are blocked; further ones
   * get 503. Without a limit, 1,024 wait, and further ones are given to a worker that is blocked.
   */
  readonly maxQueue: number;
  /** How long a request may wait so, in milliseconds, before it gets 503. */
  readonly queueTimeoutMs: number;
}

/**
 * The limits unless others are asked for. A blocked thread serves nobody, so the first two are on
 * by default; they do not concern requests that merely take long.
 */
export const DEFAULT_WORKER_LIMITS: WorkerLimits = Object.freeze({
  hangTimeoutMs: 30_000,
  loadTimeoutMs: 60_000,
  maxWorkerRequests: 0,
  maxWorkerAgeMs: 0,
  maxWorkerMemoryBytes: 0,
  maxWorkerDescriptors: 4_096,
  maxQueue: 0,
  queueTimeoutMs: 0,
});
