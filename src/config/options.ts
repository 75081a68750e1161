/**
 * The option table: the one place that says which options there are, what they take and what they
 * do. The command line, the help text, variables and keys of configuration files come from it.
 *
 * @module
 */

import { LIMIT_RANGES, RANGES } from "../limits/setting_ranges.ts";
import { ConfigError } from "../base/errors.ts";
import { named } from "../base/named_problems.ts";
import { APP_PERMISSION_OPTIONS } from "./app_permission_options.ts";
import { CERTIFICATE_OPTIONS } from "./certificate_options.ts";
import { COMPRESSION_OPTIONS } from "./compression_options.ts";
import { CONFIG_OPTIONS, SITE_OPTION } from "./config_options.ts";
import { CONTAINMENT_OPTIONS } from "./containment_options.ts";
import { FILE_OPTIONS, SENDFILE_OPTIONS } from "./file_options.ts";
import { CACHE_OPTIONS, LOADER_OPTIONS } from "./loader_options.ts";
import { RELOAD_OPTIONS } from "./reload_options.ts";
import { checkServerHeader } from "./server_header.ts";
import { DEFAULT_FASTCGI_LIMITS as FASTCGI_LIMITS } from "../fastcgi/codec/limits.ts";
import { DEFAULT_HTTP_LIMITS as LIMITS } from "../http1/codec/limits.ts";
import { GATEWAY_LOG_OPTIONS } from "./gateway_log_options.ts";
import { LOG_OPTIONS } from "./log_options.ts";
import { MONITORING_OPTIONS } from "./monitoring_options.ts";
import { parseHandlerSpec } from "../mongrel2/codec/dispatcher_spec.ts";
import { splitSettings } from "../mongrel2/codec/spec.ts";
import type { ListenAddress } from "../net/address.ts";
import { parseEndpointAddress } from "../net/address.ts";
import { PROCESS_OPTIONS } from "./process_options.ts";
import { PROXY_OPTIONS } from "./proxy_options.ts";
import { addressFrom, moduleFrom, mongrel2From } from "./relative_paths.ts";
import { isResponse, parseResponse } from "./respond_mounts.ts";
import type { MountSetting, ServeSettings } from "./settings.ts";
import {
  formatByteSize,
  formatDuration,
  parseByteSize,
  parseCount,
  parseDuration,
  withoutLastSlashes,
} from "./values.ts";

/** Headings that options stand under in the help text. */
export type OptionGroup =
  | "Endpoints"
  | "Certificates"
  | "Compression"
  | "Apps"
  | "Files"
  | "Configuration"
  | "Loading"
  | "Reloading"
  | "Processes"
  | "Logs"
  | "Monitoring"
  | "Permissions of apps"
  | "Limits"
  | "Other";

/** One option. */
export interface OptionSpec {
  /** Name without the dashes. */
  readonly name: string;
  /** One-letter form, if there is one. */
  readonly letter?: string;
  /**
   * What the help text calls its value; absent for options without one. `[=LIST]` is a value that may
   * be left out, and follows an equals sign if it is not: then the option never takes the next word.
   * `FILE` and `DIR` are paths: in a configuration file, they are relative to it.
   */
  readonly value?: string;
  /** The words that its value can be, if there are few; `apply` says what is right. */
  readonly choices?: readonly string[];
  /** Whether it may be given more than once. */
  readonly repeats?: true;
  /**
   * Where it may be given, if not everywhere: on the command line alone, or there and by a variable of
   * the environment, but in no configuration file.
   */
  readonly givenBy?: "flag" | "flag or variable";
  /** Heading. */
  readonly group: OptionGroup;
  /** What it does, in a sentence or more, without the last period. */
  readonly help: string;
  /** The same in a few words, if the first screen of the help has the option. */
  readonly brief?: string;
  /** Default as the help text shows it. */
  readonly default?: string;
  /**
   * Puts the value into the settings, `""` if it was left out; `name` is how the user wrote the option.
   *
   * @throws {ConfigError} if the value is not of the option's kind
   */
  apply(settings: ServeSettings, text: string, name: string): void;
  /**
   * What `no` in a configuration file or a variable does, where that is more than to leave the option
   * out.
   */
  switchOff?(settings: ServeSettings): void;
  /** What stands between several values in a variable, or on one line of a file. Default: blanks. */
  readonly separator?: RegExp;
  /** What a value in a configuration file in `folder` is elsewhere, if there are paths in it. */
  relativeTo?(folder: string, text: string): string;
}

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

/** All options of `serve`, in the order of the help text. */
export const OPTIONS: readonly OptionSpec[] = [
  {
    name: "http",
    value: "ADDR",
    repeats: true,
    group: "Endpoints",
    brief: "Serve HTTP/1.1 at PORT, HOST:PORT or unix:PATH",
    help: "Serve HTTP/1.1 at PORT, HOST:PORT (every address of the host), [IPV6]:PORT, :PORT " +
      "(every interface, IPv4 and IPv6) or unix:PATH[,mode=0660]. Port 0 picks a free port. With " +
      ",proxy-protocol at its end, each connection has to begin with a header of the PROXY protocol",
    default: "127.0.0.1:8000, if no endpoint is named",
    apply: (settings, text, name) => settings.http.push(readAddress(name, text)),
    relativeTo: (folder, text) => addressFrom(text, folder),
  },
  {
    name: "host",
    value: "HOST",
    givenBy: "flag",
    group: "Endpoints",
    brief: "Listen on HOST, with --port",
    help: "Listen on HOST, with --port, as deno serve does. Uses TLS when --cert and --key are " +
      "given without --https",
    default: "127.0.0.1",
    apply() {},
  },
  {
    name: "port",
    letter: "p",
    value: "PORT",
    givenBy: "flag",
    group: "Endpoints",
    brief: "Listen on PORT, with --host",
    help: "Listen on PORT, with --host. Short for --http HOST:PORT",
    default: "8000",
    apply() {},
  },
  {
    name: "https",
    value: "ADDR",
    repeats: true,
    group: "Endpoints",
    help: "Serve HTTP/1.1 over TLS, at a port. Requires --cert and --key",
    apply: (settings, text, name) => settings.https.push(readAddress(name, text)),
    relativeTo: (folder, text) => addressFrom(text, folder),
  },
  {
    name: "redirect-http",
    value: "ADDR",
    repeats: true,
    group: "Endpoints",
    help:
      "Redirect requests over HTTP at ADDR, such as :80, to --https. Hosts that no certificate is " +
      "for get 421",
    apply: (settings, text, name) => settings.redirectHttp.push(readAddress(name, text)),
    relativeTo: (folder, text) => addressFrom(text, folder),
  },
  {
    name: "fastcgi",
    value: "ADDR",
    repeats: true,
    group: "Endpoints",
    brief: "Serve FastCGI, behind nginx, Apache or Caddy",
    help: "Serve FastCGI, behind a web server. Takes the same forms as --http",
    apply: (settings, text, name) => settings.fastcgi.push(readAddress(name, text)),
    relativeTo: (folder, text) => addressFrom(text, folder),
  },
  {
    name: "fastcgi-stderr",
    value: "WHAT",
    choices: ["none", "errors", "console"],
    group: "Endpoints",
    help: "Send this to the web server's error log: none, errors, or console (errors, and what " +
      "apps print with console.error and console.warn)",
    default: "errors",
    apply: setFaultReports,
  },
  {
    name: "compress-messages",
    value: "HOW",
    choices: ["none", "each", "stream"],
    group: "Endpoints",
    help: "Compress the messages of WebSockets, for clients that can: none, each (by itself), or " +
      "stream (all of a socket: smaller, and up to 300 KiB of memory for each socket)",
    default: "none",
    apply: setMessageCompression,
  },
  {
    name: "server-header",
    value: "TEXT",
    group: "Endpoints",
    help: "Say this in the Server header of responses that do not have one, over HTTP and Mongrel2",
    apply: (settings, text, name) => settings.serverHeader = checkServerHeader(name, text),
  },
  {
    name: "mongrel2",
    value: "SPEC",
    repeats: true,
    group: "Endpoints",
    help:
      "Handle requests of the Mongrel2 that sends them at tcp://HOST:PORT. May be followed by " +
      ",recv=ENDPOINT (default: the port below), ,ident=ID, ,chroot=DIR (the folder that Mongrel2 " +
      "runs in), ,uploads=DIR (the folder in it for uploads), ,uploads-start=early (requests begin when " +
      "their uploads do, in one process) and ,route=mount (what the pattern of a " +
      "route has before its first parenthesis is the mount of the app) or ,route=strip (and taken " +
      "off its URLs). Or of the gatehouse dispatch at " +
      "dispatch+tcp://HOST:PORT: then ,name=NAME (default: the host's name), ,capacity=N (default: " +
      "1024 for each worker, --max-connections at most), ,chroot=, ,uploads= and ,route= may follow, and " +
      ",curve-server=PUBLICKEY,curve-secret-key=FILE if it has --curve-secret-key",
    apply: (settings, text, name) =>
      settings.mongrel2.push(named(name, () => parseHandlerSpec(text))),
    relativeTo: (folder, text) => mongrel2From(text, folder),
  },
  {
    name: "mongrel2-config",
    value: "FILE",
    group: "Endpoints",
    help: "Read the handler's sockets from this configuration database of Mongrel2. The next " +
      "four options choose the handler. ,uploads-start= and ,route= may follow, as for --mongrel2",
    apply: setMongrel2Config,
  },
  {
    name: "mongrel2-handler",
    value: "ID",
    group: "Endpoints",
    help: "Choose the handler with this number",
    apply: (settings, text, name) =>
      settings.mongrel2Choice.handlerId = parseCount(name, text, {
        min: 0,
        max: Number.MAX_SAFE_INTEGER,
      }),
  },
  {
    name: "mongrel2-route",
    value: "PATH",
    group: "Endpoints",
    help: "Choose the handler of the route with this path",
    apply: (settings, text) => settings.mongrel2Choice.route = text,
  },
  {
    name: "mongrel2-host",
    value: "NAME",
    group: "Endpoints",
    help: "Choose the handler of the host with this name or pattern",
    apply: (settings, text) => settings.mongrel2Choice.host = text,
  },
  {
    name: "mongrel2-server",
    value: "ID",
    group: "Endpoints",
    help: "Choose the handler of the server with this UUID or name",
    apply: (settings, text) => settings.mongrel2Choice.server = text,
  },
  {
    name: "backlog",
    value: "N",
    group: "Endpoints",
    help: "Let the system queue this many connections. On unix sockets, this requires that " +
      "gatehouse may use FFI",
    default: "511",
    apply: (settings, text, name) => settings.backlog = parseCount(name, text, RANGES.backlog),
  },
  ...CERTIFICATE_OPTIONS,
  ...PROXY_OPTIONS,
  ...COMPRESSION_OPTIONS,
  {
    name: "mount",
    value: "PREFIX=APP[,strip]",
    repeats: true,
    // A response's fields have blanks.
    separator: /\s+(?=\/[^\s=]*=)/,
    group: "Apps",
    brief: "Serve APP below the path PREFIX",
    help:
      "Serve APP, a folder of files, or a response below the path PREFIX. The longest prefix wins. " +
      "The app sees the whole path, or with ,strip what follows the prefix. A response is " +
      "respond:CODE[,status=PHRASE][,location=URL][,header=NAME: VALUE]...[,body=TEXT], with " +
      "placeholders (see gatehouse help respond) and two commas for one of a value",
    apply: addMount,
    relativeTo: (folder, text) => text.replace(/(?<==).+/s, (app) => moduleFrom(app, folder)),
  },
  {
    name: "workers",
    value: "N",
    group: "Apps",
    brief: "Run apps in N workers",
    help: "Run the apps in N workers. 0 runs them on the gateway's own thread",
    default: "number of cores",
    apply: (settings, text, name) => settings.workers = parseCount(name, text, RANGES.workers),
  },
  {
    name: "factory",
    group: "Apps",
    help: "Call the apps' exports, once in each worker and with their settings, to get the apps",
    apply: (settings) => settings.appKind = "factory",
  },
  ...FILE_OPTIONS,
  ...SENDFILE_OPTIONS,
  ...CONFIG_OPTIONS,
  ...LOADER_OPTIONS,
  ...RELOAD_OPTIONS,
  ...PROCESS_OPTIONS,
  ...GATEWAY_LOG_OPTIONS,
  ...LOG_OPTIONS,
  ...MONITORING_OPTIONS,
  ...APP_PERMISSION_OPTIONS,
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
  ...CONTAINMENT_OPTIONS,
  {
    name: "mongrel2-control",
    value: "ENDPOINT",
    givenBy: "flag or variable",
    group: "Other",
    help: "Ask this control port of Mongrel2, such as ipc:///var/www/run/control. For status",
    apply: (settings, text) => settings.mongrel2Control = text,
  },
  SITE_OPTION,
  ...CACHE_OPTIONS,
  {
    name: "help",
    letter: "h",
    givenBy: "flag",
    group: "Other",
    help: "Show help",
    apply() {},
  },
  {
    name: "version",
    letter: "V",
    givenBy: "flag",
    group: "Other",
    help: "Show the versions of gatehouse and of what it runs on",
    apply() {},
  },
];

function readAddress(name: string, text: string): ListenAddress {
  return named(name, () => parseEndpointAddress(text));
}

function setMongrel2Config(settings: ServeSettings, text: string, name: string): void {
  const { path, settings: further } = named(name, () => splitSettings(text));
  settings.mongrel2Config = path;
  settings.mongrel2Settings = further;
}

function setFaultReports(settings: ServeSettings, text: string, name: string): void {
  if (text !== "none" && text !== "errors" && text !== "console") {
    throw new ConfigError(`${name} takes none, errors or console, not ${JSON.stringify(text)}`);
  }
  settings.faultReports = text;
}

function setMessageCompression(settings: ServeSettings, text: string, name: string): void {
  if (text !== "none" && text !== "each" && text !== "stream") {
    throw new ConfigError(`${name} takes none, each or stream, not ${JSON.stringify(text)}`);
  }
  settings.messageCompression = text;
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

function addMount(settings: ServeSettings, text: string, name: string): void {
  const equals = text.indexOf("=");
  const prefix = withoutLastSlashes(text.slice(0, equals));
  const mounted = text.slice(equals + 1);
  const { named: app, isStripped } = isResponse(mounted)
    ? { named: mounted, isStripped: false }
    : splitStrip(mounted);
  if (equals < 0 || app === "" || !text.startsWith("/")) {
    throw new ConfigError(`${name} takes /PREFIX=APP, not ${JSON.stringify(text)}`);
  }
  if (/[?#]/.test(prefix)) {
    throw new ConfigError(
      `${name} takes a path without ? and # before the =, not ${JSON.stringify(text)}`,
    );
  }
  mountApp(settings, { prefix, app, ...isStripped ? { stripped: prefix } : {} }, name);
}

/** What is mounted, and whether its prefix is taken off the URLs that it gets. */
export function splitStrip(text: string): { named: string; isStripped: boolean } {
  const named = text.replace(/,strip$/, "");
  return { named, isStripped: named !== text };
}

/** Whether the value of `option` may be left out. */
export function hasOptionalValue(option: OptionSpec): boolean {
  return option.value?.startsWith("[=") ?? false;
}

/** Adds an app, or a response, to the settings, as `name` says; two at the same prefix are refused. */
export function mountApp(settings: ServeSettings, mounted: MountSetting, name: string): void {
  const { prefix, app } = mounted;
  if ([...settings.mounts, ...settings.responses].some((mount) => mount.prefix === prefix)) {
    throw new ConfigError(`${name}: two apps are mounted at ${prefix || "/"}`);
  }
  if (!isResponse(app)) settings.mounts.push(mounted);
  else settings.responses.push({ prefix, text: app, response: parseResponse(app, name) });
}

/** Adds what a section of a configuration file mounts. */
export function mountSection(settings: ServeSettings, mounted: MountSetting): void {
  const { prefix, app, response, origin = "", middleware = [], stripped } = mounted;
  if (response === undefined) {
    settings.mounts.push(mounted);
    return;
  }
  const wrong = middleware.length > 0
    ? "there can be no middleware around it"
    : stripped !== undefined
    ? "it has no use for ,strip"
    : null;
  if (wrong !== null) throw new ConfigError(`${origin}: ${app} is a response: ${wrong}`);
  settings.responses.push({ prefix, text: app, response, origin });
}
