/**
 * Where `--acme` keeps what it has.
 *
 * @module
 */

import { isAbsolute, join, resolve } from "node:path";
import { ConfigError } from "../base/errors.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { environmentOf } from "../base/surroundings.ts";
import type { AcmeSettings } from "../config/settings.ts";

/** The folder for root, who has no home that others could use. */
const ROOTS_FOLDER = "/var/lib/gatehouse/acme";

/**
 * The folder that `settings` name, or the environment says.
 *
 * @throws {ConfigError} if neither does
 */
export function acmeFolder({ folder }: AcmeSettings, { cwd, env }: Surroundings): string {
  if (folder !== undefined) return folder;
  const variables = environmentOf(env);
  const named = variables.get("GATEHOUSE_STATE");
  if (named) return resolve(cwd, named, "acme");
  // What systemd makes for StateDirectory=.
  const [given] = (variables.get("STATE_DIRECTORY") ?? "").split(":");
  if (given) return resolve(cwd, given, "acme");
  if (Deno.build.os !== "windows" && Deno.uid() === 0) return ROOTS_FOLDER;
  const [xdg, home] = [variables.get("XDG_STATE_HOME"), variables.get("HOME")];
  if (xdg && isAbsolute(xdg)) return join(xdg, "gatehouse", "acme");
  if (home) return resolve(cwd, home, ".local/state/gatehouse/acme");
  throw new ConfigError("--acme has no folder to keep certificates in: name one with --acme-state");
}
