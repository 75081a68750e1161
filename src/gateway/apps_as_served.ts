/**
 * Finds out what the apps of a gateway are made of, just as they would be served.
 *
 * @module
 */

import type { Surroundings } from "../base/surroundings.ts";
import type { AppSettings } from "../config/settings.ts";
import type { AppContents } from "../loader/contents.ts";
import type { Loader } from "../loader/loader.ts";
import { appGroups } from "./app_groups.ts";
import { importHosts } from "./app_loader.ts";
import { AppModuleSet } from "./app_modules.ts";
import { importPolicy } from "./app_supply.ts";

/**
 * What each app and middleware that `settings` name is made of, by its URL, after asking servers for what they
 * have now.
 *
 * @throws {LoadError} when one cannot be loaded
 * @throws {ConfigError} when a configuration file is wrong
 */
export async function appContents(
  loader: Loader,
  settings: AppSettings,
  surroundings: Surroundings,
): Promise<Map<string, AppContents>> {
  const hosts = importHosts(settings.loading, surroundings.env);
  const found = new Map<string, AppContents>();
  for (const { apps, permissions } of appGroups(settings, surroundings)) {
    const modules = await AppModuleSet.prepare(loader, apps, importPolicy(permissions, hosts), {
      builtins: permissions === "inherit" ? "native" : "guarded",
      freshness: "revalidated",
      inspection: "inspected",
    });
    for (const [url, contents] of modules.contents) found.set(url, contents);
  }
  return found;
}
