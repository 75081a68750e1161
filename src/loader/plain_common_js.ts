/**
 * CommonJS without TypeScript, where that will do.
 *
 * @module
 */

import { isTooLong } from "./transform/code_extent.ts";
import { openCommonJs } from "./transform/open_imports.ts";
import { scriptImports } from "./transform/script_imports.ts";

/** Leads dynamic imports of a CommonJS module to the worker; `null` if it takes TypeScript to do so. */
export async function rewritePlain(source: string, filename: string): Promise<string | null> {
  if (isTooLong(source, "javascript")) return null;
  // Other names are those of programs, too, in whatever language.
  const dynamics = /\.c?js$/.test(filename) ? scriptImports(source) : null;
  if (dynamics !== null) return openCommonJs(source, { dynamics, made: [] });
  const { plainUses } = await import("./transform/plain_uses.ts");
  const uses = plainUses(source, "script");
  return uses === null ? null : openCommonJs(source, uses);
}
