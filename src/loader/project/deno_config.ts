/**
 * What a `deno.json` beside an app says about loading it: its import map and compiler options.
 *
 * @module
 */

import { messageOf } from "../../base/error_message.ts";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
// @ts-types="../../types/std_jsonc.d.ts"
import { parse as parseJsonc } from "@std/jsonc";
import { ConfigError } from "../../base/errors.ts";
import { fileSystemReason, isAbsent } from "../files/atomic_write.ts";
import type { FileGrant } from "../files/file_grant.ts";
import { checkFile } from "../files/file_grant.ts";
import type { ImportMap } from "../names/import_map.ts";
import { NO_IMPORT_MAP, parseImportMap, withMembers, withMore } from "../names/import_map.ts";
import { findPackageJson } from "./package_json.ts";
import { FileFault, readRegularFile } from "../files/regular_file.ts";
import { foldersUpwards } from "../../base/folders.ts";
import { workspaceRootOf } from "../../base/workspaces.ts";
import type { WorkspaceConfig } from "./workspace.ts";
import { importMapOfMembers, workspaceOf } from "./workspace.ts";

/** The compiler options that change what a module does when it runs. */
export interface CompilerOptions {
  /** How JSX is written: as TypeScript's option of this name, or Deno's own `precompile`. */
  readonly jsx?: "react" | "react-jsx" | "react-jsxdev" | "precompile";
  /** Function that classic JSX calls. */
  readonly jsxFactory?: string;
  /** What classic JSX gives it for fragments. */
  readonly jsxFragmentFactory?: string;
  /** Module whose `/jsx-runtime` automatic JSX uses. */
  readonly jsxImportSource?: string;
  /** Decorators as TypeScript had them before the standard. */
  readonly experimentalDecorators?: boolean;
  /** Types of what such decorators stand on, as metadata. */
  readonly emitDecoratorMetadata?: boolean;
  /** Imports stay unless they say `type`. */
  readonly verbatimModuleSyntax?: boolean;
}

/** Size of the largest `deno.json`. */
const MAX_CONFIG_BYTES = 8 * 1_048_576;

/** Names of {@linkcode CompilerOptions}; all others are matters of type checks. */
const OPTION_NAMES = [
  "jsx",
  "jsxFactory",
  "jsxFragmentFactory",
  "jsxImportSource",
  "experimentalDecorators",
  "emitDecoratorMetadata",
  "verbatimModuleSyntax",
] as const satisfies readonly (keyof CompilerOptions)[];

/** How the modules of an app are read. */
export interface ProjectConfig {
  /** Compiler options. */
  readonly compilerOptions: CompilerOptions;
  /** The import map. */
  readonly importMap: ImportMap;
  /** Whether names that it does not say are looked for in `node_modules` folders, or nowhere else. */
  readonly nodeModules: NodeModulesUse;
  /** Paths of the files that this was read from. */
  readonly files: readonly string[];
}

/**
 * How `node_modules` folders are used: not at all; or first, and then the registry, as
 * `package.json` says; or alone.
 */
export type NodeModulesUse = "none" | "names" | "packages";

/** Reads the text of an import map, a remote one or one of the files that are `granted`. */
export type ReadText = (url: string, granted: FileGrant) => Promise<string>;

/**
 * Reads the configuration for the app at `appUrl`: the nearest `deno.json` or `deno.jsonc` in its
 * folder or above it, if the app is a local file, with that of its workspace; the import map at
 * `importMapUrl`, which replaces that of the file; and the dependencies of a `package.json`, which come last.
 * The user names the map; what `deno.json` names has to be among the files that are `granted` to the app, or
 * beside it. With `packages` that are `"installed"`, `node_modules` folders mean nothing.
 *
 * @throws {ConfigError} when a file is malformed
 */
export async function readProjectConfig(
  appUrl: string,
  importMapUrl: string | undefined,
  readText: ReadText,
  granted: FileGrant = "any",
  packages: "local" | "installed" = "local",
): Promise<ProjectConfig> {
  const files: string[] = [];
  const folder = appUrl.startsWith("file:") ? dirname(fileURLToPath(appUrl)) : null;
  const path = folder === null ? null : findConfig(folder);
  const config = path === null ? null : configAt(path);
  const workspace = path === null ? null : workspaceOf(dirname(path), configIn);
  const root = workspace === null || workspace.root.path === path ? config : workspace.root;
  let importMap = NO_IMPORT_MAP;
  let mapFiles: FileGrant = "any";
  const isMapGiven = importMapUrl !== undefined;
  for (const { path } of unique([config, root, ...workspace?.members ?? []])) files.push(path);
  if (root !== null && importMapUrl === undefined) {
    const url = pathToFileURL(root.path).href;
    if (typeof root.config.importMap === "string") {
      importMapUrl = new URL(root.config.importMap, url).href;
      if (typeof granted !== "string") mapFiles = [...granted, dirname(root.path)];
      if (importMapUrl.startsWith("file:")) checkFile(importMapUrl, mapFiles);
    } else if (root.config.imports !== undefined || root.config.scopes !== undefined) {
      importMap = parseImportMap(root.config, url, "deno.json");
    }
  }
  if (importMapUrl !== undefined) {
    if (importMapUrl.startsWith("file:")) files.push(fileURLToPath(importMapUrl));
    const text = await readText(importMapUrl, mapFiles);
    const dialect = /\/deno\.jsonc?$/.test(importMapUrl) ? "deno.json" : "standard";
    importMap = parseImportMap(parsed(text, importMapUrl), importMapUrl, dialect);
  }
  if (workspace !== null) {
    const members = importMapOfMembers(workspace);
    importMap = withMembers(importMap, isMapGiven ? { ...members, scopes: [] } : members);
  }
  const packageJson = packageJsonOf(appUrl, root?.path ?? null);
  const nodeModules = packages === "local" ? nodeModulesUse(folder, root, packageJson) : "none";
  if (packageJson !== null) {
    files.push(packageJson);
    if (nodeModules !== "packages") {
      const { importMapOfPackage } = await import("./package_import_map.ts");
      importMap = withMore(importMap, importMapOfPackage(packageJson));
    }
  }
  return {
    compilerOptions: {
      ...root === null ? {} : compilerOptionsOf(root.config.compilerOptions, root.path),
      ...config === null ? {} : compilerOptionsOf(config.config.compilerOptions, config.path),
    },
    importMap,
    nodeModules,
    files,
  };
}

function unique(configs: readonly (WorkspaceConfig | null)[]): WorkspaceConfig[] {
  const byPath = new Map<string, WorkspaceConfig>();
  for (const config of configs) if (config !== null) byPath.set(config.path, config);
  return [...byPath.values()];
}

function nodeModulesUse(
  folder: string | null,
  root: WorkspaceConfig | null,
  packageJson: string | null,
): NodeModulesUse {
  if (folder === null) return "none";
  const said = root?.config.nodeModulesDir;
  // Deno 1 had it so.
  if (said === "none" || said === false) return "none";
  if (said === undefined && packageJson === null) return "none";
  return hasNodeModules(folder, root?.path ?? null, packageJson) ? "packages" : "names";
}

/**
 * Whether there is a `node_modules` folder in `folder` or above it, up to that of the project, or of the
 * workspace, which the `deno.json` at `config` or the `package.json` at `packageJson` describe.
 */
export function hasNodeModules(
  folder: string,
  config: string | null,
  packageJson: string | null,
): boolean {
  const described = config ?? packageJson;
  if (described === null) return false;
  const top = workspaceRootOf(dirname(described)) ?? dirname(described);
  for (let at = folder;; at = dirname(at)) {
    if (isFolder(join(at, "node_modules"))) return true;
    if (at === top || dirname(at) === at) return false;
  }
}

function configAt(path: string): WorkspaceConfig {
  return { path, config: parsed(textAt(path), path) };
}

function configIn(folder: string): WorkspaceConfig | null {
  const path = configPathIn(folder);
  return path === null ? null : configAt(path);
}

/**
 * The `package.json` of the app at `appUrl`, no higher than its `deno.json`, or that of its workspace, which is
 * at `config`.
 */
export function packageJsonOf(appUrl: string, config: string | null): string | null {
  if (!appUrl.startsWith("file:")) return null;
  const top = config === null ? null : dirname(config);
  return findPackageJson(dirname(fileURLToPath(appUrl)), top);
}

/** The nearest `deno.json` or `deno.jsonc` in `folder` or above it, where nobody else can put one. */
export function findConfig(folder: string): string | null {
  for (const at of foldersUpwards(folder)) {
    const path = configPathIn(at);
    if (path !== null) return path;
  }
  return null;
}

/** The `deno.json` of the workspace that the one at `path` belongs to, or itself. */
export function rootConfigOf(path: string): string {
  return workspaceOf(dirname(path), configIn)?.root.path ?? path;
}

function configPathIn(folder: string): string | null {
  for (const name of ["deno.json", "deno.jsonc"]) {
    const path = join(folder, name);
    if (isFile(path)) return path;
  }
  return null;
}

/**
 * Path of the lock file of the project that the `deno.json` at `config` describes; `null` if it has none.
 *
 * @throws {ConfigError} when a file is malformed
 */
export function lockOfProject(config: string): string | null {
  const path = rootConfigOf(config);
  const { lock } = parsed(textAt(path), path);
  if (lock === false) return null;
  const named = typeof lock === "object" && lock !== null
    ? (lock as { path?: unknown }).path
    : lock;
  const lockPath = join(dirname(path), typeof named === "string" ? named : "deno.lock");
  return isFile(lockPath) ? lockPath : null;
}

/**
 * Path of the lock file of the project that the first local one of the modules at `urls` belongs to; `null` if
 * there is none.
 *
 * @throws {ConfigError} when a file is malformed
 */
export function lockBeside(urls: readonly string[]): string | null {
  const app = urls.find((url) => url.startsWith("file:"));
  const config = app === undefined ? null : findConfig(dirname(fileURLToPath(app)));
  return config === null ? null : lockOfProject(config);
}

/**
 * The unstable features that the `deno.json` at `path` asks for.
 *
 * @throws {ConfigError} when the file is not what it should be
 */
export function unstableOfProject(path: string): string[] {
  const { unstable } = parsed(textAt(path), path);
  if (unstable === undefined) return [];
  if (Array.isArray(unstable) && unstable.every((name) => typeof name === "string")) {
    return unstable;
  }
  throw new ConfigError(`${path}: "unstable" is not a list of names`);
}

function textAt(path: string): string {
  try {
    return new TextDecoder().decode(readRegularFile(path, MAX_CONFIG_BYTES));
  } catch (error) {
    if (error instanceof FileFault) throw new ConfigError(`cannot read ${path}: ${error.message}`);
    throw error;
  }
}

function isFile(path: string): boolean {
  return infoOf(path)?.isFile ?? false;
}

function isFolder(path: string): boolean {
  return infoOf(path)?.isDirectory ?? false;
}

function infoOf(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (isAbsent(error)) return null;
    const reason = fileSystemReason(error);
    throw reason === null ? error : new ConfigError(`cannot read ${path}: ${reason}`);
  }
}

function parsed(text: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseJsonc(text);
  } catch (error) {
    const reason = messageOf(error);
    throw new ConfigError(`${where}: ${reason}`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new ConfigError(`${where} does not hold an object`);
}

function compilerOptionsOf(value: unknown, path: string): CompilerOptions {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ConfigError(`${path}: "compilerOptions" is not an object`);
  }
  const given = value as Record<string, unknown>;
  const options: Record<string, unknown> = {};
  for (const name of OPTION_NAMES) {
    if (given[name] !== undefined) options[name] = given[name];
  }
  const { jsx } = options;
  if (jsx !== undefined && !/^(?:react|react-jsx|react-jsxdev|precompile)$/.test(String(jsx))) {
    throw new ConfigError(`${path}: "jsx" cannot be ${JSON.stringify(jsx)}`);
  }
  return options;
}
