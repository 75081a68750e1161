/**
 * What is wrong with the options by which a gateway tells what it does, and what they are once they are read.
 *
 * @module
 */

import { resolve } from "node:path";
import { ConfigError } from "../base/errors.ts";
import type { LogSettings } from "../base/log.ts";
import { LOG_LEVELS } from "../base/log.ts";
import { adminAddress, healthPath } from "../config/monitoring_options.ts";
import type { SettingChecks } from "../limits/setting_checks.ts";
import { isInRange, RANGES } from "../limits/setting_ranges.ts";
import { parseLogFormat } from "../logs/format.ts";
import type { MonitorAddresses } from "../monitor/monitor.ts";
import type { ListenAddress } from "../net/address.ts";
import { addressIn } from "../net/address.ts";
import type { AccessLogTerms } from "./access_log.ts";
import type { AccessLogOptions, WatchOptions } from "./watch_options.ts";

/** What there is to know of these options. */
export const WATCH_OPTION_NAMES: Readonly<Record<keyof WatchOptions, true>> = {
  accessLog: true,
  health: true,
  metrics: true,
  status: true,
  statusControl: true,
  healthCheck: true,
  healthCheckTimeoutMs: true,
  traces: true,
  logLevel: true,
  logFormat: true,
  consoleTags: true,
};
const ACCESS_LOG: Readonly<Record<keyof AccessLogOptions, true>> = { file: true, format: true };

/** The options as they are used. */
export interface CheckedWatch {
  /** The access log; `null` if there is none. */
  readonly accessLog: AccessLogTerms | null;
  /** Where the gateway is watched. */
  readonly monitoring: MonitorAddresses;
  /** Paths that apps are asked for before they serve. */
  readonly healthChecks: readonly string[];
  /** How messages are written, where they are. */
  readonly log: LogSettings;
}

/** Checks the options; paths begin at `cwd`. */
export function checkedWatch(
  checks: SettingChecks,
  options: WatchOptions & { readonly log?: unknown },
  cwd: string,
): CheckedWatch {
  const text = (name: keyof WatchOptions): string | undefined => {
    const given: unknown = options[name];
    if (given === undefined || typeof given === "string") return given;
    checks.refuse(name, "a text", given);
  };
  const choice = <Value extends string>(name: keyof WatchOptions, values: readonly Value[]) => {
    const given: unknown = options[name];
    if (given === undefined || (values as readonly unknown[]).includes(given)) {
      return given as Value | undefined ?? null;
    }
    checks.refuse(name, values.map((value) => JSON.stringify(value)).join(" or "), given);
    return null;
  };
  const address = (name: "health" | "metrics" | "status"): ListenAddress | null => {
    const given = text(name);
    if (given === undefined) return null;
    return checks.read(name, () => addressIn(cwd, adminAddress(name, given))) ?? null;
  };
  const token = text("statusControl");
  choice("traces", ["none", "environment"]);
  choice("consoleTags", ["none", "tagged"]);
  const [level, format] = [choice("logLevel", LOG_LEVELS), choice("logFormat", ["text", "json"])];
  checks.read("log", () => {
    if (options.log === undefined || level === null && format === null) return;
    throw new ConfigError("log takes all messages: logLevel and logFormat are not for it");
  });
  const monitoring = {
    health: address("health"),
    metrics: address("metrics"),
    status: address("status"),
    statusControl: token === undefined ? undefined : resolve(cwd, token),
  };
  checks.read("statusControl", () => {
    if (token === undefined || options.status !== undefined) return;
    throw new ConfigError("statusControl needs status: that is where the gateway is controlled");
  });
  return {
    accessLog: accessLogOf(checks, options.accessLog),
    monitoring,
    healthChecks: healthChecksOf(checks, options),
    log: { level: level ?? "info", format: format ?? "text" },
  };
}

function healthChecksOf(checks: SettingChecks, options: WatchOptions): readonly string[] {
  const { healthCheck: given = [], healthCheckTimeoutMs } = options;
  const { healthCheckTimeoutMs: range } = RANGES;
  checks.numbers("", { healthCheckTimeoutMs }, { healthCheckTimeoutMs: range });
  checks.read("healthCheckTimeoutMs", () => {
    const isIdle = isInRange(healthCheckTimeoutMs, range) && options.healthCheck === undefined;
    if (isIdle) throw new ConfigError("healthCheckTimeoutMs needs healthCheck");
  });
  const paths: unknown = typeof given === "string" ? [given] : given;
  if (!Array.isArray(paths) || !paths.every((path) => typeof path === "string")) {
    checks.refuse("healthCheck", "a text, or a list of texts", given);
    return [];
  }
  return paths.flatMap((path) =>
    checks.read("healthCheck", () => healthPath("healthCheck", path)) ?? []
  );
}

function accessLogOf(
  checks: SettingChecks,
  given: WatchOptions["accessLog"],
): AccessLogTerms | null {
  if (given === undefined) return null;
  const isObject = typeof given === "object" && given !== null;
  const { file, format = "json" }: { file?: unknown; format?: unknown } = isObject
    ? given
    : { file: given };
  if (isObject) checks.names("accessLog.", given, ACCESS_LOG);
  if (typeof file !== "string" || file === "") {
    if (isObject) checks.refuse("accessLog.file", 'a path or "-"', file);
    else {checks.refuse(
        "accessLog",
        'a path, "-", or an object with one of these as its file',
        given,
      );}
    return null;
  }
  if (typeof format !== "string") {
    checks.refuse("accessLog.format", "a text", format);
    return null;
  }
  const lines = checks.read("accessLog.format", () => parseLogFormat(format, "accessLog.format"));
  return lines === undefined ? null : { file, format: lines };
}
