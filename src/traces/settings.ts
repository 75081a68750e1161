/**
 * Where traces go, and which are recorded: the variables that OpenTelemetry has for it.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { Sampler } from "./sampler.ts";
import { samplerOf } from "./sampler.ts";

/** Where traces go, and which. */
export interface TraceSettings {
  /** URL that spans are sent to. */
  readonly url: string;
  /** Fields of the requests that send them. */
  readonly headers: Readonly<Record<string, string>>;
  /** How long such a request may take, in milliseconds. */
  readonly timeoutMs: number;
  /** What is said of the gateway with all spans. */
  readonly resource: Readonly<Record<string, string>>;
  /** Which traces are recorded. */
  readonly isSampled: Sampler;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const MAX_TIMEOUT_MS = 60_000;

/**
 * What the variables say; `null` if there are to be no traces.
 *
 * @throws {ConfigError} if they cannot be understood
 */
export function traceSettings(
  variables: { get(name: string): string | undefined },
): TraceSettings | null {
  const said = (name: string): string | undefined => variables.get(name)?.trim() || undefined;
  const own = said("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  const base = said("OTEL_EXPORTER_OTLP_ENDPOINT");
  const isOff = said("OTEL_SDK_DISABLED")?.toLowerCase() === "true" ||
    said("OTEL_TRACES_EXPORTER") === "none";
  if (isOff || (own ?? base) === undefined) return null;
  const protocol = said("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") ??
    said("OTEL_EXPORTER_OTLP_PROTOCOL") ?? "http/protobuf";
  if (protocol !== "http/protobuf") {
    throw new ConfigError(
      `OTEL_EXPORTER_OTLP_PROTOCOL takes http/protobuf here, not ${JSON.stringify(protocol)}: ` +
        "collectors have that at port 4318",
    );
  }
  const url = own === undefined
    ? urlOf("OTEL_EXPORTER_OTLP_ENDPOINT", `${base!.replace(/\/+$/, "")}/v1/traces`)
    : urlOf("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", own);
  const timeout = said("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT") ?? said("OTEL_EXPORTER_OTLP_TIMEOUT");
  return {
    url,
    headers: {
      ...pairsOf("OTEL_EXPORTER_OTLP_HEADERS", said("OTEL_EXPORTER_OTLP_HEADERS")),
      ...pairsOf("OTEL_EXPORTER_OTLP_TRACES_HEADERS", said("OTEL_EXPORTER_OTLP_TRACES_HEADERS")),
    },
    timeoutMs: timeout !== undefined && /^\d{1,9}$/.test(timeout)
      ? Math.min(Math.max(1, Number(timeout)), MAX_TIMEOUT_MS)
      : DEFAULT_TIMEOUT_MS,
    resource: {
      "service.name": "gatehouse",
      ...pairsOf("OTEL_RESOURCE_ATTRIBUTES", said("OTEL_RESOURCE_ATTRIBUTES")),
      ...said("OTEL_SERVICE_NAME") === undefined
        ? {}
        : { "service.name": said("OTEL_SERVICE_NAME")! },
    },
    isSampled: samplerOf(said("OTEL_TRACES_SAMPLER"), said("OTEL_TRACES_SAMPLER_ARG")),
  };
}

function urlOf(name: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError(`${name} takes a URL such as http://127.0.0.1:4318`);
  }
  return url.href;
}

/** A list of `NAME=VALUE`, commas between, percent-encoded (W3C Baggage). The values may be secrets. */
function pairsOf(name: string, text: string | undefined): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const each of text?.split(",") ?? []) {
    if (each.trim() === "") continue;
    const sign = each.indexOf("=");
    try {
      if (sign < 1) throw new URIError("no equals sign");
      pairs[decodeURIComponent(each.slice(0, sign).trim())] = decodeURIComponent(
        each.slice(sign + 1).trim(),
      );
    } catch (error) {
      if (!(error instanceof URIError)) throw error;
      throw new ConfigError(`${name} takes a list of NAME=VALUE, percent-encoded, commas between`);
    }
  }
  return pairs;
}
