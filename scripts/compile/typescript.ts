/**
 * TypeScript as a module that loads in half the time.
 *
 * Its file is a CommonJS module around a function that has everything in it. V8 reads a function's
 * body once to see where it ends and again to run it, so all of it is read three times before the
 * first of its own functions is run. At the top of a module it is read once.
 *
 * @module
 */

import ts from "typescript";

const BEGIN = 'var ts = {}; ((module) => {\n"use strict";\n';
const END = "\n})({ get exports() { return ts;";

/** What CommonJS would give it. */
const BEFORE = `import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
const __filename = import.meta.filename;
const module = { exports: {} };
`;
const AFTER = "\nexport default module.exports;\n";

/**
 * The text of TypeScript as an ECMAScript module with a default export alone.
 *
 * @throws {Error} when TypeScript is no longer built as it was
 */
export async function typeScriptAsModule(): Promise<string> {
  const path = ts.sys.getExecutingFilePath();
  const text = await Deno.readTextFile(path);
  const begin = text.indexOf(BEGIN);
  const end = text.lastIndexOf(END);
  if (begin < 0 || end < 0) {
    throw new Error(`${path} is built in another way than scripts/compile/typescript.ts knows`);
  }
  return BEFORE + text.slice(begin + BEGIN.length, end) + AFTER;
}
