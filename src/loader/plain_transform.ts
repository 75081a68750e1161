/**
 * Makes of JavaScript what {@link ./transform.ts} makes of it, without TypeScript, where that will do.
 *
 * @module
 */

import { isTooLong } from "./code_extent.ts";
import type { TransformedModule } from "./link.ts";
import { openCommonJs, openImports } from "./open_imports.ts";
import { plainUses } from "./plain_uses.ts";

/** Transforms a module of JavaScript; `null` if it takes TypeScript to do so. */
export function transformPlain(url: string, text: string): TransformedModule | null {
  const uses = plainUses(text, "module");
  return uses === null ? null : openImports(url, text, uses, null);
}

/** Leads dynamic imports of a CommonJS module to the worker; `null` if it takes TypeScript to do so. */
export function rewritePlain(source: string): string | null {
  if (isTooLong(source, "javascript")) return null;
  const uses = plainUses(source, "script");
  return uses === null ? null : openCommonJs(source, uses);
}
