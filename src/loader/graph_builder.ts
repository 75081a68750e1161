/**
 * Makes graphs from what is fetched, cached and installed. Runs on the loader's thread.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { LoadError } from "../base/errors.ts";
import { environmentOf } from "../base/surroundings.ts";
import type { ModuleCache } from "./cache/cache.ts";
import { SourceCache } from "./cache/cache.ts";
import { lockBeside, readProjectConfig } from "./project/deno_config.ts";
import type { ProjectConfig, ReadText } from "./project/deno_config.ts";
import { DEFAULT_FETCH_LIMITS, ModuleFetcher } from "./fetch/fetcher.ts";
import type { FetchLimits } from "./fetch/fetcher.ts";
import type { DiskQuota } from "./files/disk_quota.ts";
import { keepQuota, lateQuota } from "./files/disk_quota.ts";
import { buildGraph } from "./graph_walk.ts";
import type { AppContents } from "./contents.ts";
import type {
  Graph,
  GraphRequest,
  GraphSources,
  LocalPackageSet,
  PackageSet,
  TransformRequest,
} from "./graph/graph_types.ts";
import { DEFAULT_GRAPH_LIMITS } from "./graph/graph_types.ts";
import type { FileGrant } from "./files/file_grant.ts";
import { checkFile, grantedLate, pathOf, withOwnFolders } from "./files/file_grant.ts";
import { filePath, liesIn } from "../base/paths.ts";
import { commonJsOf, knownModulesOf, readGraphManifest, storeGraph } from "./graph/graph_store.ts";
import { sha256Of } from "../base/sha256.ts";
import type { HttpClients } from "./fetch/http_clients.ts";
import type { StoredGraph } from "./graph/graph_store.ts";
import type { JsrResolver } from "./npm/jsr.ts";
import type { TransformedModule } from "./graph/link.ts";
import { TRANSFORM_VERSION } from "./graph/link.ts";
import type { ReloadPolicy } from "./names/fetch_policy.ts";
import type {
  Builtins,
  ExtendRequest,
  Extension,
  ImportPolicy,
  Inspection,
  LoaderOptions,
  LocalFile,
  PrepareOptions,
} from "./protocol.ts";
import { Lock } from "./project/lock.ts";
import { PackageImports } from "./package_imports.ts";
import { mediaTypeOf } from "./fetch/media_type.ts";
import { commonJsExportsIn } from "./npm/granted_exports.ts";
import { LocalFiles } from "./npm/local_files.ts";
import { LocalPackages } from "./npm/local_packages.ts";
import { LocalRequires } from "./npm/local_requires.ts";
import { isInNodeModules } from "./npm/node_modules_path.ts";
import type { InstalledFile, NpmSet } from "./npm/npm_set.ts";
import { PackageTypes } from "./project/package_types.ts";
import { shortened } from "./names/import_map.ts";
import { checkExtent } from "./transform/code_extent.ts";
import { guardedBuiltin } from "../sandbox/lockdown.ts";
import { readRegularFile } from "./files/regular_file.ts";
import { sourceText } from "./names/sources.ts";
import type { ModuleUses } from "./transform/module_uses.ts";
import type { TransformInput } from "./transform/transform.ts";
import type { ModuleSource } from "./names/sources.ts";

/** A graph that was made, and the local files that it was made of. */
export interface Prepared {
  /** The graph. */
  readonly graph: StoredGraph;
  /** The files. */
  readonly local: readonly LocalFile[];
  /** Packages in `node_modules` folders, and the files that decided where they are. */
  readonly packages: readonly LocalFile[];
  /** Files of CommonJS that modules of the graph may require. */
  readonly installed: readonly InstalledFile[];
  /** What each app is made of, if it was asked for. */
  readonly contents?: readonly AppContents[];
}

/** What is asked for again, and by whom. */
interface Fetching {
  readonly reload: ReloadPolicy;
  /** Fetchers by the hosts that they may ask; each reloads a URL once. */
  readonly fetchers: Map<string, ModuleFetcher>;
  /** What servers were asked for already by those that have a quota. */
  readonly fresh: Set<string>;
}

/** Called with what is being done. */
export interface Progress {
  /** A server is asked. */
  readonly onFetch: (url: string) => void;
  /** So many bytes have come. */
  readonly onFetched?: (bytes: number) => void;
  /** The work at a module begins, and may take its time. */
  readonly onWork?: (url: string) => void;
}

/** Makes graphs with one set of options. */
export class GraphBuilder {
  readonly #cache: ModuleCache;
  readonly #options: LoaderOptions;
  /** The lock that the user named. */
  readonly #namedLock: Lock | null;
  /** Those of projects, by their paths. */
  readonly #foundLocks = new Map<string, Lock>();
  readonly #progress: Progress;
  readonly #clients: HttpClients | undefined;
  /** What the last graph was fetched with, and what its apps import later is. */
  #fetching: Fetching;
  /** Paths of the local files that were asked for since the last graph was begun. */
  readonly filesAskedFor: Set<string> = new Set();

  private constructor(
    cache: ModuleCache,
    options: LoaderOptions,
    lock: Lock | null,
    progress: Progress,
    clients: HttpClients | undefined,
  ) {
    this.#cache = cache;
    this.#options = options;
    this.#namedLock = lock;
    this.#progress = progress;
    this.#clients = clients;
    this.#fetching = { reload: options.reload, fetchers: new Map(), fresh: new Set() };
  }

  /**
   * Makes a builder, which fetches with `clients`, or with the runtime's own.
   *
   * @throws {ConfigError} when the lock file cannot be understood
   */
  static async open(
    cache: ModuleCache,
    options: LoaderOptions,
    progress: Progress | ((url: string) => void),
    clients?: HttpClients,
  ): Promise<GraphBuilder> {
    const { lockFile, lockMode } = options;
    const lock = lockFile === undefined ? null : await Lock.read(lockFile, lockMode);
    const told = typeof progress === "function" ? { onFetch: progress } : progress;
    return new GraphBuilder(cache, options, lock, told, clients);
  }

  /**
   * Makes the graph of the apps at `roots`.
   *
   * @throws {LoadError} when a module cannot be loaded
   * @throws {ConfigError} when a configuration file is wrong
   */
  async prepare(roots: readonly string[], options: PrepareOptions = {}): Promise<Prepared> {
    const { builtins = "native", freshness = "cached", inspection = "uninspected" } = options;
    const files = withOwnFolders(options.files ?? "any", roots);
    const filesOfOthers = grantedLate(options.files ?? "any", roots);
    await this.#cache.prepare();
    const isLook = freshness === "revalidated";
    const reload = isLook ? "all" : this.#options.reload;
    const fetching: Fetching = { reload, fetchers: new Map(), fresh: new Set() };
    // A check for newer modules does not affect what serving apps import meanwhile.
    if (!isLook) this.#fetching = fetching;
    this.filesAskedFor.clear();
    const { allowImport } = this.#options;
    const lock = await this.#lockOf(roots, "anew");
    const loading = this.#loading(
      fetching,
      lock,
      builtins,
      files,
      allowImport === "any" ? "any" : [...allowImport, ...hostsOf(roots)],
      { inspection },
    );
    const project = await loading.readProject(roots, this.#textReader(fetching, lock));
    const graph = await buildGraph({
      roots: roots.map((specifier) => ({ specifier, type: "", referrer: null })),
      project,
      known: { targets: new Map(), redirects: new Map() },
      requirements: [],
      packageRoot: null,
      // The import map of some does not give their files to those that come from elsewhere.
      checkFile: (url, importer) => checkFile(url, importer === "local" ? files : filesOfOthers),
      limits: DEFAULT_GRAPH_LIMITS,
    }, loading);
    await lock?.write();
    await loading.keepPackageImports();
    const none: GraphRequest["known"] = { targets: new Map(), redirects: new Map() };
    const parent = join(this.#cache.root, "graphs");
    const commonJs = await loading.rewrittenCommonJs();
    const stored = await storeGraph(graph, project.importMap, none, parent, commonJs);
    const { maxModuleBytes } = DEFAULT_FETCH_LIMITS;
    const local: LocalFile[] = project.files.map((path) => ({
      path,
      sha256: sha256Of(readRegularFile(path, maxModuleBytes)),
    }));
    for (const { origin, url, sha256 } of graph.modules) {
      if (origin === "local") local.push({ path: filePath(url), sha256 });
    }
    local.push(...loading.commonJsFiles());
    await this.#refresh(fetching, lock, options.late ?? []);
    const contents = inspection === "inspected" && await loading.contentsOf(graph, project);
    return {
      ...contents ? { contents } : {},
      graph: stored,
      local,
      packages: loading.localPackageFiles(graph),
      installed: loading.installedCommonJs(),
    };
  }

  /**
   * Adds the modules that a running app imports to its graph.
   *
   * @throws {LoadError} when a module cannot be loaded, or may not be
   */
  async extend(request: ExtendRequest): Promise<Extension> {
    const { folder } = request;
    const quota = await lateQuota(folder);
    const before = quota.usedBytes;
    try {
      return await this.#extended(request, quota);
    } finally {
      if (quota.usedBytes > before) await keepQuota(folder, quota);
    }
  }

  async #extended(request: ExtendRequest, quota: DiskQuota): Promise<Extension> {
    const { roots, folder, root, policy, packageRoot, requirements } = request;
    const files = grantedLate(policy.files, roots);
    const fetching = this.#fetching;
    const lock = await this.#lockOf(roots, "once");
    const loading = this.#loading(
      fetching,
      lock,
      request.builtins,
      files,
      policy.hosts,
      {
        hostsOption: policy.hostsOption,
        quota,
        ...request.inspection === "inspected" ? { found: foundBefore(request) } : {},
      },
    );
    const known = knownModulesOf(request);
    const project = await loading.readProject(roots, this.#textReader(fetching, lock));
    const graph = await buildGraph({
      roots: [root],
      project,
      known,
      requirements,
      packageRoot,
      checkFile: (url) => checkFile(url, files),
      limits: DEFAULT_GRAPH_LIMITS,
    }, loading);
    await lock?.write();
    await loading.keepPackageImports();
    const added: Record<string, string> = {};
    let rewritten: Record<string, string> = {};
    if (graph.modules.length > 0) {
      const parent = join(folder, "ext");
      const commonJs = await loading.rewrittenCommonJs();
      const stored = await storeGraph(graph, project.importMap, known, parent, commonJs, quota);
      const name = stored.folder.slice(folder.length + 1).replaceAll("\\", "/");
      for (const { key, file } of stored.manifest.modules) added[key] = `${name}/${file}`;
      rewritten = commonJsOf(stored.manifest, `${name}/`);
    }
    const key = graph.roots[0];
    const file = added[key] ?? request.files[key];
    return {
      file,
      // Another worker may have asked for it before: this one has to know it from now on.
      files: { ...added, [key]: file },
      redirects: Object.fromEntries(graph.redirects),
      requirements: graph.requirements,
      packageRoot: graph.packageRoot ?? packageRoot,
      packages: Object.fromEntries(graph.packages),
      commonJs: rewritten,
    };
  }

  /**
   * Fetches again what apps have imported at run time, as it was allowed then: their next version
   * must find it as new as the rest. What has gone may no longer be needed.
   */
  async #refresh(
    fetching: Fetching,
    lock: Lock | null,
    urls: readonly string[],
  ): Promise<void> {
    const loading = this.#loading(fetching, lock, "native", [], "any");
    for (const url of urls) {
      try {
        await loading.load(url, "app");
      } catch (error) {
        if (!(error instanceof LoadError)) throw error;
      }
    }
  }

  /** Reads what the user names: hosts that apps may import from have nothing to do with it. */
  #textReader(fetching: Fetching, lock: Lock | null): ReadText {
    return async (url, files) => {
      const { bytes } = await this.#loading(fetching, lock, "native", files, "any")
        .load(url, "app");
      return new TextDecoder().decode(bytes);
    };
  }

  /** The lock that the apps at `roots` are compared with: the one that the user named, or their project's. */
  async #lockOf(roots: readonly string[], reading: "anew" | "once"): Promise<Lock | null> {
    const { lockMode, lockOrigin } = this.#options;
    if (lockOrigin === "named") return this.#namedLock;
    const path = lockBeside(roots);
    if (path === null) return null;
    const known = reading === "once" ? this.#foundLocks.get(path) : undefined;
    if (known !== undefined) return known;
    const lock = await Lock.read(path, lockMode);
    this.#foundLocks.set(path, lock);
    return lock;
  }

  #loading(
    { reload, fetchers, fresh }: Fetching,
    lock: Lock | null,
    builtins: Builtins,
    files: FileGrant,
    allowImport: "any" | readonly string[],
    { hostsOption: allowImportOption = "--allow-import", quota, inspection, found }: LoadingTerms =
      {},
  ): Loading {
    const hosts = JSON.stringify([allowImport, allowImportOption, lock?.path]);
    // One that has a quota is for one import, but for what was asked for already.
    let fetcher = quota === undefined ? fetchers.get(hosts) : undefined;
    if (fetcher === undefined) {
      const { cachePolicy, allowHttp } = this.#options;
      fetcher = new ModuleFetcher(this.#cache, {
        reload,
        cachePolicy,
        allowImport,
        allowImportOption,
        allowHttp,
        limits: quota === undefined ? DEFAULT_FETCH_LIMITS : LATE_FETCH_LIMITS,
        lock,
        onFetch: this.#progress.onFetch,
        onFetched: this.#progress.onFetched,
        clients: this.#clients,
        ...(quota === undefined ? {} : { quota, fresh }),
      });
      if (quota === undefined) fetchers.set(hosts, fetcher);
    }
    const options = { ...this.#options, reload };
    return new Loading(
      inspection === "inspected" ? new SourceCache(this.#cache.root) : this.#cache,
      options,
      fetcher,
      lock,
      builtins,
      files,
      this.filesAskedFor,
      quota,
      this.#progress,
      found,
    );
  }
}

/** What is true of a part of the loading alone. */
interface LoadingTerms {
  /** The option that there can be more hosts by; `--allow-import` unless it is given. */
  readonly hostsOption?: ImportPolicy["hostsOption"];
  /** What may be fetched and kept. */
  readonly quota?: DiskQuota;
  /** Whether it is found out what the apps are made of. */
  readonly inspection?: Inspection;
  /** What was found out before, if nothing else may be loaded. */
  readonly found?: FoundBefore;
}

/** What a graph was found to be made of. */
interface FoundBefore {
  /** SHA-256 of the sources of its modules, by URL; `""` for those that count with their packages. */
  readonly modules: ReadonlyMap<string, string>;
  /** URLs that stand for others. */
  readonly redirects: Readonly<Record<string, string>>;
  /** Packages that were asked for. */
  readonly requirements: ReadonlySet<string>;
}

/** @throws {LoadError} if the graph is no longer there */
function foundBefore({ folder, requirements }: ExtendRequest): FoundBefore {
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

/** Fetching that an app causes while it runs: less of it at a time. */
const LATE_FETCH_LIMITS: FetchLimits = { ...DEFAULT_FETCH_LIMITS, maxConcurrentRequests: 8 };

/** The sources of one graph. */
class Loading implements GraphSources {
  readonly #cache: ModuleCache;
  readonly #options: LoaderOptions;
  readonly #fetcher: ModuleFetcher;
  readonly #lock: Lock | null;
  readonly #builtins: Builtins;
  readonly #files: FileGrant;
  readonly #quota: DiskQuota | undefined;
  readonly #progress: Progress;
  readonly #filesAskedFor: Set<string>;
  #jsr: JsrResolver | null = null;
  #project: ProjectConfig | null = null;
  #localPackages: LocalPackages | null = null;
  readonly #packageImports: PackageImports;
  #folder: string | null = null;
  #packageRoot: string | null = null;
  #packages: NpmSet | null = null;
  readonly #types = new PackageTypes();
  /** Paths of the app's own CommonJS that is part of the graph. */
  readonly #commonJs = new Set<string>();
  readonly #found: FoundBefore | undefined;

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
    this.#progress = progress;
    this.#quota = quota;
    this.#builtins = builtins;
    this.#files = files;
    this.#filesAskedFor = filesAskedFor;
    this.#cache = cache;
    this.#packageImports = new PackageImports(cache);
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
      rewriter: { version: String(TRANSFORM_VERSION), rewrite: rewritten },
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

  async transform(request: TransformRequest): Promise<TransformedModule> {
    const { url, source, mediaType } = request;
    const { compilerOptions } = this.#project!;
    const inPackage = await this.#usesInPackage(request);
    if (inPackage !== null) return await moduleOf({ uses: inPackage }, url, source);
    const { sha256, contentType } = source;
    const inputs = [TRANSFORM_VERSION, url, mediaType, contentType, compilerOptions, sha256];
    const key = sha256Of(JSON.stringify(inputs));
    const cached = await this.#cache.readTransform(key) as KeptTransform | null;
    if (cached !== null) return await moduleOf(cached, url, source);
    const text = this.#textOf(request);
    const kept = await transformed({ url, text, mediaType, compilerOptions });
    const made = await moduleOf(kept, url, source);
    this.#quota?.take(url, made.map.length + text.length);
    await this.#cache.writeTransform(key, kept);
    return made;
  }

  /** The imports of JavaScript in an installed package; `null` for all else, and what takes TypeScript. */
  async #usesInPackage(request: TransformRequest): Promise<ModuleUses | null> {
    const { url, source, mediaType } = request;
    const root = this.#packageRoot;
    const isInPackage = mediaType === "javascript" && root !== null && url.startsWith("file:") &&
      liesIn(filePath(url), root);
    if (!isInPackage) return null;
    const text = this.#textOf(request);
    const { headerUses } = await import("./transform/header_uses.ts");
    const inHeader = headerUses(text);
    // What is made of it is written with the graph.
    if (inHeader !== null) {
      this.#quota?.take(url, text.length, 0);
      return inHeader;
    }
    // What takes a parser is kept.
    return await this.#packageImports.usesIn(source, root, async () => {
      const uses = await plainUsesIn(text);
      if (uses !== null) this.#quota?.take(url, text.length, 0);
      return uses;
    });
  }

  /** The text that is about to be worked at. */
  #textOf({ url, source, mediaType }: TransformRequest): string {
    const text = sourceText(source);
    checkExtent(url, text, mediaType);
    this.#progress.onWork?.(url);
    return text;
  }

  /** Keeps what is known of packages by now. */
  async keepPackageImports(): Promise<void> {
    await this.#packageImports.write();
  }
}

/** What is kept of a module: what was made of it, or, as its text is at hand, only where its imports are. */
type KeptTransform = { readonly module: TransformedModule } | { readonly uses: ModuleUses };

/** TypeScript takes its time to start: only where it is needed. */
async function transformed(input: TransformInput): Promise<KeptTransform> {
  if (input.mediaType === "javascript") {
    const uses = await plainUsesIn(input.text);
    if (uses !== null) return { uses };
  }
  const { transformCode } = await import("./transform/transform.ts");
  return { module: transformCode(input) };
}

async function plainUsesIn(text: string): Promise<ModuleUses | null> {
  const { plainUses } = await import("./transform/plain_uses.ts");
  return plainUses(text, "module");
}

async function moduleOf(
  kept: KeptTransform,
  url: string,
  source: ModuleSource,
): Promise<TransformedModule> {
  if ("module" in kept) return kept.module;
  const { openImports } = await import("./transform/open_imports.ts");
  return openImports(url, sourceText(source), kept.uses, null);
}

/** The same for CommonJS. */
async function rewritten(source: string, filename: string): Promise<string> {
  const { rewritePlain } = await import("./plain_common_js.ts");
  const made = rewritePlain(source);
  if (made !== null) return made;
  const { rewriteCommonJs } = await import("./transform/transform.ts");
  return rewriteCommonJs(source, filename);
}

/** Hosts of the apps themselves: naming an app means trusting its host. */
function hostsOf(roots: readonly string[]): string[] {
  return roots.flatMap((root) => {
    const url = URL.parse(root);
    if (url === null || !/^https?:$/.test(url.protocol)) return [];
    return [url.port === "" ? `${url.hostname}:${url.protocol === "https:" ? 443 : 80}` : url.host];
  });
}
