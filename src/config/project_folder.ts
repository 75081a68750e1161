/**
 * The folder that an app belongs to.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { isWritableByOthers, statOf } from "../base/folders.ts";
import { workspaceRootOf } from "../base/workspaces.ts";

/** Files that a project has in its folder. */
const PROJECT_FILES: readonly string[] = ["deno.json", "deno.jsonc", "package.json"];

/**
 * File that Nitro puts beside the `server` and `public` that it makes: `server` alone is not a
 * project.
 */
const BUILD_FILE = "nitro.json";

/**
 * The nearest folder, from `folder` upwards, with a `deno.json`, `deno.jsonc` or `package.json`, or
 * that of the workspace which lists it among its members; else `folder` itself. The user's `home`
 * and the folders above it are not projects, and neither are folders that everybody can write to:
 * anybody could make them look like one.
 */
export function projectFolder(folder: string, home: string | undefined): string {
  const homes = home === undefined ? [] : [home, realPathOf(home)];
  const mayBeProject = (at: string) => !isCommon(at, homes);
  let fallback = folder;
  for (let at = folder; mayBeProject(at); at = dirname(at)) {
    if (isBuilt(dirname(at)) && mayBeProject(dirname(at))) fallback = dirname(at);
    else if (PROJECT_FILES.some((name) => statOf(join(at, name))?.isFile)) {
      return workspaceRootOf(at, mayBeProject) ?? at;
    }
  }
  return fallback;
}

function isBuilt(folder: string): boolean {
  return statOf(join(folder, BUILD_FILE))?.isFile ?? false;
}

function isCommon(folder: string, homes: readonly string[]): boolean {
  if (dirname(folder) === folder) return true;
  // Links may lead to either.
  const isHome = [folder, realPathOf(folder)].some((path) => {
    return homes.some((home) => `${home}/`.startsWith(`${path}/`));
  });
  if (isHome) return true;
  return isWritableByOthers(folder);
}

/** Where a path leads; itself if it leads nowhere. */
function realPathOf(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    // It does not exist, or is unreadable.
    if (error instanceof Error) return path;
    throw error;
  }
}
