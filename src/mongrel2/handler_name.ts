/**
 * What dispatchers know a handler by if it was given no name.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import { ConfigError } from "../base/errors.ts";

/**
 * The name of this host.
 *
 * @throws {ConfigError} if it cannot be found out
 */
export function hostName(): string {
  try {
    return Deno.hostname();
  } catch (error) {
    throw new ConfigError(
      `the name of this host, which dispatchers are to know this handler by, cannot be found out ` +
        `(${messageOf(error)}): name it by ,name=NAME`,
    );
  }
}
