/**
 * Whom the process trusts when it speaks TLS to others.
 *
 * @module
 */

import { resolve } from "node:path";
import { messageOf } from "../base/error_message.ts";
import { ConfigError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { deleteVariable, environmentOf, setVariable } from "../base/surroundings.ts";

/**
 * Lets Deno read now which authorities it trusts. It does so once for all threads, when somebody first
 * needs to know, and looks at the environment for it: by then, an app may have set another authority.
 * `NODE_EXTRA_CA_CERTS`, which Deno's `fetch()` does not look at, counts unless `DENO_CERT` is set, too.
 *
 * @throws {ConfigError} if what `DENO_CERT` or `DENO_TLS_CA_STORE` names cannot be used
 */
export function fixTrust({ env, cwd }: Surroundings, log: Log): void {
  const variables = environmentOf(env);
  const extra = variables.get("NODE_EXTRA_CA_CERTS");
  // Deno would look for a file without a name.
  if (variables.get("DENO_CERT") === "") deleteVariable("DENO_CERT");
  if (extra && !variables.get("DENO_CERT")) {
    setVariable("DENO_CERT", resolve(cwd, extra));
    try {
      readTrust();
      return;
    } catch (error) {
      // As Node has it. The other variable may be at fault.
      log("warning", `NODE_EXTRA_CA_CERTS is not used: ${messageOf(error)}`);
    } finally {
      deleteVariable("DENO_CERT");
    }
  }
  try {
    readTrust();
  } catch (error) {
    throw new ConfigError(`DENO_CERT or DENO_TLS_CA_STORE cannot be used: ${messageOf(error)}`);
  }
}

function readTrust(): void {
  Deno.createHttpClient({}).close();
}
