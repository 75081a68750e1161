/**
 * When a worker has served long enough to be replaced by another one.
 *
 * @module
 */

import type { WorkerLimits } from "../limits/worker_limits.ts";
import type { RestartReason } from "./counts.ts";

/** Limits are lowered by up to this part, by chance: workers that start together do not end together. */
const JITTER = 0.1;

const BYTES_PER_MIB = 1_048_576;

/** Why a life is over. */
export interface LifeEnd {
  /** The kind of reason. */
  readonly reason: RestartReason;
  /** The reason in words, for the log. */
  readonly text: string;
}

/** What is known of a worker that serves. */
export interface WornWorker {
  /** Requests that it was given. */
  readonly requestCount: number;
  /** Memory of its own as it last said, in bytes. */
  readonly memoryBytes: number;
}

/** The life of one worker, from the time when it is ready. */
export class Lifetime {
  /** When it began, on the clock of `performance`. */
  readonly startedAt: number;
  /** Requests after which it is over; 0 disables. */
  readonly maxRequests: number;
  /** When it is over at the latest; `Infinity` for never. */
  readonly endsAt: number;

  readonly #maxMemoryBytes: number;

  /** Begins a life. */
  constructor(limits: WorkerLimits, startedAt: number) {
    const { maxWorkerRequests, maxWorkerAgeMs, maxWorkerMemoryBytes } = limits;
    this.startedAt = startedAt;
    this.maxRequests = Math.ceil(lowered(maxWorkerRequests));
    this.endsAt = maxWorkerAgeMs === 0 ? Infinity : startedAt + lowered(maxWorkerAgeMs);
    this.#maxMemoryBytes = maxWorkerMemoryBytes === 0 ? Infinity : maxWorkerMemoryBytes;
  }

  /** Why it is over at `now`; `null` as long as it is not. */
  reasonToEnd(worker: WornWorker, now: number): LifeEnd | null {
    const { requestCount, memoryBytes } = worker;
    if (this.hasOutgrown(worker)) {
      const text = `it uses ${mebibytes(memoryBytes)} MiB of memory (--max-worker-memory ` +
        `${mebibytes(this.#maxMemoryBytes)} MiB)`;
      return { reason: "memory", text };
    }
    if (this.maxRequests > 0 && requestCount >= this.maxRequests) {
      return {
        reason: "requests",
        text: `it has had ${requestCount} requests (--max-worker-requests)`,
      };
    }
    if (now >= this.endsAt) {
      const seconds = Math.round((now - this.startedAt) / 1000);
      return { reason: "age", text: `it is ${seconds} s old (--max-worker-age)` };
    }
    return null;
  }

  /** Whether the worker takes more memory than it may. */
  hasOutgrown({ memoryBytes }: WornWorker): boolean {
    return memoryBytes > this.#maxMemoryBytes;
  }
}

function lowered(limit: number): number {
  return limit * (1 - JITTER * Math.random());
}

function mebibytes(bytes: number): string {
  return (bytes / BYTES_PER_MIB).toFixed(bytes < 100 * BYTES_PER_MIB ? 1 : 0);
}
