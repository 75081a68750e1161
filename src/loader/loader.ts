/**
 * The loader as the gateway's thread knows it: apps are made ready to be imported by workers, from
 * the cache if nothing has changed, else by the loader's own thread.
 *
 * @module
 */

import { basename, dirname, join } from "node:path";
import { ConfigError, LoadError } from "../errors.ts";
import type { Log } from "../log.ts";
import { ModuleCache } from "./cache.ts";
import { findConfig } from "./deno_config.ts";
import type { GraphRoot } from "./graph_types.ts";
import { filePath } from "./graph_keys.ts";
import type { StoredGraph, WorkerGraph } from "./graph_store.ts";
import { readGraph, sha256Of, workerGraphOf } from "./graph_store.ts";
import { TRANSFORM_VERSION } from "./link.ts";
import type {
  Builtins,
  Extension,
  Freshness,
  ImportPolicy,
  LoaderOptions,
  LoaderReport,
  LoaderRequest,
  LocalFile,
} from "./loader_protocol.ts";

/** Apps that workers can import, and what they have imported since. */
export interface PreparedGraph {
  /** URLs of the apps. */
  readonly roots: readonly string[];
  /** Folder of the graph. */
  readonly folder: string;
  /** What workers are told; it grows with what apps import later. */
  readonly forWorkers: WorkerGraph;
  /** URLs to import, one for each of {@linkcode roots}. */
  readonly modules: readonly string[];
  /** Local files that it was made of at first, import map and deno.json included. */
  readonly localFiles: readonly LocalFile[];
  /** Says which remote modules and packages it was made of. */
  readonly remoteState: string;
}

/** A graph, and the local files that it was made of. */
interface KnownGraph {
  readonly graph: StoredGraph;
  readonly local: readonly LocalFile[];
}

/** How long the loader's thread waits for more to do, in milliseconds. */
const IDLE_THREAD_MS = 10_000;

/** A request that the loader's thread works on. */
interface Pending {
  resolve(report: LoaderReport): void;
  reject(error: Error): void;
}

/** The part of {@linkcode LoaderRequest} that a caller says. */
type Question<Request = LoaderRequest> = Request extends { readonly id: number }
  ? Omit<Request, "id">
  : never;

/** A graph with what only the loader has to know. */
interface GrowingGraph extends PreparedGraph {
  readonly builtins: Builtins;
  requirements: readonly string[];
  packageRoot: string;
  /** The last extension: one after the other, so that no module is made twice. */
  growing: Promise<unknown>;
}

/** Makes apps ready for workers. */
export class Loader implements Disposable {
  readonly #options: LoaderOptions;
  readonly #log: Log;
  readonly #pending = new Map<number, Pending>();
  /** Local files that were asked for by the last {@linkcode prepare} that failed. */
  filesInVain: readonly string[] = [];
  #nextId = 1;
  #thread: Worker | null = null;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  #isEnded = false;

  /** Makes a loader. Nothing happens before there is something to load. */
  constructor(options: LoaderOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  /**
   * Makes the apps at `roots` ready.
   *
   * @throws {LoadError} when a module cannot be loaded
   * @throws {ConfigError} when a configuration file is wrong
   */
  async prepare(
    roots: readonly string[],
    builtins: Builtins = "native",
    freshness: Freshness = "cached",
  ): Promise<PreparedGraph> {
    const unchanged = freshness === "cached" ? this.#unchanged(roots, builtins) : null;
    const { graph, local } = unchanged ?? await this.#made(roots, builtins, freshness);
    const { folder, manifest } = graph;
    const { requirements } = manifest;
    const packageRoot = manifest.packageRoot ?? this.#latePackageRoot(folder);
    const forWorkers = workerGraphOf(graph, packageRoot);
    const prepared: GrowingGraph = {
      roots,
      folder,
      forWorkers,
      modules: manifest.roots.map((key) => forWorkers.directory + forWorkers.files[key]),
      localFiles: local,
      remoteState: remoteStateOf(graph),
      builtins,
      requirements,
      packageRoot,
      growing: Promise.resolve(),
    };
    return prepared;
  }

  /**
   * Adds what an app imports while it runs, as far as `policy` lets it.
   *
   * @throws {LoadError} when a module cannot be loaded, or may not be
   */
  extend(prepared: PreparedGraph, root: GraphRoot, policy: ImportPolicy): Promise<Extension> {
    const graph = prepared as GrowingGraph;
    const extended = graph.growing.then(() => this.#extended(graph, root, policy));
    graph.growing = extended.catch(() => {});
    return extended;
  }

  /** The text of a module of a graph; `null` if it is not at hand. */
  async sourceOf({ folder }: PreparedGraph, url: string): Promise<string | null> {
    const { modules = [] } = readGraph(folder)?.manifest ?? {};
    const found = modules.find((module) => module.url === url);
    if (found === undefined) return null;
    const bytes = found.origin === "remote"
      ? await new ModuleCache(this.#options.cacheRoot).readBlob(found.sha256)
      : await Deno.readFile(filePath(url)).catch(() => null);
    return bytes === null ? null : new TextDecoder().decode(bytes);
  }

  /** Ends the loader's thread. */
  [Symbol.dispose](): void {
    this.#isEnded = true;
    clearTimeout(this.#idleTimer);
    this.#thread?.terminate();
    this.#thread = null;
    const error = endingError();
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  async #extended(
    graph: GrowingGraph,
    root: GraphRoot,
    policy: ImportPolicy,
  ): Promise<Extension> {
    const { roots, folder, forWorkers: { files, redirects }, requirements, packageRoot } = graph;
    const known = { roots, folder, files, redirects, requirements, packageRoot };
    const { builtins } = graph;
    const report = await this.#ask({ kind: "extend", ...known, builtins, root, policy });
    const { extension } = report as LoaderReport & { kind: "extended" };
    Object.assign(files, extension.files);
    Object.assign(redirects, extension.redirects);
    graph.requirements = extension.requirements;
    graph.packageRoot = extension.packageRoot ?? packageRoot;
    return extension;
  }

  async #made(
    roots: readonly string[],
    builtins: Builtins,
    freshness: Freshness,
  ): Promise<KnownGraph> {
    const report = await this.#ask({ kind: "prepare", roots, builtins, freshness });
    const { folder, local } = report as LoaderReport & { kind: "prepared" };
    const graph = readGraph(folder);
    if (graph === null) throw new LoadError(roots[0], `the cache ${folder} changed meanwhile`);
    const index: GraphIndex = { folder, local };
    const cache = new ModuleCache(this.#options.cacheRoot);
    const text = new TextEncoder().encode(JSON.stringify(index));
    await cache.writeAtomically(this.#indexPath(roots, builtins), text);
    return { graph, local };
  }

  /** The graph that was made for these apps, if it would be made just so again. */
  #unchanged(roots: readonly string[], builtins: Builtins): KnownGraph | null {
    const { reload, lockFile } = this.#options;
    // A lock has to be asked about every module.
    if (reload !== "none" || lockFile !== undefined) return null;
    const index = readIndex(this.#indexPath(roots, builtins));
    if (index === null) return null;
    for (const { path, sha256 } of index.local) if (sha256OfFile(path) !== sha256) return null;
    const graph = readGraph(index.folder);
    if (graph === null) return null;
    const { packageRoot } = graph.manifest;
    return packageRoot === null || isFolder(packageRoot) ? { graph, local: index.local } : null;
  }

  /**
   * Where packages go that the apps of a graph without any import later: workers are told when they
   * start what they may read.
   */
  #latePackageRoot(folder: string): string {
    const root = Deno.realPathSync(this.#options.cacheRoot);
    return new ModuleCache(root).npmSetFolder(basename(folder).slice(0, 32));
  }

  /** File that says what was made with these options for these apps. */
  #indexPath(roots: readonly string[], builtins: Builtins): string {
    const { cacheRoot, importMapUrl, allowImport, allowHttp } = this.#options;
    const app = roots.find((url) => url.startsWith("file:"));
    const config = app === undefined ? null : findConfig(dirname(filePath(app)));
    const inputs = [
      TRANSFORM_VERSION,
      roots,
      importMapUrl,
      allowImport,
      allowHttp,
      config,
      // What guarded modules export differs with the runtime.
      builtins === "native" ? builtins : Deno.version.deno,
    ];
    return join(cacheRoot, "apps", `${sha256Of(JSON.stringify(inputs))}.json`);
  }

  #ask(question: Question): Promise<LoaderReport> {
    // An import that waited for others must not start the thread again.
    if (this.#isEnded) return Promise.reject(endingError());
    const id = this.#nextId++;
    const answer = Promise.withResolvers<LoaderReport>();
    this.#pending.set(id, answer);
    clearTimeout(this.#idleTimer);
    this.#thread ??= this.#startThread();
    this.#thread.postMessage({ ...question, id } as LoaderRequest);
    return answer.promise;
  }

  #startThread(): Worker {
    const thread = new Worker(new URL("./service.ts", import.meta.url), {
      type: "module",
      name: "loader",
    });
    thread.onmessage = ({ data }: MessageEvent<LoaderReport>) => this.#onReport(data);
    thread.onerror = (event) => {
      event.preventDefault();
      this.#onThreadDeath(event.message);
    };
    thread.postMessage({ kind: "start", options: this.#options } satisfies LoaderRequest);
    return thread;
  }

  #onReport(report: LoaderReport): void {
    if (report.kind === "fetching") {
      this.#log("info", `fetching ${report.url}`);
      return;
    }
    const pending = this.#pending.get(report.id);
    this.#pending.delete(report.id);
    if (report.kind === "failed") {
      this.filesInVain = report.files;
      pending?.reject(errorOf(report));
    } else pending?.resolve(report);
    if (this.#pending.size > 0) return;
    // It holds TypeScript, which is large.
    this.#idleTimer = setTimeout(() => {
      this.#thread?.terminate();
      this.#thread = null;
    }, IDLE_THREAD_MS);
    Deno.unrefTimer(this.#idleTimer as unknown as number);
  }

  #onThreadDeath(reason: string): void {
    this.#thread?.terminate();
    this.#thread = null;
    const error = new LoadError("", `the loader failed: ${reason}`);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

function endingError(): LoadError {
  return new LoadError("", "the gateway is ending");
}

function remoteStateOf({ manifest: { modules, packageRoot } }: StoredGraph): string {
  const remote = modules.filter(({ origin }) => origin === "remote");
  return JSON.stringify([remote.map(({ url, sha256 }) => [url, sha256]), packageRoot]);
}

function errorOf(report: LoaderReport & { kind: "failed" }): Error {
  if (report.error === "ConfigError") return new ConfigError(report.message);
  if (report.error === "LoadError") return new LoadError(report.url, report.message);
  return new LoadError("", `the loader failed: ${report.message}`);
}

/** What was made for some apps. */
interface GraphIndex {
  readonly folder: string;
  readonly local: readonly LocalFile[];
}

function readIndex(path: string): GraphIndex | null {
  try {
    const index = JSON.parse(Deno.readTextFileSync(path)) as GraphIndex;
    return typeof index.folder === "string" && Array.isArray(index.local) ? index : null;
  } catch {
    return null;
  }
}

function sha256OfFile(path: string): string | null {
  try {
    return sha256Of(Deno.readFileSync(path));
  } catch {
    return null;
  }
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
