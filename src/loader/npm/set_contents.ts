/**
 * What is in installed packages, byte for byte: the same on every machine, whichever version of gatehouse
 * has installed them.
 *
 * @module
 */

import { join, sep } from "node:path";
import { LoadError } from "../../base/errors.ts";
import { sha256Of } from "../../base/sha256.ts";
import { isAbsent } from "../files/atomic_write.ts";
import { FileFault, readRegularFile } from "../files/regular_file.ts";
import { idOfKey } from "./instances.ts";
import type { EarlierInstance } from "./instances.ts";
import type { SetFolder } from "./layout.ts";
import { DEFAULT_UNPACK_LIMITS } from "./tarball.ts";

/** A package that is installed. */
export interface InstalledInstance extends EarlierInstance {
  /** What tells it from others of its set. */
  readonly key: string;
}

/**
 * Hash of the files of an instance, as its archive had them. Files that were rewritten on their way into the
 * set count as what they were made of, if they are what is made of it now.
 *
 * @throws {LoadError} when there is something that was not put there, or leads elsewhere
 */
export async function contentOfInstance(
  folder: SetFolder,
  instance: InstalledInstance,
): Promise<string> {
  const { key, name, version } = instance;
  const home = folder.packageFolder(key, `${name}@${version}`);
  checkLinks(folder, instance);
  const originals = folder.originalsOf(instance);
  const hashes: (readonly [path: string, sha256: string])[] = [];
  for (const path of filesBelow(home, name, instance)) {
    const slashed = path.replaceAll(sep, "/");
    const bytes = contentAt(join(home, path), instance);
    const original = originals.get(slashed);
    const source = original === undefined ? null : contentAt(join(folder.root, original), instance);
    const isMadeOf = source !== null &&
      await folder.rewrittenText(utf8Text(source), slashed) === utf8Text(bytes);
    hashes.push([slashed, sha256Of(isMadeOf ? source : bytes)]);
  }
  return sha256Of(JSON.stringify(hashes.sort(([a], [b]) => a < b ? -1 : 1)));
}

/** Paths of the files below the folder of a package. */
function filesBelow(home: string, name: string, instance: InstalledInstance): string[] {
  const files: string[] = [];
  const pending = [""];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const entry of entriesOf(join(home, folder), instance)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory) pending.push(path);
      else if (entry.isFile) files.push(path);
      // A package that depends on another version of itself has that one in its own folder.
      else if (path !== join("node_modules", name)) throw changed(instance, join(home, path));
    }
  }
  return files;
}

/** Whether there are the links to its dependencies, and no others. */
function checkLinks(folder: SetFolder, instance: InstalledInstance): void {
  const { key, name, dependencies } = instance;
  const modules = join(folder.root, ".store", key, "node_modules");
  for (const [alias, target] of Object.entries(dependencies)) {
    const at = alias === name ? join(modules, name, "node_modules", alias) : join(modules, alias);
    const meant = folder.packageFolder(target, idOfKey(target));
    if (realPathOf(at, instance) !== realPathOf(meant, instance)) throw changed(instance, at);
  }
  const own = new Set([name, ...Object.keys(dependencies)]);
  for (const { name: each } of entriesOf(modules, instance)) {
    const names = each.startsWith("@")
      ? entriesOf(join(modules, each), instance).map((below) => `${each}/${below.name}`)
      : [each];
    const foreign = names.find((found) => !own.has(found));
    if (foreign !== undefined) throw changed(instance, join(modules, foreign));
  }
}

function entriesOf(path: string, instance: InstalledInstance): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(path)];
  } catch (error) {
    throw explained(error, instance, path);
  }
}

function realPathOf(path: string, instance: InstalledInstance): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    throw explained(error, instance, path);
  }
}

function contentAt(path: string, instance: InstalledInstance): Uint8Array {
  try {
    return readRegularFile(path, DEFAULT_UNPACK_LIMITS.maxUnpackedBytes);
  } catch (error) {
    if (error instanceof FileFault) throw changed(instance, path);
    throw error;
  }
}

function utf8Text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** The error for what is not there, or not of its kind; other errors are returned as they are. */
function explained(error: unknown, instance: InstalledInstance, path: string): unknown {
  return isAbsent(error) ? changed(instance, path) : error;
}

function changed({ name, version }: InstalledInstance, path: string): LoadError {
  const specifier = `npm:${name}@${version}`;
  return new LoadError(
    specifier,
    `cannot load ${specifier}: its files in the cache were changed since they were unpacked, at ${path}; ` +
      "find out who did that, and empty the cache with gatehouse cache --clean",
  );
}
