/**
 * What the modules and packages of one graph come from: files, servers, the cache, registries.
 *
 * @module
 */

import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { LoadError } from "../base/errors.ts";
import { filePath, liesIn } from "../base/paths.ts";
import { environmentOf } from "../base/surroundings.ts";
import { guardedBuiltin } from "../sandbox/lockdown.ts";
import type { ModuleCache } from "./cache/cache.ts";
import type { AppContents } from "./contents.ts";
import type { ModuleFetcher } from "./fetch/fetcher.ts";
import { DEFAULT_FETCH_LIMITS } from "./fetch/limits.ts";
import { mediaTypeOf } from "./fetch/media_type.ts";
import type { DiskQuota } from "./files/disk_quota.ts";
import type { FileGrant } from "./files/file_grant.ts";
import { pathOf } from "./files/file_grant.ts";
import { readGraphManifest } from "./graph/graph_store.ts";
import type {
  Graph,
  GraphSources,
  LocalPackageSet,
  PackageSet,
  TransformRequest,
} from "./graph/graph_types.ts";
import type { TransformedModule } from "./graph/link.ts";
import { TRANSFORM_VERSION } from "./graph/link.ts";
import type { Progress } from "./module_transforms.ts";
import { ModuleTransforms, rewrittenCommonJs } from "./module_transforms.ts";
import { shortened } from "./names/import_map.ts";
import type { ModuleSource } from "./names/sources.ts";
import { commonJsExportsIn } from "./npm/granted_exports.ts";
import type { JsrResolver } from "./npm/jsr.ts";
import { LocalFiles } from "./npm/local_files.ts";
import { LocalPackages } from "./npm/local_packages.ts";
import { LocalRequires } from "./npm/local_requires.ts";
import { isInNodeModules } from "./npm/node_modules_path.ts";
import type { InstalledFile, NpmSet } from "./npm/npm_set.ts";
import type { ProjectConfig, ReadText } from "./project/deno_config.ts";
import { readProjectConfig } from "./project/deno_config.ts";
import type { Lock } from "./project/lock.ts";
import { PackageTypes } from "./project/package_types.ts";
import type { Builtins, ExtendRequest, LoaderOptions, LocalFile } from "./protocol.ts";

/** What a graph was found to be made of. */
export interface FoundBefore {
  /** SHA-256 of the sources of its modules, by URL; `""` for those that count with their packages. */
  readonly modules: ReadonlyMap<string, string>;
  /** URLs that stand for others. */
  readonly redirects: Readonly<Record<string, string>>;
  /** Packages that were asked for. */
  readonly requirements: ReadonlySet<string>;
}

/**
 * What the graph of `request` was found to be made of.
 *
 * @throws {LoadError} if the graph is no longer there
 */
export function foundBefore({ folder, requirements }: ExtendRequest): FoundBefore {
  const graph = readGraphManifest(folder);
  if (graph === null) throw new LoadError("", `the graph in ${folder} was removed from the cache`);
  const { modules, redirects } = graph.manifest;
  return {
    modules: new Map(modules.map(({ url, sha256 }) => [url, sha256])),
    redirects,
    requirements: new Set(requirements),
  };
}

function notFoundBefore(url: string): LoadError {
  return new LoadError(
    url,
    `cannot load ${shortened(url)}: --app-lock pins what was known when the app was loaded, and ` +
      "this is imported by a computed name while it runs; name it in a literal import()",
  );
}

/** The sources of one graph. */
export class GraphLoading implements GraphSources {
  readonly #cache: ModuleCache;
  readonly #options: LoaderOptions;
  readonly #fetcher: ModuleFetcher;
  readonly #lock: Lock | null;
  readonly #builtins: Builtins;
  readonly #files: FileGrant;
  readonly #quota: DiskQuota | undefined;
  readonly #filesAskedFor: Set<string>;
  #jsr: JsrResolver | null = null;
  #project: ProjectConfig | null = null;
  #localPackages: LocalPackages | null = null;
  readonly #transforms: ModuleTransforms;
  #folder: string | null = null;
  #packageRoot: string | null = null;
  #packages: NpmSet | null = null;
  readonly #types = new PackageTypes();
  /** Paths of the app's own CommonJS that is part of the graph. */
  readonly #commonJs = new Set<string>();
  readonly #found: FoundBefore | undefined;

  /** Makes the sources of a graph; `found` is what it may be made of alone. */
  constructor(
    cache: ModuleCache,
    options: LoaderOptions,
    fetcher: ModuleFetcher,
    lock: Lock | null,
    builtins: Builtins,
    files: FileGrant,
    filesAskedFor: Set<string>,
    quota: DiskQuota | undefined,
    progress: Progress,
    found: FoundBefore | undefined,
  ) {
    this.#found = found;
    this.#quota = quota;
    this.#builtins = builtins;
    this.#files = files;
    this.#filesAskedFor = filesAskedFor;
    this.#cache = cache;
    this.#transforms = new ModuleTransforms(cache, progress, quota);
    this.#options = options;
    this.#fetcher = fetcher;
    this.#lock = lock;
  }

  /** Reads the configuration beside the first local app. */
  async readProject(roots: readonly string[], readText: ReadText): Promise<ProjectConfig> {
    const app = roots.find((url) => url.startsWith("file:")) ?? roots[0];
    if (app.startsWith("file:")) this.#folder = dirname(filePath(app));
    // Modules from elsewhere that share workers with the app are not to have its packages.
    const isLocal = roots.every((url) => url.startsWith("file:"));
    this.#project = await readProjectConfig(
      app,
      this.#options.importMapUrl,
      readText,
      this.#files,
      isLocal ? "local" : "installed",
    );
    if (this.#project.nodeModules !== "none") {
      this.#localPackages = new LocalPackages(this.#files);
    }
    return this.#project;
  }

  /** What each app of a graph that was just made is made of. */
  async contentsOf(graph: Graph, project: ProjectConfig): Promise<AppContents[]> {
    const { contentsOf } = await import("./app_contents.ts");
    const sources = { project, files: this.#files, packages: this.#packages };
    const all: AppContents[] = [];
    for (const root of graph.roots) all.push(await contentsOf(graph, root, sources));
    return all;
  }

  localPackages(): LocalPackageSet | null {
    return this.#localPackages;
  }

  /** What takes the place of CommonJS beside the app that uses `import()`, by path. */
  async rewrittenCommonJs(): Promise<ReadonlyMap<string, string>> {
    const rewritten = new Map<string, string>();
    for (const [path, text] of this.#localPackages?.importing ?? []) {
      const { rewriteCommonJs } = await import("./transform/transform.ts");
      const changed = rewriteCommonJs(text, path);
      if (changed !== text) rewritten.set(path, changed);
    }
    return rewritten;
  }

  /** What the app's own CommonJS requires by literals, JSON included, and which `package.json` said that it is. */
  commonJsFiles(): LocalFile[] {
    const files = new LocalFiles(this.#files);
    const requires = new LocalRequires(files, "app");
    for (const path of this.#commonJs) if (!isInNodeModules(path)) requires.from(path);
    const read = [...files.read, ...this.#types.consulted].filter(([, sha256]) => sha256 !== "");
    return read.map(([path, sha256]) => ({ path, sha256 }));
  }

  /** Files of CommonJS in installed packages, which modules of the graph may require, and their sizes. */
  installedCommonJs(): InstalledFile[] {
    return this.#packages?.commonJsFiles() ?? [];
  }

  /** The files in `node_modules` folders that `graph` was made of, or decided by; those that are not there, too. */
  localPackageFiles({ modules, packageRoot }: Graph): LocalFile[] {
    const files = new Map(this.#types.consulted);
    for (const [path, sha256] of this.#localPackages?.consulted ?? []) files.set(path, sha256);
    if (this.#localPackages === null) return [...files].map(([path, sha256]) => ({ path, sha256 }));
    for (const { origin, url, sha256 } of modules) {
      if (origin !== "package" || sha256 === "" || !url.startsWith("file:")) continue;
      const path = filePath(url);
      if (packageRoot === null || !liesIn(path, packageRoot)) files.set(path, sha256);
    }
    return [...files].map(([path, sha256]) => ({ path, sha256 }));
  }

  async load(url: string, owner: "app" | "packages"): Promise<ModuleSource> {
    const found = this.#found;
    // Packages are whole, and what is in a data: URL is in the app that has it.
    if (found === undefined || owner === "packages" || url.startsWith("data:")) {
      return await this.#load(url, owner);
    }
    if (!found.modules.has(found.redirects[url] ?? url)) throw notFoundBefore(url);
    const source = await this.#load(url, owner);
    if (found.modules.get(source.url) !== source.sha256) throw notFoundBefore(url);
    return source;
  }

  async #load(url: string, owner: "app" | "packages"): Promise<ModuleSource> {
    if (url.startsWith("file:")) {
      if (owner === "packages") {
        return await this.#fetcher.readFileSource(url, this.#packageFiles());
      }
      const path = pathOf(url);
      if (path !== null) this.#filesAskedFor.add(path);
      return await this.#fetcher.readFileSource(url, this.#files);
    }
    const source = await this.#fetcher.load(url);
    const expected = this.#jsr?.expectedChecksum(source.url);
    if (expected === undefined || expected === source.sha256) return source;
    throw new LoadError(
      url,
      `cannot load ${url}: its SHA-256 is ${source.sha256.slice(0, 12)}…, but its package says ` +
        `${expected.slice(0, 12)}…; --reload=${url} fetches it again`,
    );
  }

  mediaTypeOf({ url, contentType }: ModuleSource): ReturnType<typeof mediaTypeOf> {
    return mediaTypeOf(url, contentType);
  }

  async resolveJsr(specifier: string): Promise<string> {
    const { reload } = this.#options;
    const { JsrResolver } = await import("./npm/jsr.ts");
    this.#jsr ??= new JsrResolver(this.#cache, this.#fetcher, {
      lock: this.#lock,
      reload,
      env: environmentOf(this.#options.env),
    });
    return (await this.#jsr.resolve(specifier)).url;
  }

  async install(requirements: readonly string[], root: string | null): Promise<PackageSet> {
    const unknown = requirements.find((each) => this.#found?.requirements.has(each) === false);
    if (unknown !== undefined) throw notFoundBefore(unknown);
    const { PackageInstaller } = await import("./npm/installer.ts");
    const installer = new PackageInstaller(this.#cache, this.#fetcher, {
      lock: this.#lock,
      reload: this.#options.reload,
      npmrcDir: this.#folder,
      env: environmentOf(this.#options.env),
      rewriter: { version: String(TRANSFORM_VERSION), rewrite: rewrittenCommonJs },
      quota: this.#quota,
    });
    const packages = await installer.install(requirements, root);
    this.#packageRoot = packages.root;
    this.#packages = packages;
    return packages;
  }

  commonJsExports(path: string, packages: PackageSet | null): readonly string[] {
    const files = packages === null ? this.#files : this.#packageFiles();
    const { href } = pathToFileURL(path);
    if (packages === null && this.#found?.modules.has(href) === false) throw notFoundBefore(href);
    if (packages === null) this.#commonJs.add(path);
    return commonJsExportsIn(path, files, DEFAULT_FETCH_LIMITS.maxModuleBytes);
  }

  /** What packages may be made of: their own files. */
  #packageFiles(): FileGrant {
    return this.#packageRoot === null ? [] : [this.#packageRoot];
  }

  isInCommonJsPackage(path: string): boolean {
    return this.#types.isInCommonJsPackage(path);
  }

  async guardedExports(specifier: string): Promise<readonly string[] | null> {
    if (guardedBuiltin(specifier, this.#builtins) === null) return null;
    return Object.keys(await import(specifier));
  }

  transform(request: TransformRequest): Promise<TransformedModule> {
    return this.#transforms.transform(request, this.#project!.compilerOptions, this.#packageRoot);
  }

  /** Keeps what is known of packages by now. */
  async keepPackageImports(): Promise<void> {
    await this.#transforms.keep();
  }
}
