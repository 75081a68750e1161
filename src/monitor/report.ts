/**
 * What a gateway process tells of itself, in a form that crosses from process to process as JSON.
 *
 * @module
 */

import type { WorkerReport } from "../pool/pool.ts";
import type { Samples } from "./samples.ts";

/** A generation of workers. */
export interface GenerationReport {
  /** Its number, from 1. */
  readonly number: number;
  /** Whether it loads the apps, serves, or finishes its requests. */
  readonly state: "loading" | "serving" | "finishing";
  /** Its pools: each has the apps that share workers. */
  readonly pools: readonly PoolReport[];
}

/** Workers that run the same apps. */
export interface PoolReport {
  /** Path prefixes of the apps, `"/"` for the root. */
  readonly mounts: readonly string[];
  /** Requests that wait for a worker to be free. */
  readonly waiting: number;
  /** The workers. */
  readonly workers: readonly WorkerReport[];
}

/** An endpoint. */
export interface EndpointReport {
  /** Where it is, such as `http://127.0.0.1:8000`. */
  readonly url: string;
  /** `"http"`, `"https"`, `"fastcgi"` or `"mongrel2"`. */
  readonly protocol: string;
  /** Open connections; of Mongrel2, clients with a request under way. */
  readonly connections: number;
  /** Connections that were accepted so far; 0 for Mongrel2, which accepts them itself. */
  readonly accepted: number;
  /** Requests without a complete answer. */
  readonly unanswered: number;
}

/** A request that is under way, and has not become a WebSocket. */
export interface RequestReport {
  /** Its method. */
  readonly method: string;
  /** The beginning of its target, without query and passwords. */
  readonly target: string;
  /** Path prefix of its app, `"/"` for the root; `""` as long as it has none. */
  readonly mount: string;
  /** Number of the worker that has it; 0 if none has. */
  readonly worker: number;
  /** Generation of that worker; 0 if none has it. */
  readonly generation: number;
  /** How long ago it began, in milliseconds. */
  readonly ageMs: number;
}

/** A line of the log that is no mere information. */
export interface LogReport {
  /** When, in milliseconds since 1970. */
  readonly atMs: number;
  /** How bad it is. */
  readonly level: "error" | "warning";
  /** What it says. */
  readonly text: string;
}

/** What has passed in all, for rates. */
export interface Totals {
  /** Requests that have ended. */
  readonly requests: number;
  /** Those that were answered with 5xx, or not at all. */
  readonly failures: number;
  /** Bytes of requests' bodies. */
  readonly bytesIn: number;
  /** Bytes of responses' bodies. */
  readonly bytesOut: number;
}

/** A gateway process. */
export interface ProcessReport {
  /** Its number, from 1; 0 if it is the only one. */
  readonly process: number;
  /** Its process ID. */
  readonly pid: number;
  /** Whether it loads the apps, serves, or finishes what is in flight. */
  readonly state: "starting" | "serving" | "draining";
  /** Whether each app has a worker that is ready for requests. */
  readonly isAlive: boolean;
  /** When it was started, in milliseconds since 1970. */
  readonly startedAtMs: number;
  /** Memory of the process, workers included, in bytes. */
  readonly rssBytes: number;
  /** Memory of the gateway's own heap, in bytes. */
  readonly heapBytes: number;
  /** By how much the event loop was late lately, in milliseconds: on average and at the most. */
  readonly loopDelayMs: { readonly mean: number; readonly max: number };
  /** Generations of workers, the one that serves first; none with `--workers 0`. */
  readonly generations: readonly GenerationReport[];
  /** Endpoints. */
  readonly endpoints: readonly EndpointReport[];
  /** The oldest requests under way, the oldest first. */
  readonly requests: readonly RequestReport[];
  /** The last errors and warnings, the last one first. */
  readonly errors: readonly LogReport[];
  /** What has passed. */
  readonly totals: Totals;
  /** Durations of the requests of the last minute: of the buckets that are not empty, index and count. */
  readonly latency: readonly (readonly [number, number])[];
  /** The metrics. */
  readonly samples: Samples;
}

/** No requests. */
export const NO_TOTALS: Totals = Object.freeze({
  requests: 0,
  failures: 0,
  bytesIn: 0,
  bytesOut: 0,
});

/** The sum of several totals. */
export function sumOfTotals(all: readonly Totals[]): Totals {
  return all.reduce((sum, each) => ({
    requests: sum.requests + each.requests,
    failures: sum.failures + each.failures,
    bytesIn: sum.bytesIn + each.bytesIn,
    bytesOut: sum.bytesOut + each.bytesOut,
  }), NO_TOTALS);
}
