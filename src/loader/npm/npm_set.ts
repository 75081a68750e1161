/**
 * Packages that are installed together, and the files that specifiers mean in them.
 *
 * @module
 */

import { dirname, join, relative, sep } from "node:path";
import { LoadError } from "../../base/errors.ts";
import { sha256Of } from "../../base/sha256.ts";
import { idOfKey } from "./instances.ts";
import { NodeResolver } from "./node_resolution.ts";
import type { ResolvedFile } from "./node_resolution.ts";
import { ResolveFault } from "./package_exports.ts";
import { PackageFiles } from "./package_files.ts";
import type { SetFolder, SetManifest } from "./layout.ts";
import { RequiredModules } from "./required_modules.ts";
import { nameAndVersion } from "./resolution.ts";
import { parseNpmSpecifier, requirementText } from "../names/specifier.ts";

/** A package of a set. */
export interface InstalledPackage {
  /** Its name. */
  readonly name: string;
  /** Its version. */
  readonly version: string;
  /** Absolute path of its folder. */
  readonly folder: string;
}

/** A file of an installed package: its path below the root of the set, and its size in bytes. */
export type InstalledFile = readonly [path: string, sizeBytes: number];

/** Packages that are installed together. */
export class NpmSet {
  readonly #folder: SetFolder;
  /** Absolute and real path of the folder that all of them lie in. */
  readonly root: string;
  readonly #manifest: SetManifest;
  readonly #files: PackageFiles;
  readonly #resolver: NodeResolver;
  readonly #required: RequiredModules;
  /** What was resolved, by the importer's folder and the specifier: packages do not change. */
  readonly #resolved = new Map<string, ResolvedFile>();

  /** What `manifest` says of the packages in `folder`. */
  constructor(folder: SetFolder, manifest: SetManifest) {
    this.#folder = folder;
    this.root = Deno.realPathSync(folder.root);
    this.#manifest = manifest;
    this.#files = new PackageFiles(this.root);
    this.#resolver = new NodeResolver(this.#files, this.root);
    const { instances } = manifest;
    this.#required = new RequiredModules(this.#files, this.root, instances, (key) => {
      return join(this.root, ".store", key, "node_modules", instances.get(key)!.name);
    });
  }

  /** Requirements that it meets, such as `hono@^4`, and the version for each. */
  get requirements(): Map<string, string> {
    const { requirements, instances } = this.#manifest;
    return new Map([...requirements].map(([text, key]) => [text, instances.get(key)!.version]));
  }

  /** Folders of the packages that were asked for, by requirement, relative to the root with slashes. */
  get folders(): ReadonlyMap<string, string> {
    const { requirements, instances } = this.#manifest;
    return new Map([...requirements].map(([text, key]) => {
      return [text, `.store/${key}/node_modules/${instances.get(key)!.name}`];
    }));
  }

  /**
   * The file that an `npm:` specifier means.
   *
   * @throws {LoadError} when there is none
   */
  resolve(specifier: string): ResolvedFile {
    const parsed = parseNpmSpecifier(specifier);
    const key = this.#manifest.requirements.get(requirementText(parsed));
    if (key === undefined) {
      throw new LoadError(specifier, `cannot load ${specifier}: the package is not installed`);
    }
    const { name, version } = this.#manifest.instances.get(key)!;
    const folder = join(this.root, ".store", key, "node_modules", name);
    const path = parsed.subPath === "." ? "" : parsed.subPath.slice(1);
    return explained(specifier, `npm:${name}@${version}${path}`, () => {
      return this.#resolver.resolveInPackage(folder, parsed.subPath);
    });
  }

  /**
   * The file that `specifier`, relative, bare or a builtin, means in the file `importer`.
   *
   * @throws {LoadError} when there is none
   */
  resolveFrom(specifier: string, importer: string): ResolvedFile {
    // All files of a folder mean the same by a specifier. No path has a zero in it.
    const key = `${dirname(importer)}\0${specifier}`;
    const known = this.#resolved.get(key);
    if (known !== undefined) return known;
    const file = explained(
      specifier,
      specifier,
      () => this.#resolver.resolveFrom(specifier, importer),
      () => ` (imported by ${this.#nameOf(importer)})`,
    );
    this.#resolved.set(key, file);
    return file;
  }

  #nameOf(path: string): string {
    const owner = this.packageOf(path);
    if (owner === null) return path.replaceAll("\\", "/");
    const inPackage = relative(owner.folder, path).replaceAll("\\", "/");
    return `npm:${owner.name}@${owner.version}/${inPackage}`;
  }

  /**
   * Paths of ES modules that the CommonJS file at `path` may require, or what it requires; once for
   * each package.
   */
  requiredModules(path: string): string[] {
    const store = join(this.root, ".store") + sep;
    if (!path.startsWith(store)) return [];
    return this.#required.from(path.slice(store.length).split(sep, 1)[0]);
  }

  /**
   * Files that `require` may load of the packages that {@linkcode requiredModules} has followed: of CommonJS,
   * and what it gets as data.
   */
  commonJsFiles(): InstalledFile[] {
    return [...this.#required.followed].flatMap((key) => {
      const { name, version } = this.#manifest.instances.get(key)!;
      const files = this.#folder.filesOf({ key, id: `${name}@${version}` }) ?? [];
      return files
        .filter(({ path }) => /\.(?:c?js|json|node)$|^[^.]*$/.test(path))
        .map(({ path, sizeBytes }): InstalledFile => [
          `.store/${key}/node_modules/${name}/${path}`,
          sizeBytes,
        ]);
    });
  }

  /** Keys of the instances that `keys` lead to, with these. */
  instancesBelow(keys: Iterable<string>): Set<string> {
    const found = new Set(keys);
    for (const key of found) {
      const { dependencies } = this.#manifest.instances.get(key)!;
      for (const below of Object.values(dependencies)) found.add(below);
    }
    return found;
  }

  /** Key of the instance that the file at `path` belongs to; `null` if it is none of the set. */
  keyOf(path: string): string | null {
    const store = join(this.root, ".store") + sep;
    const key = path.startsWith(store) ? path.slice(store.length).split(sep, 1)[0] : "";
    return this.#manifest.instances.has(key) ? key : null;
  }

  /**
   * Which package an instance is (`name@version`), and the hash of its files and of what it depends on.
   *
   * @throws {LoadError} when its files are not what was installed
   */
  async contentOf(key: string): Promise<readonly [id: string, sha256: string]> {
    const { contentOfInstance } = await import("./set_contents.ts");
    const instance = this.#manifest.instances.get(key)!;
    const { name, version, dependencies } = instance;
    const files = await contentOfInstance(this.#folder, { key, ...instance });
    const uses = Object.entries(dependencies).map(([alias, target]) => [alias, idOfKey(target)]);
    const text = JSON.stringify([files, uses.sort(([a], [b]) => a < b ? -1 : 1)]);
    return [`${name}@${version}`, sha256Of(text)];
  }

  /** What the file at `path` is. */
  formatOf(path: string): ResolvedFile["format"] {
    return explained(path, path, () => this.#resolver.formatOf(path));
  }

  /** Whether `path` is that of a file of the set. */
  has(path: string): boolean {
    return path.startsWith(join(this.root, ".store") + sep);
  }

  /** The package that the file at `path` belongs to; `null` if it is not in the set. */
  packageOf(path: string): InstalledPackage | null {
    const store = join(this.root, ".store") + sep;
    if (!path.startsWith(store)) return null;
    const key = path.slice(store.length).split(sep, 1)[0];
    if (!/@.*_/.test(key)) return null;
    const { name, version } = nameAndVersion(idOfKey(key));
    return { name, version, folder: join(store, key, "node_modules", ...name.split("/")) };
  }
}

function explained<T>(url: string, name: string, resolve: () => T, place = () => ""): T {
  try {
    return resolve();
  } catch (error) {
    if (!(error instanceof ResolveFault)) throw error;
    const subject = error.subject ?? name;
    throw new LoadError(url, `cannot load ${subject}: ${error.message}${place()}`, {
      cause: error,
    });
  }
}
