/**
 * `--env-file`: variables from files, for the apps and for what loads them.
 *
 * @module
 */

import { resolve } from "node:path";
import { parseEnvFile } from "../config/env_file.ts";
import { messageOf } from "../base/error_message.ts";
import { ConfigError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { setVariable } from "../base/surroundings.ts";

/**
 * Puts the variables of the files at `paths` into the environment, and gives the surroundings that
 * there are then. As with Deno, variables that are set already stay, later files count before
 * earlier ones, and a missing file is logged.
 *
 * @throws {ConfigError} if a file cannot be read or understood
 */
export function addEnvFiles(
  surroundings: Surroundings,
  paths: readonly string[],
  log: Log,
): Surroundings {
  const known = new Map(Object.entries(surroundings.env));
  for (const path of [...paths].reverse()) {
    const text = readEnvFile(resolve(surroundings.cwd, path), log);
    if (text === null) continue;
    for (const [name, value] of parseEnvFile(text, path, known)) {
      const key = Deno.build.os === "windows" ? name.toUpperCase() : name;
      if (known.has(key)) continue;
      known.set(key, value);
      setVariable(key, value);
    }
  }
  return Object.freeze({ ...surroundings, env: Object.freeze(Object.fromEntries(known)) });
}

function readEnvFile(path: string, log: Log): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      log("warning", `--env-file ${path} does not exist`);
      return null;
    }
    throw new ConfigError(`--env-file ${path} cannot be read: ${messageOf(error)}`);
  }
}
