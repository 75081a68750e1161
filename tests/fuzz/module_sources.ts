/** Modules and scripts made at random, full of what is, and what only looks like, an import. */

import type { Random } from "../support/random.ts";

const SPECIFIERS = ["'x'", '"y"', "'./a.js'", "'\\x61'", '"a\\\nb"', "'\u2028'", "''", '"\'"'];
const STRINGS = [
  "\"import('q')\"",
  "'import(\"q\")'",
  "'/*'",
  "'//'",
  '"`"',
  "'\\''",
  '"${"',
  "''",
];
const REGEXPS = ["/import('q')/", "/[/]import('q')/g", "/'/", "/`/", "/\\//", "/[`'\"]/u", "/a*b/"];
const COMMENTS = ["/* import('q') */", "/*`*/", "/*'*/", "// import('q')\n", "//`\n", "/*\n*/"];
const NAMES = ["a", "b", "async", "of", "get", "set", "from", "as", "let1", "$mport", "$modules"];
const GAPS = ["", "", "", "", " ", "\n", "\t", "\r\n", ...COMMENTS];
const OPERATORS = [
  "+",
  "-",
  "*",
  "/",
  "%",
  "<",
  ">",
  ">>",
  "??",
  "||",
  "&&",
  "==",
  "in",
  "instanceof",
];

/** What a mutation may put in. */
export const MODULE_SNIPPETS: readonly string[] = [
  ...STRINGS,
  ...REGEXPS,
  ...COMMENTS,
  "import('x')",
  "import ",
  "import.meta",
  "import.source('x')",
  "import.defer('x')",
  "import*as a from'x';",
  "export*from'x';",
  " with { type: 'json' }",
  " assert { type: 'json' }",
  "await ",
  "yield ",
  "async ",
  "new ",
  "?.",
  "=>",
  "<",
  ">",
  "/",
  "`",
  "${",
  "}",
  "{",
  "(",
  ")",
  "'",
  '"',
  "\\",
  "\n",
  "\r",
  "\u2028",
  "<!--",
  "\n-->",
  "#!",
  "#",
  "@",
  "\\u0069mport('x')",
  "\ufeff",
  "\0",
  ";",
  ",",
  "...",
];

/** What is one thing in a script, and another in a module. */
const SLOPPY = [
  "for (await of /'/.exec(import(\"x\"))) {} //' ; ; ) {}",
  "for (yield of /`/.exec(import('x'))) {} //` ; ; ) {}",
  "await / import('x') / 1",
  "a?.return\n/ import('x') / 1; b++ / 2",
  "a\nof\n/ import('x') / 1",
  "of++\n/ import('x') / 1",
  "var a\n/'/.exec(import(\"x\")) //'",
  "yield\n/'/.exec(import(\"x\")) //'",
  "a <!-- import('q') `\n",
  "\n--> import('q') '\n",
  "await: while (import('x')) {}",
  "var yield = 010, let = '\\07'",
  "with (a) { import('x') }",
  "return import('x')",
];

/** How a source is read. */
export type SourceGoal = "module" | "script";

/** Makes sources that V8 takes, if nobody changes them. */
class Writer {
  readonly #random: Random;
  readonly #goal: SourceGoal;
  #depth = 0;
  #names = 0;

  constructor(random: Random, goal: SourceGoal) {
    this.#random = random;
    this.#goal = goal;
  }

  source(): string {
    const isModule = this.#goal === "module";
    let text = isModule && this.#random.below(12) === 0 ? "#!/usr/bin/env x import('q')\n" : "";
    for (let left = 1 + this.#random.below(3); left > 0; left--) {
      text += isModule && this.#random.below(3) === 0 ? this.#declaration() : this.#statement();
      text += this.#random.pick(["\n", "\n", ";", ";\n", "\n// x\n", "\r\n"]);
    }
    return text;
  }

  /** A name that is not declared yet. */
  #fresh(): string {
    return `v${this.#names++}`;
  }

  #gap(): string {
    return this.#random.pick(GAPS);
  }

  #pick(choices: readonly string[]): string {
    return this.#random.pick(choices);
  }

  /** An import or export declaration. */
  #declaration(): string {
    const [first, second] = [this.#fresh(), this.#fresh()];
    const from = `from${this.#gap()}${this.#pick(SPECIFIERS)}${this.#clause()}`;
    switch (this.#random.below(9)) {
      case 0:
        return `import${this.#gap()}${this.#pick(SPECIFIERS)}${this.#clause()}`;
      case 1:
        return `import ${first} ${from}`;
      case 2:
        return `import${this.#gap()}*${this.#gap()}as ${first} ${from}`;
      case 3:
        return `import${this.#gap()}{${this.#gap()}a as ${first}, 'b c' as ${second},}${this.#gap()}${from}`;
      case 4:
        return `import ${first},${this.#gap()}{ default as ${second} } ${from}`;
      case 5:
        return `export${this.#gap()}*${this.#gap()}${from}`;
      case 6:
        return `export * as '${first} import("q")' ${from}`;
      case 7:
        return `export { a as ${first}, default as ${second} } ${from}`;
      default:
        return `export const ${first} = ${this.#expression()}`;
    }
  }

  #clause(): string {
    if (this.#random.below(4) > 0) return "";
    const body = this.#pick([
      "{ type: 'json' }",
      '{"type":"text"}',
      "{}",
      "{\ntype: 'json',\n}",
      "{type/*}*/:'json'}",
    ]);
    return `${this.#gap()}with${this.#gap()}${body}`;
  }

  #statement(): string {
    if (this.#depth > 2) return ";";
    this.#depth++;
    const text = this.#anyStatement();
    this.#depth--;
    return text;
  }

  #anyStatement(): string {
    const expression = () => this.#expression();
    if (this.#goal === "script" && this.#random.below(12) === 0) return this.#pick(SLOPPY);
    switch (this.#random.below(12)) {
      case 0:
        return `const ${this.#fresh()} = ${expression()}`;
      case 1:
        return `if (${expression()}) ${this.#pick(REGEXPS)}.test(${expression()}); else {}`;
      case 2:
        return `for (const x of [${expression()}]) { ${this.#statement()} }`;
      case 3:
        return `{ ${this.#statement()} }\n${this.#pick(REGEXPS)}.test(${expression()})`;
      case 4:
        return `function ${this.#fresh()}(a = ${expression()}) { return ${expression()} }`;
      case 5:
        return `async function ${this.#fresh()}() { await ${expression()}; for await (const x of a) {} }`;
      case 6:
        return `function* ${this.#fresh()}() { yield ${expression()}; yield /'/ }`;
      case 7:
        return `class ${this.#fresh()} { a = ${expression()}; static { ${this.#statement()} }` +
          ` [${expression()}]() {} get import() { return 1 } #b = ${this.#pick(REGEXPS)} }`;
      case 8:
        return `label: while (${expression()}) { break label }`;
      case 9:
        return `switch (${expression()}) { case ${expression()}: default: ${this.#statement()} }`;
      case 10:
        return `try { ${this.#statement()} } catch { } finally { }`;
      default:
        return `void ${expression()}`;
    }
  }

  #expression(): string {
    if (this.#depth > 3) return this.#pick([...NAMES, ...STRINGS, "1"]);
    this.#depth++;
    const text = this.#anyExpression();
    this.#depth--;
    return text;
  }

  #anyExpression(): string {
    const inner = () => this.#expression();
    switch (this.#random.below(16)) {
      case 0:
      case 1:
        return `import${this.#gap()}(${this.#gap()}${this.#pick(SPECIFIERS)}${this.#gap()})`;
      case 2:
        return `import(${inner()}, { with: { type: 'json' } },)`;
      case 3:
        return this.#goal === "module" ? `import${this.#gap()}.${this.#gap()}meta` : "this";
      case 4:
        return this.#pick(STRINGS);
      case 5:
        return `(${inner()}, ${this.#pick(REGEXPS)})`;
      case 6:
        return `\`a\${${inner()}}import('q')\${\`\${${inner()}}\`}\\\`\``;
      case 7:
        return `(${inner()})${this.#gap()}${this.#pick(OPERATORS)} (${inner()})`;
      case 8:
        return `[${inner()}, ${this.#gap()}...[${inner()}]]`;
      case 9:
        return `({ a: ${inner()}, [${inner()}]: 1, import: 2, get import() { return 1 } })`;
      case 10:
        return `(async () => { await ${inner()} })()`;
      case 11:
        return `(function () { return ${this.#gap().replace(/[\r\n]/g, "")}${inner()} })`;
      case 12:
        return `a${this.#gap()}?${this.#gap()}(${inner()}) : (${inner()})`;
      case 13:
        return `a++ / ${inner()} / 2`;
      case 14:
        return `a < ${this.#pick(NAMES)} > (${inner()})`;
      default:
        return this.#pick(NAMES);
    }
  }
}

/** A source that V8 mostly takes. */
export function randomSource(random: Random, goal: SourceGoal): string {
  return new Writer(random, goal).source();
}

const TYPED = [
  "type A = import('q').B;\n",
  "import type { T } from 't';\n",
  "import { type U, v } from 'u';\nvoid v;\n",
  "interface I { a: typeof import('q') }\n",
  "declare module 'm' { import a from 'q' }\n",
  "enum E { A = 1 }\n",
  "const t = <T,>(a: T): a is T => import('x') as never;\n",
  "let u = a as any satisfies unknown;\n",
  "abstract class C<T> { constructor(private a = import('x')) {} declare b: string }\n",
  "function f(this: void, a?: import('q').B): asserts a {}\n",
  "export type { T } from 't';\n",
  "namespace N { export const a = import('x') }\n",
  "@dec class D { @dec accessor a = import('x') }\n",
];

/** The same with TypeScript in between. */
export function randomTypeScript(random: Random): string {
  let text = randomSource(random, "module").replace(/^#!.*\n/, "");
  for (let left = random.below(4); left > 0; left--) {
    const typed = random.pick(TYPED);
    text = random.below(2) === 0 ? typed + text : `${text}\n${typed}`;
  }
  return text;
}
