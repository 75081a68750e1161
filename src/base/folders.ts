/**
 * Folders that say what an app is made of.
 *
 * @module
 */

import { basename, dirname, isAbsolute, join, sep } from "node:path";
import type { Environment } from "./surroundings.ts";

const OTHERS_WRITE = 0o002;
const GROUP_WRITES = 0o020;

/**
 * The folders from `folder` upwards, as far as they can be trusted: none above `folder` itself that everybody
 * can write to, as anybody could put a file there that says what an app is made of.
 */
export function* foldersUpwards(folder: string): Generator<string> {
  for (let at = folder;;) {
    yield at;
    const above = dirname(at);
    if (above === at || isWritableByOthers(above)) return;
    at = above;
  }
}

/**
 * Whether everybody can write to `folder`, so that nothing in it can be trusted. The rule: a missing
 * folder is not writable, since nothing can be in it; one that cannot be looked at counts as
 * writable. Windows has no such mode, so no folder counts there.
 */
export function isWritableByOthers(folder: string): boolean {
  try {
    return ((Deno.statSync(folder).mode ?? 0) & OTHERS_WRITE) !== 0;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return !(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory);
  }
}

/**
 * Whether the user of this process can change what is at `path`, or put something else there. Groups are not
 * looked into: who is in one can, as far as this says.
 */
export function isChangeable(path: string): boolean {
  const folder = dirname(path);
  const own = statOf(path);
  if (own === null) return folder !== path && isChangeable(folder);
  const uid = ownUid();
  return [own, statOf(folder)].some((stat) =>
    stat !== null &&
    (!uid || stat.uid === uid || ((stat.mode ?? 0) & (OTHERS_WRITE | GROUP_WRITES)) !== 0)
  );
}

/** Number of this process's user; `null` if Deno does not permit to know it. */
export function ownUid(): number | null {
  const isPermitted = Deno.permissions.querySync({ name: "sys", kind: "uid" }).state === "granted";
  return isPermitted ? Deno.uid() : null;
}

/** Where `path` leads, links followed as far as there is something. */
export function realPathOf(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const above = dirname(path);
    return above === path ? path : join(realPathOf(above), basename(path));
  }
}

/** Whether one of two absolute paths is the other one, or in it. */
export function overlap(one: string, other: string): boolean {
  const within = (path: string, folder: string) =>
    path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
  return within(one, other) || within(other, one);
}

/** The folder where Deno keeps what it has fetched and compiled; `null` if that is not known. */
export function denoFolder(env: Environment): string | null {
  const given = env.get("DENO_DIR");
  // A relative one begins at a working directory that may have changed since.
  if (given) return isAbsolute(given) ? given : null;
  const caches = cachesFolder(env);
  return caches === null ? null : join(caches, "deno");
}

function cachesFolder(env: Environment): string | null {
  if (Deno.build.os === "windows") return env.get("LOCALAPPDATA") || null;
  const home = env.get("HOME");
  if (Deno.build.os === "darwin") return home ? `${home}/Library/Caches` : null;
  return env.get("XDG_CACHE_HOME") || (home ? `${home}/.cache` : null);
}

/** What is at `path`, links followed; `null` if nothing is, or it cannot be looked at. */
export function statOf(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}
