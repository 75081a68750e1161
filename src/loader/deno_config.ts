/**
 * What a `deno.json` beside an app says about loading it: its import map and compiler options.
 *
 * @module
 */

import { messageOf } from "../error_message.ts";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
// @ts-types="../types/std_jsonc.d.ts"
import { parse as parseJsonc } from "@std/jsonc";
import { ConfigError } from "../errors.ts";
import { fileSystemReason, isAbsent } from "./atomic_write.ts";
import type { FileGrant } from "./file_grant.ts";
import { checkFile } from "./file_grant.ts";
import type { ImportMap } from "./import_map.ts";
import { NO_IMPORT_MAP, parseImportMap, withMore } from "./import_map.ts";
import { findPackageJson, importMapOfPackage } from "./package_json.ts";
import { FileFault, readRegularFile } from "./regular_file.ts";

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

/** How the modules of an app are to be understood. */
export interface ProjectConfig {
  /** Compiler options. */
  readonly compilerOptions: CompilerOptions;
  /** The import map. */
  readonly importMap: ImportMap;
  /** Paths of the files that this was read from. */
  readonly files: readonly string[];
}

/** Reads the text of an import map, a remote one or one of the files that are `granted`. */
export type ReadText = (url: string, granted: FileGrant) => Promise<string>;

/**
 * Reads the configuration for the app at `appUrl`: the nearest `deno.json` or `deno.jsonc` in its
 * folder or above it, if the app is a local file, and the import map at `importMapUrl`, which
 * replaces that of the file; and the dependencies of a `package.json`, which come last. The user names the latter; what `deno.json` names has to be among the files
 * that are `granted` to the app, or beside it.
 *
 * @throws {ConfigError} when a file is not what it should be
 */
export async function readProjectConfig(
  appUrl: string,
  importMapUrl: string | undefined,
  readText: ReadText,
  granted: FileGrant = "any",
): Promise<ProjectConfig> {
  const files: string[] = [];
  const path = appUrl.startsWith("file:") ? findConfig(dirname(fileURLToPath(appUrl))) : null;
  let compilerOptions: CompilerOptions = {};
  let importMap = NO_IMPORT_MAP;
  let mapFiles: FileGrant = "any";
  if (path !== null) {
    files.push(path);
    const url = pathToFileURL(path).href;
    const config = parsed(textAt(path), path);
    compilerOptions = compilerOptionsOf(config.compilerOptions, path);
    if (typeof config.importMap === "string" && importMapUrl === undefined) {
      importMapUrl = new URL(config.importMap, url).href;
      if (typeof granted !== "string") mapFiles = [...granted, dirname(path)];
      if (importMapUrl.startsWith("file:")) checkFile(importMapUrl, mapFiles);
    } else if (config.imports !== undefined || config.scopes !== undefined) {
      importMap = parseImportMap(config, url, "deno.json");
    }
  }
  if (importMapUrl !== undefined) {
    if (importMapUrl.startsWith("file:")) files.push(fileURLToPath(importMapUrl));
    const text = await readText(importMapUrl, mapFiles);
    const dialect = /\/deno\.jsonc?$/.test(importMapUrl) ? "deno.json" : "standard";
    importMap = parseImportMap(parsed(text, importMapUrl), importMapUrl, dialect);
  }
  const packageJson = packageJsonOf(appUrl, path);
  if (packageJson !== null) {
    files.push(packageJson);
    importMap = withMore(importMap, importMapOfPackage(packageJson));
  }
  return { compilerOptions, importMap, files };
}

/** The `package.json` of the app at `appUrl`, no higher than its `deno.json`, which is at `config`. */
export function packageJsonOf(appUrl: string, config: string | null): string | null {
  if (!appUrl.startsWith("file:")) return null;
  const top = config === null ? null : dirname(config);
  return findPackageJson(dirname(fileURLToPath(appUrl)), top);
}

/** The nearest `deno.json` or `deno.jsonc` in `folder` or above it. */
export function findConfig(folder: string): string | null {
  for (let at = folder;;) {
    for (const name of ["deno.json", "deno.jsonc"]) {
      const path = join(at, name);
      if (isFile(path)) return path;
    }
    const above = dirname(at);
    if (above === at) return null;
    at = above;
  }
}

/**
 * Path of the lock file of the project that the `deno.json` at `path` describes; `null` if it has none.
 *
 * @throws {ConfigError} when a file is not what it should be
 */
export function lockOfProject(path: string): string | null {
  const { lock } = parsed(textAt(path), path);
  if (lock === false) return null;
  const named = typeof lock === "object" && lock !== null
    ? (lock as { path?: unknown }).path
    : lock;
  const lockPath = join(dirname(path), typeof named === "string" ? named : "deno.lock");
  return isFile(lockPath) ? lockPath : null;
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
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (isAbsent(error)) return false;
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
