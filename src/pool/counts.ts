/**
 * Counts what befalls the workers of a gateway, over all its pools and generations.
 *
 * @module
 */

/**
 * Why a worker's place gets another one: it has ended by itself or broken a rule; its thread was blocked; its
 * apps had an error that nobody caught; it has served enough requests, long enough, or takes too much memory
 * (the limits of workers); or somebody has asked for it.
 */
export type RestartReason =
  | "died"
  | "hung"
  | "uncaught error"
  | "requests"
  | "age"
  | "memory"
  | "asked";

/** The counts. They only grow. */
export class WorkerCounts {
  /** Workers whose place gets another one, by the reason. */
  readonly restarts: Record<RestartReason, number> = {
    died: 0,
    hung: 0,
    "uncaught error": 0,
    requests: 0,
    age: 0,
    memory: 0,
    asked: 0,
  };
  /** Requests that had to wait for a worker to be free. */
  queueWaits = 0;
  /** Time that they have waited in all, in milliseconds. */
  queueWaitMs = 0;
  /** Times that something for a worker found no room in its ring. */
  ringStalls = 0;
  /** Requests that were turned away since too much waited for their worker. */
  turnedAway = 0;
}
