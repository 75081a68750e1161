/**
 * Which worker of a pool runs the jobs of its apps: one at a time, and another one when it is gone.
 *
 * @module
 */

import { giveCronDuty, takeCronDuty } from "../sandbox/cron_duty.ts";

/** A worker that can run jobs. */
export interface JobWorker {
  /** Memory that tells it so. */
  readonly cronDuty: SharedArrayBuffer;
}

/** Gives the jobs of a pool to one of its workers. */
export class CronDuty {
  #worker: JobWorker | null = null;
  /** From when on the pool has jobs to run; `null` while it has none. */
  #since: "now" | "ever" | null = null;

  /** From now on the pool runs the jobs: all of them, or those that are due from now on. */
  begin(since: "now" | "ever", workers: readonly JobWorker[]): void {
    this.#since = since;
    this.settle(workers);
  }

  /** From now on somebody else does. */
  end(): void {
    this.#since = null;
    this.#giveTo(null);
  }

  /**
   * Ensures that one of `workers`, which can serve, runs the jobs: preferably the one that already
   * does.
   */
  settle(workers: readonly JobWorker[]): void {
    if (this.#since === null) return;
    if (this.#worker !== null && workers.includes(this.#worker)) return;
    this.#giveTo(workers[0] ?? null);
  }

  #giveTo(worker: JobWorker | null): void {
    if (this.#worker !== null) takeCronDuty(this.#worker.cronDuty);
    this.#worker = worker;
    if (worker === null || this.#since === null) return;
    giveCronDuty(worker.cronDuty, this.#since);
    // The next worker has had a predecessor.
    this.#since = "now";
  }
}
