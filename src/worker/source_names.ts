/**
 * Text that speaks of generated files, in terms of the sources that they were made of.
 *
 * @module
 */

import { SafeMap } from "../base/captured.ts";
import { urlOfKey } from "../loader/names/graph_keys.ts";

const { keys } = Object;

/** Names of generated files. */
const FILE_NAME = /\b[\da-f]{27}\.js\b/g;
/** What may stand before such a name and belongs to it, and what never does. */
const FILE_URL = "file://";
const RELATIVE = /\.{1,2}\//;
const PATH_CHAR = /[\w./]/;
const DELIMITER = /[\s"'()]/;

/** The sources of generated files. */
export class SourceNames {
  /** URLs of sources by the names of their files. */
  readonly #sources = new SafeMap<string, string>();

  /** Adds files, relative to the folder of their graph, by the keys of their modules. */
  add(files: Readonly<Record<string, string>>): void {
    for (const key of keys(files)) {
      const file = files[key];
      this.#sources.set(file.slice(file.lastIndexOf("/") + 1), urlOfKey(key));
    }
  }

  /** `text` with the URLs of sources in place of the names of generated files. */
  withSources(text: string): string {
    let replaced = "";
    let done = 0;
    for (const { 0: file, index } of text.matchAll(FILE_NAME)) {
      const source = this.#sources.get(file);
      if (source === undefined) continue;
      replaced += text.slice(done, folderStart(text, done, index)) + source;
      done = index + file.length;
    }
    return replaced + text.slice(done);
  }
}

/**
 * Where the folder begins that stands before the name of a file at `at`, not before `from`: that of a
 * `file:` URL, or a relative one. Text comes from clients, too: each character is looked at once.
 */
function folderStart(text: string, from: number, at: number): number {
  if (text[at - 1] !== "/") return at;
  let start = at;
  while (start > from && !DELIMITER.test(text[start - 1])) start--;
  const url = text.slice(start, at).indexOf(FILE_URL);
  if (url >= 0 && start + url + FILE_URL.length < at) return start + url;
  let path = at - 1;
  while (path > from && PATH_CHAR.test(text[path - 1]) && text.slice(path - 1, path + 1) !== "//") {
    path--;
  }
  const relative = text.slice(path, at).search(RELATIVE);
  return relative < 0 ? at : path + relative;
}
