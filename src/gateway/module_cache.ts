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
import { ConfigError } from "../base/errors.ts";
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
 * The folder of the cache. Where the environment gives no writable one, it is a folder for this
 * run, and a warning says so; one that `GATEHOUSE_CACHE` names is used or refused.
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
  const root = makeTemporaryFolder(tempFolder, fault);
  checkCacheFolder(root, warn);
  warn(
    `${fault}: using ${root} as the cache for this run only; set GATEHOUSE_CACHE to a folder that ` +
      "lasts",
  );
  return { root, [Symbol.dispose]: () => Deno.removeSync(root, { recursive: true }) };
}

/**
 * Makes a folder for one run, since the usual one has this `fault`.
 *
 * @throws {ConfigError} if no folder can be made
 */
function makeTemporaryFolder(parent: string | undefined, fault: string): string {
  try {
    return Deno.makeTempDirSync({ dir: parent, prefix: "gatehouse-cache-" });
  } catch (error) {
    const reason = fileSystemReason(error);
    if (reason === null) throw error;
    throw new ConfigError(
      `${fault}, and no temporary folder can be made: ${reason}; set GATEHOUSE_CACHE`,
    );
  }
}

/** The folder that the environment names for caches; `null` if it names none. */
export function namedCacheRoot({ cwd, env }: Surroundings): string | null {
  try {
    return ModuleCache.defaultRoot(environmentOf(env), cwd);
  } catch (error) {
    if (error instanceof NoCacheFolderError) return null;
    throw error;
  }
}

/**
 * The folder that the environment names for caches.
 *
 * @throws {NoCacheFolderError} if it names none
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
