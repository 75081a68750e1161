/**
 * The loader as the gateway's thread knows it: apps are made ready to be imported by workers, from
 * the cache if nothing has changed, else by the loader's own thread.
 *
 * @module
 */

import { basename, dirname, join } from "node:path";
import { LoadError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { isAbsent, unreadable } from "./files/atomic_write.ts";
import { ModuleCache } from "./cache/cache.ts";
import { markUsed } from "./cache/cache_upkeep.ts";
import {
  findConfig,
  hasNodeModules,
  lockBeside,
  packageJsonOf,
  rootConfigOf,
} from "./project/deno_config.ts";
import { DEFAULT_FETCH_LIMITS } from "./fetch/limits.ts";
import type { AppContents } from "./contents.ts";
import type { GraphRoot } from "./graph/graph_types.ts";
import { filePath } from "../base/paths.ts";
import type { StoredGraph, WorkerGraph } from "./graph/graph_store.ts";
import { readGraph, readGraphManifest, workerGraphOf } from "./graph/graph_store.ts";
import { sha256Elsewhere } from "../base/sha256.ts";
import { TRANSFORM_VERSION } from "./graph/link.ts";
import type {
  Builtins,
  Extension,
  ImportPolicy,
  Inspection,
  LoaderOptions,
  LoaderReport,
  LoaderWorker,
  LocalFile,
  PrepareOptions,
  Question,
} from "./protocol.ts";
import { LoaderThread } from "./thread.ts";
import { MODULE_SYNC } from "./npm/conditions.ts";
import type { InstalledFile } from "./npm/npm_set.ts";
import { npmrcPaths } from "./npm/npmrc_paths.ts";
import { FileFault, readRegularFile, readRegularFileLater } from "./files/regular_file.ts";
import { Slices } from "../base/slices.ts";
import { Slots } from "../base/slots.ts";
import { environmentOf } from "../base/surroundings.ts";
import { timerMs } from "../base/timers.ts";

/** Apps that workers can import, and what they have imported since. */
export interface PreparedGraph {
  /** URLs of the apps. */
  readonly roots: readonly string[];
  /** Folder of the graph. */
  readonly folder: string;
  /** The description for workers; it grows with what apps import later. */
  readonly forWorkers: WorkerGraph;
  /** URLs to import, one for each of {@linkcode roots}. */
  readonly modules: readonly string[];
  /** Local files that it was made of at first, import map and deno.json included. */
  readonly localFiles: readonly LocalFile[];
  /** Says which remote modules and packages it was made of. */
  readonly remoteState: string;
  /** What each app is made of, in the order of {@linkcode roots}, if it was found out. */
  readonly contents: readonly AppContents[] | undefined;
}

/** A graph, and the local files that it was made of. */
interface KnownGraph {
  readonly graph: StoredGraph;
  readonly local: readonly LocalFile[];
  readonly contents?: readonly AppContents[];
}

/** What to make, in full. */
type Preparation = Required<PrepareOptions> & { readonly roots: readonly string[] };

/** When the cache is looked after for the first time, in milliseconds after the first app. */
const FIRST_UPKEEP_MS = 60_000;
/** The interval after that, in milliseconds. */
const UPKEEP_PERIOD_MS = 24 * 60 * 60 * 1_000;

/** Larger files than these are not read. */
const MAX_FILE_BYTES = DEFAULT_FETCH_LIMITS.maxModuleBytes;
/** More files are sooner hashed on this thread, though that takes what has to be loaded first. */
const MAX_HASHED_APART = 64;
/** What is in memory, and open, of these at a time: a reload has few file descriptors. */
const HASHED_AT_A_TIME = 8;

/** What a graph has grown by, and what the thread that asks was not told of before. */
interface ToldExtension extends Extension {
  /** Number of the CommonJS files that the graph has grown by so far. */
  readonly told: number;
}

/** A graph with what only the loader has to know. */
interface GrowingGraph extends PreparedGraph {
  readonly builtins: Builtins;
  readonly inspection: Inspection;
  requirements: readonly string[];
  packageRoot: string;
  /** The last extension: one after the other, so that no module is made twice. */
  growing: Promise<unknown>;
  /** CommonJS that it has grown by, in order. */
  readonly addedCommonJs: (readonly [path: string, file: string])[];
}

/** Makes apps ready for workers. */
export class Loader implements Disposable {
  readonly #options: LoaderOptions;
  readonly #log: Log;
  readonly #worker: LoaderWorker;
  /** By the folder of the graph that grows. */
  readonly #lateThreads = new Map<string, LoaderThread>();
  /** Folders of graphs and packages in use, by what they were made of: the last two for each. */
  readonly #inUse = new Map<string, readonly (readonly string[])[]>();
  #upkeepTimer: ReturnType<typeof setTimeout> | undefined;
  #isEnded = false;

  /** Makes a loader. Nothing happens before there is something to load, which `worker` does. */
  constructor(
    options: LoaderOptions,
    log: Log,
    worker: LoaderWorker = new LoaderThread(options, log),
  ) {
    this.#options = options;
    this.#log = log;
    this.#worker = worker;
  }

  /** Whether it uses the network for what is not in the cache. */
  get cachePolicy(): LoaderOptions["cachePolicy"] {
    return this.#options.cachePolicy;
  }

  /** Local files that were asked for by the last {@linkcode prepare} that failed. */
  get failedFiles(): readonly string[] {
    return this.#worker.failedFiles;
  }

  /**
   * Makes the apps at `roots` ready.
   *
   * @throws {LoadError} when a module cannot be loaded
   * @throws {ConfigError} when a configuration file is wrong
   */
  async prepare(
    roots: readonly string[],
    options: PrepareOptions = {},
  ): Promise<PreparedGraph> {
    const {
      builtins = "native",
      freshness = "cached",
      files = "any",
      late = [],
      inspection = "uninspected",
    } = options;
    const question: Preparation = { roots, builtins, freshness, files, late, inspection };
    const indexPath = await this.#indexPath(question);
    const mayBeKnown = freshness === "cached" && inspection === "uninspected";
    const unchanged = mayBeKnown ? await this.#unchanged(indexPath) : null;
    const { graph, local, contents } = unchanged ?? await this.#made(question, indexPath);
    const { folder, manifest } = graph;
    const { requirements } = manifest;
    await this.#onUsed(indexPath, folder, manifest.packageRoot);
    const packageRoot = manifest.packageRoot ?? this.#latePackageRoot(folder);
    const forWorkers = workerGraphOf(graph, packageRoot);
    const prepared: GrowingGraph = {
      roots,
      folder,
      forWorkers,
      modules: manifest.roots.map((key) => forWorkers.directory + forWorkers.files[key]),
      localFiles: local,
      remoteState: remoteStateOf(graph),
      contents,
      builtins,
      inspection,
      requirements,
      packageRoot,
      growing: Promise.resolve(),
      addedCommonJs: [],
    };
    return prepared;
  }

  /**
   * Adds what an app imports while it runs, as far as `policy` lets it. Each thread that asks says how much of
   * the CommonJS that was added it was `told` of: what one has asked for, others find known, and need as well.
   *
   * @throws {LoadError} when a module cannot be loaded, or may not be
   */
  extend(
    prepared: PreparedGraph,
    root: GraphRoot,
    policy: ImportPolicy,
    told = 0,
  ): Promise<ToldExtension> {
    const graph = prepared as GrowingGraph;
    const extended = graph.growing.then(() => this.#extended(graph, root, policy, told));
    graph.growing = extended.catch(() => {});
    return extended;
  }

  /** The text of a module of a graph; `null` if it is not at hand. */
  async sourceOf({ folder }: PreparedGraph, url: string): Promise<string | null> {
    const { modules = [] } = (await readGraph(folder))?.manifest ?? {};
    const found = modules.find((module) => module.url === url);
    if (found === undefined) return null;
    const bytes = found.origin === "remote"
      ? await new ModuleCache(this.#options.cacheRoot).readBlob(found.sha256)
      : bytesOf(filePath(url));
    return bytes === null ? null : new TextDecoder().decode(bytes);
  }

  /** Takes note of folders that have to stay, and looks after the cache from time to time. */
  async #onUsed(index: string, folder: string, packageRoot: string | null): Promise<void> {
    const folders = [index, folder, ...packageRoot === null ? [] : [packageRoot]];
    // Workers of the generation before may still be at work.
    const [before = []] = this.#inUse.get(index) ?? [];
    this.#inUse.set(index, [folders, before]);
    if (this.#upkeepTimer === undefined) this.#tidyIn(FIRST_UPKEEP_MS);
    await markUsed(folders);
  }

  #tidyIn(delayMs: number): void {
    this.#upkeepTimer = setTimeout(async () => {
      try {
        const inUse = [...this.#inUse.values()].flat(2);
        await this.#ask({ kind: "tidy", inUse });
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        if (!this.#isEnded) this.#log("warning", `cannot tidy the cache: ${error.message}`);
      }
      if (!this.#isEnded) this.#tidyIn(UPKEEP_PERIOD_MS);
    }, timerMs(delayMs));
    Deno.unrefTimer(this.#upkeepTimer as unknown as number);
  }

  /** Ends the loader's threads. */
  [Symbol.dispose](): void {
    this.#isEnded = true;
    clearTimeout(this.#upkeepTimer);
    for (const thread of [this.#worker, ...this.#lateThreads.values()]) thread.end(endingError());
  }

  async #extended(
    graph: GrowingGraph,
    root: GraphRoot,
    policy: ImportPolicy,
    told: number,
  ): Promise<ToldExtension> {
    const { roots, folder, forWorkers, requirements, packageRoot } = graph;
    const { files, redirects, packages, commonJs } = forWorkers;
    const known = { roots, folder, files, redirects, requirements, packageRoot };
    const { builtins, inspection } = graph;
    const question = { kind: "extend", ...known, builtins, inspection, root, policy } as const;
    const report = await this.#lateThread(folder).ask(question);
    const { extension } = report as LoaderReport & { kind: "extended" };
    Object.assign(files, extension.files);
    Object.assign(redirects, extension.redirects);
    Object.assign(packages, extension.packages);
    Object.assign(commonJs, extension.commonJs);
    graph.requirements = extension.requirements;
    graph.packageRoot = extension.packageRoot ?? packageRoot;
    const { addedCommonJs } = graph;
    for (const added of Object.entries(extension.commonJs)) addedCommonJs.push(added);
    const untold = Object.fromEntries(addedCommonJs.slice(Math.max(0, told)));
    return { ...extension, commonJs: untold, told: addedCommonJs.length };
  }

  async #made(question: Preparation, indexPath: string): Promise<KnownGraph> {
    const { roots } = question;
    const report = await this.#ask({ kind: "prepare", ...question });
    const { folder, local, packages, installed, contents } = report as LoaderReport & {
      kind: "prepared";
    };
    // The thread has just written its files, or checked them.
    const graph = readGraphManifest(folder);
    if (graph === null) throw new LoadError(roots[0], `the cache ${folder} changed meanwhile`);
    const index: GraphIndex = { folder, local, packages, installed };
    const cache = new ModuleCache(this.#options.cacheRoot);
    const text = new TextEncoder().encode(JSON.stringify(index));
    await cache.writeAtomically(indexPath, text);
    return { graph, local, contents };
  }

  /** The graph that `indexPath` tells of, if it would be made just so again. */
  async #unchanged(indexPath: string): Promise<KnownGraph | null> {
    const { reload, lockFile, lockOrigin } = this.#options;
    // A lock has to be asked about every module, unless the graph was made by one with the same words.
    const isAsked = lockFile !== undefined && lockOrigin === "named";
    if (reload !== "none" || isAsked) return null;
    const index = readIndex(indexPath);
    if (index === null) return null;
    if (!await areUnchanged([...index.local, ...index.packages])) return null;
    const graph = await readGraph(index.folder);
    if (graph === null) return null;
    const { packageRoot } = graph.manifest;
    const isThere = packageRoot === null || areWhole(packageRoot, index.installed);
    return isThere ? { graph, local: index.local } : null;
  }

  /**
   * Where packages go that the apps of a graph without packages import later: workers learn at
   * their start what they may read.
   */
  #latePackageRoot(folder: string): string {
    const root = Deno.realPathSync(this.#options.cacheRoot);
    return new ModuleCache(root).npmSetFolder(basename(folder).slice(0, 32));
  }

  /** All that says which registries packages come from, and holds no secrets. */
  async #registries(app: string | undefined): Promise<readonly (string | null | undefined)[]> {
    const env = environmentOf(this.#options.env);
    const folder = app === undefined ? null : dirname(filePath(app));
    return [
      env.get("NPM_CONFIG_REGISTRY") ?? env.get("npm_config_registry"),
      ...await Promise.all(npmrcPaths(folder, env).map(hashOf)),
    ];
  }

  /** File that says what was made with these options for these apps. */
  async #indexPath({ roots, builtins, files }: Preparation): Promise<string> {
    const { cacheRoot, importMapUrl, allowImport, allowHttp, lockOrigin } = this.#options;
    const lockFile = lockOrigin === "named" ? null : lockBeside(roots);
    const app = roots.find((url) => url.startsWith("file:"));
    const folder = app === undefined ? null : dirname(filePath(app));
    const config = folder === null ? null : findConfig(folder);
    const root = config === null ? null : rootConfigOf(config);
    const packageJson = app === undefined ? null : packageJsonOf(app, root);
    const inputs = [
      TRANSFORM_VERSION,
      roots,
      importMapUrl,
      allowImport,
      allowHttp,
      files,
      config,
      root,
      packageJson,
      // What packages there mean differs with the runtime.
      folder !== null && hasNodeModules(folder, root, packageJson) ? Deno.version.deno : null,
      lockFile === null ? null : await hashOf(lockFile),
      await this.#registries(app),
      // What guarded modules export differs with the runtime.
      builtins,
      Deno.version.deno,
      MODULE_SYNC,
    ];
    return join(cacheRoot, "apps", `${await sha256Elsewhere(JSON.stringify(inputs))}.json`);
  }

  /** Asks the thread of what is loaded before apps run, which apps that run have no part in. */
  #ask(question: Question): Promise<LoaderReport> {
    // An import that waited for others must not start a thread again.
    if (this.#isEnded) return Promise.reject(endingError());
    return this.#worker.ask(question);
  }

  /** The thread for what the apps of a graph import late: none waits for the imports of others. */
  #lateThread(folder: string): LoaderThread {
    if (this.#isEnded) throw endingError();
    let thread = this.#lateThreads.get(folder);
    if (thread === undefined) {
      thread = new LoaderThread(this.#options, this.#log, "once");
      this.#lateThreads.set(folder, thread);
    }
    return thread;
  }
}

/** SHA-256 of the file at `path`; `null` if it cannot be read. */
async function hashOf(path: string): Promise<string | null> {
  try {
    return await sha256Elsewhere(await readRegularFileLater(path, MAX_FILE_BYTES));
  } catch (error) {
    if (error instanceof FileFault) return null;
    throw error;
  }
}

/** Whether files have the hashes that they had; `""` stands for one that is missing. */
async function areUnchanged(files: readonly LocalFile[]): Promise<boolean> {
  if (files.length <= MAX_HASHED_APART) {
    const slots = new Slots(HASHED_AT_A_TIME);
    const hashes = await Promise.all(files.map(({ path }) => slots.run(() => hashOf(path))));
    return files.every(({ sha256 }, index) => (hashes[index] ?? "") === sha256);
  }
  const slices = new Slices();
  for (const { path, sha256 } of files) {
    const bytes = bytesOf(path);
    if ((bytes === null ? "" : await slices.sha256(bytes)) !== sha256) return false;
  }
  return true;
}

function endingError(): LoadError {
  return new LoadError("", "the gateway is ending");
}

function remoteStateOf({ manifest: { modules, packageRoot } }: StoredGraph): string {
  const remote = modules.filter(({ origin }) => origin === "remote");
  return JSON.stringify([remote.map(({ url, sha256 }) => [url, sha256]), packageRoot]);
}

/** What was made for some apps. */
interface GraphIndex {
  readonly folder: string;
  readonly local: readonly LocalFile[];
  readonly packages: readonly LocalFile[];
  readonly installed: readonly InstalledFile[];
}

function readIndex(path: string): GraphIndex | null {
  try {
    const index = JSON.parse(Deno.readTextFileSync(path)) as GraphIndex;
    const isIndex = typeof index.folder === "string" && Array.isArray(index.local) &&
      Array.isArray(index.packages) && Array.isArray(index.installed);
    return isIndex ? index : null;
  } catch (error) {
    if (isAbsent(error) || error instanceof SyntaxError || error instanceof TypeError) return null;
    throw unreadable(error, path);
  }
}

/** Reads a file that an app may have replaced. */
function bytesOf(path: string): Uint8Array | null {
  try {
    return readRegularFile(path, MAX_FILE_BYTES);
  } catch (error) {
    if (error instanceof FileFault) return null;
    throw error;
  }
}

/** Whether the folder of packages `root` is there, and the `files` of these have their sizes. */
function areWhole(root: string, files: readonly InstalledFile[]): boolean {
  try {
    return Deno.statSync(root).isDirectory &&
      files.every(([path, sizeBytes]) => Deno.statSync(`${root}/${path}`).size === sizeBytes);
  } catch (error) {
    if (isAbsent(error)) return false;
    throw unreadable(error, root);
  }
}
