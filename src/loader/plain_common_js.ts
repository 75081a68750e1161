/**
 * CommonJS without TypeScript, where that will do.
 *
 * @module
 */

import { isTooLong } from "./transform/code_extent.ts";
import { openCommonJs } from "./transform/open_imports.ts";
import { plainUses } from "./transform/plain_uses.ts";

/** Leads dynamic imports of a CommonJS module to the worker; `null` if it takes TypeScript to do so. */
export function rewritePlain(source: string): string | null {
  if (isTooLong(source, "javascript")) return null;
  const uses = plainUses(source, "script");
  return uses === null ? null : openCommonJs(source, uses);
}
