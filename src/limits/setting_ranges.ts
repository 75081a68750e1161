/**
 * What numbers settings can have, on the command line as in the library.
 *
 * @module
 */

import type { RequestLimits } from "../message/request_limits.ts";
import { MAX_TIMER_MS } from "../base/timers.ts";
import type { WorkerLimits } from "./worker_limits.ts";

/** The numbers that a setting can have. */
export interface SettingRange {
  /** Whole numbers, whole numbers of bytes, or any numbers of milliseconds. */
  readonly kind: "count" | "bytes" | "milliseconds";
  /** The least. */
  readonly min: number;
  /** The greatest. */
  readonly max: number;
}

/** Largest head that a ring can carry with room to spare, in bytes. */
const MAX_HEAD_BYTES = 262_144;

/** Largest message that a text can be made of. */
const MAX_MESSAGE_BYTES = 268_435_456;

const count = (min: number, max: number = Number.MAX_SAFE_INTEGER): SettingRange => {
  return { kind: "count", min, max };
};
const bytes = (max: number): SettingRange => ({ kind: "bytes", min: 0, max });

/** Any time, `Infinity` included. */
export const ANY_TIME: SettingRange = { kind: "milliseconds", min: 0, max: Infinity };

/** How long the answer to a health check may take, if nothing is said of that, in milliseconds. */
export const DEFAULT_HEALTH_CHECK_MS = 10_000;

/** Ranges of settings other than limits. */
export const RANGES = {
  workers: count(0, 1_024),
  processes: count(0, 1_024),
  backlog: count(1, 65_535),
  compressMinBytes: bytes(Number.MAX_SAFE_INTEGER),
  drainDelayMs: { kind: "milliseconds", min: 0, max: 3_600_000 } as SettingRange,
  drainTimeoutMs: { ...ANY_TIME, max: MAX_TIMER_MS } as SettingRange,
  healthCheckTimeoutMs: { kind: "milliseconds", min: 1, max: MAX_TIMER_MS } as SettingRange,
} as const;

/** Names of the limits of requests and connections, of all protocols. */
export type LimitName =
  | keyof RequestLimits
  | "maxConnections"
  | "maxMessageBytes"
  | "maxConns"
  | "maxReqs";

/** Ranges of the limits of requests and connections. */
export const LIMIT_RANGES: Readonly<Record<LimitName, SettingRange>> = {
  maxHeaderBytes: bytes(MAX_HEAD_BYTES),
  maxHeaderCount: count(1),
  maxTargetBytes: bytes(MAX_HEAD_BYTES),
  maxBodyBytes: bytes(Infinity),
  headerTimeoutMs: ANY_TIME,
  bodyIdleTimeoutMs: ANY_TIME,
  idleTimeoutMs: ANY_TIME,
  requestTimeoutMs: ANY_TIME,
  maxRequestsPerConnection: count(0),
  maxConnections: count(1),
  maxMessageBytes: bytes(MAX_MESSAGE_BYTES),
  maxConns: count(1, 1_000_000),
  maxReqs: count(1, 1_000_000),
};

/** Ranges of the limits of workers. */
export const WORKER_LIMIT_RANGES: Readonly<Record<keyof WorkerLimits, SettingRange>> = {
  hangTimeoutMs: ANY_TIME,
  loadTimeoutMs: ANY_TIME,
  maxWorkerRequests: count(0, 4_000_000_000),
  maxWorkerAgeMs: ANY_TIME,
  maxWorkerMemoryBytes: bytes(Infinity),
  maxWorkerDescriptors: count(0, 1_000_000),
  maxQueue: count(0, 1_000_000),
  queueTimeoutMs: ANY_TIME,
};

/** What `range` allows, in words. */
export function rangeInWords({ kind, min, max }: SettingRange): string {
  const isOpen = max === Infinity || max === Number.MAX_SAFE_INTEGER;
  switch (kind) {
    case "count":
      return `a whole number ${isOpen ? `from ${min} on` : `from ${min} to ${max}`}`;
    case "bytes":
      return `a whole number of bytes${isOpen ? "" : ` of at most ${max}`}`;
    case "milliseconds":
      return `a time in milliseconds, ${isOpen ? `${min} or more` : `from ${min} to ${max}`}`;
  }
}

/** Whether `value` is in `range`. */
export function isInRange(value: unknown, { kind, min, max }: SettingRange): boolean {
  if (typeof value !== "number" || !(value >= min && value <= max)) return false;
  return kind === "milliseconds" || Number.isSafeInteger(value) || value === Infinity;
}
