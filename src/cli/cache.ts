/**
 * `gatehouse cache`: fetches what apps need, or tells about the cache, or empties it.
 *
 * @module
 */

import type { CacheAction, LoaderSettings } from "../config/settings.ts";
import { ModuleCache } from "../loader/cache.ts";
import { Loader } from "../loader/loader.ts";
import { resolveApp } from "../loader/resolve.ts";
import { logToStderr } from "../log.ts";
import { loaderOptions } from "./app_loading.ts";

/** Does what the command line says about the cache. */
export async function cacheCommand(
  action: CacheAction,
  apps: readonly string[],
  loading: LoaderSettings,
): Promise<void> {
  const cwd = Deno.cwd();
  if (action === "fetch") {
    using loader = new Loader(loaderOptions(loading, cwd), logToStderr);
    for (const app of apps) {
      const { url } = resolveApp(app, cwd);
      const { forWorkers } = await loader.prepare([url]);
      console.log(`${url}: ${Object.keys(forWorkers.files).length} modules are in the cache`);
    }
    return;
  }
  const cache = new ModuleCache(ModuleCache.defaultRoot(Deno.env));
  if (action === "clean") {
    const { files, bytes } = await cache.clean();
    console.log(`${cache.root}: removed ${files} files, ${megabytes(bytes)}`);
    return;
  }
  const { root, kinds } = await cache.info();
  console.log(root);
  for (const [kind, { entries, bytes }] of Object.entries(kinds)) {
    console.log(
      `  ${kind.padEnd(9)}${String(entries).padStart(7)}  ${megabytes(bytes).padStart(9)}`,
    );
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
