/**
 * Where a command's requests come from, as an endpoint.
 *
 * @module
 */

import type { Source } from "../config/source_options.ts";
import type { HandlerSpec } from "../mongrel2/codec/dispatcher_spec.ts";

/**
 * The endpoint that `source` is, or that it leads to.
 *
 * @throws {ConfigError} if Mongrel2's configuration cannot be read, or not exactly one handler is meant
 */
export async function specOf(source: Source): Promise<HandlerSpec> {
  if (!("config" in source)) return source;
  const { specFromConfig } = await import("../mongrel2/config_db.ts");
  return specFromConfig(source.config, source.choice);
}
