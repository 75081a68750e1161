/**
 * The options by which a gateway is watched: health, metrics and status.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { DEFAULT_HEALTH_CHECK_MS, isInRange, RANGES } from "../limits/setting_ranges.ts";
import type { ListenAddress } from "../net/address.ts";
import { parseListenAddress } from "../net/address.ts";
import type { OptionSpec } from "./option_spec.ts";
import { addressFrom } from "./relative_paths.ts";
import type { ServeSettings } from "./settings.ts";
import { formatDuration, parseDuration } from "./values.ts";

/** Mode of a unix socket, if none is given: what is shown there is for the user that runs the gateway. */
const OWN_MODE = 0o600;
/** What a path of a request can be made of, escaped (RFC 9110 4.1). */
const PATH = /^\/(?:[\w\-.~!$&'()*+,;=:@/?]|%[\da-f]{2})*$/i;

/** Reads where an admin listener is, for the option `name`. */
export function adminAddress(name: string, text: string): ListenAddress {
  try {
    const address = parseListenAddress(text);
    return address.transport === "unix" ? { ...address, mode: address.mode ?? OWN_MODE } : address;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(`${name}: ${error.message}`);
  }
}

function addressOption(name: "metrics" | "health" | "status", help: string): OptionSpec {
  return {
    name,
    value: "ADDR",
    group: "Monitoring",
    help,
    apply: (settings, text, option) => settings[name] = adminAddress(option, text),
    relativeTo: (folder, text) => addressFrom(text, folder),
  };
}

/** The options, in the order of the help text. */
export const MONITORING_OPTIONS: readonly OptionSpec[] = [
  addressOption(
    "health",
    "Answer /livez and /readyz at this address: PORT (on 127.0.0.1), HOST:PORT or " +
      "unix:PATH[,mode=0660]. --health, --metrics and --status may be at the same address",
  ),
  {
    name: "health-check",
    value: "PATH",
    repeats: true,
    group: "Monitoring",
    help:
      "Ask the apps for PATH before they serve, at the start and after each reload: of several, " +
      "each. If an answer is not 2xx or 3xx, or late, the old workers go on serving, or the start fails",
    apply: (settings, text, name) => settings.healthChecks.push(healthPath(name, text)),
  },
  {
    name: "health-check-timeout",
    value: "SECONDS",
    needs: "health-check",
    group: "Monitoring",
    help: "Wait this long for the answer to --health-check",
    default: formatDuration(DEFAULT_HEALTH_CHECK_MS),
    apply: setHealthCheckTimeout,
  },
  addressOption(
    "metrics",
    "Serve metrics in the OpenMetrics format, for Prometheus, at /metrics of this address",
  ),
  addressOption(
    "status",
    "Show how the gateway does at this address: a page at /, JSON at /status.json. For " +
      "gatehouse status, too",
  ),
  {
    name: "status-control",
    value: "FILE",
    needs: "status",
    group: "Monitoring",
    help: "Let those who know the token in FILE reload the apps, retire a worker and drain the " +
      "gateway at --status, and see facts about the system",
    apply: (settings, text) => settings.statusControl = text,
  },
];

function setHealthCheckTimeout(settings: ServeSettings, text: string, name: string): void {
  const timeoutMs = parseDuration(name, text);
  if (!isInRange(timeoutMs, RANGES.healthCheckTimeoutMs)) {
    throw new ConfigError(`${name} takes a time of 1ms to 596h, not ${JSON.stringify(text)}`);
  }
  settings.healthCheckTimeoutMs = timeoutMs;
}

/** A path that apps are asked for, for the option `name`. */
export function healthPath(name: string, text: string): string {
  if (PATH.test(text)) return text;
  throw new ConfigError(`${name} takes a path such as /health, not ${JSON.stringify(text)}`);
}
