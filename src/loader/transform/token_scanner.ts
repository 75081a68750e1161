/**
 * The words `import` and `export` in code, found by its tokens alone: most files of packages in which a parser
 * would have to look have few of them in code, and a parser takes ten times as long to say so.
 *
 * What a `/` begins depends on the grammar. Where the token before it does not decide that, and wherever else
 * more would have to be understood, a parser has to look. What is accepted here may still be wrong: then V8
 * does not run it, however it was read.
 *
 * @module
 */

/** What is known after a token. */
const OPERAND = 0; // An operand comes next: a `/` begins a regular expression.
const OPERATOR = 1; // An operator comes next: a `/` divides.
const UNSURE = 2; // Only the grammar says which.
const MEMBER = 3; // The name of a member comes next.
const CONDITION = 4; // A condition comes next, in parentheses.

/** What is known after words that are no names. */
const WORDS: ReadonlyMap<string, number> = new Map([
  ...after("case delete do else in instanceof new return throw typeof void", OPERAND),
  ...after("for if while with", CONDITION),
  ...after("await break catch class const continue debugger default enum export extends", UNSURE),
  ...after("finally function import of switch try var yield", UNSURE),
]);
const MAX_WORD_CHARS = 10;

/** What brackets are around. */
const GROUP = 0;
const CONDITIONAL = 1;
const INDEX = 2;
const BLOCK = 3;
const SUBSTITUTION = 4;
const SPECIFIER = 5;

const LINE_END = /[\n\r\u2028\u2029]/g;
/** A number that ends with its decimal point. */
const WHOLE_AND_POINT = /^(?:0|[1-9][\d_]*)\.$/;
/** What is between two tokens. */
const BLANKS = /\s*/y;
/** A call of `Function` that makes none of two literals. */
const OTHER_CALL = /\s*\(\s*(?:(?:"[^"\\\n]*"|'[^'\\\n]*')\s*\)|[^\s"'`(/])/y;
const MAYBE_CALL = /\s*(?:\/|\)+\s*(?:[(/])|\()/y;

function after(words: string, next: number): [word: string, next: number][] {
  return words.split(" ").map((word) => [word, next]);
}

/** Reads tokens, and finds the calls of `import()`. What else the two words do is for subclasses to read. */
export class TokenScanner {
  /** Where the keyword of each `import()` begins. */
  readonly dynamics: number[] = [];
  /** The code. */
  protected readonly code: string;
  /** The brackets that are open. */
  readonly #open: number[] = [];
  #at = 0;
  /** What comes next. */
  #next = OPERAND;

  /** A scanner that has read nothing of `code`. */
  constructor(code: string) {
    this.code = code;
  }

  /** Reads all of it; returns whether nothing is left to a parser. */
  scan(): boolean {
    const code = this.code;
    if (code.startsWith("#!")) this.#skipLine();
    while (this.#at < code.length) {
      if (!this.#readToken(code.charCodeAt(this.#at))) return false;
    }
    return this.#open.length === 0;
  }

  /** The keyword of an `import()` is at `start`, and its parenthesis opens before `behind`. */
  protected onCall(_start: number, _behind: number): boolean {
    return true;
  }

  /**
   * Reads what has the word `import` at `start`, but no call, in so many brackets; returns where it ends, `null`
   * if that is for a parser to say.
   */
  protected readImport(_start: number, _depth: number): number | null {
    return null;
  }

  /** The same for `export`. */
  protected readExport(_start: number, _depth: number): number | null {
    return null;
  }

  /** Reads the token that begins with `first`, or a blank; returns whether that is certain. */
  #readToken(first: number): boolean {
    switch (first) {
      case 0x20:
      case 0x09:
      case 0x0a:
      case 0x0b:
      case 0x0c:
      case 0x0d:
        this.#at++;
        return true;
      case 0x22: // "
      case 0x27: // '
        return this.#readString(first);
      case 0x60: // `
        this.#at++;
        return this.#readTemplate();
      case 0x2f: // /
        return this.#readSlash();
      case 0x28: // (
        return this.#enter(this.#next === CONDITION ? CONDITIONAL : GROUP);
      case 0x5b: // [
        return this.#enter(INDEX);
      case 0x7b: // {
        return this.#enter(BLOCK);
      case 0x29: // )
      case 0x5d: // ]
      case 0x7d: // }
        return this.#leave(first);
      case 0x2e: // .
        return this.#readDot();
      case 0x2b: // +
      case 0x2d: // -
        return this.#readSign(first);
      case 0x2c: // ,
        // The second argument of an import, or nothing after the first one.
        if (this.#open.at(-1) === SPECIFIER) return false;
        return this.#readOperator();
      case 0x3c: // <
        // A comment in scripts.
        return !this.code.startsWith("<!--", this.#at) && this.#readOperator();
      case 0x5c: // \
      case 0x40: // @
        return false;
    }
    if (first >= 0x30 && first <= 0x39) return this.#readNumber();
    if (first >= 0x80 && isBlank(first)) {
      this.#at++;
      return true;
    }
    // The name of a private member.
    if (first === 0x23 && !isWordPart(this.code.charCodeAt(this.#at + 1))) return false;
    if (first === 0x23 || first === 0x24 || first === 0x5f || first >= 0x80 || isLetter(first)) {
      return this.#readWord();
    }
    return first > 0x20 && first < 0x7f && this.#readOperator();
  }

  #readOperator(): boolean {
    this.#at++;
    this.#next = OPERAND;
    return true;
  }

  #readString(quote: number): boolean {
    const code = this.code;
    for (let at = this.#at + 1; at < code.length; at++) {
      const char = code.charCodeAt(at);
      if (char === quote) {
        this.#at = at + 1;
        this.#next = OPERATOR;
        return true;
      }
      if (char === 0x5c) at += code.startsWith("\r\n", at + 1) ? 2 : 1;
      else if (char === 0x0a || char === 0x0d) return false;
    }
    return false;
  }

  /** Reads text of a template, up to its end or to a substitution. */
  #readTemplate(): boolean {
    const code = this.code;
    for (let at = this.#at; at < code.length; at++) {
      const char = code.charCodeAt(at);
      if (char === 0x60) {
        this.#at = at + 1;
        this.#next = OPERATOR;
        return true;
      }
      if (char === 0x5c) {
        at++;
      } else if (char === 0x24 && code.charCodeAt(at + 1) === 0x7b) {
        this.#at = at + 1;
        return this.#enter(SUBSTITUTION);
      }
    }
    return false;
  }

  #readSlash(): boolean {
    const second = this.code.charCodeAt(this.#at + 1);
    if (second === 0x2f) {
      this.#skipLine();
      return true;
    }
    if (second === 0x2a) {
      const end = this.code.indexOf("*/", this.#at + 2);
      this.#at = end + 2;
      return end >= 0;
    }
    // At the beginning of a line, a declaration or a jump without a semicolon may have ended.
    if (this.#next === OPERATOR) return !this.#mayBeginLine() && this.#readOperator();
    return this.#next === OPERAND && this.#readRegExp();
  }

  #readRegExp(): boolean {
    const code = this.code;
    let isInClass = false;
    for (let at = this.#at + 1; at < code.length; at++) {
      const char = code.charCodeAt(at);
      if (char === 0x2f && !isInClass) {
        this.#at = this.#wordEnd(at + 1);
        this.#next = OPERATOR;
        return true;
      }
      if (char === 0x5b) isInClass = true;
      else if (char === 0x5d) isInClass = false;
      else if (char === 0x5c) at++;
      if (isLineEnd(code.charCodeAt(at))) return false;
    }
    return false;
  }

  #readDot(): boolean {
    const code = this.code;
    const second = code.charCodeAt(this.#at + 1);
    if (second >= 0x30 && second <= 0x39) return this.#readNumber();
    if (code.startsWith("...", this.#at)) {
      this.#at += 2;
      return this.#readOperator();
    }
    this.#at++;
    this.#next = MEMBER;
    return true;
  }

  #readNumber(): boolean {
    const code = this.code;
    const start = this.#at;
    // An exponent's sign is read as one of its own, with a number after it.
    do this.#at = this.#wordEnd(this.#at + 1); while (code[this.#at] === ".");
    this.#next = OPERATOR;
    // The name of a member comes next, unless the point is the number's own.
    return code[this.#at - 1] !== "." || WHOLE_AND_POINT.test(code.slice(start, this.#at));
  }

  /** `+`, `-`, or two of them, after which it would matter what was before. */
  #readSign(sign: number): boolean {
    const code = this.code;
    if (code.charCodeAt(this.#at + 1) !== sign) return this.#readOperator();
    if (sign === 0x2d && code[this.#at + 2] === ">" && this.#mayBeginLine()) return false;
    this.#at += 2;
    this.#next = UNSURE;
    return true;
  }

  /** Whether nothing but blanks and comments may be before this in its line: `-->` is a comment there. */
  #mayBeginLine(): boolean {
    let at = this.#at - 1;
    while (at >= 0 && (this.code[at] === " " || this.code[at] === "\t")) at--;
    if (at < 0) return true;
    const char = this.code.charCodeAt(at);
    return isLineEnd(char) || char === 0x2f || char < 0x20 || char >= 0x80;
  }

  #readWord(): boolean {
    const code = this.code;
    const start = this.#at;
    const end = this.#wordEnd(start + 1);
    this.#at = end;
    const isMember = this.#next === MEMBER;
    const before = this.#next;
    this.#next = OPERATOR;
    if (isMember || end - start > MAX_WORD_CHARS) return true;
    const word = code.slice(start, end);
    if (word === "Function") return !this.#mayMakeImport();
    const next = WORDS.get(word);
    if (next === undefined) return true;
    if (word === "import") return this.#readImport(start);
    if (word === "export") return this.#goOn(this.readExport(start, this.#open.length), OPERAND);
    // `for await (`
    this.#next = word === "await" && before === CONDITION ? CONDITION : next;
    return true;
  }

  /** Whether two literals may be made a function here. */
  #mayMakeImport(): boolean {
    MAYBE_CALL.lastIndex = OTHER_CALL.lastIndex = this.#at;
    return MAYBE_CALL.test(this.code) && !OTHER_CALL.test(this.code);
  }

  /** Reads on from the keyword at `start`, or what is called so. */
  #readImport(start: number): boolean {
    const code = this.code;
    this.#at = behindBlanks(code, this.#at);
    if (code[this.#at] === "(") {
      this.dynamics.push(start);
      return this.#enter(SPECIFIER) && this.onCall(start, this.#at);
    }
    // `import.meta` is an operand, and all else a statement.
    const next = code[this.#at] === "." ? OPERATOR : OPERAND;
    return this.#goOn(this.readImport(start, this.#open.length), next);
  }

  #goOn(end: number | null, next: number): boolean {
    if (end === null) return false;
    this.#at = end;
    this.#next = next;
    return true;
  }

  #enter(bracket: number): boolean {
    this.#open.push(bracket);
    return this.#readOperator();
  }

  #leave(closing: number): boolean {
    const opened = this.#open.pop();
    this.#at++;
    this.#next = OPERATOR;
    if (closing === 0x5d) return opened === INDEX;
    if (closing === 0x7d) {
      if (opened === SUBSTITUTION) return this.#readTemplate();
      this.#next = UNSURE;
      return opened === BLOCK;
    }
    if (opened === CONDITIONAL) {
      this.#next = OPERAND;
      return true;
    }
    if (opened === GROUP) return true;
    if (opened !== SPECIFIER) return false;
    // A method that is called so, or perhaps one, after a comment.
    const next = behindBlanks(this.code, this.#at);
    return !["{", "/*", "//"].some((text) => this.code.startsWith(text, next));
  }

  #skipLine(): void {
    LINE_END.lastIndex = this.#at;
    this.#at = LINE_END.exec(this.code)?.index ?? this.code.length;
  }

  #wordEnd(start: number): number {
    const code = this.code;
    let at = start;
    while (at < code.length && isWordPart(code.charCodeAt(at))) at++;
    return at;
  }
}

/** The first place from `start` on that is no blank. */
export function behindBlanks(code: string, start: number): number {
  BLANKS.lastIndex = start;
  return start + BLANKS.exec(code)![0].length;
}

function isLetter(char: number): boolean {
  return char >= 0x61 && char <= 0x7a || char >= 0x41 && char <= 0x5a;
}

/** Letters, digits, `$`, `_`, and whatever is not ASCII but blanks. */
function isWordPart(char: number): boolean {
  return isLetter(char) || char >= 0x30 && char <= 0x39 || char === 0x24 || char === 0x5f ||
    char >= 0x80 && !isBlank(char);
}

/** White space that is not ASCII. */
function isBlank(char: number): boolean {
  return /\s/.test(String.fromCharCode(char));
}

function isLineEnd(char: number): boolean {
  return char === 0x0a || char === 0x0d || char === 0x2028 || char === 0x2029;
}
