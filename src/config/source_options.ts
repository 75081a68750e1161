/**
 * Where the requests come from of commands that are handlers of one Mongrel2: an endpoint, or what Mongrel2's own
 * configuration says.
 *
 * @module
 */

import { resolve } from "node:path";
import { ConfigError } from "../base/errors.ts";
import { named } from "../base/named_problems.ts";
import type { HandlerSpec } from "../mongrel2/codec/dispatcher_spec.ts";
import { parseHandlerSpec } from "../mongrel2/codec/dispatcher_spec.ts";
import type { HandlerChoice } from "../mongrel2/codec/spec.ts";
import type { CommandOption } from "./command_options.ts";
import { CHOICE_OPTIONS } from "./mongrel2_options.ts";
import { mongrel2From } from "./relative_paths.ts";

/** What the options set. */
export interface SourceSettings {
  /** Mongrel2's configuration database, if that says it. */
  mongrel2Config: string | undefined;
  /** Which handler of it is meant. */
  mongrel2Choice: { -readonly [Name in keyof HandlerChoice]: HandlerChoice[Name] };
}

/** Where requests come from: an endpoint, or a handler in a configuration database. */
export type Source = HandlerSpec | {
  /** Path of the database. */
  readonly config: string;
  /** Which handler of it is meant. */
  readonly choice: HandlerChoice;
};

/** Which settings of an endpoint a command takes. */
export interface SourceTerms {
  /** Their names, without those of CURVE, which all do. */
  readonly takes: readonly string[];
  /** Why it takes no others, after `,NAME=`. */
  readonly refusal: string;
}

/** Settings of an endpoint that are about what a handler makes of requests. */
const ABOUT_REQUESTS: Readonly<Record<string, string>> = {
  chroot: "chroot",
  uploads: "uploads",
  uploadsStart: "uploads-start",
  route: "route",
};

/** The options. */
export const SOURCE_OPTIONS: readonly CommandOption<SourceSettings>[] = [
  {
    name: "mongrel2-config",
    value: "FILE",
    help:
      "Read where Mongrel2 is from this configuration database of it, in place of IN. The next four " +
      "options choose the handler",
    apply: (settings, text) => settings.mongrel2Config = text,
  },
  ...CHOICE_OPTIONS,
];

/**
 * Where requests come from: what the options say or else `text`, in which paths begin at `cwd`; `undefined` if
 * neither does. Of the settings of an endpoint, the command takes what its terms say.
 *
 * @throws {ConfigError} if it cannot be understood, or a handler is chosen in no database
 */
export function readSource(
  { mongrel2Config, mongrel2Choice }: SourceSettings,
  text: string | undefined,
  cwd: string,
  { takes, refusal }: SourceTerms,
): Source | undefined {
  if (mongrel2Config !== undefined) {
    return { config: resolve(cwd, mongrel2Config), choice: mongrel2Choice };
  }
  if (Object.keys(mongrel2Choice).length > 0) {
    throw new ConfigError("--mongrel2-handler, -route, -host and -server need --mongrel2-config");
  }
  if (text === undefined) return undefined;
  const spec = named("IN", () => parseHandlerSpec(mongrel2From(text, cwd), takes));
  for (const [name, key] of Object.entries(ABOUT_REQUESTS)) {
    if (!takes.includes(key) && spec[name as keyof HandlerSpec] !== undefined) {
      throw new ConfigError(`IN: ,${key}= ${refusal}`);
    }
  }
  return spec;
}
