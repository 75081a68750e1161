/**
 * How modules of a graph are told apart.
 *
 * @module
 */

import type { ImportType } from "./sources.ts";

/** What identifies a module: one URL is another module for another type of import. */
export function moduleKey(url: string, type: ImportType): string {
  return `${type} ${url}`;
}

/** The URL of the module with this key. */
export function urlOfKey(key: string): string {
  return key.slice(key.indexOf(" ") + 1);
}
