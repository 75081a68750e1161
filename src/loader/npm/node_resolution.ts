/**
 * Which file an import means in a package, and what it is, as Node and Deno decide.
 *
 * @module
 */

import { isBuiltin } from "node:module";
import { dirname, join, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { liesIn } from "../graph_keys.ts";
import { hasModuleSyntax } from "./commonjs.ts";
import { resolveExports, ResolveFault, resolveImports } from "./package_exports.ts";
import type { PackageFiles, PackageJson } from "./package_files.ts";

/** What a file of a package is. */
export type PackageFileFormat = "module" | "commonjs" | "json" | "wasm" | "builtin";

/** A file that an import means. */
export interface ResolvedFile {
  /** Its absolute path; the specifier with `node:` for a builtin. */
  readonly path: string;
  /** What it is. */
  readonly format: PackageFileFormat;
}

/**
 * Conditions for imports: Deno's, found by experiment, but for `module-sync` (since 2.8.2), by which
 * `require` would get a module: here each loads its own (see `layout.ts`).
 */
export const IMPORT_CONDITIONS: ReadonlySet<string> = new Set(["deno", "node", "import"]);

/** Endings that a package's `main` may leave out. */
const MAIN_ENDINGS = ["", ".js", ".json", ".node", "/index.js", "/index.json", "/index.node"];

/** Resolves what is imported within packages. */
export class NodeResolver {
  readonly #files: PackageFiles;
  readonly #root: string;
  readonly #conditions: ReadonlySet<string>;

  /** A resolver that looks at `files`, and at none that is not below `root`, a real path. */
  constructor(
    files: PackageFiles,
    root: string,
    conditions: ReadonlySet<string> = IMPORT_CONDITIONS,
  ) {
    this.#files = files;
    this.#root = root;
    this.#conditions = conditions;
  }

  /**
   * The file that `subPath` (`.` or `./…`) of the package in `folder` means.
   *
   * @throws {ResolveFault} when there is none
   */
  resolveInPackage(folder: string, subPath: string): ResolvedFile {
    const json = this.#files.packageJsonIn(folder);
    if (json?.exports !== undefined) {
      const target = resolveExports(json.exports, subPath, this.#conditions);
      return this.#file(fileAt(folder, target), subPath);
    }
    if (subPath === ".") return this.#main(folder, json);
    return this.#file(fileAt(folder, subPath), subPath);
  }

  /**
   * The file that `specifier` means in the file `importer`.
   *
   * @throws {ResolveFault} when there is none
   */
  resolveFrom(specifier: string, importer: string): ResolvedFile {
    if (/^(?:\.\.?)?\//.test(specifier) || specifier === "." || specifier === "..") {
      const url = new URL(specifier, pathToFileURL(importer));
      return this.#file(pathOfUrl(url, specifier), specifier);
    }
    if (specifier.startsWith("#")) return this.#resolveInternal(specifier, importer);
    // What has the name of a builtin is one, whatever packages there are.
    if (isBuiltin(specifier)) {
      return { path: `node:${specifier.replace(/^node:/, "")}`, format: "builtin" };
    }
    const url = URL.parse(specifier);
    if (url?.protocol === "file:") return this.#file(pathOfUrl(url, specifier), specifier);
    if (url !== null) throw new ResolveFault(wrongScheme(url.protocol, specifier));
    return this.#resolveBare(specifier, importer);
  }

  #resolveBare(specifier: string, importer: string): ResolvedFile {
    const match = /^((?:@[^/\\%]+\/)?[^@./\\%][^/\\%]*)(\/.*)?$/s.exec(specifier);
    if (match === null) throw new ResolveFault(`"${specifier}" is no name of a package`);
    const [, name, rest = ""] = match;
    const subPath = `.${rest}`;
    const scope = this.#files.scopeOf(importer);
    const isSelf = scope?.name === name && scope.exports !== undefined;
    const folder = isSelf ? scope.folder : this.folderOf(name, importer);
    if (folder === null) {
      throw new ResolveFault(
        `the package "${name}" is none of ${described(scope)}'s dependencies`,
      );
    }
    try {
      return this.resolveInPackage(folder, subPath);
    } catch (error) {
      if (!(error instanceof ResolveFault)) throw error;
      error.subject ??= `npm:${described(this.#files.packageJsonIn(folder))}${rest}`;
      throw error;
    }
  }

  /** Real path of the folder of the package that `name` means in the file `importer`. */
  folderOf(name: string, importer: string): string | null {
    for (let folder = dirname(importer);;) {
      if (!/[/\\]node_modules$/.test(folder)) {
        const candidate = join(folder, "node_modules", name);
        if (this.#files.kindOf(candidate) === "folder") return Deno.realPathSync(candidate);
      }
      const parent = dirname(folder);
      if (folder === this.#root || parent === folder) return null;
      folder = parent;
    }
  }

  #resolveInternal(specifier: string, importer: string): ResolvedFile {
    const scope = this.#files.scopeOf(importer);
    if (scope === null) throw new ResolveFault(`${specifier} is defined nowhere`);
    const target = resolveImports(scope.imports, specifier, this.#conditions);
    if (target.startsWith("./")) return this.#file(fileAt(scope.folder, target), specifier);
    return this.resolveFrom(target, join(scope.folder, "package.json"));
  }

  /** What there was before `exports`: `main` with endings left out, or `index`. */
  #main(folder: string, json: PackageJson | null): ResolvedFile {
    const candidates = json?.main === undefined
      ? []
      : MAIN_ENDINGS.map((ending) => resolve(folder, json.main + ending));
    candidates.push(...MAIN_ENDINGS.slice(4).map((ending) => join(folder, ending.slice(1))));
    for (const path of candidates) {
      if (path.startsWith(folder + sep) && this.#files.kindOf(path) === "file") {
        return this.#found(path);
      }
    }
    throw new ResolveFault(
      json?.main === undefined
        ? 'it has no main module: neither "exports" nor "main" nor index.js'
        : `its main module ${json.main} does not exist`,
    );
  }

  #file(path: string, wanted: string): ResolvedFile {
    // Whether there is such a file elsewhere, nobody is told.
    if (!liesIn(path, this.#root)) throw new ResolveFault("packages cannot import files of others");
    const kind = this.#files.kindOf(path);
    if (kind === "file" && !/[/\\]$/.test(path)) return this.#found(path);
    const endings = [".js", ".mjs", ".cjs", "/index.js", "/index.mjs", "/index.cjs"];
    const trimmed = path.replace(/[/\\]$/, "");
    const better = endings.find((ending) => this.#files.kindOf(trimmed + ending) === "file");
    const hint = better === undefined
      ? ""
      : `; did you mean ${wanted.replace(/\/$/, "")}${better}?`;
    throw new ResolveFault(
      kind === "folder" ? `${wanted} is a folder${hint}` : `it has no file ${wanted}${hint}`,
    );
  }

  #found(path: string): ResolvedFile {
    const real = Deno.realPathSync(path);
    return { path: real, format: this.formatOf(real) };
  }

  /** What the file at `path` is. */
  formatOf(path: string): PackageFileFormat {
    const ending = /\.([^./\\]*)$/.exec(path)?.[1] ?? "";
    switch (ending) {
      case "mjs":
      case "ts":
      case "mts":
      case "tsx":
        return "module";
      case "cjs":
      case "cts":
      case "node":
        return "commonjs";
      case "json":
      case "wasm":
        return ending;
      case "js":
      case "":
        break;
      default:
        // Whoever imports it says what it is, or is told that it is nothing.
        return "module";
    }
    const type = this.#files.scopeOf(path)?.type ?? "unsaid";
    if (type !== "unsaid") return type;
    return hasModuleSyntax(Deno.readTextFileSync(path)) ? "module" : "commonjs";
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
    throw new ResolveFault(`"${specifier}" is no valid path`, { cause: error });
  }
}

function wrongScheme(protocol: string, specifier: string): string {
  return protocol === "node:"
    ? `there is no builtin module ${specifier}`
    : `${specifier} cannot be imported from a package: only files, packages and builtins can`;
}
