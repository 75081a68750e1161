/**
 * The cache's folder as a whole: what is in it, and how it is emptied.
 *
 * @module
 */

import { join } from "node:path";
import { ConfigError } from "../../base/errors.ts";
import { TEMPORARY_PREFIX } from "../files/atomic_write.ts";

/** Kinds of things in the cache; each is a folder of this name. */
export const CACHE_KINDS = ["http", "blobs", "js", "apps", "graphs", "npm", "npm-sets"] as const;

/** A kind of things in the cache. */
export type CacheKind = typeof CACHE_KINDS[number];

/** How many things of a kind there are, and what they take. */
export interface CacheUse {
  /** Files for `http`, `blobs`, `js` and `apps`; folders of graphs, packages or sets for the others. */
  readonly entries: number;
  /** Sizes of all files, in bytes. */
  readonly bytes: number;
}

/** What is in a cache. */
export interface CacheInfo {
  /** Absolute path of its folder. */
  readonly root: string;
  /** What there is of each kind. */
  readonly kinds: Readonly<Record<CacheKind, CacheUse>>;
}

/** What was removed from a cache. */
export interface CleanResult {
  /** Number of files. */
  readonly files: number;
  /** Their sizes, in bytes. */
  readonly bytes: number;
}

/** Says what is in the cache at `root`. Files that are still being written do not count. */
export async function describeCacheFolder(root: string): Promise<CacheInfo> {
  const uses = await Promise.all(
    CACHE_KINDS.map(async (kind) => [kind, await useOf(join(root, kind), kind)] as const),
  );
  return { root, kinds: Object.fromEntries(uses) as Record<CacheKind, CacheUse> };
}

async function useOf(folder: string, kind: CacheKind): Promise<CacheUse> {
  const entries = new Set<string>();
  let bytes = 0;
  for await (const file of filesBelow(folder)) {
    if (file.segments.some((name) => name.startsWith(TEMPORARY_PREFIX))) continue;
    bytes += file.bytes;
    entries.add(entryOf(file.segments, kind));
  }
  return { entries: entries.size, bytes };
}

/** The thing that a file is a part of. */
function entryOf(segments: readonly string[], kind: CacheKind): string {
  if (kind === "graphs" || kind === "npm-sets") return segments[0];
  // host/name/version, or host/@scope/name/version
  if (kind === "npm") return segments.slice(0, segments[1]?.startsWith("@") ? 4 : 3).join("/");
  return segments.join("/");
}

/** Removes what the cache has put into `root`, if the file `tagName` says that the folder is its. */
export async function cleanCacheFolder(root: string, tagName: string): Promise<CleanResult> {
  const removed = { files: 0, bytes: 0 };
  const present: string[] = [];
  let isTagged = false;
  for (const { name } of await listing(root)) {
    isTagged ||= name === tagName;
    const isOurs = (CACHE_KINDS as readonly string[]).includes(name) ||
      name.startsWith(TEMPORARY_PREFIX);
    if (isOurs) present.push(name);
  }
  if (present.length === 0) return removed;
  if (!isTagged) {
    // Another process is about to put the tag into a new cache.
    if (present.every((name) => name.startsWith(TEMPORARY_PREFIX))) return removed;
    throw new ConfigError(
      `cannot clean the cache ${root}: the folder held other things before gatehouse used it (it ` +
        `has no ${tagName}); delete what you no longer need yourself: ${present.join(", ")}`,
    );
  }
  for (const name of present) {
    const path = join(root, name);
    // A link is removed as such: what it leads to is not the cache's.
    for await (const file of filesBelow(path)) {
      removed.files++;
      removed.bytes += file.bytes;
    }
    await removeAll(path);
  }
  return removed;
}

/** Attempts to remove a folder that others fill meanwhile, and the time between them, in milliseconds. */
const MAX_REMOVALS = 200;
const REMOVAL_PAUSE_MS = 10;

/** Removes a folder though other processes may write to it. */
async function removeAll(path: string): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      return await Deno.remove(path, { recursive: true });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      const isFilled = (error as { code?: unknown }).code === "ENOTEMPTY";
      if (!isFilled || attempt === MAX_REMOVALS) throw error;
      // The process that fills it will finish.
      await new Promise((resolve) => setTimeout(resolve, REMOVAL_PAUSE_MS));
    }
  }
}

interface FoundFile {
  /** Names of the folders below the first one, and of the file. */
  readonly segments: readonly string[];
  readonly bytes: number;
}

/** All files below `path`, or the one that it is; links are files here. */
async function* filesBelow(
  path: string,
  segments: readonly string[] = [],
): AsyncGenerator<FoundFile> {
  let info: Deno.FileInfo;
  try {
    info = await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  if (!info.isDirectory) {
    yield { segments, bytes: info.size };
    return;
  }
  for (const { name } of await listing(path)) {
    yield* filesBelow(join(path, name), [...segments, name]);
  }
}

/** What is in a folder; nothing if it is gone. */
async function listing(path: string): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
