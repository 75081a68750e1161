/**
 * Where the reports of a gateway's processes come from, and what can be done to them.
 *
 * @module
 */

import type { Readiness } from "./health.ts";
import type { ProcessReport, Totals } from "./report.ts";
import { NO_TOTALS } from "./report.ts";
import type { Samples } from "./samples.ts";

/** How all processes do. */
export interface Collected {
  /** Those that run. */
  readonly processes: readonly ProcessReport[];
  /** What those that have ended have counted. */
  readonly ended: {
    readonly samples: Samples;
    readonly totals: Totals;
  };
}

/** Gives reports. */
export interface ReportSource {
  /** Whether the gateway should get requests. */
  readonly readiness: Readiness;
  /** Reports as of now. */
  collect(): Promise<Collected>;
  /** Reports that are a second old at the most, where they come from other processes. */
  latest(): Collected;
}

/** What can be done to a gateway from outside. */
export interface GatewayControl {
  /** Reloads the apps; `false` if that cannot be done. */
  reload(): boolean;
  /** Replaces a worker by another one; `false` if there is none, or it is being replaced. */
  retire(worker: WorkerName): Promise<boolean>;
  /** Lets the gateway finish what is in flight, and end. */
  drain(): void;
}

/** Names a worker that serves. */
export interface WorkerName {
  /** The process, from 1; 0 if there is only one. */
  readonly process: number;
  /** Path prefix of one of its apps, `"/"` for the root. */
  readonly mount: string;
  /** Its number among the workers of those apps, from 1. */
  readonly worker: number;
}

/** The source where there is one process: this one. */
export class LocalReports implements ReportSource {
  readonly #process: { readonly readiness: Readiness; report(): ProcessReport };

  /** Reports of `process`. */
  constructor(process: { readonly readiness: Readiness; report(): ProcessReport }) {
    this.#process = process;
  }

  get readiness(): Readiness {
    return this.#process.readiness;
  }

  collect(): Promise<Collected> {
    return Promise.resolve(this.latest());
  }

  latest(): Collected {
    return {
      processes: [this.#process.report()],
      ended: { samples: {}, totals: NO_TOTALS },
    };
  }
}
