/**
 * Makes graphs from what is fetched, cached and installed. This is what the loader's thread does.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { LoadError } from "../errors.ts";
import type { ModuleCache } from "./cache.ts";
import { readProjectConfig } from "./deno_config.ts";
import type { ProjectConfig, ReadText } from "./deno_config.ts";
import { DEFAULT_FETCH_LIMITS, ModuleFetcher } from "./fetcher.ts";
import { buildGraph } from "./graph.ts";
import type { GraphRequest, GraphSources, PackageSet, TransformRequest } from "./graph_types.ts";
import { DEFAULT_GRAPH_LIMITS } from "./graph_types.ts";
import { filePath, liesIn } from "./graph_keys.ts";
import { knownModulesOf, sha256Of, storeGraph } from "./graph_store.ts";
import type { StoredGraph } from "./graph_store.ts";
import { JsrResolver } from "./jsr.ts";
import type { TransformedModule } from "./link.ts";
import { TRANSFORM_VERSION } from "./link.ts";
import type { ReloadPolicy } from "./fetch_policy.ts";
import type {
  Builtins,
  ExtendRequest,
  Extension,
  Freshness,
  ImportPolicy,
  LoaderOptions,
  LocalFile,
} from "./loader_protocol.ts";
import { Lock } from "./lock.ts";
import { mediaTypeOf } from "./media_type.ts";
import { commonJsExportsIn, PackageInstaller } from "./npm/installer.ts";
import { guardedBuiltin } from "../worker/lockdown.ts";
import { textOf } from "./sources.ts";
import type { ModuleSource } from "./sources.ts";

/** A graph that was made, and the local files that it was made of. */
export interface Prepared {
  /** The graph. */
  readonly graph: StoredGraph;
  /** The files. */
  readonly local: readonly LocalFile[];
}

/** Makes graphs with one set of options. */
export class GraphBuilder {
  readonly #cache: ModuleCache;
  readonly #options: LoaderOptions;
  readonly #lock: Lock | null;
  readonly #onFetch: (url: string) => void;
  /** By the hosts that they may ask; each asks once for what is to be reloaded. */
  readonly #fetchers = new Map<string, ModuleFetcher>();
  #reload: ReloadPolicy;
  /** Paths of the local files that were asked for since the last graph was begun. */
  readonly filesAskedFor: Set<string> = new Set();

  private constructor(
    cache: ModuleCache,
    options: LoaderOptions,
    lock: Lock | null,
    onFetch: (url: string) => void,
  ) {
    this.#cache = cache;
    this.#options = options;
    this.#lock = lock;
    this.#onFetch = onFetch;
    this.#reload = options.reload;
  }

  /**
   * Makes a builder.
   *
   * @throws {ConfigError} when the lock file cannot be understood
   */
  static async open(
    cache: ModuleCache,
    options: LoaderOptions,
    onFetch: (url: string) => void,
  ): Promise<GraphBuilder> {
    const { lockFile, lockMode } = options;
    const lock = lockFile === undefined ? null : await Lock.read(lockFile, lockMode);
    return new GraphBuilder(cache, options, lock, onFetch);
  }

  /**
   * Makes the graph of the apps at `roots`.
   *
   * @throws {LoadError} when a module cannot be loaded
   * @throws {ConfigError} when a configuration file is wrong
   */
  async prepare(
    roots: readonly string[],
    freshness: Freshness,
    builtins: Builtins,
  ): Promise<Prepared> {
    await this.#cache.prepare();
    this.#reload = freshness === "revalidated" ? "all" : this.#options.reload;
    this.#fetchers.clear();
    this.filesAskedFor.clear();
    const { allowImport } = this.#options;
    const loading = this.#loading(
      builtins,
      allowImport === "any" ? "any" : [...allowImport, ...hostsOf(roots)],
    );
    const project = await loading.readProject(roots, this.#readText);
    const graph = await buildGraph({
      roots: roots.map((specifier) => ({ specifier, type: "", referrer: null })),
      project,
      known: { targets: new Map(), redirects: new Map() },
      requirements: [],
      packageRoot: null,
      checkFile: () => {},
      limits: DEFAULT_GRAPH_LIMITS,
    }, loading);
    await this.#lock?.write();
    const none: GraphRequest["known"] = { targets: new Map(), redirects: new Map() };
    const parent = join(this.#cache.root, "graphs");
    const stored = await storeGraph(graph, project.importMap, none, parent);
    const local: LocalFile[] = project.files.map((path) => ({
      path,
      sha256: sha256Of(Deno.readFileSync(path)),
    }));
    for (const { origin, url, sha256 } of graph.modules) {
      if (origin === "local") local.push({ path: filePath(url), sha256 });
    }
    return { graph: stored, local };
  }

  /**
   * Adds the modules that a running app imports to its graph.
   *
   * @throws {LoadError} when a module cannot be loaded, or may not be
   */
  async extend(request: ExtendRequest): Promise<Extension> {
    const { roots, folder, root, policy, packageRoot, requirements } = request;
    const loading = this.#loading(request.builtins, policy.hosts, policy.hostsOption);
    const known = knownModulesOf(request);
    const project = await loading.readProject(roots, this.#readText);
    const graph = await buildGraph({
      roots: [root],
      project,
      known,
      requirements,
      packageRoot,
      checkFile: (url) => checkFile(url, policy.files),
      limits: DEFAULT_GRAPH_LIMITS,
    }, loading);
    await this.#lock?.write();
    const files: Record<string, string> = {};
    if (graph.modules.length > 0) {
      const stored = await storeGraph(graph, project.importMap, known, join(folder, "ext"));
      const name = stored.folder.slice(folder.length + 1).replaceAll("\\", "/");
      for (const { key, file } of stored.manifest.modules) files[key] = `${name}/${file}`;
    }
    const key = graph.roots[0];
    const file = files[key] ?? request.files[key];
    return {
      file,
      // Another worker may have asked for it before: this one is to know it from now on.
      files: { ...files, [key]: file },
      redirects: Object.fromEntries(graph.redirects),
      requirements: graph.requirements,
      packageRoot: graph.packageRoot ?? packageRoot,
    };
  }

  /** Reads what the user names: hosts that apps may import from have nothing to do with it. */
  readonly #readText: ReadText = async (url) => {
    const { bytes } = await this.#loading("native", "any").load(url);
    return new TextDecoder().decode(bytes);
  };

  #loading(
    builtins: Builtins,
    allowImport: "any" | readonly string[],
    allowImportOption: ImportPolicy["hostsOption"] = "--allow-import",
  ): Loading {
    const hosts = JSON.stringify([allowImport, allowImportOption]);
    let fetcher = this.#fetchers.get(hosts);
    if (fetcher === undefined) {
      const { cachePolicy, allowHttp } = this.#options;
      fetcher = new ModuleFetcher(this.#cache, {
        reload: this.#reload,
        cachePolicy,
        allowImport,
        allowImportOption,
        allowHttp,
        limits: DEFAULT_FETCH_LIMITS,
        lock: this.#lock,
        onFetch: this.#onFetch,
      });
      this.#fetchers.set(hosts, fetcher);
    }
    const options = { ...this.#options, reload: this.#reload };
    return new Loading(this.#cache, options, fetcher, this.#lock, builtins, this.filesAskedFor);
  }
}

/** The sources of one graph. */
class Loading implements GraphSources {
  readonly #cache: ModuleCache;
  readonly #options: LoaderOptions;
  readonly #fetcher: ModuleFetcher;
  readonly #lock: Lock | null;
  readonly #builtins: Builtins;
  readonly #filesAskedFor: Set<string>;
  #jsr: JsrResolver | null = null;
  #project: ProjectConfig | null = null;
  #folder: string | null = null;

  constructor(
    cache: ModuleCache,
    options: LoaderOptions,
    fetcher: ModuleFetcher,
    lock: Lock | null,
    builtins: Builtins,
    filesAskedFor: Set<string>,
  ) {
    this.#builtins = builtins;
    this.#filesAskedFor = filesAskedFor;
    this.#cache = cache;
    this.#options = options;
    this.#fetcher = fetcher;
    this.#lock = lock;
  }

  /** Reads the configuration beside the first local app. */
  async readProject(roots: readonly string[], readText: ReadText): Promise<ProjectConfig> {
    const app = roots.find((url) => url.startsWith("file:")) ?? roots[0];
    if (app.startsWith("file:")) this.#folder = dirname(filePath(app));
    this.#project = await readProjectConfig(app, this.#options.importMapUrl, readText);
    return this.#project;
  }

  async load(url: string): Promise<ModuleSource> {
    if (url.startsWith("file:")) {
      const path = pathOf(url);
      if (path !== null) this.#filesAskedFor.add(path);
      return await this.#fetcher.readFileSource(url);
    }
    const source = await this.#fetcher.load(url);
    const expected = this.#jsr?.expectedChecksum(source.url);
    if (expected === undefined || expected === source.sha256) return source;
    throw new LoadError(
      url,
      `cannot load ${url}: it is not what its package says (SHA-256 ${
        source.sha256.slice(0, 12)
      }…, ` +
        `and should be ${expected.slice(0, 12)}…); --reload=${url} fetches it again`,
    );
  }

  mediaTypeOf({ url, contentType }: ModuleSource): ReturnType<typeof mediaTypeOf> {
    return mediaTypeOf(url, contentType);
  }

  async resolveJsr(specifier: string): Promise<string> {
    const { reload } = this.#options;
    this.#jsr ??= new JsrResolver(this.#cache, this.#fetcher, { lock: this.#lock, reload });
    return (await this.#jsr.resolve(specifier)).url;
  }

  async install(requirements: readonly string[], root: string | null): Promise<PackageSet> {
    const { rewriteCommonJs } = await import("./transform.ts");
    const installer = new PackageInstaller(this.#cache, this.#fetcher, {
      lock: this.#lock,
      reload: this.#options.reload,
      npmrcDir: this.#folder,
      rewriter: { version: String(TRANSFORM_VERSION), rewrite: rewriteCommonJs },
    });
    return await installer.install(requirements, root);
  }

  commonJsExports(path: string, packages: PackageSet | null): readonly string[] {
    return commonJsExportsIn(path, packages);
  }

  async guardedExports(specifier: string): Promise<readonly string[] | null> {
    if (this.#builtins === "native" || guardedBuiltin(specifier) === null) return null;
    return Object.keys(await import(specifier));
  }

  async transform({ url, source, mediaType }: TransformRequest): Promise<TransformedModule> {
    const { compilerOptions } = this.#project!;
    const { sha256, contentType } = source;
    const inputs = [TRANSFORM_VERSION, url, mediaType, contentType, compilerOptions, sha256];
    const key = sha256Of(JSON.stringify(inputs));
    const cached = await this.#cache.readTransform(key);
    if (cached !== null) return cached as TransformedModule;
    // TypeScript takes its time to start: only when there is something to transform.
    const { transformCode } = await import("./transform.ts");
    const text = textOf(source);
    const made = transformCode({ url, text, mediaType, compilerOptions });
    await this.#cache.writeTransform(key, made);
    return made;
  }
}

/** The path of a `file:` URL; `null` for one that can be none, as with an encoded slash. */
function pathOf(url: string): string | null {
  try {
    return filePath(url);
  } catch (error) {
    if (error instanceof TypeError || error instanceof URIError) return null;
    throw error;
  }
}

function checkFile(url: string, allowed: "any" | readonly string[]): void {
  if (allowed === "any") return;
  const path = pathOf(url);
  if (path === null) throw new LoadError(url, `cannot load ${url}: it is no path of a file`);
  if (allowed.some((folder) => liesIn(path, folder))) return;
  throw new LoadError(
    url,
    `cannot load ${url}: the app may not read it; --app-allow-read=${path} would permit it`,
  );
}

/** Hosts of the apps themselves: whoever names an app trusts where it comes from. */
function hostsOf(roots: readonly string[]): string[] {
  return roots.flatMap((root) => {
    const url = URL.parse(root);
    if (url === null || !/^https?:$/.test(url.protocol)) return [];
    return [url.port === "" ? `${url.hostname}:${url.protocol === "https:" ? 443 : 80}` : url.host];
  });
}
