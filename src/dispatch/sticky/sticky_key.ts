/**
 * What a request sticks by: the text that decides which handler it belongs to.
 *
 * @module
 */

import { messageOf } from "../../base/error_message.ts";
import { ConfigError } from "../../base/errors.ts";
import { latin1Of } from "../../message/latin1.ts";
import { withoutBlanks } from "../../message/fields.ts";
import type { Mongrel2Message } from "../../mongrel2/codec/message.ts";
import type { StickyRule } from "./rule.ts";

/**
 * The key of a request: a text whose code units are bytes. `bytes` is the message as it came, and
 * `message` what it says. Keys are computed in time that is linear in the message.
 */
export type StickyKey = (message: Mongrel2Message, bytes: Uint8Array) => string;

/** Bytes of a message that an expression is searched in: a head, and a body of Mongrel2's default size. */
export const MAX_SEARCHED_BYTES = 32_768;
/**
 * Instructions of an expression at the most: each of them may have to be looked at for each byte, which
 * then takes 70 ms.
 */
const MAX_INSTRUCTIONS = 200;

const encoder = new TextEncoder();

/**
 * The function that finds the keys of `rule`. Where a request has no such cookie or header, or its key
 * would be empty, its connection is the key.
 *
 * @throws {ConfigError} if the expression is malformed or too large
 */
export async function stickyKey(rule: StickyRule): Promise<StickyKey> {
  switch (rule.by) {
    case "connection":
      return connectionKey;
    case "cookie":
      return (message) => cookieValue(message, rule.name) || connectionKey(message);
    case "header": {
      // Mongrel2 has its own in upper case, and the client's in lower case.
      const name = rule.name.toLowerCase();
      return (message) => clientHeader(message, name) || connectionKey(message);
    }
    case "regex":
      return await regexKey(rule.pattern);
  }
}

function connectionKey({ senderId, connId }: Mongrel2Message): string {
  return `${senderId} ${connId}`;
}

/** The values of all headers of that name, joined in their order as a list (RFC 9110 5.3). */
function clientHeader({ headers }: Mongrel2Message, name: string): string {
  let joined: string | null = null;
  for (const [each, value] of headers) {
    if (each !== name) continue;
    joined = joined === null ? value : `${joined}, ${value}`;
  }
  return joined ?? "";
}

/** The value of the first cookie of that name (RFC 6265 4.2.1); empty if there is none. */
function cookieValue({ headers }: Mongrel2Message, name: string): string {
  for (const [each, value] of headers) {
    if (each !== "cookie") continue;
    for (let start = 0; start < value.length;) {
      const semicolon = value.indexOf(";", start);
      const end = semicolon < 0 ? value.length : semicolon;
      const pair = value.slice(start, end);
      const equals = pair.indexOf("=");
      if (equals > 0 && withoutBlanks(pair.slice(0, equals)) === name) {
        return withoutBlanks(pair.slice(equals + 1));
      }
      start = end + 1;
    }
  }
  return "";
}

async function regexKey(pattern: string): Promise<StickyKey> {
  const { RE2JS } = await import("re2js");
  let regex;
  try {
    // The message's bytes are matched one by one, and so are the pattern's.
    const bytes = encoder.encode(pattern);
    regex = RE2JS.compile(latin1Of(bytes, 0, bytes.length));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new ConfigError(`--sticky-regex ${JSON.stringify(pattern)}: ${messageOf(error)}`);
  }
  const instructions = regex.programSize();
  if (instructions > MAX_INSTRUCTIONS) {
    throw new ConfigError(
      `--sticky-regex ${JSON.stringify(pattern)} is too large: it has ${instructions} ` +
        `instructions, and may have ${MAX_INSTRUCTIONS}; repeat less in it`,
    );
  }
  const groups = regex.groupCount();
  return (message, bytes) => {
    const text = latin1Of(bytes, 0, Math.min(bytes.length, MAX_SEARCHED_BYTES));
    const matcher = regex.matcher(text);
    if (!matcher.find()) return text;
    let key = groups === 0 ? matcher.group() ?? "" : "";
    for (let i = 1; i <= groups; i++) key += matcher.group(i) ?? "";
    return key || connectionKey(message);
  };
}
