/**
 * The traces of a gateway.
 *
 * @module
 */

import type { Log } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { environmentOf } from "../base/surroundings.ts";
import { traceSettings } from "../traces/settings.ts";
import type { TraceExport } from "../traces/exporter.ts";

/**
 * Begins to send traces to the collector that the variables of OpenTelemetry name, if they do.
 *
 * @throws {ConfigError} if they cannot be understood
 */
export async function openTraces({ env }: Surroundings, log: Log): Promise<TraceExport | null> {
  const settings = traceSettings(environmentOf(env));
  if (settings === null) return null;
  const { TraceExport } = await import("../traces/exporter.ts");
  return await TraceExport.open(settings, log);
}
