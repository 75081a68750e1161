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

let isReady = false;

function lexed(source: string, path: string): ReturnType<typeof parse> {
  if (!isReady) initSync();
  isReady = true;
  return parse(source, path);
}

/** Whether `source`, whose kind is not declared, has the syntax of an ES module. */
export function hasModuleSyntax(source: string): boolean {
  // Most scripts have neither word.
  if (!/\b(?:import|export)\b/.test(source)) return false;
  try {
    lexed(source, "");
    return false;
  } catch (error) {
    return (error as { code?: unknown }).code === MODULE_SYNTAX;
  }
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
    const found = exportsOf(source, path);
    const literal = objectExports(source);
    for (const name of [...found.exports, ...literal.exports]) names.add(name);
    for (const specifier of [...found.reexports, ...literal.reexports]) {
      const target = resolve(specifier, path);
      if (target !== null) pending.push(target);
    }
  }
  return [...names];
}

function exportsOf(source: string, path: string): ReturnType<typeof parse> {
  try {
    return lexed(source, path);
  } catch (error) {
    // The lexer gives up at syntax that it does not know; then it is run, and shows.
    if (error instanceof Error) return { exports: [], reexports: [] };
    throw error;
  }
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
