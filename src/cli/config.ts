/**
 * `gatehouse config`: checks the configuration, or shows it.
 *
 * @module
 */

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "../config/command.ts";
import { configText } from "../config/config_show.ts";
import type { ServeSettings } from "../config/settings.ts";
import { resolveApp } from "../loader/names/resolve.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { print, tell } from "../base/log.ts";
import { checkShareable } from "../supervisor/places.ts";
import { checkLoader } from "../gateway/app_loader.ts";
import { checkedGroups } from "../gateway/apps.ts";

/**
 * Prints what the command asks for; returns whether all is well. Parsing the settings has found
 * most faults. This checks the rest of what a start finds: settings of apps that cannot be
 * combined, and missing files.
 *
 * @throws {ConfigError} when a start would
 */
export function configCommand(
  command: Command & { readonly kind: "config" },
  surroundings: Surroundings,
): boolean {
  const { cwd } = surroundings;
  const { action, settings, origins } = command;
  if (action === "show") {
    print(configText(settings, origins).trimEnd());
    return true;
  }
  const { inspect, processes } = settings;
  checkLoader(settings);
  checkedGroups(settings, surroundings, inspect === null ? [] : [inspect.port]);
  if (processes > 0) checkShareable(settings);
  const missing = missingFiles(settings, cwd);
  for (const problem of missing) tell(problem);
  if (missing.length > 0) return false;
  const apps = settings.mounts.length === 1 ? "1 app" : `${settings.mounts.length} apps`;
  print(`${settings.configFile}: no problems found, ${apps}`);
  return true;
}

function missingFiles(settings: ServeSettings, cwd: string): string[] {
  const modules = settings.mounts.flatMap(({ app, origin, middleware = [] }) => [
    { module: app, origin },
    ...middleware,
  ]);
  const named: [string | undefined, string][] = modules.flatMap(({ module, origin }) => {
    const { url } = resolveApp(module, cwd);
    return url.startsWith("file:") ? [[origin, fileURLToPath(url)]] : [];
  });
  for (const file of [...settings.certFiles, ...settings.keyFiles]) {
    named.push([undefined, resolve(cwd, file)]);
  }
  const messages = named.flatMap(([origin, path]) =>
    isFile(path) ? [] : [`${origin ?? settings.configFile}: ${path} is not a file`]
  );
  return [...new Set(messages)];
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}
