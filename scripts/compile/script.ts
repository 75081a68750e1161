/**
 * Makes one script of the modules that a bundle consists of, for `src/base/embedded_scripts.ts` to evaluate.
 *
 * A script evaluates to an object with a function for each module, which returns what it exports. Bundles
 * have few kinds of imports and exports; whatever else there is, and what a script would do in another way,
 * is an error.
 *
 * @module
 */

import ts from "typescript";

/** Bundles cannot be made, or made a script of. */
export class BundleError extends Error {}

/** A script. */
export interface ModuleScript {
  /** Its text. */
  readonly text: string;
  /** The text of another one, for the modules that few starts need; `null` if there are none. */
  readonly lateText: string | null;
  /** The runtime's modules that it uses. */
  readonly builtins: readonly string[];
  /** Whether it imports TypeScript. */
  readonly usesTypeScript: boolean;
}

/** The timers, which scripts would see Node's in the place of, as members of the global object, too. */
const TIMERS = ["setTimeout", "clearTimeout", "setInterval", "clearInterval"];
/** Names of what modules are given, as in `ScriptFunction`. */
const PARAMETERS = ["$meta", "$builtins", "$load", "$import", "$global", ...TIMERS];

/** Functions that put something in the place of a member of what they are given, as `sandbox/locks.ts` has them. */
const REPLACING = /^(?:replace|lock)\d*$/;

/** Holds what a module exports by default. */
const DEFAULT = "$default";

/** A module as a function. */
interface ModuleFunction {
  readonly text: string;
  /** The modules beside it that it imports, statically and not. */
  readonly imports: readonly string[];
  readonly dynamicImports: readonly string[];
  readonly builtins: readonly string[];
}

/**
 * Makes a script of the module `entry` (`./NAME.js`) and all that it imports, which `read` has the text of, and
 * another one of what they import by `import()` where `isLate` says so. Modules in `others` are made elsewhere.
 *
 * @throws {BundleError} when they are not as bundles are
 */
export async function scriptOf(
  entry: string,
  read: (specifier: string) => Promise<string>,
  others: readonly string[],
  isLate: (specifier: string) => boolean = () => false,
): Promise<ModuleScript> {
  const modules = new Map<string, ModuleFunction>();
  const late: string[] = [];
  const collect = async (waiting: string[], isDelayed: (specifier: string) => boolean) => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (modules.has(next) || others.includes(next)) continue;
      const made = moduleFunction(next, await read(next));
      modules.set(next, made);
      waiting.push(...made.imports);
      for (const each of made.dynamicImports) (isDelayed(each) ? late : waiting).push(each);
    }
  };
  await collect([entry], isLate);
  const first = modules.size;
  await collect(late, () => false);
  refuseCycles(modules);
  const members = [...modules].map(([name, { text }]) => `${JSON.stringify(name)}: ${text}`);
  const builtins = new Set([...modules.values()].flatMap(({ builtins }) => builtins));
  return {
    text: scriptText(members.slice(0, first)),
    lateText: first === modules.size ? null : scriptText(members.slice(first)),
    builtins: [...builtins].sort(),
    usesTypeScript: [...modules.values()].some(({ imports }) => imports.includes("typescript")),
  };
}

function scriptText(members: readonly string[]): string {
  return inAscii(
    `(function (${PARAMETERS.join(", ")}) { "use strict"; return {\n${members.join(",\n")}\n}; })`,
  );
}

/**
 * `text` with escapes in the place of what is not ASCII, which bundles have in strings and regular expressions
 * alone: V8 keeps other texts with two bytes for each character.
 */
export function inAscii(text: string): string {
  return text.replace(
    /[^\0-\x7f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** What is imported is taken once, when its module has been evaluated. */
function refuseCycles(modules: ReadonlyMap<string, ModuleFunction>): void {
  const done = new Set<string>();
  const visit = (name: string, way: readonly string[]): void => {
    if (way.includes(name)) throw new BundleError(`a cycle: ${[...way, name].join(" imports ")}`);
    if (done.has(name)) return;
    for (const imported of modules.get(name)?.imports ?? []) visit(imported, [...way, name]);
    done.add(name);
  };
  for (const name of modules.keys()) visit(name, []);
}

function moduleFunction(name: string, text: string): ModuleFunction {
  const file = ts.createSourceFile(name, text, ts.ScriptTarget.ESNext, true, ts.ScriptKind.JS);
  const refuse = (node: ts.Node, what: string): never => {
    const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
    throw new BundleError(`${name}:${line + 1}: ${what}`);
  };
  const imports: string[] = [];
  const dynamicImports: string[] = [];
  const builtins: string[] = [];
  const heads: string[] = [];
  const exported = new Map<string, string>();
  const edits: { readonly node: ts.Node; readonly text: string }[] = [];
  /** Variables that functions assign to: they may change when what is exported has been taken. */
  const assigned = new Map<string, ts.Node>();

  const readImport = (statement: ts.ImportDeclaration): void => {
    const { text: specifier } = statement.moduleSpecifier as ts.StringLiteral;
    const isBuiltin = specifier.startsWith("node:");
    (isBuiltin ? builtins : imports).push(specifier);
    const quoted = JSON.stringify(specifier);
    const source = isBuiltin ? `$builtins[${quoted}]` : `$load(${quoted})`;
    heads.push(...bindings(statement).map((binding) => `const ${binding} = ${source};`));
    if (!isBuiltin && statement.importClause === undefined) heads.push(`${source};`);
    edits.push({ node: statement, text: "" });
  };

  const readExport = (statement: ts.ExportDeclaration): void => {
    const { exportClause, moduleSpecifier } = statement;
    if (moduleSpecifier !== undefined || exportClause === undefined) refuse(statement, "re-export");
    for (const { name, propertyName } of (exportClause as ts.NamedExports).elements) {
      exported.set(name.text, (propertyName ?? name).text);
    }
    edits.push({ node: statement, text: "" });
  };

  /** Bundlers give what a package of CommonJS exports in this form. */
  const readDefault = (node: ts.ExportAssignment): void => {
    const { expression } = node;
    const isPlain = ts.isCallExpression(expression) && ts.isIdentifier(expression.expression) &&
      expression.arguments.length === 0;
    if (!isPlain) refuse(node, "export default");
    exported.set("default", DEFAULT);
    edits.push({ node, text: `const ${DEFAULT} = ${expression.getText(file)};` });
  };

  const readCall = (call: ts.CallExpression): void => {
    if (call.expression.kind !== ts.SyntaxKind.ImportKeyword) return;
    edits.push({ node: call.expression, text: "$import" });
    const [specifier] = call.arguments;
    if (ts.isStringLiteral(specifier) && specifier.text.startsWith("./")) {
      dynamicImports.push(specifier.text);
    }
  };

  /** Timers that are taken from the global object, or put there. */
  const readGlobal = (node: ts.Identifier): void => {
    const { parent } = node;
    const isTaken = ts.isVariableDeclaration(parent) && parent.initializer === node &&
      ts.isObjectBindingPattern(parent.name) &&
      TIMERS.some((timer) => parent.name.getText(file).includes(timer));
    const isLookedUp = ts.isElementAccessExpression(parent) && parent.expression === node;
    const isChanged = ts.isCallExpression(parent) && parent.arguments[0] === node &&
      ts.isIdentifier(parent.expression) && REPLACING.test(parent.expression.text);
    if (isTaken || isLookedUp || isChanged) edits.push({ node, text: "$global" });
    const isNamed = ts.isPropertyAccessExpression(parent) && parent.expression === node;
    if (isNamed && TIMERS.includes(parent.name.text)) {
      refuse(parent, "a timer of the global object");
    }
  };

  const visit = (node: ts.Node, depth: number): void => {
    if (ts.isImportDeclaration(node)) return readImport(node);
    if (ts.isExportDeclaration(node)) return readExport(node);
    if (ts.isExportAssignment(node)) readDefault(node);
    if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) {
      edits.push({ node, text: "$meta" });
    }
    if (ts.isCallExpression(node)) readCall(node);
    if (ts.isIdentifier(node) && node.text === "globalThis") readGlobal(node);
    if (ts.isIdentifier(node) && PARAMETERS.slice(0, -TIMERS.length).includes(node.text)) {
      refuse(node, `the name ${node.text} is taken`);
    }
    const isAwaiting = ts.isAwaitExpression(node) ||
      ts.isForOfStatement(node) && node.awaitModifier;
    if (depth === 0 && isAwaiting) refuse(node, "await at the top");
    const target = assignedName(node);
    if (target !== null && depth > 0) assigned.set(target, node);
    const isLater = ts.isFunctionLike(node) || ts.isPropertyDeclaration(node);
    const deeper = isLater ? depth + 1 : depth;
    ts.forEachChild(node, (child) => visit(child, deeper));
  };
  visit(file, 0);
  for (const local of exported.values()) {
    const node = assigned.get(local);
    if (node !== undefined) refuse(node, `${local} is exported, and changes later`);
  }

  let body = "";
  let at = 0;
  const ordered = edits.sort((a, b) => a.node.getStart(file) - b.node.getStart(file));
  for (const { node, text: replacement } of ordered) {
    body += text.slice(at, node.getStart(file)) + replacement;
    at = node.getEnd();
  }
  body += text.slice(at);
  const result = [...exported].map(([name, local]) => `${JSON.stringify(name)}: ${local}`);
  const whole = `function () { ${heads.join(" ")}\n${body}\nreturn { ${
    ["__proto__: null", ...result].join(", ")
  } };\n}`;
  return { text: whole, imports, dynamicImports, builtins };
}

/** What an import binds, as patterns. */
function bindings({ importClause }: ts.ImportDeclaration): string[] {
  const { name, namedBindings } = importClause ?? {};
  const found: string[] = [];
  if (name !== undefined) found.push(`{ default: ${name.text} }`);
  if (namedBindings === undefined) return found;
  if (ts.isNamespaceImport(namedBindings)) return [...found, namedBindings.name.text];
  const elements = namedBindings.elements.map(({ name, propertyName }) =>
    propertyName === undefined ? name.text : `${propertyName.text}: ${name.text}`
  );
  return [...found, `{ ${elements.join(", ")} }`];
}

/** The variable that a node assigns to; `null` if it does not. */
function assignedName(node: ts.Node): string | null {
  let target: ts.Node | null = null;
  if (ts.isBinaryExpression(node)) {
    const { kind } = node.operatorToken;
    const isAssignment = kind >= ts.SyntaxKind.FirstAssignment &&
      kind <= ts.SyntaxKind.LastAssignment;
    if (isAssignment) target = node.left;
  } else if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) {
    const { operator } = node;
    const isStep = operator === ts.SyntaxKind.PlusPlusToken ||
      operator === ts.SyntaxKind.MinusMinusToken;
    if (isStep) target = node.operand;
  }
  return target !== null && ts.isIdentifier(target) ? target.text : null;
}
