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

/** What is at `path`, links followed; `null` if nothing is, or it cannot be looked at. */
export function statOf(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}
