/**
 * The imports in a module, found by its tokens: those of modules that also import while they run, or that
 * have the word in comments and strings.
 *
 * @module
 */

import type { ImportReference } from "../graph/link.ts";
import { DeclarationReader } from "./header_uses.ts";
import type { ModuleUses } from "./module_uses.ts";
import { behindBlanks, TokenScanner } from "./token_scanner.ts";

/** The imports in `code`, a module; `null` if that is for a parser to say. */
export function tokenUses(code: string): ModuleUses | null {
  const scanner = new ModuleScanner(code);
  if (!scanner.scan()) return null;
  const { dynamics, literals, readsMeta } = scanner;
  const { statics } = scanner.declarations;
  return { statics, clauses: [], dynamics, literals, made: [], readsMeta, fault: null };
}

const META = /\s*\.\s*meta(?![\w$\\\x80-\uffff])/y;
/** A literal that is all that is imported, or the beginning of something that might come to one. */
const LITERAL = /\s*(?:(?<literal>"[^"\\\n\r]*"|'[^'\\\n\r]*')\s*(?<end>\)|\/)|[`(/])/y;
const LITERAL_WITH_ESCAPE = /\s*(?:"[^"\\\n\r]*\\|'[^'\\\n\r]*\\)/y;
/** A declaration that is exported, perhaps behind what compilers mark it with. */
const EXPORTED = /\s*(?:\/\*[#@]__\w+__\s*\*\/\s*)?(?=[a-z])/y;

/** Reads imports and exports of all forms. */
class ModuleScanner extends TokenScanner {
  readonly declarations: DeclarationReader;
  readonly literals: ImportReference[] = [];
  readsMeta = false;

  constructor(code: string) {
    super(code);
    this.declarations = new DeclarationReader(code);
  }

  protected override onCall(_start: number, behind: number): boolean {
    const { code } = this;
    LITERAL.lastIndex = LITERAL_WITH_ESCAPE.lastIndex = behind;
    if (LITERAL_WITH_ESCAPE.test(code)) return false;
    const found = LITERAL.exec(code);
    if (found === null) return true;
    const { literal, end } = found.groups!;
    if (end !== ")") return false;
    this.literals.push(
      this.declarations.reference(literal.slice(1, -1), behindBlanks(code, behind)),
    );
    return true;
  }

  protected override readImport(start: number, depth: number): number | null {
    META.lastIndex = start + "import".length;
    if (META.test(this.code)) {
      this.readsMeta = true;
      return META.lastIndex;
    }
    return depth === 0 ? this.declarations.readDeclaration(start) : null;
  }

  protected override readExport(start: number, depth: number): number | null {
    if (depth > 0) return null;
    EXPORTED.lastIndex = start + "export".length;
    return EXPORTED.test(this.code) ? EXPORTED.lastIndex : this.declarations.readDeclaration(start);
  }
}
