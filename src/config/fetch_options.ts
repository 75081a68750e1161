/**
 * The command `fetch` and its options.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { MAX_TIMER_MS } from "../base/timers.ts";
import type { CommandOption, CommandTable } from "./command_options.ts";
import { applyOptions } from "./command_options.ts";
import type { RequestSettings } from "./request_options.ts";
import { defaultRequestSettings, REQUEST_OPTIONS } from "./request_options.ts";
import { formatDuration, parseByteSize, parseCount, parseDuration } from "./values.ts";

/** How an exchange is shown. */
export type ExchangeView = "annotated" | "raw";

/** The settings of `gatehouse fetch`. */
export interface FetchSettings extends RequestSettings {
  /** What is done. */
  action: "oneraw" | "bulk" | "socket";
  /** What is asked for. */
  urls: string[];
  /** How one exchange is shown; by what standard output is if absent. */
  view: ExchangeView | undefined;
  /** File with a request that is sent as it is; `-` for standard input. */
  requestFile: string | undefined;
  /** Time from the last line that is sent over a WebSocket until it is closed, in milliseconds. */
  lingerMs: number;
  /** Requests in all. */
  requestCount: number;
  /** Connections. */
  connections: number;
  /** Bytes that each body must have; any if absent. */
  expectedBytes: number | undefined;
  /** File for the result as JSON; `-` for standard output. */
  jsonFile: string | undefined;
}

/** Connections of one command, at the most. */
export const MAX_CONNECTIONS = 50_000;
const BULK_OPTIONS = ["requests", "connections", "expect-bytes", "json"];
const REQUEST_FILE_OPTIONS = ["request"];
const BODY_OPTIONS = ["method", "data", "synthesize-post", "chunk-size"];
const SOCKET_OPTIONS = ["linger"];

const OPTIONS: readonly CommandOption<FetchSettings>[] = [
  {
    name: "requests",
    letter: "n",
    value: "N",
    help: "Send N requests, by turns to each URL",
    default: "1 for each URL",
    apply: (settings, text, name) =>
      settings.requestCount = parseCount(name, text, { min: 1, max: 1e12 }),
  },
  {
    name: "connections",
    letter: "c",
    value: "N",
    help: "Use N connections, at least one for each URL",
    default: "1 for each URL",
    apply: (settings, text, name) =>
      settings.connections = parseCount(name, text, { min: 1, max: MAX_CONNECTIONS }),
  },
  {
    name: "expect-bytes",
    value: "BYTES",
    help: "Take an answer for wrong whose body is not so long",
    apply: (settings, text, name) => settings.expectedBytes = parseByteSize(name, text, Infinity),
  },
  {
    name: "json",
    value: "FILE",
    help: "Write the result to FILE as JSON; - is standard output",
    apply: (settings, text) => settings.jsonFile = text,
  },
  {
    name: "output",
    value: "HOW",
    choices: ["annotated", "raw"],
    help:
      "Show the exchange annotated, with control characters as escapes, or write the answer's " +
      "bytes raw to standard output (of a WebSocket, each message and a line end) and the rest to " +
      "standard error",
    default: "annotated on a terminal, else raw",
    apply: setView,
  },
  {
    name: "request",
    value: "FILE",
    help: "Send what is in FILE, as it is; - is standard input. Not over FastCGI",
    apply: (settings, text) => settings.requestFile = text,
  },
  {
    name: "linger",
    value: "SECONDS",
    help: "Close so long after the end of standard input",
    default: "1",
    apply: (settings, text, name) => settings.lingerMs = lingering(name, text),
  },
  ...REQUEST_OPTIONS,
];

/** The command. */
export const FETCH_COMMAND: CommandTable<FetchSettings> = {
  name: "fetch",
  subcommands: [
    {
      name: "oneraw",
      usage: "URL [OPTIONS]",
      help:
        "Sends one request and shows the exchange byte for byte, with times: when the name was " +
        "looked up, the connection made, the request sent, and each piece of the answer received",
      without: [...BULK_OPTIONS, ...SOCKET_OPTIONS],
    },
    {
      name: "bulk",
      usage: "-n N -c C URL... [OPTIONS]",
      help: "Sends many requests over connections that are kept, and checks that each answer is " +
        "well-formed, and as long as it says. Exits with 1 if one is not",
      without: ["output", ...REQUEST_FILE_OPTIONS, ...SOCKET_OPTIONS],
    },
    {
      name: "socket",
      usage: "URL [OPTIONS]",
      help:
        "Opens a WebSocket, sends each line of standard input as a message, and shows each message " +
        "that comes, with times. Exits with 1 if it is not closed properly: with code 1000, 1001 or none",
      without: [...BULK_OPTIONS, ...REQUEST_FILE_OPTIONS, ...BODY_OPTIONS],
    },
  ],
  notes: `URL is http://HOST[:PORT]/PATH, https://... or fcgi://..., for socket
  ws://... or wss://...; or over a unix socket http+unix:SOCKET[:/PATH],
  fcgi+unix:SOCKET[:/PATH] or ws+unix:SOCKET[:/PATH].`,
  options: OPTIONS,
};

/**
 * Reads the words after `fetch`.
 *
 * @throws {ConfigError} if they cannot be understood
 */
export function parseFetch(args: readonly string[]): FetchSettings {
  const [action, ...others] = args;
  const subcommand = FETCH_COMMAND.subcommands.find(({ name }) => name === action);
  if (subcommand === undefined) {
    throw new ConfigError(
      "fetch needs a subcommand: oneraw URL, bulk -n N -c C URL..., or socket URL",
    );
  }
  const settings: FetchSettings = {
    ...defaultRequestSettings(),
    action: subcommand.name as FetchSettings["action"],
    urls: [],
    view: undefined,
    requestFile: undefined,
    lingerMs: 1_000,
    requestCount: 0,
    connections: 0,
    expectedBytes: undefined,
    jsonFile: undefined,
  };
  const { words, rest } = applyOptions(FETCH_COMMAND, subcommand, others, settings);
  settings.urls = [...words, ...rest];
  const { urls, data, chunkCount, requestFile } = settings;
  if (urls.length === 0) throw new ConfigError(`fetch ${action} needs a URL`);
  if (action !== "bulk" && urls.length > 1) throw new ConfigError(`fetch ${action} takes one URL`);
  const bodies = [data !== undefined, chunkCount > 0, requestFile !== undefined];
  if (bodies.filter(Boolean).length > 1) {
    throw new ConfigError("give one of --data, --synthesize-post and --request");
  }
  return settings;
}

function lingering(name: string, text: string): number {
  const ms = parseDuration(name, text);
  if (ms <= MAX_TIMER_MS) return ms;
  throw new ConfigError(
    `${name} takes a time of at most ${formatDuration(MAX_TIMER_MS)}, not ${JSON.stringify(text)}`,
  );
}

function setView(settings: FetchSettings, text: string, name: string): void {
  if (text !== "annotated" && text !== "raw") {
    throw new ConfigError(`${name} takes annotated or raw, not ${JSON.stringify(text)}`);
  }
  settings.view = text;
}
