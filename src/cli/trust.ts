/**
 * Whom the process trusts when it speaks TLS to others.
 *
 * @module
 */

import { messageOf } from "../error_message.ts";
import { ConfigError } from "../errors.ts";

/**
 * Lets Deno read now which authorities it trusts. It does so once for all threads, when somebody first
 * needs to know, and looks at the environment for it: by then, an app may have set another authority.
 *
 * @throws {ConfigError} if what `DENO_CERT` or `DENO_TLS_CA_STORE` names cannot be used
 */
export function fixTrust(): void {
  try {
    Deno.createHttpClient({}).close();
  } catch (error) {
    throw new ConfigError(`DENO_CERT or DENO_TLS_CA_STORE cannot be used: ${messageOf(error)}`);
  }
}
