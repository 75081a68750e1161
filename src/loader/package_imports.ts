/**
 * Where the imports are in the modules of packages. What is known of a package's modules is in one file of the
 * cache: a package has hundreds of modules at times, and a file for each costs more than to look at them.
 *
 * @module
 */

import { relative, sep } from "node:path";
import { filePath, liesIn } from "../base/paths.ts";
import { sha256Of } from "../base/sha256.ts";
import type { ModuleCache } from "./cache/cache.ts";
import type { ModuleSource } from "./names/sources.ts";
import type { ModuleUses } from "./transform/module_uses.ts";
import { TRANSFORM_VERSION } from "./graph/link.ts";

/** What is known of one package. */
interface KnownPackage {
  /** Under which it is in the cache. */
  readonly key: string;
  /** By what the modules are, and where they lie. */
  readonly uses: Map<string, ModuleUses>;
  isChanged: boolean;
}

/** The imports in the modules of installed packages. */
export class PackageImports {
  readonly #cache: ModuleCache;
  /** By the folder of the package's instance. */
  readonly #packages = new Map<string, Promise<KnownPackage>>();

  /** Those that `cache` has, and will have. */
  constructor(cache: ModuleCache) {
    this.#cache = cache;
  }

  /**
   * The imports in JavaScript from a file below `root`, the folder of a set of packages: as they were found
   * before, or as `find` finds them now. `null` where the file is none of a package, or `find` says so.
   */
  async usesIn(
    { url, sha256, contentType }: ModuleSource,
    root: string,
    find: () => Promise<ModuleUses | null>,
  ): Promise<ModuleUses | null> {
    const folder = instanceFolder(url, root);
    if (folder === null) return null;
    let known = this.#packages.get(folder);
    if (known === undefined) {
      known = this.#read(folder);
      this.#packages.set(folder, known);
    }
    const { uses } = await known;
    const name = JSON.stringify([url, contentType, sha256]);
    const before = uses.get(name);
    if (before !== undefined) return before;
    const found = await find();
    if (found === null) return null;
    uses.set(name, found);
    (await known).isChanged = true;
    return found;
  }

  /** Keeps what was found. */
  async write(): Promise<void> {
    for (const each of this.#packages.values()) {
      const known = await each;
      if (!known.isChanged) continue;
      known.isChanged = false;
      await this.#cache.writeTransform(known.key, [...known.uses]);
    }
  }

  async #read(folder: string): Promise<KnownPackage> {
    const key = sha256Of(JSON.stringify([TRANSFORM_VERSION, "imports of a package", folder]));
    const kept = await this.#cache.readTransform(key) as [string, ModuleUses][] | null;
    return { key, uses: new Map(kept ?? []), isChanged: false };
  }
}

/** The folder of the package, below `root`, that the file at `url` is of; `null` if it is of none. */
function instanceFolder(url: string, root: string): string | null {
  if (!url.startsWith("file:")) return null;
  const path = filePath(url);
  if (!liesIn(path, root)) return null;
  const [store, key, ...rest] = relative(root, path).split(sep);
  return store === ".store" && rest.length > 0 ? `${root}${sep}${store}${sep}${key}` : null;
}
