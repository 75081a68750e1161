/**
 * The folder that an app belongs to.
 *
 * @module
 */

import { dirname, join } from "node:path";

/** Files that a project has in its folder. */
const PROJECT_FILES: readonly string[] = ["deno.json", "deno.jsonc", "package.json"];
const OTHERS_WRITE = 0o002;

/**
 * The nearest folder, from `folder` upwards, with a `deno.json`, `deno.jsonc` or `package.json`; else
 * `folder` itself. The user's `home`, and what is above it, are no projects, and neither are folders
 * that everybody can write to: anybody could make them look like one.
 */
export function projectFolder(folder: string, home: string | undefined): string {
  const homes = home === undefined ? [] : [home, realPathOf(home)];
  for (let at = folder; !isCommon(at, homes); at = dirname(at)) {
    if (PROJECT_FILES.some((name) => statOf(join(at, name))?.isFile)) return at;
  }
  return folder;
}

function isCommon(folder: string, homes: readonly string[]): boolean {
  if (dirname(folder) === folder) return true;
  // Links may lead to either.
  const isHome = [folder, realPathOf(folder)].some((path) => {
    return homes.some((home) => `${home}/`.startsWith(`${path}/`));
  });
  if (isHome) return true;
  return ((statOf(folder)?.mode ?? 0) & OTHERS_WRITE) !== 0;
}

/** Where a path leads; itself if it leads nowhere. */
function realPathOf(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    // It is not there, or may not be looked at.
    if (error instanceof Error) return path;
    throw error;
  }
}

function statOf(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch (error) {
    // It is not there, or may not be looked at.
    if (error instanceof Error) return null;
    throw error;
  }
}
