/**
 * Where the `package.json` is that an app belongs to.
 *
 * @module
 */

import { join } from "node:path";
import { foldersUpwards } from "../../base/folders.ts";
import { isAbsent } from "../files/atomic_write.ts";

/**
 * Path of the nearest `package.json` in `folder` or above it, no higher than `top`; `null` if there is
 * none.
 */
export function findPackageJson(folder: string, top: string | null): string | null {
  for (const at of foldersUpwards(folder)) {
    const path = join(at, "package.json");
    if (isFile(path)) return path;
    if (at === top) return null;
  }
  return null;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    // What may not be looked at says nothing either.
    if (isAbsent(error) || error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  }
}
