/**
 * Packages in the `node_modules` folders beside an app, used where they are, as Node and Deno do.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { LoadError } from "../../base/errors.ts";
import type { FileGrant } from "../files/file_grant.ts";
import type { PackageFile } from "../graph/graph_types.ts";
import { IMPORT_CONDITIONS } from "./conditions.ts";
import { LocalFiles, TOP_FOLDER } from "./local_files.ts";
import { LocalRequires } from "./local_requires.ts";
import { NodeResolver } from "./node_resolution.ts";
import { ResolveFault } from "./package_exports.ts";
import { isPackageName } from "../names/specifier.ts";
import { npmSpecifierParts } from "../names/specifier_parts.ts";
import { isTag, satisfies } from "./versions.ts";

/** Files in `node_modules` that package managers write with each change. */
const STATE_FILES = [".package-lock.json", ".modules.yaml", ".yarn-integrity", ".yarn-state.yml"];
/** Size of the largest of these. */
const MAX_STATE_BYTES = 64 * 1_048_576;
/** Size of the largest file that is looked at to know whether it is a module. */
const MAX_MODULE_BYTES = 64 * 1_048_576;

/** Conditions for imports under Node. */
const NODE_CONDITIONS: ReadonlySet<string> = new Set(
  [...IMPORT_CONDITIONS].filter((condition) => condition !== "deno"),
);

/** Packages beside an app. */
export class LocalPackages {
  readonly #files: LocalFiles;
  readonly #resolver: LocalResolver;
  readonly #nodeResolver: LocalResolver;
  readonly #requires: LocalRequires;
  readonly #noted = new Set<string>();

  /**
   * The packages in `node_modules` folders at and above the importer, among the `granted` files.
   */
  constructor(granted: FileGrant) {
    this.#files = new LocalFiles(granted);
    this.#resolver = new LocalResolver(this.#files);
    this.#nodeResolver = new LocalResolver(this.#files, NODE_CONDITIONS);
    this.#requires = new LocalRequires(this.#files);
  }

  /**
   * The file that `specifier`, a bare name, one with `#`, or whatever packages import, means in the file
   * `importer`.
   *
   * @throws {LoadError} when there is none
   */
  resolveFrom(specifier: string, importer: string): PackageFile {
    this.#noteStateFor(importer);
    try {
      return this.#resolver.resolveFrom(specifier, importer);
    } catch (error) {
      if (!(error instanceof ResolveFault)) throw error;
      const traced = this.#resolvedForNode(specifier, importer);
      if (traced !== null) return traced;
      const subject = error.subject === null ? `"${specifier}"` : error.subject;
      const reason = `cannot resolve ${subject}: ${error.message}`;
      throw new LoadError(importer, reason, { cause: error });
    }
  }

  /**
   * What Node would take. Builds of frameworks bring along what Node takes of their packages, and nothing
   * else: not what Deno would, which asks for the condition `deno` as well.
   */
  #resolvedForNode(specifier: string, importer: string): PackageFile | null {
    if (/^(?:\.|\/|[a-z]+:)/i.test(specifier)) return null;
    try {
      return this.#nodeResolver.resolveFrom(specifier, importer);
    } catch (error) {
      if (error instanceof ResolveFault) return null;
      throw error;
    }
  }

  /** The file that an `npm:` specifier means in the file `importer`; `null` if no such package is there. */
  resolveNpm(specifier: string, importer: string): PackageFile | null {
    const parts = npmSpecifierParts(specifier);
    if (parts === null || !isPackageName(parts.name)) return null;
    this.#noteStateFor(importer);
    const folder = this.#resolver.folderOf(parts.name, importer);
    if (folder === null) return null;
    const { version } = this.#files.packageJsonIn(folder) ?? {};
    const { range } = parts;
    if (version === undefined || !isTag(range) && !satisfies(version, range)) return null;
    try {
      return this.#resolver.resolveInPackage(folder, parts.subPath);
    } catch (error) {
      if (!(error instanceof ResolveFault)) throw error;
      throw new LoadError(specifier, `cannot load ${specifier}: ${error.message}`, {
        cause: error,
      });
    }
  }

  /** Paths of the ES modules that the CommonJS file at `path` may require, or what it requires. */
  requiredModules(path: string): readonly string[] {
    return this.#requires.from(path);
  }

  /** The texts of CommonJS files which may use `import()`, by path: all that were followed so far. */
  get importing(): ReadonlyMap<string, string> {
    return this.#requires.importing;
  }

  /** SHA-256 of all files, by path, that anything was decided by so far. */
  get consulted(): ReadonlyMap<string, string> {
    return this.#files.read;
  }

  /**
   * A change to any package shows in what package managers wrote where `importer` finds packages.
   */
  #noteStateFor(importer: string): void {
    for (let folder = dirname(importer); !this.#noted.has(folder); folder = dirname(folder)) {
      this.#noted.add(folder);
      if (!this.#files.hasPackages(folder)) continue;
      for (const name of STATE_FILES) {
        const path = join(folder, "node_modules", name);
        if (this.#files.kindOf(path) === "file") this.#files.textOf(path, MAX_STATE_BYTES);
      }
    }
  }
}

class LocalResolver extends NodeResolver {
  readonly #files: LocalFiles;

  constructor(files: LocalFiles, conditions: ReadonlySet<string> = IMPORT_CONDITIONS) {
    super(files, TOP_FOLDER, conditions);
    this.#files = files;
  }

  override folderOf(name: string, importer: string): string | null {
    return this.#files.folderFor(name, importer);
  }

  protected override textOf(path: string): string {
    return this.#files.textOf(path, MAX_MODULE_BYTES);
  }

  protected override unknown(name: string, importer: string): string {
    return this.#files.isBehindLink(name, importer)
      ? "its folder in node_modules is behind a link to what the app may not read; permit it " +
        "with --app-allow-read and the path that the link leads to"
      : "it is in no node_modules folder, here or above; run npm install, or deno install";
  }
}
