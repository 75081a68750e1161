/**
 * The token by which a gateway is controlled.
 *
 * @module
 */

import { sha256Of } from "../base/sha256.ts";
import { ConfigError } from "../base/errors.ts";
import { messageOf } from "../base/error_message.ts";

/** Shorter ones can be guessed, in characters. */
const MIN_CHARS = 16;
const MAX_CHARS = 4_096;

/** A token that is compared with what clients send, in a time that tells nothing. */
export class ControlToken {
  readonly #digest: string;

  /** Makes a token of `text`. */
  constructor(text: string) {
    this.#digest = sha256Of(text);
  }

  /**
   * Reads it from the file at `path`, without the white space around it.
   *
   * @throws {ConfigError} if it cannot be read, or is too short, or is not one word
   */
  static read(path: string): ControlToken {
    let text: string;
    try {
      text = Deno.readTextFileSync(path).trim();
    } catch (error) {
      throw new ConfigError(`the token in ${path} cannot be read: ${messageOf(error)}`);
    }
    if (text.length < MIN_CHARS || text.length > MAX_CHARS || !/^[\x21-\x7e]+$/.test(text)) {
      throw new ConfigError(
        `${path} has no token that can be used: one is one word of ${MIN_CHARS} or more ASCII characters, ` +
          "such as openssl rand -hex 32 makes",
      );
    }
    return new ControlToken(text);
  }

  /** Whether `text` is the token. */
  matches(text: string | null): boolean {
    if (text === null || text.length > MAX_CHARS) return false;
    // The digests have one length, and say nothing of how much of the text was right.
    const given = sha256Of(text);
    let difference = 0;
    for (let at = 0; at < given.length; at++) {
      difference |= given.charCodeAt(at) ^ this.#digest.charCodeAt(at);
    }
    return difference === 0;
  }
}
