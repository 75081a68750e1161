/**
 * What a module's code has to do with other modules.
 *
 * TypeScript's parser finds it, and V8 runs what was found. So code that the two could read
 * differently is refused: an `import()` that one takes for part of a string would stay the
 * runtime's own.
 *
 * @module
 */

import ts from "typescript";
import type { ImportReference } from "../graph/link.ts";
import { importedByBody } from "./module_uses.ts";
import type { Goal, ModuleUses, Span, StaticUse, SyntaxFault } from "./module_uses.ts";
import type { ImportType } from "../names/sources.ts";
import { nameText, parseFaultsOf, startOf } from "./typescript_internals.ts";

/** A node to be looked at, and the function that it is in. */
interface Visit {
  readonly node: ts.Node;
  readonly container: ts.Node;
}

/**
 * Finds the imports in `code`.
 *
 * @throws {RangeError} when it is nested so deeply that it cannot be read
 */
export function usesIn(code: string, goal: Goal): ModuleUses {
  const { statics, clauses, dynamics, made, readsMeta, fault } = new Search(code, goal);
  return {
    statics,
    clauses,
    dynamics: dynamics.map(({ start }) => start),
    literals: dynamics.flatMap(({ literal }) => literal === null ? [] : [literal]),
    made: made.sort((a, b) => a - b),
    readsMeta,
    fault,
  };
}

class Search {
  readonly statics: StaticUse[] = [];
  readonly clauses: Span[] = [];
  readonly dynamics: { readonly start: number; readonly literal: ImportReference | null }[] = [];
  readonly made: number[] = [];
  readsMeta = false;
  fault: SyntaxFault | null = null;
  readonly #file: ts.SourceFile;
  readonly #goal: Goal;

  constructor(code: string, goal: Goal) {
    this.#goal = goal;
    this.#file = parse(code, goal);
    this.#takeDiagnostics();
    for (const statement of this.#file.statements) {
      if (ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)) {
        this.#addStatic(statement);
      }
    }
    this.#visitAll();
    this.dynamics.sort((a, b) => a.start - b.start);
  }

  #takeDiagnostics(): void {
    for (const { code, start, messageText } of parseFaultsOf(this.#file)) {
      if (this.#goal === "script" && SLOPPY_DIAGNOSTICS.has(code)) continue;
      this.#refuse(start, ts.flattenDiagnosticMessageText(messageText, " "));
    }
  }

  #addStatic(statement: ts.ImportDeclaration | ts.ExportDeclaration): void {
    const { moduleSpecifier, attributes } = statement;
    if (moduleSpecifier === undefined || !ts.isStringLiteral(moduleSpecifier)) return;
    if (ts.isImportDeclaration(statement)) {
      const phase = statement.importClause?.phaseModifier;
      if (phase !== undefined) {
        const name = phase === ts.SyntaxKind.DeferKeyword ? "defer" : "type";
        this.#refuse(startOf(statement, this.#file), `import ${name} ${NOT_SUPPORTED}`);
      }
    }
    const start = startOf(moduleSpecifier, this.#file);
    const end = moduleSpecifier.end;
    const type = attributes === undefined ? "" : this.#typeIn(attributes);
    this.statics.push({ reference: this.#reference(moduleSpecifier, type), start, end });
    if (attributes !== undefined) {
      this.clauses.push({ start: startOf(attributes, this.#file), end: attributes.end });
    }
  }

  #typeIn(attributes: ts.ImportAttributes): ImportType {
    let type: ImportType = "";
    const names = new Set<string>();
    const start = startOf(attributes, this.#file);
    // TypeScript overlooks that there is no brace where an await follows.
    if (this.#file.text[attributes.end - 1] !== "}") this.#refuse(start, "'{' expected");
    if (attributes.token !== ts.SyntaxKind.WithKeyword) {
      this.#refuse(start, "import attributes begin with the keyword with, not assert");
    }
    for (const { name, value } of attributes.elements) {
      const text = nameText(name);
      if (names.has(text)) this.#refuse(start, `Import attribute has duplicate key '${text}'`);
      names.add(text);
      if (text !== "type") this.#refuse(start, `"${text}" attribute is not supported.`);
      else if (ts.isStringLiteral(value)) type = value.text as ImportType;
    }
    return type;
  }

  /** Looks at all nodes; not recursively, as sums of thousands of terms are nested as deeply. */
  #visitAll(): void {
    const visits: Visit[] = [{ node: this.#file, container: this.#file }];
    for (let visit = visits.pop(); visit !== undefined; visit = visits.pop()) {
      const { node } = visit;
      this.#look(visit);
      const container = ts.isFunctionLike(node) ? node : visit.container;
      ts.forEachChild(node, (child) => {
        // The computed name of a method is outside of it.
        const isName = ts.isComputedPropertyName(child);
        visits.push({ node: child, container: isName ? visit.container : container });
      });
    }
  }

  #look({ node, container }: Visit): void {
    if (ts.isCallExpression(node)) {
      this.#lookAtCall(node);
      this.#lookForImporter(node);
    } else if (ts.isMetaProperty(node)) {
      if (node.keywordToken !== ts.SyntaxKind.ImportKeyword) return;
      const name = nameText(node.name);
      if (name === "meta") this.readsMeta = true;
      else this.#refuse(startOf(node, this.#file), `import.${name} ${NOT_SUPPORTED}`);
    } else if (ts.isNewExpression(node)) {
      this.#lookForImporter(node);
      if (isImportCall(node.expression)) {
        this.#refuse(startOf(node.expression, this.#file), "Cannot use new with import");
      }
    } else if (ts.isAwaitExpression(node)) {
      const isFine = isAsync(container) && (node.flags & ts.NodeFlags.AwaitContext) !== 0;
      if (!isFine) this.#refuseName(node);
    } else if (ts.isYieldExpression(node)) {
      const isFine = isGenerator(container) && (node.flags & ts.NodeFlags.YieldContext) !== 0;
      if (!isFine) this.#refuseName(node);
    } else if (ts.isBinaryExpression(node)) {
      this.#lookForComment(node);
    } else if (
      ts.isJsxElement(node) || ts.isJsxSelfClosingElement(node) || ts.isJsxFragment(node)
    ) {
      this.#refuse(startOf(node, this.#file), "JSX is for files that end in .jsx or .tsx");
    } else if (ts.isImportTypeNode(node)) {
      this.#refuse(startOf(node, this.#file), "types are for files that end in .ts or .tsx");
    }
  }

  #lookAtCall(node: ts.CallExpression): void {
    if (!isImportCall(node)) return;
    const { arguments: given, expression } = node;
    const start = startOf(expression, this.#file);
    if (node.questionDotToken !== undefined) {
      this.#refuse(start, "import() cannot be called with ?.");
    } else if (given.length < 1 || given.length > 2 || given.some(ts.isSpreadElement)) {
      this.#refuse(start, "import() takes a specifier, and options perhaps");
    }
    const [specifier, options] = given;
    const literal = specifier !== undefined && ts.isStringLiteralLike(specifier)
      ? this.#reference(specifier, dynamicType(options))
      : null;
    this.dynamics.push({ start, literal });
  }

  #lookForImporter(node: ts.CallExpression | ts.NewExpression): void {
    const { expression, arguments: given = [] } = node;
    // Another name takes its place in the text: one with escapes is longer, and what follows would be read
    // differently.
    const start = startOf(expression, this.#file);
    if (
      !ts.isIdentifier(expression) || this.#file.text.slice(start, expression.end) !== "Function"
    ) {
      return;
    }
    const [parameter, body] = given;
    if (given.length !== 2 || !ts.isStringLiteralLike(parameter) || !ts.isStringLiteralLike(body)) {
      return;
    }
    const name = parameter.text.trim();
    if (importedByBody(body.text) === name) this.made.push(start);
  }

  /** In scripts, `<!--` begins a comment, which TypeScript does not know. */
  #lookForComment({ operatorToken }: ts.BinaryExpression): void {
    if (this.#goal !== "script" || operatorToken.kind !== ts.SyntaxKind.LessThanToken) return;
    const start = startOf(operatorToken, this.#file);
    if (this.#file.text.startsWith("<!--", start)) this.#refuse(start, "<!-- is not supported");
  }

  /** In scripts, TypeScript takes `await` and `yield` for keywords where they can be names. */
  #refuseName(node: ts.Node): void {
    if (this.#goal !== "script") return;
    this.#refuse(startOf(node, this.#file), "await and yield are not supported as names");
  }

  #refuse(start: number, message: string): void {
    if (this.fault === null || start < this.fault.start) this.fault = { start, message };
  }

  #reference(specifier: ts.StringLiteralLike, type: ImportType): ImportReference {
    const start = startOf(specifier, this.#file);
    const { line } = ts.getLineAndCharacterOfPosition(this.#file, start);
    return { specifier: specifier.text, type, line: line + 1 };
  }
}

const NOT_SUPPORTED = "is not supported by gatehouse's loader";

/** What TypeScript says of octal numbers and escapes, which scripts may have. */
const SLOPPY_DIAGNOSTICS: ReadonlySet<number> = new Set([1121, 1487, 1488, 1489]);

function parse(code: string, goal: Goal): ts.SourceFile {
  return ts.createSourceFile(
    "module.js",
    code,
    {
      languageVersion: ts.ScriptTarget.ESNext,
      jsDocParsingMode: ts.JSDocParsingMode.ParseNone,
      // Without an import or export TypeScript would not know that `await` is a keyword.
      setExternalModuleIndicator: (file) => {
        (file as unknown as { externalModuleIndicator: true | undefined }).externalModuleIndicator =
          goal === "module" ? true : undefined;
      },
    },
    false,
    ts.ScriptKind.JS,
  );
}

function isImportCall(node: ts.Node): boolean {
  return ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
}

function isAsync(container: ts.Node): boolean {
  return (ts.canHaveModifiers(container) ? ts.getModifiers(container) ?? [] : [])
    .some(({ kind }) => kind === ts.SyntaxKind.AsyncKeyword);
}

function isGenerator(container: ts.Node): boolean {
  return (container as Partial<ts.FunctionLikeDeclaration>).asteriskToken !== undefined;
}

/** The type in `{ with: { type: "…" } }`, where that is all literals. */
function dynamicType(options: ts.Expression | undefined): ImportType {
  const attributes = propertyOf(options, "with");
  const type = propertyOf(attributes, "type");
  return type !== undefined && ts.isStringLiteral(type) ? type.text as ImportType : "";
}

function propertyOf(node: ts.Expression | undefined, name: string): ts.Expression | undefined {
  if (node === undefined || !ts.isObjectLiteralExpression(node)) return undefined;
  for (const property of node.properties) {
    if (
      ts.isPropertyAssignment(property) &&
      (ts.isIdentifier(property.name) || ts.isStringLiteral(property.name)) &&
      nameText(property.name) === name
    ) return property.initializer;
  }
  return undefined;
}
