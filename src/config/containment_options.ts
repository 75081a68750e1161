/**
 * The options about workers that hang, wear out, or never get ready.
 *
 * @module
 */

import { WORKER_LIMIT_RANGES } from "../limits/setting_ranges.ts";
import type { WorkerLimits } from "../limits/worker_limits.ts";
import { DEFAULT_WORKER_LIMITS } from "../limits/worker_limits.ts";
import type { OptionSpec } from "./option_spec.ts";
import { formatDuration, parseByteSize, parseCount, parseDuration } from "./values.ts";

function timeLimit(name: string, limit: keyof WorkerLimits, help: string): OptionSpec {
  const standard = DEFAULT_WORKER_LIMITS[limit];
  return {
    name,
    value: "SECONDS",
    group: "Limits",
    help,
    default: standard === 0 ? "none" : formatDuration(standard),
    apply: (settings, text, option) => settings.workerLimits[limit] = parseDuration(option, text),
  };
}

/** The options, in the order of the help text. */
export const CONTAINMENT_OPTIONS: readonly OptionSpec[] = [
  timeLimit(
    "hang-timeout",
    "hangTimeoutMs",
    "Replace a worker whose thread is blocked for this long. Its requests get 504. 0 disables",
  ),
  timeLimit(
    "load-timeout",
    "loadTimeoutMs",
    "Wait this long for the apps to start, in each new worker too. 0 disables",
  ),
  {
    name: "max-worker-requests",
    value: "N",
    group: "Limits",
    help: "Replace a worker after about this many requests (up to a tenth less). 0 disables",
    default: "none",
    apply: (settings, text, name) =>
      settings.workerLimits.maxWorkerRequests = parseCount(
        name,
        text,
        WORKER_LIMIT_RANGES.maxWorkerRequests,
      ),
  },
  timeLimit(
    "max-worker-age",
    "maxWorkerAgeMs",
    "Replace a worker at about this age (up to a tenth less). 0 disables",
  ),
  {
    name: "max-worker-memory",
    value: "BYTES",
    group: "Limits",
    help: "Replace a worker whose own memory (heap and buffers) exceeds this. 0 disables",
    default: "none",
    apply: (settings, text, name) => {
      const bytes = parseByteSize(name, text, WORKER_LIMIT_RANGES.maxWorkerMemoryBytes.max);
      settings.workerLimits.maxWorkerMemoryBytes = bytes === Infinity ? 0 : bytes;
    },
  },
  {
    name: "max-worker-descriptors",
    value: "N",
    group: "Limits",
    help:
      "Stop workers whose apps hold more files and sockets open, counted over all workers. At " +
      "most half of what the process may open. Linux and macOS. 0 disables",
    default: String(DEFAULT_WORKER_LIMITS.maxWorkerDescriptors),
    apply: (settings, text, name) =>
      settings.workerLimits.maxWorkerDescriptors = parseCount(
        name,
        text,
        WORKER_LIMIT_RANGES.maxWorkerDescriptors,
      ),
  },
  {
    name: "max-queue",
    value: "N",
    group: "Limits",
    help:
      "Let this many requests wait, for each set of workers, while all of them are blocked. Further " +
      "ones get 503 with Retry-After. 0 disables: 1024 wait, and further ones go to a blocked worker",
    default: "0",
    apply: (settings, text, name) =>
      settings.workerLimits.maxQueue = parseCount(name, text, WORKER_LIMIT_RANGES.maxQueue),
  },
  timeLimit(
    "queue-timeout",
    "queueTimeoutMs",
    "Answer 503, with Retry-After, if no worker could begin a request after this long. 0 disables",
  ),
];
