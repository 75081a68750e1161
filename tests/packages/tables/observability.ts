/** Logs, metrics and traces. */

import type { PackageRow } from "../row.ts";

/** The packages. */
export const OBSERVABILITY: readonly PackageRow[] = [
  ["winston@3.19.0", "typeof m.createLogger({ silent: true }).info"],
  ["bunyan@2.0.5", "typeof d.createLogger({ name: 'a' }).info"],
  ["log4js@6.9.1", "typeof d.getLogger().info"],
  ["loglevel@1.9.2", "typeof d.info"],
  ["consola@3.4.2", "typeof m.consola.info"],
  ["pino-pretty@13.2.0", "d.prettyFactory({ colorize: false })({ level: 30, time: 0, msg: 'a' })"],
  ["@opentelemetry/api@1.10.0", "typeof m.trace.getTracer('a').startSpan"],
  ["@opentelemetry/sdk-trace-base@2.12.1", "typeof new m.BasicTracerProvider().getTracer('a')"],
  ["@opentelemetry/sdk-node@0.301.0", "typeof m.NodeSDK"],
  ["@opentelemetry/exporter-trace-otlp-http@0.301.0", "typeof m.OTLPTraceExporter"],
  ["prom-client@15.1.3", "await new m.Registry().metrics()"],
  ["hot-shots@17.1.1", "typeof d"],
  ["@sentry/core@11.12.0", "typeof m.captureException"],
  ["@bugsnag/js@9.0.0", "typeof d.createClient"],
  ["applicationinsights@3.17.0", "typeof (d ?? m)"],
];
