/**
 * Lines of the log as JSON: one object a line, whatever apps and clients have put into it.
 *
 * @module
 */

import { charCodeAt, uncurried } from "./captured.ts";
import { withoutPasswords } from "./passwords.ts";

/** What is known of a message besides its text. */
export interface LogFacts {
  /** Name of the worker that it is of, such as `"worker 1"`. */
  readonly worker?: string;
  /** Id of the request that it is of. */
  readonly requestId?: string;
  /** Who says so, if it is not the gateway: what an app prints is its own. */
  readonly source?: "app";
  /** Where an app has printed it. */
  readonly stream?: "stdout" | "stderr";
  /** Number of the process, if there are several. */
  readonly process?: number;
}

const { JSON, Date } = globalThis;
const { stringify } = JSON;
const substring: (text: string, start: number, end: number) => string = uncurried(
  String.prototype.substring,
);
const textOf: (number: number, radix: number) => string = uncurried(Number.prototype.toString);
const isoOf: (date: Date) => string = uncurried(Date.prototype.toISOString);
/** Longest message in a line, in characters; what comes after it is left out, and counted. */
const MAX_MESSAGE_CHARS = 8_192;

/** A line of the log, without its end. The time is `now`. */
export function jsonLine(
  level: string,
  message: string,
  facts: LogFacts = {},
  now: Date = new Date(),
): string {
  const { length } = message;
  const text = length <= MAX_MESSAGE_CHARS
    ? message
    : `${substring(message, 0, MAX_MESSAGE_CHARS)}… (${
      length - MAX_MESSAGE_CHARS
    } characters left out)`;
  // Apps can give all objects a toJSON(), but not this one.
  const fields = {
    __proto__: null,
    time: isoOf(now),
    level,
    message: `${withoutPasswords(text)}`,
    ...facts,
  };
  return withoutDisturbing(stringify(fields));
}

/** Escapes what JSON lets stand, and terminals and readers of lines may obey. */
function withoutDisturbing(line: string): string {
  let shown = "";
  let start = 0;
  for (let at = 0; at < line.length; at++) {
    const code = charCodeAt(line, at);
    if (!isDisturbing(code)) continue;
    const digits = textOf(code, 16);
    const zeros = digits.length === 2 ? "00" : digits.length === 3 ? "0" : "";
    shown += `${substring(line, start, at)}\\u${zeros}${digits}`;
    start = at + 1;
  }
  return start === 0 ? line : shown + substring(line, start, line.length);
}

/** DEL, C1, line separators, and what changes the direction of text. */
function isDisturbing(code: number): boolean {
  return code >= 0x7f && (
    code <= 0x9f || code === 0x61c || code === 0x200e || code === 0x200f ||
    code >= 0x2028 && code <= 0x202e || code >= 0x2066 && code <= 0x2069 || code === 0xfeff
  );
}
