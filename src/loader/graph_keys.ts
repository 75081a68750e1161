/**
 * How modules of a graph are told apart.
 *
 * @module
 */

import { isAbsolute, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { ImportType } from "./sources.ts";

/** What identifies a module: one URL is another module for another type of import. */
export function moduleKey(url: string, type: ImportType): string {
  return `${type} ${url}`;
}

/** The URL of the module with this key. */
export function urlOfKey(key: string): string {
  return key.slice(key.indexOf(" ") + 1);
}

/** The path of a `file:` URL, whatever its query and fragment. */
export function filePath(url: string): string {
  return fileURLToPath(url.replace(/[?#].*/s, ""));
}

/** Whether `path` is that of `folder`, or of something in it; both are absolute. */
export function liesIn(path: string, folder: string): boolean {
  const rest = relative(folder, path);
  return rest !== ".." && !rest.startsWith(`..${sep}`) && !isAbsolute(rest);
}
