/**
 * Finds links in pages that lead nowhere.
 *
 * @module
 */

import { posix } from "node:path";
import { anchors, links, namedFiles } from "./markdown.ts";

/** The pages, and what else there is. */
export interface Tree {
  /** Texts of the pages, by their paths from the root. */
  readonly pages: ReadonlyMap<string, string>;
  /** Whether there is a file or folder at this path from the root. */
  exists(path: string): boolean;
}

/**
 * What is wrong with the links of `tree`, a line for each: files that are not there, anchors that no
 * heading has, and files of the project that the text names and that are gone. Links to other sites are
 * not followed.
 */
export function brokenLinks({ pages, exists }: Tree): string[] {
  const known = new Map([...pages].map(([path, text]) => [path, new Set(anchors(text))]));
  return [...pages].flatMap(([page, text]) => [
    ...links(text).flatMap(({ target, line }) => {
      const fault = faultOf(page, target);
      return fault === null ? [] : [`${page}:${line}: ${target}: ${fault}`];
    }),
    ...namedFiles(text).filter(({ target }) => !exists(target)).map(({ target, line }) =>
      `${page}:${line}: ${target} is not there`
    ),
  ]);

  function faultOf(page: string, target: string): string | null {
    if (/^[a-z][a-z+.-]*:/i.test(target)) return null;
    const [path, anchor] = target.split("#");
    const file = path === "" ? page : posix.join(posix.dirname(page), decodeURIComponent(path));
    if (file.startsWith("../")) return "leads out of the project";
    if (!exists(file)) return `${file} is not there`;
    if (anchor === undefined) return null;
    const headings = known.get(file);
    if (headings === undefined) return `${file} is not a page, so it has no anchors`;
    return headings.has(anchor) ? null : `${file} has no heading #${anchor}`;
  }
}
