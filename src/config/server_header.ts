/**
 * What the gateway says that it is, in the `Server` field of responses.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";

/** Longest value, in characters. */
const MAX_CHARS = 128;
/** Visible ASCII, with single spaces within (RFC 9110 10.2.4). */
const SERVER = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/;

/**
 * Checks what `option` says for the `Server` field.
 *
 * @throws {ConfigError} if no field can say it
 */
export function checkServerHeader(option: string, text: unknown): string {
  if (typeof text === "string" && text.length <= MAX_CHARS && SERVER.test(text)) return text;
  throw new ConfigError(
    `${option} takes up to ${MAX_CHARS} visible characters, not ${JSON.stringify(text)}`,
  );
}
