/**
 * Says of what is wrong with a setting where it was given.
 *
 * @module
 */

import { ConfigError } from "./errors.ts";

/** What `read` returns. The message of a {@linkcode ConfigError} that it throws gets `name` in front. */
export function named<Value>(name: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(`${name}: ${error.message}`);
  }
}
