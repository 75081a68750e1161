/**
 * TypeScript for the executable: a script with what the loader uses of it, that is the compiler without
 * what editors are served with.
 *
 * Its file is a CommonJS module around a function that has everything in it. V8 reads a function's
 * body once to see where it ends and again to run it, so all of it is read three times before the
 * first of its own functions is run. At the top of a script it is read once.
 *
 * @module
 */

import ts from "typescript";

const BEGIN = 'var ts = {}; ((module) => {\n"use strict";\n';
const END = "\n// Annotate the CommonJS export names";
/** How each of its own modules begins, and those of the parts that are not needed. */
const MODULE = /^(?=\/\/ src\/)/m;
const SERVICES = /^\/\/ src\/(?:services|server|jsTyping|typingsInstallerCore|deprecatedCompat)\//;
/** What it exports, as functions that return the local variables. */
const EXPORTS =
  /var typescript_exports = \{\};\n__export\(typescript_exports, \{\n(.*?)\n\}\);\nmodule\.exports = __toCommonJS\(typescript_exports\);\n/s;
/** Its namespaces. */
const NAMESPACE = /^var (\w+) = \{\};\n__export\(\1, \{/gm;

/** The name of the script among the files of the executable. */
export const TYPESCRIPT_FILE = "typescript.js";
/** The variable of the global object that it leaves itself in. */
export const TYPESCRIPT_GLOBAL = "gatehouseTypeScript";

/** What CommonJS would give it. */
const BEFORE = `const require = (name) => process.getBuiltinModule(name);
const __filename = "typescript.js";
const module = { exports: {} };
const namespaceOf = (members) => {
  const namespace = {};
  __export(namespace, members);
  return namespace;
};
`;

/**
 * The text of a module that leaves TypeScript with the exports `names`, as far as there are such, in the
 * global object. It is to be bundled without what it does not use.
 *
 * @throws {Error} when TypeScript is no longer built as it was
 */
export async function typeScriptModule(names: Iterable<string>): Promise<string> {
  const path = ts.sys.getExecutingFilePath();
  const text = await Deno.readTextFile(path);
  const begin = text.indexOf(BEGIN);
  const end = text.lastIndexOf(END);
  const [whole, list] = EXPORTS.exec(text) ?? [];
  if (begin < 0 || end < 0 || whole === undefined) {
    throw new Error(
      `${path} is built in another way than scripts/compile/typescript.ts knows`,
    );
  }
  const body = text.slice(begin + BEGIN.length, end).replace(whole, "")
    .replace(NAMESPACE, "var $1 = /* @__PURE__ */ namespaceOf({");
  const modules = body.split(MODULE).map((module) =>
    SERVICES.test(module) ? withoutEffects(module) : module
  );
  const locals = new Map(
    [...list.matchAll(/^ {2}(\w+): \(\) => (\w+),?$/gm)].map(([, name, local]) => [name, local]),
  );
  const members = [...new Set(names)].filter((name) => locals.has(name))
    .map((name) => `${name}: ${locals.get(name)}`);
  return `${BEFORE}${modules.join("")}\nglobalThis.${TYPESCRIPT_GLOBAL} = { ${
    members.join(", ")
  } };\n`;
}

/** The variables and functions of a module, each of which can be left out where nothing else uses it. */
function withoutEffects(module: string): string {
  const file = ts.createSourceFile("module.js", module, ts.ScriptTarget.ESNext);
  let text = "";
  for (const statement of file.statements) {
    const own = module.slice(statement.pos, statement.end);
    if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) {
      text += own;
    } else if (ts.isVariableStatement(statement)) {
      text += withPureValues(statement, module);
    }
  }
  return text;
}

function withPureValues(
  { pos, end, declarationList }: ts.VariableStatement,
  module: string,
): string {
  let text = "";
  let at = pos;
  for (const { initializer } of declarationList.declarations) {
    if (initializer === undefined) continue;
    const isMade = ts.isCallExpression(initializer) || ts.isNewExpression(initializer);
    text += module.slice(at, initializer.pos) + (isMade ? " /* @__PURE__ */" : "");
    at = initializer.pos;
  }
  return text + module.slice(at, end);
}
