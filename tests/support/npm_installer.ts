/** Installs packages from an imitation registry into a cache of its own. */

import { ModuleCache } from "../../src/loader/cache/cache.ts";
import { DEFAULT_FETCH_LIMITS, ModuleFetcher } from "../../src/loader/fetch/fetcher.ts";
import type { FetchOptions } from "../../src/loader/fetch/fetcher.ts";
import { PackageInstaller } from "../../src/loader/npm/installer.ts";
import type { InstallerOptions, NpmSet } from "../../src/loader/npm/installer.ts";

/** A cache in a folder that goes away. */
export class TestCache {
  /** The cache. */
  readonly cache: ModuleCache;

  private constructor(cache: ModuleCache) {
    this.cache = cache;
  }

  /** Makes the folder. */
  static async make(): Promise<TestCache> {
    return new TestCache(new ModuleCache(await Deno.makeTempDir({ prefix: "gatehouse-npm-" })));
  }

  /** A fetcher that keeps what it gets in the cache. */
  fetcher(options: Partial<FetchOptions> = {}): ModuleFetcher {
    return new ModuleFetcher(this.cache, {
      reload: "none",
      cachePolicy: "use",
      allowImport: "any",
      allowHttp: "loopback",
      limits: { ...DEFAULT_FETCH_LIMITS, retryDelaysMs: [] },
      lock: null,
      ...options,
    });
  }

  /** An installer for one registry, as a new process would make it. */
  installer(
    registry: string,
    options: InstallerOptions = {},
    fetchOptions: Partial<FetchOptions> = {},
  ): PackageInstaller {
    const env = environment({ NPM_CONFIG_REGISTRY: registry });
    return new PackageInstaller(this.cache, this.fetcher(fetchOptions), { env, ...options });
  }

  /** Removes it all. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.cache.root, { recursive: true });
  }
}

/** An environment with nothing but `variables`. */
export function environment(
  variables: Readonly<Record<string, string>>,
): { get(name: string): string | undefined } {
  return { get: (name) => variables[name] };
}

/**
 * What a set consists of: each package that `specifiers` ask for, and what it depends on, as a tree:
 * `a@1.0.0(b@1.0.0 c@2.0.0(b@1.0.0))`. What is within itself is not repeated.
 */
export function treeOf(set: NpmSet, specifiers: readonly string[]): string[] {
  return specifiers.map((specifier) => {
    const { path } = set.resolve(`${specifier}/package.json`);
    return subtree(set, path, []);
  });
}

function subtree(set: NpmSet, path: string, above: readonly string[]): string {
  const { name, version, folder } = set.packageOf(path)!;
  const label = `${name}@${version}`;
  if (above.includes(folder)) return label;
  const modules = folder.slice(0, folder.lastIndexOf("node_modules") + "node_modules".length);
  // A package's own name leads to itself from beside it, and to another version from within.
  const inside = existing(`${folder}/node_modules/${name}`);
  const children: string[] = [];
  for (const alias of foldersIn(modules)) {
    const target = Deno.realPathSync(alias === name && inside ? inside : `${modules}/${alias}`);
    if (target === folder) continue;
    const child = subtree(set, `${target}/package.json`, [...above, folder]);
    children.push(child.startsWith(`${alias}@`) ? child : `${alias}=${child}`);
  }
  return children.length === 0 ? label : `${label}(${children.join(" ")})`;
}

function foldersIn(modules: string): string[] {
  const names = [...Deno.readDirSync(modules)].flatMap(({ name }) => {
    if (!name.startsWith("@")) return [name];
    return [...Deno.readDirSync(`${modules}/${name}`)].map((inner) => `${name}/${inner.name}`);
  });
  return names.sort();
}

function existing(path: string): string | null {
  try {
    Deno.lstatSync(path);
    return path;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
