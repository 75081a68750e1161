/**
 * TypeScript for the executable, as a script that loads in half the time, even without the code that V8 has
 * made of it before.
 *
 * Its file is a CommonJS module around a function that has everything in it. V8 reads a function's
 * body once to see where it ends and again to run it, so all of it is read three times before the
 * first of its own functions is run. At the top of a script it is read once.
 *
 * @module
 */

import ts from "typescript";

const BEGIN = 'var ts = {}; ((module) => {\n"use strict";\n';
const END = "\n})({ get exports() { return ts;";

/** The name of the script among the files of the executable. */
export const TYPESCRIPT_FILE = "typescript.js";

/** The variable of the global object that it leaves itself in. */
export const TYPESCRIPT_GLOBAL = "gatehouseTypeScript";

/** What CommonJS would give it. */
const BEFORE = `"use strict";
const require = (name) => process.getBuiltinModule(name);
const __filename = "typescript.js";
const module = { exports: {} };
`;
/** The value of an evaluated script is nothing that minifying would keep. */
const AFTER = `\nglobalThis.${TYPESCRIPT_GLOBAL} = module.exports;\n`;

/**
 * The text of TypeScript as a script.
 *
 * @throws {Error} when TypeScript is no longer built as it was
 */
export async function typeScriptAsScript(): Promise<string> {
  const path = ts.sys.getExecutingFilePath();
  const text = await Deno.readTextFile(path);
  const begin = text.indexOf(BEGIN);
  const end = text.lastIndexOf(END);
  if (begin < 0 || end < 0) {
    throw new Error(`${path} is built in another way than scripts/compile/typescript.ts knows`);
  }
  return BEFORE + text.slice(begin + BEGIN.length, end) + AFTER;
}
