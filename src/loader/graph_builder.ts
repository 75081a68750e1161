/**
 * Makes graphs from what is fetched, cached and installed. Runs on the loader's thread.
 *
 * @module
 */

import { join } from "node:path";
import { LoadError } from "../base/errors.ts";
import { filePath } from "../base/paths.ts";
import { sha256Of } from "../base/sha256.ts";
import type { ModuleCache } from "./cache/cache.ts";
import { SourceCache } from "./cache/cache.ts";
import type { AppContents } from "./contents.ts";
import type { FetchLimits } from "./fetch/fetcher.ts";
import { DEFAULT_FETCH_LIMITS, ModuleFetcher } from "./fetch/fetcher.ts";
import type { HttpClients } from "./fetch/http_clients.ts";
import type { DiskQuota } from "./files/disk_quota.ts";
import { keepQuota, lateQuota } from "./files/disk_quota.ts";
import type { FileGrant } from "./files/file_grant.ts";
import { checkFile, grantedLate, withOwnFolders } from "./files/file_grant.ts";
import { readRegularFile } from "./files/regular_file.ts";
import type { StoredGraph } from "./graph/graph_store.ts";
import { commonJsOf, knownModulesOf, storeGraph } from "./graph/graph_store.ts";
import type { GraphRequest } from "./graph/graph_types.ts";
import { DEFAULT_GRAPH_LIMITS } from "./graph/graph_types.ts";
import type { FoundBefore } from "./graph_loading.ts";
import { foundBefore, GraphLoading } from "./graph_loading.ts";
import { buildGraph } from "./graph_walk.ts";
import type { Progress } from "./module_transforms.ts";
import type { ReloadPolicy } from "./names/fetch_policy.ts";
import type { InstalledFile } from "./npm/npm_set.ts";
import type { ReadText } from "./project/deno_config.ts";
import { lockBeside } from "./project/deno_config.ts";
import { Lock } from "./project/lock.ts";
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
  ): GraphLoading {
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
    return new GraphLoading(
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

/** Fetching that an app causes while it runs: less of it at a time. */
const LATE_FETCH_LIMITS: FetchLimits = { ...DEFAULT_FETCH_LIMITS, maxConcurrentRequests: 8 };

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

/** Hosts of the apps themselves: naming an app means trusting its host. */
function hostsOf(roots: readonly string[]): string[] {
  return roots.flatMap((root) => {
    const url = URL.parse(root);
    if (url === null || !/^https?:$/.test(url.protocol)) return [];
    return [url.port === "" ? `${url.hostname}:${url.protocol === "https:" ? 443 : 80}` : url.host];
  });
}
