/**
 * Checks that the links of the documentation lead somewhere: relative links, anchors, and files of the
 * project that a page names. Prints what is wrong, and exits 1 then.
 *
 *     deno run -A scripts/check_links.ts
 *
 * @module
 */

import { brokenLinks } from "./docs/link_check.ts";
import { pagePaths, readPage, ROOT } from "./docs/pages.ts";

const paths = pagePaths();
const faults = brokenLinks({
  pages: new Map(paths.map((path) => [path, readPage(path)])),
  exists(path) {
    try {
      Deno.statSync(new URL(path, ROOT));
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  },
});
for (const fault of faults) console.error(fault);
console.error(`${paths.length} pages checked, ${faults.length} broken links`);
Deno.exit(faults.length === 0 ? 0 : 1);
