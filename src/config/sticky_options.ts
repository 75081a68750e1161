/**
 * The options of `gatehouse dispatch` that say which requests stick together.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { StickyRule } from "../dispatch/sticky/rule.ts";
import type { CommandOption } from "./command_options.ts";
import { isToken } from "./values.ts";

/** What they set. */
export interface StickySettings {
  /** What requests stick by; `null` if each goes where there is the least to do. */
  sticky: StickyRule | null;
}

/** The options: one of them may be given. */
export const STICKY_OPTIONS: readonly CommandOption<StickySettings>[] = [
  {
    name: "sticky",
    help: "Send all requests of a connection to one handler, as long as it is there",
    apply: (settings, _text, name) => setSticky(settings, { by: "connection" }, name),
  },
  {
    name: "sticky-cookie",
    value: "NAME",
    help: "Send all requests with the same value of this cookie to one handler; those without it " +
      "stick by their connection",
    apply: (settings, text, name) =>
      setSticky(settings, { by: "cookie", name: token(name, text) }, name),
  },
  {
    name: "sticky-header",
    value: "NAME",
    help: "The same with the value of this header of the client, in any case; x-forwarded-for is " +
      "the client's address",
    apply: (settings, text, name) =>
      setSticky(settings, { by: "header", name: token(name, text) }, name),
  },
  {
    name: "sticky-regex",
    value: "RE",
    help: "The same with what this expression (RE2's syntax) finds in the first 32 KiB of " +
      "Mongrel2's message: its groups, joined; without groups, the match; without a match, the " +
      "message",
    apply: (settings, text, name) => setSticky(settings, { by: "regex", pattern: text }, name),
  },
];

function setSticky(settings: StickySettings, rule: StickyRule, name: string): void {
  if (settings.sticky !== null) {
    const other = settings.sticky.by === "connection" ? "" : `-${settings.sticky.by}`;
    throw new ConfigError(`${name} and --sticky${other} exclude each other`);
  }
  settings.sticky = rule;
}

function token(name: string, text: string): string {
  if (isToken(text)) return text;
  throw new ConfigError(
    `${name} takes a name of letters, digits and signs, not ${JSON.stringify(text)}`,
  );
}
