/**
 * `gatehouse cache`: fetches what apps need, or tells about the cache, or empties it.
 *
 * @module
 */

import type { CacheAction, LoaderSettings } from "../config/settings.ts";
import { ModuleCache } from "../loader/cache/cache.ts";
import { Loader } from "../loader/loader.ts";
import { WorkerHere } from "../loader/worker_here.ts";
import { resolveApp } from "../loader/names/resolve.ts";
import { logToStderr, print } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { environmentOf } from "../base/surroundings.ts";
import { loaderOptions } from "../gateway/app_loader.ts";
import { usualCacheRoot } from "../gateway/module_cache.ts";
import { fixTrust } from "./trust.ts";

/** Does what the command line says about the cache. */
export async function cacheCommand(
  action: CacheAction,
  apps: readonly string[],
  loading: LoaderSettings,
  surroundings: Surroundings,
): Promise<void> {
  const { cwd } = surroundings;
  if (action === "fetch") {
    fixTrust(surroundings, logToStderr);
    const root = usualCacheRoot(surroundings, logToStderr);
    const options = loaderOptions(loading, apps, surroundings, root);
    using loader = new Loader(options, logToStderr, new WorkerHere(options, logToStderr));
    for (const app of apps) {
      const { url } = resolveApp(app, cwd);
      const { forWorkers } = await loader.prepare([url]);
      const { length } = Object.keys(forWorkers.files);
      print(`${url}: ${length} ${length === 1 ? "module is" : "modules are"} in the cache`);
    }
    return;
  }
  const cache = new ModuleCache(ModuleCache.defaultRoot(environmentOf(surroundings.env), cwd));
  if (action === "clean") {
    const { files, bytes } = await cache.clean();
    print(`${cache.root}: removed ${files} files, ${megabytes(bytes)}`);
    return;
  }
  const { root, kinds } = await cache.info();
  print(root);
  for (const [kind, { entries, bytes }] of Object.entries(kinds)) {
    print(
      `  ${kind.padEnd(9)}${String(entries).padStart(7)}  ${megabytes(bytes).padStart(9)}`,
    );
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
