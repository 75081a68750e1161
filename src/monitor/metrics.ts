/**
 * `/metrics`: the metrics of all processes, summed.
 *
 * @module
 */

import type { ListenAddress } from "../net/address.ts";
import type { AdminRoutes } from "./admin_routes.ts";
import { isLoopback } from "./meant_host.ts";
import { Paced } from "./paced.ts";
import type { ReportSource } from "./report_source.ts";
import type { Samples } from "./samples.ts";
import { addSample, addSamples, OPENMETRICS_TYPE, openMetricsText } from "./samples.ts";

/** Time between two texts, in milliseconds: whoever asks more often waits for the next one. */
const INTERVAL_MS = 50;

/** What is told besides the reports of the processes. */
export interface MetricsExtras {
  /** Version of gatehouse. */
  readonly version: string;
  /** Adds samples of what no process has by itself. */
  addTo(samples: Samples): void;
}

/** Routes for metrics at `address`. */
export function metricsRoutes(
  address: ListenAddress,
  source: ReportSource,
  extras: MetricsExtras,
): AdminRoutes {
  const text = new Paced(INTERVAL_MS, async () => {
    const { processes, ended } = await source.collect();
    const samples: Samples = {};
    const versions = { version: extras.version, deno: Deno.version.deno };
    addSample(samples, "gatehouse_build", versions, 1);
    for (const process of processes) addSamples(samples, process.samples, "all");
    addSamples(samples, ended.samples, "all");
    extras.addTo(samples);
    return openMetricsText(samples);
  });
  return {
    address,
    routes: [{
      method: "GET",
      path: "/metrics",
      // At a loopback address a page of another site gets at it only by DNS rebinding.
      audience: isLoopback(address) ? "this-host" : "anybody",
      respond: async () => ({ status: 200, type: OPENMETRICS_TYPE, body: await text.get() }),
    }],
  };
}
