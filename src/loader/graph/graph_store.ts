/**
 * Keeps graphs as folders of JavaScript that workers import natively.
 *
 * A graph's folder never changes. Its name is the hash of the manifest in it, which has the sizes of all files
 * and a hash of what is in them: what is not as it was written is noticed. Modules that a running app imports later
 * go to folders below, `ext/HASH/`.
 *
 * @module
 */

import type { DiskQuota } from "../files/disk_quota.ts";
import { urlOfKey } from "../names/graph_keys.ts";
import { FilesHash } from "../../base/files_hash.ts";
import { sha256Elsewhere, sha256Of } from "../../base/sha256.ts";
import { Slices } from "../../base/slices.ts";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  isAbsent,
  moveInto,
  PRIVATE_FILE,
  PRIVATE_FOLDER,
  removeFolder,
  temporaryPath,
  unreadable,
} from "../files/atomic_write.ts";
import type { Graph, KnownModules, Target } from "./graph_types.ts";
import type { ImportMap } from "../names/import_map.ts";
import { linkCode, RUNTIME_MODULE, TRANSFORM_VERSION } from "./link.ts";

/** What is in a graph's folder. */
export interface GraphManifest {
  /** Version of what made it. */
  readonly version: number;
  /** Keys of the modules that were asked for. */
  readonly roots: readonly string[];
  /** The modules. */
  readonly modules: readonly StoredModule[];
  /** {@linkcode FilesHash} of their files, and of those of {@linkcode commonJs}. */
  readonly filesHash: string;
  /** What takes the place of CommonJS files beside the app. */
  readonly commonJs: readonly StoredCommonJs[];
  /** Paths of the files that modules of the same URL stand for, as they are CommonJS. */
  readonly commonJsPaths: readonly string[];
  /** Files that CommonJS may require. */
  readonly required: readonly string[];
  /** URLs that stand for others. */
  readonly redirects: Readonly<Record<string, string>>;
  /** The import map of the project. */
  readonly importMap: ImportMap;
  /** Packages that were asked for. */
  readonly requirements: readonly string[];
  /** Folder that they lie in, if there are any. */
  readonly packageRoot: string | null;
  /** Their folders there, by requirement (`hono@^4`). */
  readonly packages: Readonly<Record<string, string>>;
  /** Whether names that the import map has not are looked for in `node_modules` folders. */
  readonly nodeModules: boolean;
}

/** A module in a graph's folder. */
export interface StoredModule {
  /** Its key. */
  readonly key: string;
  /** Its file in the folder. */
  readonly file: string;
  /** Bytes of the file. */
  readonly fileBytes: number;
  /** URL of its source. */
  readonly url: string;
  /** Where the source came from. */
  readonly origin: "local" | "remote" | "package";
  /** SHA-256 of the source. */
  readonly sha256: string;
}

/** CommonJS in a graph's folder. */
export interface StoredCommonJs extends Pick<StoredModule, "file" | "fileBytes"> {
  /** Path of the file that it stands for. */
  readonly path: string;
}

/** A graph that can be imported. */
export interface StoredGraph {
  /** Its folder. */
  readonly folder: string;
  /** What is in it. */
  readonly manifest: GraphManifest;
}

/**
 * Code of the module that the others find the worker's services with. It names the files that CommonJS may
 * require, and never imports them: Deno itself loads at once only what it has seen named.
 */
function runtimeCode(required: readonly string[]): string {
  const named = required.map((file) => `import("./${file}")`).join();
  return 'export const modules = globalThis[Symbol.for("gatehouse.modules")];\n' +
    (named === "" ? "" : `()=>[${named}];\n`);
}

const MANIFEST = "graph.json";

/**
 * Writes a graph below `parent`, unless it is there already, with what takes the place of `commonJs` files, by
 * path. Modules in `known` are imported from where they are. What is written has to be within the `quota`.
 *
 * @throws {LoadError} when it is not
 */
export async function storeGraph(
  graph: Graph,
  importMap: ImportMap,
  known: KnownModules,
  parent: string,
  commonJs: ReadonlyMap<string, string> = new Map(),
  quota?: DiskQuota,
): Promise<StoredGraph> {
  const own = new Map(graph.modules.map(({ key }) => [key, `${sha256Of(key).slice(0, 27)}.js`]));
  const specifierOf = (target: Target): string => {
    if (target.kind === "builtin") return target.specifier;
    const file = own.get(target.key);
    return file === undefined ? known.targets.get(target.key)! : `./${file}`;
  };
  const required = graph.required.map((key) => own.get(key)!);
  const encoder = new TextEncoder();
  const codes = new Map([[RUNTIME_MODULE.slice(2), encoder.encode(runtimeCode(required))]]);
  const coded = (file: string, code: string) => {
    const bytes = encoder.encode(code);
    codes.set(file, bytes);
    return { file, fileBytes: bytes.length };
  };
  const modules = graph.modules.map(({ key, url, origin, sha256, module, targets }) => {
    const code = linkCode(module, targets.map(specifierOf));
    return { key, ...coded(own.get(key)!, code), url, origin, sha256 };
  }).sort((a, b) => a.key < b.key ? -1 : 1);
  const storedCommonJs = [...commonJs].map(([path, code]) => {
    return { path, ...coded(`${sha256Of(path).slice(0, 27)}.js`, code) };
  }).sort((a, b) => a.path < b.path ? -1 : 1);
  const hash = new FilesHash();
  for (const { file } of [...modules, ...storedCommonJs]) hash.add(codes.get(file)!);
  const manifest: GraphManifest = {
    version: TRANSFORM_VERSION,
    roots: graph.roots,
    modules,
    filesHash: await hash.end(),
    required,
    commonJsPaths: graph.modules.flatMap(({ module }) => module.commonJsPath ?? []).sort(),
    commonJs: storedCommonJs,
    redirects: Object.fromEntries(graph.redirects),
    importMap,
    requirements: graph.requirements,
    packageRoot: graph.packageRoot,
    packages: Object.fromEntries(graph.packages),
    nodeModules: graph.nodeModules,
  };
  const text = JSON.stringify(manifest);
  const folder = join(parent, sha256Of(text).slice(0, 40));
  if (await readGraph(folder) !== null) return { folder, manifest };
  codes.set(MANIFEST, encoder.encode(text));
  let bytes = 0;
  for (const code of codes.values()) bytes += code.length;
  quota?.take(urlOfKey(graph.roots[0]), bytes, codes.size);
  await writeFolder(folder, codes);
  return { folder, manifest };
}

/** Makes a folder with `files` in one step: nobody sees it half-written. */
async function writeFolder(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const temporary = temporaryPath(folder);
  await Deno.mkdir(temporary, PRIVATE_FOLDER);
  try {
    for (const [name, bytes] of files) {
      Deno.writeFileSync(join(temporary, name), bytes, PRIVATE_FILE);
    }
    await moveInto(temporary, folder, async () => await readGraph(folder) !== null);
  } finally {
    await removeFolder(temporary);
  }
}

/**
 * Reads the manifest of a graph and checks its files against it; `null` if the graph is missing or incomplete.
 *
 * @throws {ConfigError} if it may not be read
 */
export async function readGraph(folder: string): Promise<StoredGraph | null> {
  const slices = new Slices();
  try {
    const text = Deno.readTextFileSync(join(folder, MANIFEST));
    if (!isNamedBy(folder, await sha256Elsewhere(text))) return null;
    const manifest = manifestIn(text);
    if (manifest === null) return null;
    const hash = new FilesHash();
    for (const { file, fileBytes } of [...manifest.modules, ...manifest.commonJs]) {
      await slices.next();
      const bytes = Deno.readFileSync(join(folder, file));
      if (bytes.length !== fileBytes) return null;
      hash.add(bytes);
    }
    const runtime = Deno.readTextFileSync(join(folder, RUNTIME_MODULE));
    if (runtime !== runtimeCode(manifest.required)) return null;
    return await hash.end() === manifest.filesHash ? { folder, manifest } : null;
  } catch (error) {
    return nullIfAbsent(error, folder);
  }
}

/**
 * Reads only the manifest of a graph whose files have just been written or checked; `null` if it is missing, or
 * is not what the folder's name says.
 *
 * @throws {ConfigError} if it may not be read
 */
export function readGraphManifest(folder: string): StoredGraph | null {
  try {
    const text = Deno.readTextFileSync(join(folder, MANIFEST));
    const manifest = isNamedBy(folder, sha256Of(text)) ? manifestIn(text) : null;
    return manifest === null ? null : { folder, manifest };
  } catch (error) {
    return nullIfAbsent(error, folder);
  }
}

/** Whether the name of `folder` says that its manifest has the hash `sha256`. */
function isNamedBy(folder: string, sha256: string): boolean {
  return folder.endsWith(sha256.slice(0, 40));
}

/** What `text` says; `null` if another version has written it. */
function manifestIn(text: string): GraphManifest | null {
  const manifest = JSON.parse(text) as GraphManifest;
  return manifest.version === TRANSFORM_VERSION ? manifest : null;
}

/** Rethrows `error` unless it says that a graph is missing or damaged. */
function nullIfAbsent(error: unknown, folder: string): null {
  if (isAbsent(error) || error instanceof SyntaxError || error instanceof TypeError) return null;
  throw unreadable(error, folder);
}

/** A graph as app workers see it: plain data, which grows with later imports. */
export interface WorkerGraph {
  /** URL of its folder, with a slash. */
  readonly directory: string;
  /** Files by key, relative to the folder. */
  readonly files: Record<string, string>;
  /**
   * Files, relative to the folder as well, that take the place of CommonJS files, by path; `""` for CommonJS
   * that stays what it is.
   */
  readonly commonJs: Record<string, string>;
  /** URLs that stand for others. */
  readonly redirects: Record<string, string>;
  /** The import map. */
  readonly importMap: ImportMap;
  /** Folders that its modules and packages lie in. */
  readonly folders: readonly string[];
  /** Folder of its packages, the last of {@linkcode folders}. */
  readonly packageRoot: string;
  /** Folders there of the packages that were asked for, by requirement (`hono@^4`). */
  readonly packages: Record<string, string>;
  /** Whether names that the import map has not are looked for in `node_modules` folders. */
  readonly nodeModules: boolean;
}

/** The description of a graph for workers; its packages lie in `packageRoot`, now or later. */
export function workerGraphOf({ folder, manifest }: StoredGraph, packageRoot: string): WorkerGraph {
  const { modules, redirects, importMap, packages, nodeModules } = manifest;
  return {
    directory: `${pathToFileURL(folder).href}/`,
    files: Object.fromEntries(modules.map(({ key, file }) => [key, file])),
    commonJs: commonJsOf(manifest, ""),
    redirects: { ...redirects },
    importMap,
    folders: [folder, packageRoot],
    packageRoot,
    packages: { ...packages },
    nodeModules,
  };
}

/** The CommonJS that a graph knows, as workers see it: its files have `prefix` before their names. */
export function commonJsOf(
  { commonJs, commonJsPaths }: GraphManifest,
  prefix: string,
): Record<string, string> {
  const files: Record<string, string> = {};
  for (const path of commonJsPaths) files[path] = "";
  for (const { path, file } of commonJs) files[path] = prefix + file;
  return files;
}

/** The modules of a graph as those of its extensions import them. */
export function knownModulesOf(graph: Pick<WorkerGraph, "files" | "redirects">): KnownModules {
  return {
    targets: new Map(Object.entries(graph.files).map(([key, file]) => [key, `../../${file}`])),
    redirects: new Map(Object.entries(graph.redirects)),
  };
}
