/**
 * The command `respond` and its options.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { LineFormat, LogLevel } from "../base/log.ts";
import { MAX_TIMER_MS } from "../base/timers.ts";
import { DEFAULT_HTTP_LIMITS } from "../http1/codec/limits.ts";
import type { HttpLimits } from "../http1/codec/limits.ts";
import { bodyTemplate, CannedResponse, reasonIn } from "../respond/canned_response.ts";
import type { FieldTemplate } from "../respond/canned_response.ts";
import { Template } from "../respond/template.ts";
import type { CommandOption, CommandTable } from "./command_options.ts";
import { applyOptions } from "./command_options.ts";
import { COMMAND_LOG_OPTIONS } from "./gateway_log_options.ts";
import { fieldIn, RESPONSE_CODES } from "./respond_mounts.ts";
import { readSource, SOURCE_OPTIONS } from "./source_options.ts";
import type { Source, SourceSettings } from "./source_options.ts";
import { formatDuration, parseByteSize, parseCount, parseDuration } from "./values.ts";

/** The settings of `gatehouse respond`. */
export interface RespondSettings {
  /** Where requests come from. */
  readonly source: Source;
  /** What everything is answered with. */
  readonly response: CannedResponse;
  /** Limits of requests. */
  readonly limits: HttpLimits;
  /** Time that shutdown waits for clients to take their responses, in milliseconds. */
  readonly drainTimeoutMs: number;
  /** The least grave messages that are written. */
  readonly logLevel: LogLevel;
  /** How the log is written. */
  readonly logFormat: LineFormat;
}

/** What the options say. */
interface RespondTerms extends SourceSettings {
  code: number;
  reason: string | undefined;
  fields: FieldTemplate[];
  body: Template;
  limits: { -readonly [Name in keyof HttpLimits]: HttpLimits[Name] };
  drainTimeoutMs: number;
  logLevel: LogLevel;
  logFormat: LineFormat;
}

const DEFAULT_DRAIN_MS = 30_000;

const OPTIONS: readonly CommandOption<RespondTerms>[] = [
  {
    name: "code",
    value: "CODE",
    help: "Answer with this status code",
    default: "200",
    apply: (terms, text, name) => terms.code = parseCount(name, text, RESPONSE_CODES),
  },
  {
    name: "status",
    value: "PHRASE",
    help: "Say this after the code, in place of the usual phrase",
    apply: (terms, text, name) => terms.reason = reasonIn(text, name),
  },
  {
    name: "header",
    letter: "H",
    value: "'NAME: VALUE'",
    repeats: true,
    help: "Send this header field, whose value can have placeholders",
    apply: (terms, text, name) => terms.fields.push(fieldIn(text, name)),
  },
  {
    name: "body",
    value: "TEXT",
    help: "Send this body, which can have placeholders",
    default: "none",
    apply: (terms, text, name) => terms.body = bodyTemplate(text, name),
  },
  ...SOURCE_OPTIONS,
  {
    name: "max-body-bytes",
    value: "BYTES",
    help: "Refuse larger bodies of requests with 413",
    default: "unlimited",
    apply: (terms, text, name) =>
      terms.limits.maxBodyBytes = parseByteSize(name, text, Number.MAX_SAFE_INTEGER),
  },
  {
    name: "body-timeout",
    value: "SECONDS",
    help: "Wait this long for progress in a request's or response's body. 0 disables",
    default: formatDuration(DEFAULT_HTTP_LIMITS.bodyIdleTimeoutMs),
    apply: (terms, text, name) => terms.limits.bodyIdleTimeoutMs = time(name, text),
  },
  {
    name: "drain-timeout",
    value: "SECONDS",
    help: "Let shutdown wait this long for clients to take their responses",
    default: formatDuration(DEFAULT_DRAIN_MS),
    apply: (terms, text, name) => terms.drainTimeoutMs = time(name, text),
  },
  ...COMMAND_LOG_OPTIONS,
];

/** The command. */
export const RESPOND_COMMAND: CommandTable<RespondTerms> = {
  name: "respond",
  subcommands: [
    {
      name: "",
      usage: "[IN [RECV]] [OPTIONS]",
      help:
        "Answers all that comes to a handler's socket of Mongrel2 with one response. IN is what " +
        "--mongrel2 takes, tcp://HOST:PORT or dispatch+tcp://HOST:PORT; RECV is the endpoint for replies, by default the port " +
        "before. {PATH}, {QUERY}, {URI}, {PREFIX} (of the route's pattern, up to the first " +
        "parenthesis), {MATCH} (the rest of the path), {PATTERN}, {METHOD}, {VERSION}, " +
        "{URL_SCHEME} and {REMOTE_ADDR} stand for what the request has, and names in lower case for " +
        "its fields: {host}, {user-agent}",
    },
  ],
  notes: `Values are escaped as their place needs it. {{PATH}} stands for {PATH}
  itself. A body is text/plain unless a Content-Type says otherwise; for apps
  over HTTP and FastCGI: --mount /old=respond:302,location=/new{MATCH}.`,
  options: OPTIONS,
};

/**
 * Reads the words after `respond`; paths in them begin at `cwd`.
 *
 * @throws {ConfigError} if they cannot be understood
 */
export function parseRespond(args: readonly string[], cwd: string): RespondSettings {
  refuseOldHeaders(args);
  const terms: RespondTerms = {
    code: 200,
    reason: undefined,
    fields: [],
    body: new Template(""),
    mongrel2Config: undefined,
    mongrel2Choice: {},
    limits: { ...DEFAULT_HTTP_LIMITS },
    drainTimeoutMs: DEFAULT_DRAIN_MS,
    logLevel: "info",
    logFormat: "text",
  };
  const { words, rest } = applyOptions(
    RESPOND_COMMAND,
    RESPOND_COMMAND.subcommands[0],
    args,
    terms,
  );
  const given = [...words, ...rest];
  const [send, recv, ...more] = terms.mongrel2Config === undefined
    ? given
    : [undefined, undefined, ...given];
  const text = recv === undefined ? send : `${send},recv=${recv}`;
  const source = readSource(terms, text, cwd, {
    takes: ["recv", "ident", "name", "capacity", "chroot", "uploads"],
    refusal: "is for apps, and changes no response here",
  });
  if (source === undefined) {
    throw new ConfigError(
      "respond needs the endpoint that Mongrel2 sends requests at: respond tcp://HOST:PORT [RECV], or " +
        "--mongrel2-config FILE",
    );
  }
  if (more.length > 0) {
    throw new ConfigError(
      terms.mongrel2Config === undefined
        ? `respond takes IN and RECV, and no ${JSON.stringify(more[0])}`
        : `respond takes no ${JSON.stringify(more[0])} beside --mongrel2-config`,
    );
  }
  const { limits, drainTimeoutMs, logLevel, logFormat } = terms;
  const response = new CannedResponse(terms, "respond");
  return { source, response, limits, drainTimeoutMs, logLevel, logFormat };
}

function time(name: string, text: string): number {
  const ms = parseDuration(name, text);
  if (ms <= MAX_TIMER_MS) return ms;
  throw new ConfigError(
    `${name} takes a time of at most ${formatDuration(MAX_TIMER_MS)}, not ${JSON.stringify(text)}`,
  );
}

/** m2wsgi has the names of fields in those of its options. */
function refuseOldHeaders(args: readonly string[]): void {
  const end = args.indexOf("--");
  for (const word of end < 0 ? args : args.slice(0, end)) {
    const [, name, value = "VALUE"] = /^--header-([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name !== undefined) {
      throw new ConfigError(`unknown option --header-${name}: write --header '${name}: ${value}'`);
    }
  }
}
