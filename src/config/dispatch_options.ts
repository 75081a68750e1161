/**
 * The command `dispatch` and its options.
 *
 * @module
 */

import { resolve } from "node:path";
import { ConfigError } from "../base/errors.ts";
import type { LineFormat, LogLevel } from "../base/log.ts";
import { MAX_TIMER_MS } from "../base/timers.ts";
import type { DispatchLimits } from "../limits/dispatch_limits.ts";
import { DEFAULT_DISPATCH_LIMITS } from "../limits/dispatch_limits.ts";
import type { ListenAddress } from "../net/address.ts";
import type { CommandOption, CommandTable } from "./command_options.ts";
import { applyOptions } from "./command_options.ts";
import type { CurveSettings } from "./curve_options.ts";
import { completeCurve, CURVE_OPTIONS } from "./curve_options.ts";
import { COMMAND_LOG_OPTIONS } from "./gateway_log_options.ts";
import { adminAddress } from "./monitoring_options.ts";
import { parseUser } from "./process_options.ts";
import type { UserSetting } from "./settings.ts";
import { readSource, SOURCE_OPTIONS } from "./source_options.ts";
import type { Source, SourceSettings } from "./source_options.ts";
import type { StickySettings } from "./sticky_options.ts";
import { STICKY_OPTIONS } from "./sticky_options.ts";
import {
  formatByteSize,
  formatDuration,
  parseByteSize,
  parseCount,
  parseDuration,
} from "./values.ts";

/** The settings of `gatehouse dispatch`. */
export interface DispatchSettings extends StickySettings, CurveSettings, SourceSettings {
  /** Where requests come from. */
  source: Source;
  /** Endpoint that handlers connect to. */
  endpoint: string;
  /** What is bounded, and how. */
  limits: { -readonly [Name in keyof DispatchLimits]: DispatchLimits[Name] };
  /** Time that shutdown waits for requests in flight, in milliseconds. */
  drainTimeoutMs: number;
  /** The least grave messages that are written. */
  logLevel: LogLevel;
  /** How the log is written. */
  logFormat: LineFormat;
  /** Where `/livez` and `/readyz` are answered; `null` for nowhere. */
  health: ListenAddress | null;
  /** Where `/metrics` is. */
  metrics: ListenAddress | null;
  /** Where the status is shown. */
  status: ListenAddress | null;
  /** File of the token by which the dispatcher is controlled there. */
  statusControl: string | undefined;
  /** User to become; `null` for none. */
  user: UserSetting | null;
  /** File for the process ID. */
  pidfile: string | undefined;
}

const MIN_PING_MS = 10;
const MAX_PING_MS = 3_600_000;
const MAX_QUEUE = 1_000_000;
const DEFAULT_DRAIN_MS = 30_000;
const LISTEN = /^(?:dispatch\+)?(tcp:\/\/(?:\*|\[[\dA-Fa-f:.]+\]|[^:[\]\s/,*@]+):(\d{1,5}))$/;

const OPTIONS: readonly CommandOption<DispatchSettings>[] = [
  ...SOURCE_OPTIONS,
  {
    name: "ping-interval",
    value: "SECONDS",
    help:
      "Ping each handler this often. One that is silent for two intervals is dead: its requests " +
      "go to others, or get 502",
    default: formatDuration(DEFAULT_DISPATCH_LIMITS.pingIntervalMs),
    apply: (settings, text, name) =>
      settings.limits.pingIntervalMs = duration(name, text, MIN_PING_MS, MAX_PING_MS),
  },
  {
    name: "max-queue",
    value: "N",
    help: "Let this many requests wait while every handler is busy. Further ones get 503 with " +
      "Retry-After",
    default: String(DEFAULT_DISPATCH_LIMITS.maxQueue),
    apply: (settings, text, name) =>
      settings.limits.maxQueue = parseCount(name, text, { min: 0, max: MAX_QUEUE }),
  },
  {
    name: "queue-timeout",
    value: "SECONDS",
    help: "Answer 503, with Retry-After, if no handler has taken a request after this long",
    default: formatDuration(DEFAULT_DISPATCH_LIMITS.queueTimeoutMs),
    apply: (settings, text, name) =>
      settings.limits.queueTimeoutMs = duration(name, text, 1, MAX_TIMER_MS),
  },
  {
    name: "request-timeout",
    value: "SECONDS",
    help:
      "Answer 504 if a handler has not begun its answer to a request after this long. One that does not " +
      "even give the request up gets no more, and another one gets the request if that is safe. 0 disables",
    default: formatDuration(DEFAULT_DISPATCH_LIMITS.requestTimeoutMs),
    apply: (settings, text, name) =>
      settings.limits.requestTimeoutMs = duration(name, text, 0, MAX_TIMER_MS),
  },
  {
    name: "max-held-bytes",
    value: "BYTES",
    help:
      "Memory for copies of requests: those that wait, and those that another handler may still " +
      "have to take over",
    default: formatByteSize(DEFAULT_DISPATCH_LIMITS.maxHeldBytes),
    apply: (settings, text, name) =>
      settings.limits.maxHeldBytes = parseByteSize(name, text, Number.MAX_SAFE_INTEGER),
  },
  ...STICKY_OPTIONS,
  ...CURVE_OPTIONS,
  {
    name: "drain-timeout",
    value: "SECONDS",
    help: "Let shutdown wait this long for requests in flight",
    default: formatDuration(DEFAULT_DRAIN_MS),
    apply: (settings, text, name) =>
      settings.drainTimeoutMs = duration(name, text, 0, MAX_TIMER_MS),
  },
  {
    name: "health",
    value: "ADDR",
    help: "Answer /livez and /readyz at this address: PORT (on 127.0.0.1), HOST:PORT or " +
      "unix:PATH[,mode=0660]. It is ready while there is a handler. The three may be at the same address",
    apply: (settings, text, name) => settings.health = adminAddress(name, text),
  },
  {
    name: "metrics",
    value: "ADDR",
    help: "Serve metrics in the OpenMetrics format, for Prometheus, at /metrics of this address",
    apply: (settings, text, name) => settings.metrics = adminAddress(name, text),
  },
  {
    name: "status",
    value: "ADDR",
    help: "Show how the dispatcher and its handlers do at this address: a page at /, JSON at " +
      "/status.json. For gatehouse status, too",
    apply: (settings, text, name) => settings.status = adminAddress(name, text),
  },
  {
    name: "status-control",
    value: "FILE",
    help: "Let those who know the token in FILE drain the dispatcher at --status",
    apply: (settings, text) => settings.statusControl = text,
  },
  ...COMMAND_LOG_OPTIONS,
  {
    name: "user",
    value: "USER[:GROUP]",
    help:
      "Become this user, and drop root's privileges for good, once the socket for handlers is open",
    apply: (settings, text, name) => settings.user = parseUser(text, name),
  },
  {
    name: "pidfile",
    value: "FILE",
    help: "Write the process ID to FILE once the dispatcher is ready, and remove it at the end",
    apply: (settings, text) => settings.pidfile = text,
  },
];

/** The command. */
export const DISPATCH_COMMAND: CommandTable<DispatchSettings> = {
  name: "dispatch",
  subcommands: [
    {
      name: "",
      usage: "[IN] OUT [OPTIONS]",
      help: "Stands between a Mongrel2 and gatehouses on many machines, which connect to it with " +
        "--mongrel2 dispatch+tcp://HOST:PORT. Each request goes to the handler with the smallest " +
        "load for its capacity. If a handler dies, its requests go to others where that is safe",
    },
    {
      name: "keygen",
      usage: "FILE",
      help:
        "Makes a pair of keys for CURVE: the public one in FILE, and the secret one, which is " +
        "for its owner alone, in FILE_secret",
      without: OPTIONS.map(({ name }) => name),
    },
  ],
  notes: `IN is Mongrel2's endpoint for a handler, as --mongrel2 takes it:
  tcp://HOST:PORT[,recv=ENDPOINT][,ident=ID]; or that of another dispatcher:
  dispatch+tcp://HOST:PORT[,name=NAME][,capacity=N]. OUT is where gatehouses
  connect to: tcp://HOST:PORT; * for HOST is each address of this machine, 0 for
  PORT any that is free. --mongrel2-config FILE stands for IN.`,
  options: OPTIONS,
};

/**
 * Reads the words after `dispatch`; paths in them are relative to `cwd`.
 *
 * @throws {ConfigError} if they cannot be understood
 */
export function parseDispatch(args: readonly string[], cwd: string): DispatchSettings {
  const settings: DispatchSettings = {
    source: { send: "", recv: "" },
    mongrel2Config: undefined,
    mongrel2Choice: {},
    endpoint: "",
    limits: { ...DEFAULT_DISPATCH_LIMITS },
    drainTimeoutMs: DEFAULT_DRAIN_MS,
    logLevel: "info",
    logFormat: "text",
    health: null,
    metrics: null,
    status: null,
    statusControl: undefined,
    user: null,
    pidfile: undefined,
    sticky: null,
  };
  const [subcommand] = DISPATCH_COMMAND.subcommands;
  const { words, rest } = applyOptions(DISPATCH_COMMAND, subcommand, args, settings);
  const given = [...words, ...rest];
  const text = settings.mongrel2Config === undefined ? given.shift() : undefined;
  const source = readSource(settings, text, cwd, {
    takes: ["recv", "ident", "name", "capacity"],
    refusal: "is for the handlers: a dispatcher passes requests on as they are",
  });
  const [endpoint, ...more] = given;
  if (source === undefined || endpoint === undefined || more.length > 0) {
    throw new ConfigError(
      "dispatch takes IN and OUT: where Mongrel2 is, and where to listen; with --mongrel2-config FILE it " +
        "takes OUT alone",
    );
  }
  if (settings.statusControl !== undefined && settings.status === null) {
    throw new ConfigError("--status-control needs --status ADDR");
  }
  settings.source = source;
  settings.endpoint = listenEndpoint(endpoint);
  completeCurve(settings, cwd);
  return settings;
}

/**
 * Reads the words after `dispatch keygen`: the absolute path of the file that is to be made.
 *
 * @throws {ConfigError} if they are not one path
 */
export function parseKeygen(args: readonly string[], cwd: string): string {
  const [, keygen] = DISPATCH_COMMAND.subcommands;
  const { words, rest } = applyOptions(DISPATCH_COMMAND, keygen, args, {} as DispatchSettings);
  const [path, ...more] = [...words, ...rest];
  if (path !== undefined && path !== "" && more.length === 0) return resolve(cwd, path);
  throw new ConfigError("dispatch keygen takes one file: that of the public key, which it makes");
}

function listenEndpoint(text: string): string {
  const [, endpoint, port] = LISTEN.exec(text) ?? [];
  if (endpoint !== undefined && Number(port) <= 65_535) return endpoint;
  throw new ConfigError(
    `dispatch listens at tcp://HOST:PORT, not at ${JSON.stringify(text)}`,
  );
}

function duration(name: string, text: string, minMs: number, maxMs: number): number {
  const ms = parseDuration(name, text);
  if (ms >= minMs && ms <= maxMs) return ms;
  throw new ConfigError(
    `${name} takes a time from ${formatDuration(minMs)} to ${formatDuration(maxMs)}, not ` +
      JSON.stringify(text),
  );
}
