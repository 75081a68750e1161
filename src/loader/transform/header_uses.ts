/**
 * The imports of modules that have them at their beginning, or each on a line of its own, as most modules of
 * packages do: found without a parser, which takes most of the time that a package takes to load.
 *
 * The beginning is read by the language's grammar. Of what follows, little is understood, and little has to
 * be: keywords have no escapes, so that there is no import where its word is not. Wherever the word is, and
 * could begin an import, a parser has to look, unless it is certain that the word is in no comment, string or
 * other literal.
 *
 * @module
 */

import type { ImportReference } from "../graph/link.ts";
import type { ModuleUses, StaticUse } from "./module_uses.ts";

const LETTER = /[\w$]/;
const LINE_END = /[\n\r\u2028\u2029]/;

/** Characters of the longest comment that is read between `export` and what it exports. */
const MAX_MARK_CHARS = 100;

/** The imports in `code`, a module; `null` if that is for a parser to say. */
export function headerUses(code: string): ModuleUses | null {
  const reader = new DeclarationReader(code);
  const start = reader.readHeader();
  if (start === null) return null;
  const words = new Words(code, start);
  for (let word = words.next(); word !== null; word = words.next()) {
    if (!word.mayDeclare()) continue;
    const end = words.isCertainlyCode(word.place) ? reader.readDeclaration(word.place) : null;
    if (end === null) return null;
    words.skipTo(end);
  }
  return {
    statics: reader.statics,
    clauses: [],
    dynamics: [],
    literals: [],
    made: [],
    readsMeta: false,
    fault: null,
  };
}

/** Reads imports, exports of lists, and directives. */
export class DeclarationReader {
  /** Those that were read. */
  readonly statics: StaticUse[] = [];
  readonly #code: string;
  #at = 0;
  /** A place, and the number of its line. */
  #counted = 0;
  #line = 1;

  /** A reader that has read nothing of `code`. */
  constructor(code: string) {
    this.#code = code;
  }

  /** An import of `specifier`, whose literal is at `start`: behind all that was read. */
  reference(specifier: string, start: number): ImportReference {
    return { specifier, type: "", line: this.#lineAt(start) };
  }

  /** Reads those that a module begins with; returns where the rest begins, `null` if a comment has no end. */
  readHeader(): number | null {
    if (this.#code.startsWith("#!")) this.#skipLine();
    for (;;) {
      if (!this.#skipGap()) return null;
      const start = this.#at;
      if (!this.#readImportOrExport() && !this.#readDirective()) return start;
    }
  }

  /** Reads the import or export at `place`; returns where it ends, `null` if it is of another form. */
  readDeclaration(place: number): number | null {
    this.#at = place;
    return this.#readImportOrExport() ? this.#at : null;
  }

  #readImportOrExport(): boolean {
    const start = this.#at;
    const isRead = this.#takeWord("import")
      ? this.#readImport()
      : this.#takeWord("export") && this.#readExport();
    if (!isRead) this.#at = start;
    return isRead;
  }

  #readImport(): boolean {
    this.#skipBlanks();
    if (!this.#isAtQuote()) {
      const hasDefault = this.#takeName();
      this.#skipBlanks();
      const hasMore = !hasDefault || this.#take(",");
      this.#skipBlanks();
      if (hasMore && !this.#takeNames() && !this.#takeNamespace("named")) return false;
      this.#skipBlanks();
      if (!this.#takeWord("from")) return false;
      this.#skipBlanks();
    }
    return this.#readSpecifier();
  }

  #readExport(): boolean {
    this.#skipBlanks();
    const isList = this.#takeNames();
    if (!isList && !this.#takeNamespace("perhaps")) return false;
    const end = this.#at;
    this.#skipBlanks();
    if (!this.#takeWord("from")) {
      this.#at = end;
      return isList && this.#endStatement();
    }
    this.#skipBlanks();
    return this.#readSpecifier();
  }

  /** A statement that is a string, such as `"use strict"`. */
  #readDirective(): boolean {
    return this.#takeString() !== null && this.#endStatement();
  }

  #readSpecifier(): boolean {
    const start = this.#at;
    const specifier = this.#takeString();
    if (specifier === null) return false;
    const end = this.#at;
    if (!this.#endStatement()) return false;
    this.statics.push({ reference: this.reference(specifier, start), start, end });
    return true;
  }

  /** Takes what ends a statement; attributes, and where a list comes from, are more of it, on whatever line. */
  #endStatement(): boolean {
    const start = this.#at;
    if (!this.#skipGap()) return false;
    if (this.#at === this.#code.length || this.#take(";")) return true;
    if (!LINE_END.test(this.#code.slice(start, this.#at))) return false;
    return !["from", "with", "assert"].some((word) => this.#code.startsWith(word, this.#at));
  }

  /** A string without escapes. */
  #takeString(): string | null {
    if (!this.#isAtQuote()) return null;
    const end = this.#code.indexOf(this.#code[this.#at], this.#at + 1);
    if (end < 0) return null;
    const text = this.#code.slice(this.#at + 1, end);
    if (text.includes("\\") || LINE_END.test(text)) return null;
    this.#at = end + 1;
    return text;
  }

  #isAtQuote(): boolean {
    return this.#code[this.#at] === '"' || this.#code[this.#at] === "'";
  }

  /** Names between braces. */
  #takeNames(): boolean {
    const end = endOfNames(this.#code, this.#at);
    if (end === null) return false;
    this.#at = end;
    return true;
  }

  /** `*`, and the name that it is given. */
  #takeNamespace(named: "named" | "perhaps"): boolean {
    if (!this.#take("*")) return false;
    this.#skipBlanks();
    if (!this.#takeWord("as")) return named === "perhaps";
    this.#skipBlanks();
    return this.#takeName();
  }

  #takeName(): boolean {
    const start = this.#at;
    while (isLetter(this.#code, this.#at)) this.#at++;
    return this.#at > start && isWordEnd(this.#code, this.#at);
  }

  #takeWord(word: string): boolean {
    if (!this.#code.startsWith(word, this.#at)) return false;
    const end = this.#at + word.length;
    if (isLetter(this.#code, end) || !isWordEnd(this.#code, end)) return false;
    this.#at = end;
    return true;
  }

  #take(sign: string): boolean {
    if (this.#code[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #skipBlanks(): void {
    this.#at = behindBlanks(this.#code, this.#at);
  }

  #skipLine(): void {
    while (this.#at < this.#code.length && !LINE_END.test(this.#code[this.#at])) this.#at++;
  }

  /** Skips blanks and comments; returns whether the last one has an end. */
  #skipGap(): boolean {
    for (;;) {
      this.#skipBlanks();
      if (this.#code.startsWith("//", this.#at)) {
        this.#skipLine();
      } else if (this.#code.startsWith("/*", this.#at)) {
        const end = this.#code.indexOf("*/", this.#at + 2);
        if (end < 0) return false;
        this.#at = end + 2;
      } else {
        return true;
      }
    }
  }

  #lineAt(place: number): number {
    const between = this.#code.slice(this.#counted, place);
    this.#line += between.match(/\r\n|[\n\r\u2028\u2029]/g)?.length ?? 0;
    this.#counted = place;
    return this.#line;
  }
}

/** A word that may be a keyword. */
interface Word {
  readonly place: number;
  /** Whether it may begin an import of any kind, or export what another module does. */
  mayDeclare(): boolean;
}

/** Finds the two words in code, and what can be known of their places without a parser. */
class Words {
  readonly #code: string;
  #import: number;
  #export: number;
  /** Where the first template may begin. */
  readonly #template: number;
  readonly #commentStarts: LastPlace;
  readonly #commentEnds: LastPlace;

  constructor(code: string, start: number) {
    this.#code = code;
    this.#import = wordAt(code, "import", start);
    this.#export = wordAt(code, "export", start);
    this.#template = code.indexOf("`");
    this.#commentStarts = new LastPlace(code, "/*");
    this.#commentEnds = new LastPlace(code, "*/");
  }

  /** The next word. */
  next(): Word | null {
    const [code, importAt, exportAt] = [this.#code, this.#import, this.#export];
    if (importAt < 0 && exportAt < 0) return null;
    if (exportAt < 0 || importAt >= 0 && importAt < exportAt) {
      this.#import = wordAt(code, "import", importAt + 1);
      return { place: importAt, mayDeclare: () => mayImport(code, importAt) };
    }
    this.#export = wordAt(code, "export", exportAt + 1);
    return { place: exportAt, mayDeclare: () => mayReExport(code, exportAt) };
  }

  /** Leaves out the words before `place`. */
  skipTo(place: number): void {
    const [code, importAt, exportAt] = [this.#code, this.#import, this.#export];
    if (importAt >= 0 && importAt < place) this.#import = wordAt(code, "import", place);
    if (exportAt >= 0 && exportAt < place) this.#export = wordAt(code, "export", place);
  }

  /**
   * Whether the word at `place`, no sooner than the one before, is in no literal and no comment. It has to begin
   * a line, and only a comment, a template and a string with a backslash go on from one line to the next. Its
   * line has to go on: fields of classes may be called so.
   */
  isCertainlyCode(place: number): boolean {
    const code = this.#code;
    if (this.#template >= 0 && this.#template < place) return false;
    let start = place;
    while (start > 0 && (code[start - 1] === " " || code[start - 1] === "\t")) start--;
    if (start > 0 && code[start - 1] !== "\n") return false;
    if (/\\\r?\n$/.test(code.slice(Math.max(0, start - 3), start))) return false;
    const behind = place + "import".length;
    if (LINE_END.test(code.slice(behind, behindBlanks(code, behind)))) return false;
    const comment = this.#commentStarts.before(place);
    return comment < 0 || this.#commentEnds.before(place) >= comment + 2;
  }
}

/** Finds where a text is last before one place after the other. */
class LastPlace {
  readonly #code: string;
  readonly #text: string;
  #last = -1;
  #next: number;

  constructor(code: string, text: string) {
    this.#code = code;
    this.#text = text;
    this.#next = code.indexOf(text);
  }

  /** The last place before `place`, which is behind all that were asked about; -1 if there is none. */
  before(place: number): number {
    while (this.#next >= 0 && this.#next < place) {
      this.#last = this.#next;
      this.#next = this.#code.indexOf(this.#text, this.#last + 1);
    }
    return this.#last;
  }
}

function mayImport(code: string, place: number): boolean {
  const next = behindBlanks(code, place + "import".length);
  let end = next;
  while (isLetter(code, end)) end++;
  const name = code.slice(next, end);
  if (name === "") {
    if (code[next] === "/") return /[/*]/.test(code[next + 1] ?? "");
    return next === code.length || !/[)\]}:;=,?!&|<>+`-]/.test(code[next]);
  }
  if (name === "source" || name === "defer" || !isWordEnd(code, end)) return true;
  // Only these can follow the name of what is imported.
  let more = behindBlanks(code, end);
  if (code.startsWith("from", more)) return true;
  if (code[more] === ",") more = behindBlanks(code, more + 1);
  return /[{*/\\]|[^\0-\x7f]/.test(code[more] ?? "");
}

function mayReExport(code: string, place: number): boolean {
  const next = behindBlanks(code, place + "export".length);
  if (code.startsWith("/*", next)) {
    // Compilers mark so what is exported here.
    const end = code.slice(next, next + MAX_MARK_CHARS).indexOf("*/", 2);
    return end < 0 || !isLetter(code, behindBlanks(code, next + end + 2));
  }
  if (code.startsWith("//", next)) return true;
  if (!/[{*\\]|[^\0-\x7f]/.test(code[next] ?? "")) return false;
  const end = endOfNames(code, next);
  if (end === null) return true;
  const more = behindBlanks(code, end);
  return /[/\\]|[^\0-\x7f]/.test(code[more] ?? "") || code.startsWith("from", more);
}

/** Where a `word` is next that may be a keyword; -1 if nowhere. */
function wordAt(code: string, word: string, from: number): number {
  let at = code.indexOf(word, from);
  while (at >= 0 && (isLetter(code, at - 1) || isLetter(code, at + word.length))) {
    at = code.indexOf(word, at + 1);
  }
  return at;
}

/** Where names between braces end that begin at `start`; `null` if there is something else. */
function endOfNames(code: string, start: number): number | null {
  if (code[start] !== "{") return null;
  let end = start + 1;
  while (end < code.length && (isLetter(code, end) || /[\s,]/.test(code[end]))) end++;
  return code[end] === "}" ? end + 1 : null;
}

function behindBlanks(code: string, start: number): number {
  let at = start;
  while (at < code.length && isBlank(code.charCodeAt(at))) at++;
  return at;
}

function isBlank(charCode: number): boolean {
  if (charCode === 0x20 || charCode >= 0x09 && charCode <= 0x0d) return true;
  return charCode >= 0x80 && /\s/.test(String.fromCharCode(charCode));
}

/** Whether what is at `place` belongs to a word, if it has no escapes and no letters beyond ASCII. */
function isLetter(code: string, place: number): boolean {
  return place >= 0 && place < code.length && LETTER.test(code[place]);
}

/** Whether a word that ends before `place` has no more of other letters there. */
function isWordEnd(code: string, place: number): boolean {
  const charCode = place < code.length ? code.charCodeAt(place) : 0x20;
  return charCode !== 0x5c && (charCode < 0x80 || isBlank(charCode));
}
