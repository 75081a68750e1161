/**
 * `gatehouse lock`: writes down what apps are made of.
 *
 * @module
 */

import { resolve } from "node:path";
import { logToStderr, print } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import type { ServeSettings } from "../config/settings.ts";
import { appContents } from "../gateway/apps_as_served.ts";
import { loaderOptions } from "../gateway/app_loader.ts";
import { foldersApart } from "../gateway/folder_mounts.ts";
import { usualCacheRoot } from "../gateway/module_cache.ts";
import { AppLock } from "../loader/app_lock.ts";
import { contentHash } from "../loader/contents.ts";
import { Loader } from "../loader/loader.ts";
import { fixTrust } from "./trust.ts";

/** Writes the lock at `path` for the apps that `settings` name. */
export async function lockCommand(
  path: string,
  all: ServeSettings,
  surroundings: Surroundings,
): Promise<void> {
  const { cwd } = surroundings;
  const { apps: settings } = foldersApart(all, cwd);
  fixTrust(surroundings, logToStderr);
  const root = usualCacheRoot(surroundings, logToStderr);
  const apps = settings.mounts.map(({ app }) => app);
  using loader = new Loader(
    loaderOptions(settings.loading, apps, surroundings, root),
    logToStderr,
  );
  const contents = await appContents(loader, settings, surroundings);
  await AppLock.write(resolve(cwd, path), contents);
  for (const [url, each] of contents) print(`${url}: ${contentHash(each)}`);
}
