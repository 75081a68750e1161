/**
 * What usual JavaScript has to do with other modules, found by `acorn`, in a fraction of the time that
 * TypeScript takes to start.
 *
 * It accepts only the language's grammar, so that V8 reads the same; the rest, and what is rare, is
 * left to TypeScript (`uses.ts`), which also reports errors.
 *
 * @module
 */

// @ts-types="../../types/acorn.d.ts"
import { Parser } from "acorn";
// @ts-types="../../types/acorn.d.ts"
import type {
  Call,
  ImportExpression,
  Literal,
  Node,
  Options,
  Statement,
  TemplateLiteral,
  TokenType,
} from "acorn";
import type { ImportReference } from "../graph/link.ts";
import type { Goal, ModuleUses, StaticUse } from "./module_uses.ts";
import { importedByBody } from "./module_uses.ts";

/** The imports in `code`; `null` if that is for TypeScript to say. */
export function plainUses(code: string, goal: Goal): ModuleUses | null {
  const finder = new Finder(code, goal);
  let body: readonly Statement[];
  try {
    body = finder.parse().body;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return null;
    throw error;
  }
  const lines = new Lines(code);
  const statics: StaticUse[] = [];
  for (const { source, end } of body) {
    if (source === undefined || source === null) continue;
    // Attributes, or a comment.
    if (!/^\s*;?$/.test(code.slice(source.end, end))) return null;
    statics.push({
      reference: lines.reference(source.value as string, source.start),
      start: source.start,
      end: source.end,
    });
  }
  const { imports, made, readsMeta } = finder;
  const literals: ImportReference[] = [];
  for (const { source, options } of imports.sort((a, b) => a.start - b.start)) {
    if (options !== undefined && options !== null) return null;
    const text = literalText(source);
    if (text !== null) literals.push(lines.reference(text, source.start));
  }
  return {
    statics,
    clauses: [],
    dynamics: imports.map(({ start }) => start),
    literals,
    made: made.sort((a, b) => a - b),
    readsMeta,
    fault: null,
  };
}

const LINE_END = /[\n\r\u2028\u2029]/;

/** Notes some nodes as they are made, so that no search is needed. */
class Finder extends Parser {
  readonly imports: ImportExpression[] = [];
  readonly made: number[] = [];
  readsMeta = false;
  readonly #code: string;

  constructor(code: string, goal: Goal) {
    const sourceType: Options["sourceType"] = goal === "module" ? "module" : "commonjs";
    super({ ecmaVersion: "latest", sourceType }, code);
    this.#code = code;
  }

  override finishNode<T extends Node>(node: T, type: string): T {
    const finished = super.finishNode(node, type);
    if (type === "ImportExpression") this.imports.push(finished as unknown as ImportExpression);
    else if (type === "CallExpression" || type === "NewExpression") {
      this.#lookForImporter(finished as unknown as Call);
    } else if (type === "MetaProperty" && this.#code.startsWith("import", node.start)) {
      this.readsMeta = true;
    }
    return finished;
  }

  /**
   * The parser does not know what a slash begins: behind `of`, `a?.return`, or `a ? b : {}`, it takes each for a
   * regular expression. At the beginning of a line, that would be the next statement, and V8 divides.
   */
  override updateContext(before: TokenType): void {
    super.updateContext(before);
    if (this.type.label !== "regexp" || before.beforeExpr && before.keyword === undefined) return;
    if (LINE_END.test(this.#code.slice(this.lastTokEnd, this.start))) {
      throw new SyntaxError("a slash at the beginning of a line may divide");
    }
  }

  // Whether a name is declared twice, or not at all, is for V8 to find: here it takes quadratic time.
  override declareName(): void {}
  override checkLocalExport(): void {}
  // So are faults of regular expressions: names of groups are compared with each other.
  override validateRegExpPattern(): void {}

  #lookForImporter({ callee, arguments: given }: Call): void {
    if (callee.type !== "Identifier" || given.length !== 2) return;
    if (this.#code.slice(callee.start, callee.end) !== "Function") return;
    const [parameter, body] = given.map(literalText);
    if (parameter === null || body === null) return;
    if (importedByBody(body) === parameter.trim()) this.made.push(callee.start);
  }
}

/** The text that a node stands for; `null` if it is not a literal. */
function literalText(node: Node): string | null {
  if (node.type === "Literal") {
    const { value } = node as Literal;
    return typeof value === "string" ? value : null;
  }
  if (node.type !== "TemplateLiteral") return null;
  const { expressions, quasis } = node as TemplateLiteral;
  return expressions.length === 0 ? quasis[0].value.cooked : null;
}

/** The lines of a text, as soon as somebody asks. */
class Lines {
  readonly #text: string;
  #starts: number[] | null = null;

  constructor(text: string) {
    this.#text = text;
  }

  /** An import of `specifier`, whose literal begins at `start`. */
  reference(specifier: string, start: number): ImportReference {
    return { specifier, type: "", line: this.#lineAt(start) };
  }

  #lineAt(place: number): number {
    const starts = this.#starts ??= this.#findStarts();
    let [low, high] = [0, starts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= place) low = middle + 1;
      else high = middle;
    }
    return low + 1;
  }

  /** Where all lines begin but the first. */
  #findStarts(): number[] {
    const ends = this.#text.matchAll(/\r\n|[\n\r\u2028\u2029]/g);
    return Array.from(ends, ({ 0: end, index }) => index + end.length);
  }
}
