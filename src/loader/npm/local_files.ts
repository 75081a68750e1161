/**
 * What there is on disk of the packages in `node_modules` folders beside an app, as far as the app may read it.
 *
 * @module
 */

import { dirname, join, parse } from "node:path";
import { fileURLToPath } from "node:url";
import type { FileGrant } from "../files/file_grant.ts";
import { readGranted, staysWithin } from "../files/file_grant.ts";
import { isWritableByOthers } from "../../base/folders.ts";
import { sha256Of } from "../../base/sha256.ts";
import { FileFault } from "../files/regular_file.ts";
import { ResolveFault } from "./package_exports.ts";
import type { PackageJson } from "./package_files.ts";
import { PackageFiles, parsePackageJson } from "./package_files.ts";

/** Size of the largest `package.json`. */
const MAX_JSON_BYTES = 1_048_576;

/** Where everything on this disk is. */
export const TOP_FOLDER = parse(fileURLToPath(import.meta.url)).root;

/** Looks at files that are `granted`, and keeps what it has read of them by their hashes. */
export class LocalFiles extends PackageFiles {
  readonly #granted: FileGrant;
  readonly #kinds = new Map<string, "file" | "folder" | "nothing">();
  readonly #jsons = new Map<string, PackageJson | null>();
  readonly #read = new Map<string, string>();

  /** Files among those that are `granted`. */
  constructor(granted: FileGrant) {
    super("");
    this.#granted = granted;
  }

  /** SHA-256 of each file that was read, by path. */
  get read(): ReadonlyMap<string, string> {
    return this.#read;
  }

  override kindOf(path: string): "file" | "folder" | "nothing" {
    let kind = this.#kinds.get(path);
    if (kind === undefined) {
      kind = staysWithin(path, this.#granted) ? super.kindOf(path) : "nothing";
      this.#kinds.set(path, kind);
    }
    return kind;
  }

  override packageJsonIn(folder: string): PackageJson | null {
    let json = this.#jsons.get(folder);
    if (json === undefined) {
      const path = join(folder, "package.json");
      json = this.kindOf(path) === "file" ? parsePackageJson(folder, this.textOf(path)) : null;
      this.#jsons.set(folder, json);
    }
    return json;
  }

  /** The text of a file. */
  textOf(path: string, maxBytes: number = MAX_JSON_BYTES): string {
    try {
      const bytes = readGranted(path, this.#granted, maxBytes);
      this.#read.set(path, sha256Of(bytes));
      return new TextDecoder().decode(bytes);
    } catch (error) {
      if (!(error instanceof FileFault)) throw error;
      throw new ResolveFault(`${path}: ${error.message}`, { cause: error });
    }
  }

  /** Real path of the folder of the package that `name` means in the file `importer`. */
  folderFor(name: string, importer: string): string | null {
    for (let folder = dirname(importer);;) {
      const isPlace = !/[/\\]node_modules$/.test(folder) && this.hasPackages(folder);
      const candidate = join(folder, "node_modules", name);
      if (isPlace && this.kindOf(candidate) === "folder") return Deno.realPathSync(candidate);
      const above = dirname(folder);
      if (above === folder) return null;
      folder = above;
    }
  }

  /** Whether the package `name` is there for the file `importer`, but behind a link that leads out. */
  isBehindLink(name: string, importer: string): boolean {
    for (let at = dirname(importer);; at = dirname(at)) {
      const modules = join(at, "node_modules");
      const isThere = this.kindOf(modules) === "folder" && isLink(join(modules, name));
      if (isThere && this.kindOf(join(modules, name)) === "nothing") return true;
      if (dirname(at) === at) return false;
    }
  }

  /** Whether there are packages in `folder` that not just anybody may have put there. */
  hasPackages(folder: string): boolean {
    return this.kindOf(join(folder, "node_modules")) === "folder" && !isWritableByOthers(folder);
  }
}

function isLink(path: string): boolean {
  try {
    return Deno.lstatSync(path).isSymlink;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}
