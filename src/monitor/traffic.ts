/**
 * Counts requests as they end. It is called for each of them: so counts lie in arrays, and text is made of
 * them when somebody asks.
 *
 * @module
 */

import type { Samples } from "./samples.ts";
import { addHistogram, addSample } from "./samples.ts";
import { LatencyWindow } from "./latency.ts";
import type { Totals } from "./report.ts";

/** What is counted of a request at its end. */
export interface EndedRequest {
  /** The protocol that it came in over. */
  readonly endpoint: "http" | "fastcgi" | "mongrel2";
  /** Scheme of its URL. */
  readonly scheme: "http" | "https";
  /** The path prefix that it belongs to, `"/"` for the root, and `""` if it belongs to none. */
  readonly mount: string;
  /** Its method. */
  readonly method: string;
  /** Status of the response; 0 if there was none. */
  readonly status: number;
  /** Bytes of the request's body that have come. */
  readonly bytesIn: number;
  /** Bytes of the response's body. */
  readonly bytesOut: number;
  /** How long it took, in milliseconds. */
  readonly durationMs: number;
  /** How it ended. */
  readonly outcome: "answered" | "cut off" | "client left";
}

/** Bounds of the durations, in seconds. */
export const DURATION_BOUNDS: readonly number[] = [
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  30,
  60,
];
const BOUNDS_MS = DURATION_BOUNDS.map((seconds) => seconds * 1_000);
const DURATIONS = BOUNDS_MS.length + 1;

const ENDPOINTS = ["http", "fastcgi", "mongrel2"] as const;
const SCHEMES = ["http", "https"] as const;
/** Those of RFC 9110 and PATCH; all that clients make up is one more. */
const METHODS = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "CONNECT",
  "OPTIONS",
  "TRACE",
  "PATCH",
  "other",
] as const;
const OTHER = METHODS.length - 1;
const METHOD_INDEX: ReadonlyMap<string, number> = new Map(
  METHODS.map((method, index) => [method, index]),
);
/** Classes of statuses, at the index that their first digit is. */
const CLASSES = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"] as const;
const COMBINATIONS = SCHEMES.length * METHODS.length * CLASSES.length;
const OUTCOMES = ["answered", "cut off", "client left"] as const;
/** Mounts are those of the configuration: more than these come of a fault, and are one. */
const MAX_MOUNTS = 1_024;
const OTHER_MOUNTS = "other";

/** The counts of one mount at one kind of endpoint. */
class Counts {
  readonly requests = new Float64Array(COMBINATIONS);
  readonly durations = new Float64Array(DURATIONS);
  durationMs = 0;
  bytesIn = 0;
  bytesOut = 0;
}

/** Counts requests. */
export class Traffic {
  readonly isPatient = true;
  /** Durations of the requests of the last minute. */
  readonly latency: LatencyWindow = new LatencyWindow();
  /** Counts by mounts, for each kind of endpoint. */
  readonly #byEndpoint = ENDPOINTS.map(() => new Map<string, Counts>());
  /** Where the last request was counted: most are of the same mount as the one before. */
  #counts: Counts | null = null;
  #mount = "";
  #endpoint: EndedRequest["endpoint"] = "http";
  readonly #outcomes = new Float64Array(OUTCOMES.length);
  #requests = 0;
  #failures = 0;

  /** Takes note that a request has ended. */
  onEnd(request: EndedRequest): void {
    const { endpoint, status, outcome, durationMs } = request;
    const counts = this.#countsOf(endpoint, request.mount);
    const scheme = request.scheme === "http" ? 0 : 1;
    const method = METHOD_INDEX.get(request.method) ?? OTHER;
    const kind = (status / 100) | 0;
    const statusClass = kind >= 1 && kind <= 5 ? kind : 0;
    counts.requests[(scheme * METHODS.length + method) * CLASSES.length + statusClass]++;
    let bound = 0;
    while (bound < BOUNDS_MS.length && durationMs > BOUNDS_MS[bound]) bound++;
    counts.durations[bound]++;
    counts.durationMs += durationMs;
    counts.bytesIn += request.bytesIn;
    counts.bytesOut += request.bytesOut;
    this.#outcomes[outcome === "answered" ? 0 : outcome === "cut off" ? 1 : 2]++;
    this.latency.add(durationMs);
    this.#requests++;
    if (statusClass === 5 || statusClass === 0) this.#failures++;
  }

  /** What has passed in all. */
  get totals(): Totals {
    let bytesIn = 0;
    let bytesOut = 0;
    for (const mounts of this.#byEndpoint) {
      for (const counts of mounts.values()) {
        bytesIn += counts.bytesIn;
        bytesOut += counts.bytesOut;
      }
    }
    return { requests: this.#requests, failures: this.#failures, bytesIn, bytesOut };
  }

  /** Adds the counts to `samples`. */
  addTo(samples: Samples): void {
    for (const [index, endpoint] of ENDPOINTS.entries()) {
      for (const [mount, counts] of this.#byEndpoint[index]) {
        addRequests(samples, { endpoint, mount }, counts);
        const labels = { endpoint, mount };
        const { durations, durationMs, bytesIn, bytesOut } = counts;
        const family = "gatehouse_request_duration_seconds";
        addHistogram(samples, family, labels, DURATION_BOUNDS, durations, durationMs / 1_000);
        addSample(samples, "gatehouse_request_body_bytes", labels, bytesIn);
        addSample(samples, "gatehouse_response_body_bytes", labels, bytesOut);
      }
    }
    for (const [index, outcome] of OUTCOMES.entries()) {
      addSample(samples, "gatehouse_request_outcomes", { outcome }, this.#outcomes[index]);
    }
  }

  #countsOf(endpoint: EndedRequest["endpoint"], mount: string): Counts {
    if (this.#counts !== null && mount === this.#mount && endpoint === this.#endpoint) {
      return this.#counts;
    }
    const mounts = this.#byEndpoint[endpoint === "http" ? 0 : endpoint === "fastcgi" ? 1 : 2];
    this.#mount = mount;
    this.#endpoint = endpoint;
    return this.#counts = mounts.get(mount) ?? this.#newCounts(mounts, mount);
  }

  #newCounts(mounts: Map<string, Counts>, mount: string): Counts {
    const name = mounts.size < MAX_MOUNTS ? mount : OTHER_MOUNTS;
    let counts = mounts.get(name);
    if (counts === undefined) mounts.set(name, counts = new Counts());
    return counts;
  }
}

function addRequests(
  samples: Samples,
  { endpoint, mount }: { endpoint: string; mount: string },
  { requests }: Counts,
): void {
  for (const [index, count] of requests.entries()) {
    if (count === 0) continue;
    const status = CLASSES[index % CLASSES.length];
    const rest = (index / CLASSES.length) | 0;
    const method = METHODS[rest % METHODS.length];
    const scheme = SCHEMES[(rest / METHODS.length) | 0];
    addSample(samples, "gatehouse_requests", { endpoint, scheme, mount, method, status }, count);
  }
}
