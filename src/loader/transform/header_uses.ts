/**
 * The imports of modules that have all of them at their beginning, as most modules of packages do: found
 * without a parser, which takes most of the time that a package takes to load.
 *
 * The beginning is read by the language's grammar. Of what follows, nothing is understood, and nothing has to
 * be: keywords have no escapes, so that there is no import where its word is not. Wherever the word is, and
 * could begin an import, a parser has to look, be it in a comment or in a string.
 *
 * @module
 */

import type { ModuleUses, StaticUse } from "./module_uses.ts";

const LETTER = /[\w$]/;
const LINE_END = /[\n\r\u2028\u2029]/;

/** The imports in `code`, a module; `null` if that is for a parser to say. */
export function headerUses(code: string): ModuleUses | null {
  const reader = new HeaderReader(code);
  const end = reader.read();
  if (end === null || mayImportFrom(code, end) || mayReExportFrom(code, end)) return null;
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

/** Reads the imports, re-exports and directives that a module begins with. */
class HeaderReader {
  readonly statics: StaticUse[] = [];
  readonly #code: string;
  #at = 0;
  /** A place, and the number of its line. */
  #counted = 0;
  #line = 1;

  constructor(code: string) {
    this.#code = code;
  }

  /** Returns where the rest begins; `null` if a comment has no end. */
  read(): number | null {
    if (this.#code.startsWith("#!")) this.#skipLine();
    for (;;) {
      if (!this.#skipGap()) return null;
      const start = this.#at;
      const isRead = this.#takeWord("import")
        ? this.#readImport()
        : this.#takeWord("export")
        ? this.#readReExport()
        : this.#readDirective();
      if (isRead) continue;
      return start;
    }
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

  #readReExport(): boolean {
    this.#skipBlanks();
    if (!this.#takeNames() && !this.#takeNamespace("perhaps")) return false;
    this.#skipBlanks();
    if (!this.#takeWord("from")) return false;
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
    this.statics.push({
      reference: { specifier, type: "", line: this.#lineAt(start) },
      start,
      end,
    });
    return true;
  }

  /** Takes what ends a statement; attributes are more of it, on whatever line. */
  #endStatement(): boolean {
    const start = this.#at;
    if (!this.#skipGap()) return false;
    if (this.#at === this.#code.length || this.#take(";")) return true;
    if (!LINE_END.test(this.#code.slice(start, this.#at))) return false;
    return !this.#code.startsWith("with", this.#at) && !this.#code.startsWith("assert", this.#at);
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

/** Whether anything from `start` on, the beginning of a statement, may be an import of any kind. */
function mayImportFrom(code: string, start: number): boolean {
  for (let at = wordAt(code, "import", start); at >= 0; at = wordAt(code, "import", at + 1)) {
    const next = behindBlanks(code, at + "import".length);
    let end = next;
    while (isLetter(code, end)) end++;
    const name = code.slice(next, end);
    if (name === "") {
      if (next === code.length || !/[)\]}:;=,?!&|<>+`-]/.test(code[next])) return true;
    } else if (name === "source" || name === "defer" || !isWordEnd(code, end)) {
      return true;
    } else {
      // Only these can follow the name of what is imported.
      let more = behindBlanks(code, end);
      if (code.startsWith("from", more)) return true;
      if (code[more] === ",") more = behindBlanks(code, more + 1);
      if (/[{*/\\]|[^\0-\x7f]/.test(code[more] ?? "")) return true;
    }
  }
  return false;
}

/** Whether anything from `start` on may export what another module does. */
function mayReExportFrom(code: string, start: number): boolean {
  for (let at = wordAt(code, "export", start); at >= 0; at = wordAt(code, "export", at + 1)) {
    const next = behindBlanks(code, at + "export".length);
    if (!/[{*/\\]|[^\0-\x7f]/.test(code[next] ?? "")) continue;
    const end = endOfNames(code, next);
    if (end === null) return true;
    const more = behindBlanks(code, end);
    if (/[/\\]|[^\0-\x7f]/.test(code[more] ?? "") || code.startsWith("from", more)) return true;
  }
  return false;
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
