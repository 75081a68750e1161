/**
 * The keys of object literals that CommonJS modules export: `module.exports = { a: 1, b() {} }`.
 *
 * Node's lexer stops at the first value that is not a plain name. Deno goes on, and modules written
 * for it count on that.
 *
 * @module
 */

/** What a literal exports. */
export interface ObjectExports {
  /** Its keys. */
  readonly exports: readonly string[];
  /** Modules that are spread into it. */
  readonly reexports: readonly string[];
}

const ASSIGNMENT = /(?:^|[^.\w$])module\s*\.\s*exports\s*=\s*\{/g;
/** A name, a string that is one, or a number. */
const KEY = /([\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*)|(["'])((?:(?!\2)[^\\\n])*)\2|\d+/uy;
const SPREAD_REQUIRE = /\.\.\.\s*require\s*\(\s*(["'])([^"'\\\n]+)\1\s*\)/y;
const SPACE = /\s*/y;
/** After these, a slash begins a regular expression. */
const BEFORE_EXPRESSION = /(?:[(,=:[!&|?{};+*%<>~^-]|\b(?:return|typeof|case|in|of|void))$/;

/** The keys of all object literals that are assigned to `module.exports` in `source`. */
export function objectExports(source: string): ObjectExports {
  const exports = new Set<string>();
  const reexports = new Set<string>();
  const assignment = new RegExp(ASSIGNMENT);
  try {
    // One that stands within another is read with that: each part of the text is read once.
    while (assignment.exec(source) !== null) {
      const reader = new LiteralReader(source, assignment.lastIndex, exports, reexports);
      assignment.lastIndex = reader.read();
    }
  } catch (error) {
    // Templates in templates without end: what was found till then has to do.
    if (!(error instanceof RangeError)) throw error;
  }
  return { exports: [...exports], reexports: [...reexports] };
}

/** Reads one literal, from behind its brace to the end or to something that it does not know. */
class LiteralReader {
  readonly #source: string;
  readonly #exports: Set<string>;
  readonly #reexports: Set<string>;
  #at: number;
  /** From here on, comments have no end. */
  #openComment = Infinity;

  constructor(source: string, start: number, exports: Set<string>, reexports: Set<string>) {
    this.#source = source;
    this.#at = start;
    this.#exports = exports;
    this.#reexports = reexports;
  }

  /** Reads on; returns where it has come to. */
  read(): number {
    while (this.#at < this.#source.length) {
      this.#skipBlanks();
      if (this.#source[this.#at] === "}") break;
      const spread = this.#match(SPREAD_REQUIRE);
      if (spread !== null) this.#reexports.add(spread[2]);
      else this.#readKey();
      if (!this.#skipValue()) break;
    }
    return this.#at;
  }

  #readKey(): void {
    this.#match(/(?:async\b\s*)?\*\s*/y);
    let key = this.#match(KEY);
    if (key !== null && /^(?:get|set|async)$/.test(key[0])) {
      this.#skipBlanks();
      this.#match(/\*\s*/y);
      key = this.#match(KEY) ?? key;
    }
    const name = key?.[1] ?? key?.[3];
    if (name !== undefined) this.#exports.add(name);
  }

  /** Goes behind the comma that ends a property; `false` at the end of the literal. */
  #skipValue(): boolean {
    let depth = 0;
    for (; this.#at < this.#source.length; this.#at++) {
      if (this.#skipBlanks()) {
        this.#at--;
        continue;
      }
      const char = this.#source[this.#at];
      if (char === "," && depth === 0) {
        this.#at++;
        return true;
      }
      if (char === '"' || char === "'") this.#skipQuoted(char);
      else if (char === "`") this.#skipTemplate();
      else if (char === "/" && this.#isExpressionNext()) this.#skipPattern();
      else if ("([{".includes(char)) depth++;
      else if (")]}".includes(char) && --depth < 0) return false;
    }
    return false;
  }

  #isExpressionNext(): boolean {
    const before = this.#source.slice(Math.max(0, this.#at - 40), this.#at);
    return BEFORE_EXPRESSION.test(before.trimEnd());
  }

  /** To the quote at the end. */
  #skipQuoted(quote: string): void {
    for (this.#at++; this.#at < this.#source.length; this.#at++) {
      const char = this.#source[this.#at];
      if (char === quote) return;
      if (char === "\\") this.#at++;
    }
  }

  #skipTemplate(): void {
    for (this.#at++; this.#at < this.#source.length; this.#at++) {
      const char = this.#source[this.#at];
      if (char === "`") return;
      if (char === "\\") this.#at++;
      else if (char === "$" && this.#source[this.#at + 1] === "{") {
        this.#at += 2;
        // The text in braces ends like a property that is the last one.
        while (this.#skipValue());
      }
    }
  }

  #skipPattern(): void {
    let isInClass = false;
    for (this.#at++; this.#at < this.#source.length; this.#at++) {
      const char = this.#source[this.#at];
      if (char === "\n" || char === "/" && !isInClass) return;
      if (char === "\\") this.#at++;
      else if (char === "[") isInClass = true;
      else if (char === "]") isInClass = false;
    }
  }

  /** Goes behind white space and comments; whether there was any. */
  #skipBlanks(): boolean {
    const start = this.#at;
    for (;;) {
      this.#match(SPACE);
      if (this.#source.startsWith("//", this.#at)) {
        this.#at = this.#endOf("\n", this.#at);
      } else if (this.#source.startsWith("/*", this.#at) && this.#at < this.#openComment) {
        const end = this.#source.indexOf("*/", this.#at + 2);
        // None that begins later has an end either.
        if (end < 0) this.#openComment = this.#at;
        else this.#at = end + 2;
      } else {
        return this.#at > start;
      }
    }
  }

  #endOf(text: string, from: number): number {
    const end = this.#source.indexOf(text, from);
    return end < 0 ? this.#source.length : end;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#source);
    if (match !== null) this.#at = pattern.lastIndex;
    return match;
  }
}
