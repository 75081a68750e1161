/**
 * Apps by way of the built-in loader: their modules made ready, what they import later, and what is
 * wrong with them told in terms of their sources.
 *
 * @module
 */

import { LoadError } from "../base/errors.ts";
import type { AppSet, Imported, ImportRequest } from "../worker/protocol.ts";
import { modulesOf } from "../worker/protocol.ts";
import type { AppLock } from "../loader/app_lock.ts";
import type { AppContents } from "../loader/contents.ts";
import type { Loader, PreparedGraph } from "../loader/loader.ts";
import type { PartPermission } from "../loader/npm/package_needs.ts";
import { urlOfKey } from "../loader/names/graph_keys.ts";
import { filePath } from "../base/paths.ts";
import type { Builtins, Freshness, ImportPolicy, PrepareOptions } from "../loader/protocol.ts";

/** How the modules of a set of apps are made ready. */
export interface ModuleSetOptions {
  /** What they get of the runtime's own modules; `"native"` unless it is given. */
  readonly builtins?: Builtins;
  /** Whether what is in the cache will do; `"cached"` unless it is given. */
  readonly freshness?: Freshness;
  /** URLs that the apps have imported while they ran, to ask for again, too; none unless it is given. */
  readonly late?: readonly string[];
  /** What each of them has to be made of; anything if `null` or absent. */
  readonly appLock?: AppLock | null;
  /** Given if it is to be found out what they are made of. */
  readonly inspection?: "inspected";
}

/** The modules of a set of apps. */
export class AppModuleSet {
  /** The apps, with where their modules are. */
  readonly apps: AppSet;
  /** Folders that the apps' workers have to read. */
  readonly folders: readonly string[];
  readonly #loader: Loader;
  readonly #graph: PreparedGraph;
  readonly #policy: ImportPolicy;
  /** Keys of the modules that it was made of at first. */
  readonly #firstKeys: ReadonlySet<string>;

  private constructor(loader: Loader, graph: PreparedGraph, apps: AppSet, policy: ImportPolicy) {
    this.#loader = loader;
    this.#graph = graph;
    this.#policy = policy;
    this.#firstKeys = new Set(Object.keys(graph.forWorkers.files));
    this.folders = graph.forWorkers.folders;
    const moduleOf = new Map(graph.roots.map((url, index) => [url, graph.modules[index]]));
    const placed = <Source extends { readonly url: string }>(source: Source) => ({
      ...source,
      module: moduleOf.get(source.url),
    });
    this.apps = {
      ...apps,
      mounts: apps.mounts.map((mount) => ({
        ...placed(mount),
        middleware: mount.middleware.map(placed),
      })),
      graph: graph.forWorkers,
    };
  }

  /**
   * Makes the modules of `apps` ready. They may import the local files that `policy` lets them, and while
   * they run all that it lets them.
   *
   * @throws {LoadError} when a module cannot be loaded
   * @throws {ConfigError} when a configuration file is wrong
   */
  static async prepare(
    loader: Loader,
    apps: AppSet,
    policy: ImportPolicy,
    options: ModuleSetOptions = {},
  ): Promise<AppModuleSet> {
    const { builtins, freshness = "cached", late, appLock = null } = options;
    const { files } = policy;
    const roots = [...new Set(modulesOf(apps))];
    const terms: PrepareOptions = {
      builtins,
      files,
      late,
      ...appLock === null && options.inspection === undefined ? {} : { inspection: "inspected" },
    };
    const graph = await loader.prepare(roots, { ...terms, freshness });
    const fault = appLock?.faultOf(graph) ?? null;
    if (fault === null) return new AppModuleSet(loader, graph, apps, policy);
    // The cache may have what servers had before.
    if (freshness !== "cached" || loader.cachePolicy === "only") throw fault;
    let again: PreparedGraph;
    try {
      again = await loader.prepare(roots, { ...terms, freshness: "revalidated" });
    } catch (error) {
      // What cannot be had again is not what is wrong.
      throw error instanceof LoadError ? fault : error;
    }
    const still = appLock!.faultOf(again);
    if (still !== null) throw still;
    return new AppModuleSet(loader, again, apps, policy);
  }

  /** What each app is made of, by its URL, if that was found out. */
  get contents(): ReadonlyMap<string, AppContents> {
    const { roots, contents = [] } = this.#graph;
    return new Map(contents.map((each, index) => [roots[index], each]));
  }

  /** URLs of the remote modules that the apps have imported while they ran. */
  get lateUrls(): string[] {
    return Object.keys(this.#graph.forWorkers.files)
      .filter((key) => !this.#firstKeys.has(key))
      .map(urlOfKey)
      .filter((url) => /^https?:/.test(url));
  }

  /** Says which remote modules and packages these are: another text if any is another one. */
  get remoteState(): string {
    return this.#graph.remoteState;
  }

  /**
   * Paths of the local files that the apps are made of, with what they have imported by now, and the
   * SHA-256 of what was in them; `null` where that is not known.
   */
  get localFiles(): ReadonlyMap<string, string | null> {
    const files = new Map<string, string | null>(
      this.#graph.localFiles.map(({ path, sha256 }) => [path, sha256]),
    );
    for (const key of Object.keys(this.#graph.forWorkers.files)) {
      const url = urlOfKey(key);
      const isPackage = url.includes("/node_modules/");
      if (!url.startsWith("file:") || isPackage) continue;
      const path = filePath(url);
      if (!files.has(path)) files.set(path, null);
    }
    return files;
  }

  /** Finds a module that an app imports while it runs. */
  async supply({ told, ...root }: ImportRequest): Promise<Imported> {
    try {
      return await this.#loader.extend(this.#graph, root, this.#policy, told);
    } catch (error) {
      if (error instanceof LoadError) return { message: error.message };
      throw error;
    }
  }

  /**
   * Says in terms of the sources what a worker says of generated files, and what packages need that may have
   * failed for it. The apps have none of the permissions `lacking`. Where that cannot be found out, it is the
   * message itself.
   */
  async explain(message: string, lacking: readonly PartPermission[]): Promise<string> {
    try {
      return await this.#explained(message, lacking);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return message;
    }
  }

  async #explained(message: string, lacking: readonly PartPermission[]): Promise<string> {
    const { explained } = await import("../loader/transform/explain.ts");
    const sourceOf = (url: string) => this.#loader.sourceOf(this.#graph, url);
    const needs = await this.needs(message, lacking);
    let told = message;
    if (needs !== null) {
      const { withoutSearch } = await import("../loader/npm/package_needs.ts");
      told = `${withoutSearch(message)}; ${needs}`;
    }
    return await explained(told, this.#graph.forWorkers, sourceOf);
  }

  /** Says what packages need that may have failed for it, as far as an error tells; `null` if it does not. */
  async needs(message: string, lacking: readonly PartPermission[]): Promise<string | null> {
    const { packageRoot } = this.#graph.forWorkers;
    if (!message.includes(packageRoot)) return null;
    const { packageNeeds } = await import("../loader/npm/package_needs.ts");
    return packageNeeds(message, packageRoot, lacking);
  }
}
