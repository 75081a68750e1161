/**
 * The command `respond` and its options.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { named } from "../base/named_problems.ts";
import { DEFAULT_REQUEST_LIMITS } from "../message/request_limits.ts";
import type { RequestLimits } from "../message/request_limits.ts";
import { parseMongrel2Spec } from "../mongrel2/codec/spec.ts";
import type { Mongrel2Spec } from "../mongrel2/codec/spec.ts";
import { bodyTemplate, CannedResponse, reasonIn } from "../respond/canned_response.ts";
import type { FieldTemplate } from "../respond/canned_response.ts";
import { Template } from "../respond/template.ts";
import type { CommandOption, CommandTable } from "./command_options.ts";
import { applyOptions } from "./command_options.ts";
import { mongrel2From } from "./relative_paths.ts";
import { fieldIn, RESPONSE_CODES } from "./respond_mounts.ts";
import { parseCount } from "./values.ts";

/** The settings of `gatehouse respond`. */
export interface RespondSettings {
  /** Where Mongrel2 is. */
  readonly spec: Mongrel2Spec;
  /** What everything is answered with. */
  readonly response: CannedResponse;
  /** Limits of requests. */
  readonly limits: RequestLimits;
}

/** What the options say. */
interface RespondTerms {
  code: number;
  reason: string | undefined;
  fields: FieldTemplate[];
  body: Template;
}

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
];

/** The command. */
export const RESPOND_COMMAND: CommandTable<RespondTerms> = {
  name: "respond",
  subcommands: [
    {
      name: "",
      usage: "IN [RECV] [OPTIONS]",
      help:
        "Answers all that comes to a handler's socket of Mongrel2 with one response. IN is what " +
        "--mongrel2 takes, tcp://HOST:PORT; RECV is the endpoint for replies, by default the port " +
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
  const terms: RespondTerms = { code: 200, reason: undefined, fields: [], body: new Template("") };
  const { words, rest } = applyOptions(
    RESPOND_COMMAND,
    RESPOND_COMMAND.subcommands[0],
    args,
    terms,
  );
  const [send, recv, ...more] = [...words, ...rest];
  if (send === undefined) {
    throw new ConfigError(
      "respond needs the endpoint that Mongrel2 sends requests at: respond tcp://HOST:PORT [RECV]",
    );
  }
  if (more.length > 0) {
    throw new ConfigError(`respond takes IN and RECV, and no ${JSON.stringify(more[0])}`);
  }
  const text = recv === undefined ? send : `${send},recv=${recv}`;
  return {
    spec: named("IN", () => parseMongrel2Spec(mongrel2From(text, cwd))),
    response: new CannedResponse(terms, "respond"),
    limits: DEFAULT_REQUEST_LIMITS,
  };
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
