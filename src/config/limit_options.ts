/**
 * The options about limits: sizes, counts and times.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { DEFAULT_FASTCGI_LIMITS as FASTCGI_LIMITS } from "../fastcgi/codec/limits.ts";
import { DEFAULT_HTTP_LIMITS as LIMITS } from "../http1/codec/limits.ts";
import { LIMIT_RANGES, RANGES } from "../limits/setting_ranges.ts";
import type { OptionSpec } from "./option_spec.ts";
import type { ServeSettings } from "./settings.ts";
import {
  formatByteSize,
  formatDuration,
  parseByteSize,
  parseCount,
  parseDuration,
} from "./values.ts";

/** The options, in the order of the help text. */
export const LIMIT_OPTIONS: readonly OptionSpec[] = [
  sizeLimit("max-header-bytes", "maxHeaderBytes", "Limit the size of request line and headers"),
  countLimit("max-header-count", "maxHeaderCount", "Limit the number of headers"),
  sizeLimit(
    "max-target-bytes",
    "maxTargetBytes",
    "Limit the length of the request target (the URL)",
  ),
  sizeLimit("max-body-bytes", "maxBodyBytes", "Limit the size of a request body"),
  sizeLimit(
    "max-message-bytes",
    "maxMessageBytes",
    "Limit the size of a message that a WebSocket's client sends",
  ),
  timeLimit("header-timeout", "headerTimeoutMs", "Wait this long for a request's head. 0 disables"),
  timeLimit(
    "body-timeout",
    "bodyIdleTimeoutMs",
    "Wait this long for progress in a request's or response's body. 0 disables",
  ),
  timeLimit(
    "idle-timeout",
    "idleTimeoutMs",
    "Close a connection that is idle for this long. 0 disables",
  ),
  timeLimit(
    "request-timeout",
    "requestTimeoutMs",
    "Answer 504 if the app has not answered after this long. 0 disables",
  ),
  countLimit(
    "max-requests-per-connection",
    "maxRequestsPerConnection",
    "Close a connection after this many requests. 0 disables",
  ),
  countLimit(
    "max-connections",
    "maxConnections",
    "Limit the open HTTP connections of each listening address",
  ),
  {
    name: "max-conns",
    value: "N",
    group: "Limits",
    help:
      "Limit the open FastCGI connections of each listening address (FCGI_MAX_CONNS). Further " +
      "ones get FCGI_OVERLOADED",
    default: String(FASTCGI_LIMITS.maxConns),
    apply: (settings, text, name) =>
      settings.maxConns = parseCount(name, text, LIMIT_RANGES.maxConns),
  },
  {
    name: "max-reqs",
    value: "N",
    group: "Limits",
    help: "Limit the concurrent FastCGI requests of each listening address (FCGI_MAX_REQS). " +
      "Further ones get FCGI_OVERLOADED",
    default: String(FASTCGI_LIMITS.maxReqs),
    apply: (settings, text, name) =>
      settings.maxReqs = parseCount(name, text, LIMIT_RANGES.maxReqs),
  },
  {
    name: "no-keep-alive",
    group: "Limits",
    help: "Close each connection after one response",
    apply: (settings) => settings.limits.maxRequestsPerConnection = 1,
  },
  {
    name: "drain-delay",
    value: "SECONDS",
    group: "Limits",
    help:
      "After SIGTERM or SIGINT, go on serving for this long, up to 1h, while /readyz says that the " +
      "gateway drains: balancers need time to notice",
    default: "0",
    apply: setDrainDelay,
  },
  {
    name: "drain-timeout",
    value: "SECONDS",
    group: "Limits",
    help: "Let shutdown wait this long for requests in flight",
    default: "30",
    apply: setDrainTimeout,
  },
];

type LimitName = keyof ServeSettings["limits"];

function sizeLimit(name: string, limit: LimitName, help: string): OptionSpec {
  return {
    name,
    value: "BYTES",
    group: "Limits",
    help,
    // No body is longer than a number can count.
    default: formatByteSize(Number.isSafeInteger(LIMITS[limit] + 1) ? LIMITS[limit] : Infinity),
    apply: (settings, text, option) =>
      settings.limits[limit] = parseByteSize(option, text, LIMIT_RANGES[limit].max),
  };
}

function timeLimit(name: string, limit: LimitName, help: string): OptionSpec {
  return {
    name,
    value: "SECONDS",
    group: "Limits",
    help,
    default: LIMITS[limit] === 0 ? "none" : formatDuration(LIMITS[limit]),
    apply: (settings, text, option) => settings.limits[limit] = parseDuration(option, text),
  };
}

function countLimit(name: string, limit: LimitName, help: string): OptionSpec {
  return {
    name,
    value: "N",
    group: "Limits",
    help,
    default: LIMITS[limit] === 0 ? "none" : String(LIMITS[limit]),
    apply: (settings, text, option) =>
      settings.limits[limit] = parseCount(option, text, LIMIT_RANGES[limit]),
  };
}

function setDrainDelay(settings: ServeSettings, text: string, name: string): void {
  const delayMs = parseDuration(name, text);
  if (delayMs > RANGES.drainDelayMs.max) {
    throw new ConfigError(`${name} takes a time of at most 1h, not ${JSON.stringify(text)}`);
  }
  settings.drainDelayMs = delayMs;
}

function setDrainTimeout(settings: ServeSettings, text: string, name: string): void {
  const timeoutMs = parseDuration(name, text);
  if (timeoutMs > RANGES.drainTimeoutMs.max) {
    throw new ConfigError(`${name} takes a time of at most 596h, not ${JSON.stringify(text)}`);
  }
  settings.drainTimeoutMs = timeoutMs;
}
