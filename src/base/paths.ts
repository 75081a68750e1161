/**
 * Paths of files.
 *
 * @module
 */

import { isAbsolute, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The path of a `file:` URL, whatever its query and fragment. */
export function filePath(url: string): string {
  return fileURLToPath(url.replace(/[?#].*/s, ""));
}

/** Whether `path` is that of `folder`, or of something in it; both are absolute. */
export function liesIn(path: string, folder: string): boolean {
  const rest = relative(folder, path);
  return rest !== ".." && !rest.startsWith(`..${sep}`) && !isAbsolute(rest);
}
