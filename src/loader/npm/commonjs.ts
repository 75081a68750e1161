/**
 * What is known of CommonJS modules without running them.
 *
 * @module
 */

import { createRequire, isBuiltin } from "node:module";
// @ts-types="../../types/cjs_module_lexer.d.ts"
import { initSync, parse } from "cjs-module-lexer";
import { objectExports } from "./object_exports.ts";

/** What the lexer calls the error about `import`, `export` or `import.meta`. */
const MODULE_SYNTAX = "ERR_LEXER_ESM_SYNTAX";

/** Size of a source that is kept for as long as no other was looked at, in characters. */
const MAX_KEPT_CHARS = 4 * 1_048_576;

let isReady = false;
/** What was found last: whether a file is a module is asked just before what it exports. */
let last: { readonly source: string; readonly result: Lexed | Error } | null = null;

type Lexed = ReturnType<typeof parse>;

/** What the lexer finds in `source`; its error if that is beyond it. */
function lexed(source: string): Lexed | Error {
  if (last?.source === source) return last.result;
  if (!isReady) initSync();
  isReady = true;
  let result: Lexed | Error;
  try {
    result = parse(source);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    result = error;
  }
  last = source.length > MAX_KEPT_CHARS ? null : { source, result };
  return result;
}

/** Whether `source`, whose kind is not declared, has the syntax of an ES module. */
export function hasModuleSyntax(source: string): boolean {
  // Most scripts have neither word.
  if (!/\b(?:import|export)\b/.test(source)) return false;
  const found = lexed(source);
  return found instanceof Error && (found as { code?: unknown }).code === MODULE_SYNTAX;
}

/**
 * The names that the CommonJS module `file` exports as far as its text shows, with those of modules
 * that it exports as a whole: what Node's lexer finds, and what stands in object literals, as Deno
 * sees more in them. In the order found; `default` is not among them unless it is exported
 * under that name.
 *
 * `readFile` gives a file's text; `resolve` says which file `require(specifier)` means in another
 * one, `null` for one that does not matter.
 */
export function commonJsExports(
  file: string,
  readFile: (path: string) => string,
  resolve: (specifier: string, importer: string) => string | null = resolveRequired,
): string[] {
  const names = new Set<string>();
  const seen = new Set<string>();
  const pending = [file];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    const source = readFile(path);
    const found = exportsOf(source);
    const literal = objectExports(source);
    for (const name of [...found.exports, ...literal.exports]) names.add(name);
    for (const specifier of [...found.reexports, ...literal.reexports]) {
      const target = resolve(specifier, path);
      if (target !== null) pending.push(target);
    }
  }
  return [...names];
}

function exportsOf(source: string): Lexed {
  const found = lexed(source);
  // The lexer gives up at syntax that it does not know; then it is run, and shows.
  return found instanceof Error ? { exports: [], reexports: [] } : found;
}

/** What `require(specifier)` means in the file `importer`; `null` for what has no names to find. */
export function resolveRequired(specifier: string, importer: string): string | null {
  if (isBuiltin(specifier)) return null;
  try {
    const path = createRequire(importer).resolve(specifier);
    return /\.(?:json|node|wasm|mjs)$/.test(path) ? null : path;
  } catch (error) {
    // Only at run time is it known whether that is ever asked for.
    if (error instanceof Error) return null;
    throw error;
  }
}
