/**
 * Finds where a module looks at what apps can change for the whole process: the environment, the working
 * directory, and what follows from them.
 */

// The npm package has its types beside it.
import ts from "typescript";

/** Members of `Deno` that tell, or change, what apps share. */
const DENO_MEMBERS = new Set(["env", "cwd", "chdir", "args", "execPath", "mainModule"]);
/** Likewise, of Node's `process`. */
const PROCESS_MEMBERS = new Set([
  "env",
  "cwd",
  "chdir",
  "argv",
  "argv0",
  "execArgv",
  "execPath",
  "loadEnvFile",
]);
/** Functions of `Deno` that take paths first. */
const FILE_FUNCTIONS =
  /^(?:chmod|chown|copyFile|create|link|lstat|mkdir|open|readDir|readFile|readLink|readTextFile|realPath|remove|rename|stat|symlink|truncate|utime|watchFs|writeFile|writeTextFile)(?:Sync)?$/;

/** What is wrong in `code`, the text of a module, with its lines. */
export function liveStateIn(code: string): string[] {
  const file = ts.createSourceFile("module.ts", code, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const resolves = new Set<string>();
  const report = (node: ts.Node, what: string) => {
    const { line } = file.getLineAndCharacterOfPosition(node.getStart());
    found.push(`${line + 1}: ${what}`);
  };

  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node)) return;
    if (ts.isImportDeclaration(node)) visitImport(node);
    else if (ts.isIdentifier(node) && isValue(node)) visitIdentifier(node);
    else if (ts.isCallExpression(node)) visitCall(node);
    else if (ts.isNewExpression(node) && node.expression.getText() === "Deno.Command") {
      const names = propertiesOf(node.arguments?.[1]);
      for (const name of ["cwd", "env", "clearEnv"]) {
        if (!names.has(name)) report(node, `new Deno.Command() without ${name}`);
      }
    }
    ts.forEachChild(node, visit);
  };

  const visitImport = (node: ts.ImportDeclaration) => {
    const { text } = node.moduleSpecifier as ts.StringLiteral;
    const clause = node.importClause;
    if (clause === undefined || clause.isTypeOnly) return;
    const bindings = clause.namedBindings;
    const names = bindings !== undefined && ts.isNamedImports(bindings)
      ? bindings.elements.map((each) => [(each.propertyName ?? each.name).text, each.name.text])
      : null;
    if (/^(?:node:)?os$/.test(text)) report(node, "node:os");
    if (/^(?:node:)?process$/.test(text)) {
      if (names === null || clause.name !== undefined) report(node, "all of node:process");
      for (const [name] of names ?? []) {
        if (PROCESS_MEMBERS.has(name)) report(node, `${name} of node:process`);
      }
    }
    if (/^(?:node:)?path$/.test(text)) {
      if (names === null || clause.name !== undefined) report(node, "all of node:path");
      for (const [name, local] of names ?? []) if (name === "resolve") resolves.add(local);
    }
  };

  /** `Deno`, `process` and `globalThis.process`, whatever is done with them. */
  const visitIdentifier = (node: ts.Identifier) => {
    const members = node.text === "Deno"
      ? DENO_MEMBERS
      : node.text === "process"
      ? PROCESS_MEMBERS
      : null;
    if (members === null) return;
    const whole = ts.isPropertyAccessExpression(node.parent) && node.parent.name === node
      ? node.parent
      : node;
    const { parent } = whole;
    if (ts.isPropertyAccessExpression(parent) && parent.expression === whole) {
      if (members.has(parent.name.text)) report(node, `${node.text}.${parent.name.text}`);
    } else if (
      ts.isVariableDeclaration(parent) && ts.isObjectBindingPattern(parent.name) &&
      parent.initializer === whole
    ) {
      for (const { propertyName, name, dotDotDotToken } of parent.name.elements) {
        const text = (propertyName ?? name).getText();
        if (members.has(text) || dotDotDotToken) report(node, `${text} of ${node.text}`);
      }
    } else if (node.text === "Deno") report(node, "Deno as a value");
  };

  const visitCall = (node: ts.CallExpression) => {
    const name = node.expression.getText();
    const [first] = node.arguments;
    if (resolves.has(name) && node.arguments.length < 2) report(node, "resolve() with one path");
    if (name === "fetch" && propertiesOf(node.arguments[1]).has("client") === false) {
      report(node, "fetch() without a client");
    }
    const member = /^Deno\.(\w+)$/.exec(name)?.[1];
    if (member === undefined) return;
    if (FILE_FUNCTIONS.test(member) && first !== undefined && isRelative(first)) {
      report(node, `Deno.${member}() with a relative path`);
    }
    if (/^makeTemp/.test(member) && !propertiesOf(first).has("dir")) {
      report(node, `Deno.${member}() without a folder`);
    }
    if (member === "createHttpClient") report(node, "Deno.createHttpClient()");
  };

  visit(file);
  return found;
}

/** Whether an identifier stands for a value: not for a type, a property's name or a declaration. */
function isValue(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isQualifiedName(parent) || ts.isTypeReferenceNode(parent)) return false;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) {
    return parent.expression.getText() === "globalThis";
  }
  if (ts.isBindingElement(parent) || ts.isParameter(parent)) return false;
  if (
    (ts.isPropertyAssignment(parent) || ts.isVariableDeclaration(parent)) && parent.name === node
  ) {
    return false;
  }
  return !ts.isPropertySignature(parent) && !ts.isPropertyDeclaration(parent);
}

function propertiesOf(node: ts.Node | undefined): ReadonlySet<string> {
  if (node === undefined || !ts.isObjectLiteralExpression(node)) return new Set();
  return new Set(node.properties.flatMap(({ name }) => name === undefined ? [] : [name.getText()]));
}

/** Whether a path is written in the code, and begins nowhere. */
function isRelative(node: ts.Expression): boolean {
  const text = ts.isStringLiteralLike(node)
    ? node.text
    : ts.isTemplateExpression(node)
    ? node.head.text
    : null;
  return text !== null && text !== "" && !text.startsWith("/");
}
