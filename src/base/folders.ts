/**
 * Folders that say what an app is made of.
 *
 * @module
 */

import { dirname } from "node:path";

const OTHERS_WRITE = 0o002;

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

/** Whether everybody can write to `folder`; `false` where that cannot be known. */
export function isWritableByOthers(folder: string): boolean {
  try {
    return ((Deno.statSync(folder).mode ?? 0) & OTHERS_WRITE) !== 0;
  } catch (error) {
    // It does not exist, or is unreadable.
    if (error instanceof Error) return false;
    throw error;
  }
}
