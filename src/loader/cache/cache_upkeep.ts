/**
 * Keeps the cache from growing without end: removes what was not used for long, and what dead
 * processes left half-written. Others may use the same folder meanwhile: each says now and then
 * what it uses, by the time of the last change of its folder.
 *
 * @module
 */

import { basename, join } from "node:path";
import { removeFolder, TEMPORARY_PREFIX, temporaryPath } from "../files/atomic_write.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;

/** How long graphs, packages that were put together, and transformed modules are kept unused. */
export const UNUSED_MS = 30 * DAY_MS;
/** How long a file can be under way. */
export const UNFINISHED_MS = DAY_MS;

/** Folders in which files and folders are made under other names first; `*` is any. */
const WORKSHOPS: readonly (readonly string[])[] = [
  [],
  ["http"],
  ["apps"],
  ["blobs", "*"],
  ["js", "*"],
  ["graphs"],
  ["graphs", "*", "ext"],
  ["npm", "*"],
  ["npm", "*", "*"],
  ["npm", "*", "*", "*"],
  ["npm-sets"],
  ["npm-sets", "*", ".store"],
  ["npm-sets", "*", "sets"],
];

/** Says of folders of the cache that they are in use. Missing ones are skipped. */
export async function markUsed(folders: readonly string[], nowMs = Date.now()): Promise<void> {
  for (const folder of folders) {
    try {
      await Deno.utime(folder, nowMs / 1_000, nowMs / 1_000);
    } catch (error) {
      // It is missing, or another user's, who then keeps it up.
      if (!(error instanceof Error)) throw error;
    }
  }
}

/** Removes from the cache at `root` what is not used any more. */
export async function tidyCache(root: string, nowMs = Date.now()): Promise<void> {
  for (const pattern of WORKSHOPS) {
    for (const folder of await foldersLike(root, pattern)) {
      await removeOld(folder, nowMs - UNFINISHED_MS, (name) => name.startsWith(TEMPORARY_PREFIX));
    }
  }
  const isWhole = (name: string) => !name.startsWith(TEMPORARY_PREFIX);
  for (const pattern of [["graphs"], ["npm-sets"], ["js", "*"], ["apps"]]) {
    for (const folder of await foldersLike(root, pattern)) {
      await removeOld(folder, nowMs - UNUSED_MS, isWhole);
    }
  }
}

/** Removes what is in `folder`, has a name that `isMeant`, and was not changed since `sinceMs`. */
async function removeOld(
  folder: string,
  sinceMs: number,
  isMeant: (name: string) => boolean,
): Promise<void> {
  for (const name of await namesIn(folder)) {
    if (!isMeant(name)) continue;
    const path = join(folder, name);
    if (!await isOlder(path, sinceMs)) continue;
    // It is moved away first, so that nobody finds half of it.
    const aside = temporaryPath(path);
    try {
      await Deno.rename(path, aside);
    } catch (error) {
      if (error instanceof Error) continue;
      throw error;
    }
    if (await isOlder(aside, sinceMs)) {
      await remove(aside);
      continue;
    }
    // Somebody began to use it in between.
    try {
      await Deno.rename(aside, path);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      await remove(aside);
    }
  }
}

async function remove(path: string): Promise<void> {
  try {
    await removeFolder(path);
  } catch (error) {
    // Its turn comes again, as it has the name of something unfinished.
    if (!(error instanceof Error)) throw error;
  }
}

async function isOlder(path: string, sinceMs: number): Promise<boolean> {
  try {
    const { mtime } = await Deno.lstat(path);
    return mtime !== null && mtime.getTime() < sinceMs;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

async function foldersLike(root: string, pattern: readonly string[]): Promise<string[]> {
  let folders = [root];
  for (const part of pattern) {
    const below: string[] = [];
    for (const folder of folders) {
      for (const name of await namesIn(folder, "folders")) {
        const isMeant = part === "*" ? !name.startsWith(TEMPORARY_PREFIX) : name === part;
        if (isMeant) below.push(join(folder, name));
      }
    }
    folders = below;
  }
  return folders;
}

/** The names in a folder; none if the folder is missing. Links are no folders. */
async function namesIn(folder: string, which: "all" | "folders" = "all"): Promise<string[]> {
  try {
    const names: string[] = [];
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (which === "all" || isDirectory) names.push(basename(name));
    }
    return names.sort();
  } catch (error) {
    if (error instanceof Error) return [];
    throw error;
  }
}
