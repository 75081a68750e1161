/**
 * Which path an import means in a package, as Node and Deno decide.
 *
 * @module
 */

import { isBuiltin } from "node:module";
import { dirname, join, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { IMPORT_CONDITIONS } from "./conditions.ts";
import { resolveExports, ResolveFault, resolveImports } from "./package_exports.ts";
import type { PackageFiles, PackageJson } from "./package_files.ts";

const { TypeError, URIError, URL } = globalThis;
const { realPathSync } = Deno;

/** Endings that a package's `main` may leave out. */
const MAIN_ENDINGS = ["", ".js", ".json", ".node", "/index.js", "/index.json", "/index.node"];

/** Resolves what is imported within packages; what is made of a path is for those that extend it. */
export abstract class PackageResolver<Result> {
  /** What there is on disk. */
  protected readonly files: PackageFiles;
  /** Folder, a real path, beyond which no package is looked for. */
  protected readonly root: string;
  readonly #conditions: ReadonlySet<string>;

  /** A resolver that looks at `files`, and for packages at none that is not below `root`. */
  constructor(
    files: PackageFiles,
    root: string,
    conditions: ReadonlySet<string> = IMPORT_CONDITIONS,
  ) {
    this.files = files;
    this.root = root;
    this.#conditions = conditions;
  }

  /** What stands for the file at `path`, whether there is one or not; `wanted` is what was asked for. */
  protected abstract at(path: string, wanted: string): Result;

  /** What stands for the builtin module `name`, which has no `node:` before it. */
  protected abstract builtin(name: string): Result;

  /**
   * What `subPath` (`.` or `./…`) of the package in `folder` means.
   *
   * @throws {ResolveFault} when it means nothing
   */
  resolveInPackage(folder: string, subPath: string): Result {
    const json = this.files.packageJsonIn(folder);
    if (json?.exports !== undefined) {
      const target = resolveExports(json.exports, subPath, this.#conditions);
      return this.at(fileAt(folder, target), subPath);
    }
    if (subPath === ".") return this.at(this.#mainOf(folder, json), ".");
    return this.at(fileAt(folder, subPath), subPath);
  }

  /**
   * What `specifier` means in the file `importer`.
   *
   * @throws {ResolveFault} when it means nothing
   */
  resolveFrom(specifier: string, importer: string): Result {
    if (/^(?:\.\.?)?\//.test(specifier) || specifier === "." || specifier === "..") {
      const url = new URL(specifier, pathToFileURL(importer));
      return this.at(pathOfUrl(url, specifier), specifier);
    }
    if (specifier.startsWith("#")) return this.#resolveInternal(specifier, importer);
    // What has the name of a builtin is one, whatever packages there are.
    if (isBuiltin(specifier)) return this.builtin(specifier.replace(/^node:/, ""));
    const url = URL.parse(specifier);
    if (url?.protocol === "file:") return this.at(pathOfUrl(url, specifier), specifier);
    if (url !== null) throw new ResolveFault(wrongScheme(url.protocol, specifier));
    return this.#resolveBare(specifier, importer);
  }

  #resolveBare(specifier: string, importer: string): Result {
    const match = /^((?:@[^/\\%]+\/)?[^@./\\%][^/\\%]*)(\/.*)?$/s.exec(specifier);
    if (match === null) throw new ResolveFault(`"${specifier}" is not the name of a package`);
    const [, name, rest = ""] = match;
    const subPath = `.${rest}`;
    const scope = this.files.scopeOf(importer);
    const isSelf = scope?.name === name && scope.exports !== undefined;
    const folder = isSelf ? scope.folder : this.folderOf(name, importer);
    if (folder === null) {
      throw new ResolveFault(this.unknown(name, importer, scope));
    }
    try {
      return this.resolveInPackage(folder, subPath);
    } catch (error) {
      if (!(error instanceof ResolveFault)) throw error;
      error.subject ??= `npm:${described(this.files.packageJsonIn(folder))}${rest}`;
      throw error;
    }
  }

  /** Why the file `importer`, whose package is `scope`, cannot import a package by this name. */
  protected unknown(name: string, _importer: string, scope: PackageJson | null): string {
    return `${described(scope)} does not depend on the package "${name}"`;
  }

  /** Real path of the folder of the package that `name` means in the file `importer`. */
  folderOf(name: string, importer: string): string | null {
    for (let folder = dirname(importer);;) {
      if (!/[/\\]node_modules$/.test(folder)) {
        const candidate = join(folder, "node_modules", name);
        if (this.files.kindOf(candidate) === "folder") return realPathSync(candidate);
      }
      const parent = dirname(folder);
      if (folder === this.root || parent === folder) return null;
      folder = parent;
    }
  }

  #resolveInternal(specifier: string, importer: string): Result {
    const scope = this.files.scopeOf(importer);
    if (scope === null) throw new ResolveFault(`${specifier} is not defined`);
    const target = resolveImports(scope.imports, specifier, this.#conditions);
    if (target.startsWith("./")) return this.at(fileAt(scope.folder, target), specifier);
    return this.resolveFrom(target, join(scope.folder, "package.json"));
  }

  /** What there was before `exports`: `main` with endings left out, or `index`. */
  #mainOf(folder: string, json: PackageJson | null): string {
    const candidates = json?.main === undefined
      ? []
      : MAIN_ENDINGS.map((ending) => resolve(folder, json.main + ending));
    candidates.push(...MAIN_ENDINGS.slice(4).map((ending) => join(folder, ending.slice(1))));
    for (const path of candidates) {
      if (path.startsWith(folder + sep) && this.files.kindOf(path) === "file") {
        return path;
      }
    }
    throw new ResolveFault(
      json?.main === undefined
        ? 'it has no main module: neither "exports" nor "main" nor index.js'
        : `its main module ${json.main} does not exist`,
    );
  }
}

/** A package as messages call it. */
export function described(json: PackageJson | null): string {
  if (json?.name === undefined) return "the package";
  return json.version === undefined ? json.name : `${json.name}@${json.version}`;
}

function fileAt(folder: string, target: string): string {
  return pathOfUrl(new URL(target, `${pathToFileURL(folder)}/`), target);
}

function pathOfUrl(url: URL, specifier: string): string {
  if (/%2f|%5c/i.test(url.pathname)) {
    throw new ResolveFault(`"${specifier}" has an encoded slash in its path`);
  }
  url.search = url.hash = "";
  try {
    return fileURLToPath(url);
  } catch (error) {
    if (!(error instanceof URIError) && !(error instanceof TypeError)) throw error;
    throw new ResolveFault(`"${specifier}" is not a valid path`, { cause: error });
  }
}

function wrongScheme(protocol: string, specifier: string): string {
  return protocol === "node:"
    ? `there is no builtin module ${specifier}`
    : `${specifier} cannot be imported from a package: only files, packages and builtins can`;
}
