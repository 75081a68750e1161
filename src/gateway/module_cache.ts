/**
 * Where a gateway keeps its modules.
 *
 * @module
 */

import {
  fileSystemReason,
  PRIVATE_FOLDER,
  TEMPORARY_PREFIX,
} from "../loader/files/atomic_write.ts";
import { ModuleCache, NoCacheFolderError } from "../loader/cache/cache.ts";
import { checkCacheFolder } from "../loader/cache/trusted_folder.ts";
import type { Log } from "../base/log.ts";
import type { Surroundings } from "../base/surroundings.ts";
import { environmentOf } from "../base/surroundings.ts";

/** A cache's folder, which goes with the gateway if it is its alone. */
export interface CacheFolder extends Disposable {
  /** Absolute path. */
  readonly root: string;
}

/**
 * The folder of the cache. Where the environment leads to none that can be written to, it is one for
 * this run, which says so; one that `GATEHOUSE_CACHE` names is used, or refused.
 *
 * @throws {ConfigError} if others can write to the cache
 */
export function cacheFolder(surroundings: Surroundings, log: Log): CacheFolder {
  const { env, tempFolder } = surroundings;
  const warn = (message: string) => log("warning", message);
  const isNamed = Boolean(environmentOf(env).get("GATEHOUSE_CACHE"));
  let fault: string;
  try {
    const root = usualCacheRoot(surroundings, log);
    const problem = isNamed ? null : writingFault(root);
    if (problem === null) return { root, [Symbol.dispose]() {} };
    fault = `${root} cannot be written to: ${problem}`;
  } catch (error) {
    if (!(error instanceof NoCacheFolderError)) throw error;
    fault = error.message;
  }
  const root = Deno.makeTempDirSync({ dir: tempFolder, prefix: "gatehouse-cache-" });
  checkCacheFolder(root, warn);
  warn(
    `what apps are made of is kept in ${root}, until the end: ${fault}; GATEHOUSE_CACHE can name a ` +
      "folder that lasts",
  );
  return { root, [Symbol.dispose]: () => Deno.removeSync(root, { recursive: true }) };
}

/**
 * The folder that the environment says for caches.
 *
 * @throws {NoCacheFolderError} if it says none
 * @throws {ConfigError} if others can write to it
 */
export function usualCacheRoot({ cwd, env }: Surroundings, log: Log): string {
  const root = ModuleCache.defaultRoot(environmentOf(env), cwd);
  checkCacheFolder(root, (message) => log("warning", message));
  return root;
}

/** Why nothing can be put into `root`; `null` if it can. */
function writingFault(root: string): string | null {
  try {
    Deno.mkdirSync(root, PRIVATE_FOLDER);
    Deno.removeSync(Deno.makeTempFileSync({ dir: root, prefix: TEMPORARY_PREFIX }));
    return null;
  } catch (error) {
    const reason = fileSystemReason(error);
    if (reason === null) throw error;
    return reason;
  }
}
