/**
 * From the settings to the options of the loader.
 *
 * @module
 */

import { resolve } from "node:path";
import { ConfigError } from "../base/errors.ts";
import { withoutPasswords } from "../base/passwords.ts";
import { environmentOf } from "../base/surroundings.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { needsBuiltInLoader } from "../config/loader_options.ts";
import type { AppSettings, LoaderSettings } from "../config/settings.ts";
import type { AppLock } from "../loader/app_lock.ts";
import { defaultImportHosts } from "../loader/names/fetch_policy.ts";
import { resolveApp } from "../loader/names/resolve.ts";
import { lockBeside } from "../loader/project/deno_config.ts";
import type { LoaderOptions } from "../loader/protocol.ts";
import { modulesNamed } from "./app_groups.ts";

/** @throws {ConfigError} when Deno's loader is asked for something that it does not do */
export function checkLoader(settings: AppSettings): void {
  if (settings.loading.loader !== "native") return;
  if (Deno.build.standalone) {
    throw new ConfigError(
      "--loader native requires gatehouse from source: the executable does not have Deno's loader",
    );
  }
  if (modulesNamed(settings).some((module) => withoutPasswords(module) !== module)) {
    throw new ConfigError(
      "--loader native cannot be combined with passwords in URLs, since " +
        "Deno prints them",
    );
  }
  if (needsBuiltInLoader(settings)) {
    throw new ConfigError(
      "--loader native cannot be combined with other options for loading, or with --watch: " +
        "Deno's " +
        "loader takes options of its own (deno run --import-map …), and does not report what it " +
        "loads",
    );
  }
}

/**
 * The loader's options for apps that are named so, with absolute paths; the cache is in `cacheRoot`.
 *
 * @throws {ConfigError} if they do not go together
 */
export function loaderOptions(
  loading: LoaderSettings,
  apps: readonly string[],
  { cwd, env }: Surroundings,
  cacheRoot: string,
): LoaderOptions {
  const { importMap, reload, cachePolicy, allowHttp, lockFile, lockMode } = loading;
  checkLock(loading, apps, cwd);
  return {
    cacheRoot,
    importMapUrl: importMap === undefined ? undefined : resolveApp(importMap, cwd).url,
    reload,
    cachePolicy,
    allowImport: importHosts(loading, env),
    allowHttp,
    ...lockFile === undefined
      ? { lockFile: undefined, lockOrigin: "found" }
      : { lockFile: resolve(cwd, lockFile), lockOrigin: "named" },
    lockMode,
    env: withAbsolutePaths(env, cwd),
  };
}

/**
 * The lock that the apps have to agree with, as it is now; `null` if there is none.
 *
 * @throws {ConfigError} if it cannot be read
 */
export async function readAppLock(
  { appLock }: LoaderSettings,
  cwd: string,
): Promise<AppLock | null> {
  if (appLock === undefined) return null;
  const { AppLock } = await import("../loader/app_lock.ts");
  return await AppLock.read(resolve(cwd, appLock));
}

export function checkLock(
  { lockFile, lockMode }: LoaderSettings,
  apps: readonly string[],
  cwd: string,
): void {
  if (lockMode !== "frozen" || lockFile !== undefined) return;
  const without = apps.find((app) => lockBeside([resolveApp(app, cwd).url]) === null);
  if (without === undefined) return;
  throw new ConfigError(
    `--frozen needs --lock FILE, or a deno.lock beside the app's deno.json: ${without} has none`,
  );
}

/** The same variables, with paths made absolute that the loader's thread looks at. */
function withAbsolutePaths(env: Surroundings["env"], cwd: string): Surroundings["env"] {
  const paths = ["HOME", "USERPROFILE", "NPM_CONFIG_USERCONFIG"].flatMap((name) => {
    const path = environmentOf(env).get(name);
    return path ? [[name, resolve(cwd, path)]] : [];
  });
  return { ...env, ...Object.fromEntries(paths) };
}

/** Hosts that modules may come from, besides those of the apps. */
export function importHosts(
  { allowImport }: LoaderSettings,
  env: Surroundings["env"],
): "any" | readonly string[] {
  if (allowImport === "any") return "any";
  return [...defaultImportHosts(environmentOf(env)), ...allowImport];
}
