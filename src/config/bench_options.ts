/**
 * The command `bench` and its options.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { CommandOption, CommandTable } from "./command_options.ts";
import { applyOptions } from "./command_options.ts";
import { MAX_CONNECTIONS } from "./fetch_options.ts";
import type { RequestSettings } from "./request_options.ts";
import { defaultRequestSettings, positive, REQUEST_OPTIONS } from "./request_options.ts";
import { parseByteSize, parseCount, parseDuration } from "./values.ts";

/** Protocols that a server is asked over. */
export type BenchProtocol = "http" | "fastcgi" | "websocket";

/** How clients stall. */
export type StallName = "silent" | "slow-head" | "slow-body" | "unread";
const STALLS: readonly StallName[] = ["silent", "slow-head", "slow-body", "unread"];

/** A group of clients of `bench mixed`. */
export interface ClientSetting {
  /** Connections. */
  readonly connections: number;
  /** Method, or `WS` for messages on WebSockets. */
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Chunks of the body, or 0. */
  readonly chunkCount: number;
  /** Bytes of each chunk, or of each message. */
  readonly chunkBytes: number;
}

/** The settings of `gatehouse bench`. */
export interface BenchSettings extends RequestSettings {
  /** What is done. */
  action: "saturate" | "mixed" | "stalled";
  /** App and middleware to serve; none if there is a target. */
  apps: string[];
  /** Options of the server that is started. */
  serveArgs: readonly string[];
  /** URL of a server that runs already. */
  target: string | undefined;
  /** Whose the target's host is. */
  owner: "loopback" | "declared";
  /** Path that is asked for on a server that is started. */
  path: string;
  /** Protocol to a server that is started. */
  protocol: BenchProtocol;
  /** Connections. */
  connections: number;
  /** Length of the measurement. */
  durationMs: number;
  /** Time before it. */
  warmUpMs: number;
  /** Requests each second; 0 for as many as are answered. */
  rate: number;
  /** Bytes of a WebSocket's message. */
  messageBytes: number;
  /** Groups of clients. */
  clients: ClientSetting[];
  /** Stalled clients. */
  stalledCount: number;
  /** How they stall. */
  stalls: StallName[];
  /** File for the result as JSON; `-` for standard output. */
  jsonFile: string | undefined;
  /** File for the report. */
  reportFile: string | undefined;
  /** Folder for CPU profiles of the server. */
  profileFolder: string | undefined;
}

const OPTIONS: readonly CommandOption<BenchSettings>[] = [
  {
    name: "target",
    value: "URL",
    help: "Measure the server at URL, instead of starting one. The URL's host must be this machine",
    apply: (settings, text) => settings.target = text,
  },
  {
    name: "i-own-this-host",
    help: "Measure a target on another machine, which is yours to put under load",
    apply: (settings) => settings.owner = "declared",
  },
  {
    name: "path",
    value: "PATH",
    help: "Ask for PATH",
    default: "/, or the target's",
    apply: (settings, text) => settings.path = text,
  },
  {
    name: "protocol",
    value: "NAME",
    choices: ["http", "fastcgi", "websocket"],
    help:
      "Ask the server that is started over http, fastcgi or websocket (mixed has groups for that " +
      "instead). Of a target, the URL's scheme says it",
    default: "http",
    apply: setProtocol,
  },
  {
    name: "connections",
    letter: "c",
    value: "N",
    help: "Use N connections at a time",
    default: "64",
    apply: (settings, text, name) =>
      settings.connections = parseCount(name, text, { min: 1, max: MAX_CONNECTIONS }),
  },
  {
    name: "duration",
    value: "SECONDS",
    help: "Measure for this long",
    default: "10",
    apply: (settings, text, name) => settings.durationMs = positive(name, text),
  },
  {
    name: "warm-up",
    value: "SECONDS",
    help: "Send requests for this long before, which do not count",
    default: "1",
    apply: (settings, text, name) => settings.warmUpMs = parseDuration(name, text),
  },
  {
    name: "rate",
    value: "N",
    help:
      "Send N requests each second, whether or not others were answered (an open loop). Times " +
      "count from when a request was due. With several groups, each has the part that its " +
      "connections are of all. Without it, each connection sends its next request when the last " +
      "one is answered",
    apply: (settings, text, name) =>
      settings.rate = parseCount(name, text, { min: 1, max: 10_000_000 }),
  },
  {
    name: "message-size",
    value: "BYTES",
    help: "Send messages of so many bytes over WebSockets. The server must answer each with one",
    default: "32",
    apply: (settings, text, name) => settings.messageBytes = parseByteSize(name, text, 16_777_216),
  },
  {
    name: "client",
    value: "'N METHOD PATH [CHUNKSxBYTES]'",
    repeats: true,
    help: "Add a group of N connections that send METHOD PATH, with a body of so many chunks; " +
      "'N WS PATH [BYTES]' sends messages over WebSockets",
    default: "three quarters of the connections '… GET PATH', a quarter '… POST PATH 10x1024'",
    apply: addClient,
  },
  {
    name: "stalled",
    value: "N",
    help: "Hold N connections whose clients stall",
    default: "256",
    apply: (settings, text, name) =>
      settings.stalledCount = parseCount(name, text, { min: 1, max: MAX_CONNECTIONS }),
  },
  {
    name: "stall",
    value: "KINDS",
    help: "Stall in these ways, by turns: silent (say nothing), slow-head and slow-body (a byte " +
      "each second; the body of a WebSocket is a message), unread (ask, and read no answer)",
    default: "silent,slow-head,slow-body,unread",
    apply: setStalls,
  },
  {
    name: "json",
    value: "FILE",
    help: "Write the result to FILE as JSON; - is standard output",
    apply: (settings, text) => settings.jsonFile = text,
  },
  {
    name: "report",
    value: "FILE",
    help: "Write a report with plots to FILE: one page of HTML that needs nothing else",
    apply: (settings, text) => settings.reportFile = text,
  },
  {
    name: "profile",
    value: "DIR",
    help: "Put V8's CPU profiles of the server that is started into DIR, and print its hottest " +
      "functions",
    apply: (settings, text) => settings.profileFolder = text,
  },
  ...REQUEST_OPTIONS,
];

const STALL_OPTIONS = ["stalled", "stall"];
const BODY_OPTIONS = ["method", "data", "synthesize-post", "chunk-size"];

/** The command. */
export const BENCH_COMMAND: CommandTable<BenchSettings> = {
  name: "bench",
  subcommands: [
    {
      name: "saturate",
      usage: "APP [MIDDLEWARE...] [OPTIONS] [-- OPTIONS OF SERVE]",
      help: "Sends requests of one kind, as many as are answered or at a rate",
      without: ["client", ...STALL_OPTIONS],
    },
    {
      name: "mixed",
      usage: "APP [MIDDLEWARE...] [OPTIONS] [-- OPTIONS OF SERVE]",
      help: "Sends requests of several kinds at the same time, each over connections of its own",
      without: [...STALL_OPTIONS, ...BODY_OPTIONS, "profile", "message-size"],
    },
    {
      name: "stalled",
      usage: "APP [MIDDLEWARE...] [OPTIONS] [-- OPTIONS OF SERVE]",
      help: "Measures twice what ordinary clients get: alone, and beside clients that hold " +
        "connections and do next to nothing with them",
      without: ["client", "profile"],
    },
  ],
  notes: `The server is started and stopped, with what follows -- as its options
  (gatehouse bench saturate app.ts -- --workers 2); or runs already, at --target
  URL. The result says when the client had more to do than the server.`,
  options: OPTIONS,
};

/**
 * Reads the words after `bench`.
 *
 * @throws {ConfigError} if they cannot be understood
 */
export function parseBench(args: readonly string[]): BenchSettings {
  const [action, ...others] = args;
  const subcommand = BENCH_COMMAND.subcommands.find(({ name }) => name === action);
  if (subcommand === undefined) {
    throw new ConfigError("bench needs a subcommand: saturate, mixed or stalled");
  }
  const settings: BenchSettings = {
    ...defaultRequestSettings(),
    action: subcommand.name as BenchSettings["action"],
    apps: [],
    serveArgs: [],
    target: undefined,
    owner: "loopback",
    path: "",
    protocol: "http",
    connections: 64,
    durationMs: 10_000,
    warmUpMs: 1_000,
    rate: 0,
    messageBytes: 32,
    clients: [],
    stalledCount: 256,
    stalls: [...STALLS],
    jsonFile: undefined,
    reportFile: undefined,
    profileFolder: undefined,
  };
  const { words, rest } = applyOptions(BENCH_COMMAND, subcommand, others, settings);
  settings.apps = [...words];
  settings.serveArgs = rest;
  const { target, apps, serveArgs, data, chunkCount, profileFolder } = settings;
  if ((target === undefined) === (apps.length === 0)) {
    throw new ConfigError(
      target === undefined
        ? `bench ${action} needs an app to serve, or --target URL`
        : "with --target, no app is served",
    );
  }
  if (target !== undefined && serveArgs.length > 0) {
    throw new ConfigError("with --target, there is no server that options after -- are for");
  }
  if (target !== undefined && profileFolder !== undefined) {
    throw new ConfigError("--profile is for the server that is started, and there is a --target");
  }
  if (data !== undefined && chunkCount > 0) {
    throw new ConfigError("give one of --data and --synthesize-post");
  }
  return settings;
}

function setProtocol(settings: BenchSettings, text: string, name: string): void {
  if (text !== "http" && text !== "fastcgi" && text !== "websocket") {
    throw new ConfigError(
      `${name} takes http, fastcgi or websocket, not ${JSON.stringify(text)}`,
    );
  }
  settings.protocol = text;
}

function setStalls(settings: BenchSettings, text: string, name: string): void {
  const names = text.split(",");
  const isKnown = (each: string): each is StallName => (STALLS as readonly string[]).includes(each);
  const unknown = names.find((each) => !isKnown(each));
  if (unknown !== undefined) {
    throw new ConfigError(
      `${name} takes some of ${STALLS.join(",")}, not ${JSON.stringify(unknown)}`,
    );
  }
  settings.stalls = names.filter(isKnown);
}

function addClient(settings: BenchSettings, text: string, name: string): void {
  const match = /^(\d{1,5}) +(\S+) +(\/\S*)(?: +(?:(\d{1,9})x)?(\d{1,8}[kKmM]?))?$/.exec(text);
  if (match === null) {
    throw new ConfigError(
      `${name} takes 'N METHOD PATH [CHUNKSxBYTES]', not ${JSON.stringify(text)}`,
    );
  }
  const [, connections, method, path, chunkCount, size] = match;
  const isSocket = method === "WS";
  if (size !== undefined && isSocket !== (chunkCount === undefined)) {
    throw new ConfigError(
      isSocket
        ? `${name} takes 'N WS PATH [BYTES]', not ${JSON.stringify(text)}`
        : `${name} takes CHUNKSxBYTES, such as 10x1024, not ${JSON.stringify(size)}`,
    );
  }
  const chunkBytes = size === undefined ? 32 : parseByteSize(name, size, 16_777_216);
  if (chunkBytes === 0) throw new ConfigError(`${name} takes sizes of at least 1`);
  settings.clients.push({
    connections: parseCount(name, connections, { min: 1, max: MAX_CONNECTIONS }),
    method,
    path,
    chunkCount: chunkCount === undefined
      ? 0
      : parseCount(name, chunkCount, { min: 1, max: 999_999_999 }),
    chunkBytes,
  });
}
