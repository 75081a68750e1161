/**
 * The rewriting of imports, with V8 as the judge: what it takes, it takes rewritten; and rewritten, it has
 * the runtime import nothing but what the loader has put in.
 */

import vm from "node:vm";
import { LoadError } from "../../src/base/errors.ts";
import type { TransformedModule } from "../../src/loader/graph/link.ts";
import { linkCode } from "../../src/loader/graph/link.ts";
import { headerUses } from "../../src/loader/transform/header_uses.ts";
import { openCommonJs } from "../../src/loader/transform/open_imports.ts";
import { plainUses } from "../../src/loader/transform/plain_uses.ts";
import { scriptImports } from "../../src/loader/transform/script_imports.ts";
import type { ModuleUses } from "../../src/loader/transform/module_uses.ts";
import { tokenUses } from "../../src/loader/transform/token_uses.ts";
import { originalPlace } from "../../src/loader/transform/source_lines.ts";
import { rewriteCommonJs, transformCode } from "../../src/loader/transform/transform.ts";
import { assert, assertEquals } from "../support/assert.ts";
import type { Random } from "../support/random.ts";
import { inputTarget } from "./input_target.ts";
import { MODULE_SNIPPETS, randomSource, randomTypeScript } from "./module_sources.ts";
import { perhapsMutated } from "./mutation.ts";
import type { FuzzTarget } from "./target.ts";

const MODULE_URL = "https://example.com/module.js";
/** What stands where a specifier was. */
const HOLE = "\ue000";

/** What V8 says of a module; older versions of Deno do not let it be asked. */
interface ParsedByV8 {
  readonly moduleRequests: readonly { readonly specifier: string }[];
}
const { SourceTextModule } = vm as unknown as {
  readonly SourceTextModule?: new (code: string) => ParsedByV8;
};

/** The module as V8 sees it; `null` if it does not take it. */
function parsedByV8(code: string): ParsedByV8 | null {
  try {
    return new SourceTextModule!(code);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Whether V8 takes a script, as CommonJS is wrapped. */
function isScript(code: string): boolean {
  try {
    new vm.Script(`(function (exports, require, module, __filename, __dirname) {${code}\n})`);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

/** Blanks and comments. */
const GAP = String.raw`(?:\s|/\*(?:[^*]|\*(?!/))*\*/|//[^\n\r\u2028\u2029]*[\n\r\u2028\u2029])*`;
/** An `import` that would be called, be it in code or only in text. */
const IMPORT_CALL = new RegExp(
  String.raw`(?<!\.\s*|[$\\\p{ID_Continue}])import(?=${GAP}(?:\(|\.${GAP}(?:source|defer)\b))`,
  "gu",
);

/** Makes each such `import` something that can stand in text only: what was code is no code any more. */
function spoilt(code: string): string {
  return code.replace(IMPORT_CALL, "imp@rt");
}

/** Methods may be called `import`; those of a few mutated sources are. */
const NAMED_IMPORT =
  /(?:get|set|async|static|[{},;*\n]|\?\.|\.)\s*(?:(?:\/\*[^]*?\*\/|\/\/.*)\s*)*import\s*(?:(?:\/\*[^]*?\*\/|\/\/.*)\s*)*\(/;

function transformed(text: string, mediaType: "javascript" | "typescript") {
  try {
    return transformCode({ url: MODULE_URL, text, mediaType, compilerOptions: {} });
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    return null;
  }
}

function checkJavaScript(source: string, random: Random): void {
  checkQuick(source, headerUses(source));
  checkQuick(source, tokenUses(source));
  const module = transformed(source, "javascript");
  if (module === null) return;
  const code = linkedCode(module);
  const prelude = preludeOf(module.parts[0]);
  checkEdits(source, module, prelude);
  if (random.below(4) === 0) checkPositions(source, module, code, prelude);
  if (SourceTextModule === undefined) return;
  const before = parsedByV8(source);
  const after = parsedByV8(code);
  if (before === null) return;
  assert(after !== null, "V8 takes the source, and not what became of it");
  const requested = new Set(before.moduleRequests.map(({ specifier }) => specifier));
  assertEquals(requested, new Set(module.imports.map(({ specifier }) => specifier)));
  const targets = after.moduleRequests.map(({ specifier }) => specifier)
    .filter((specifier) => specifier !== "./runtime.js");
  assertEquals(targets, module.imports.map((_, index) => `./${index}.js`));
  checkCalls(code.slice(prelude.length));
}

/** What is found without a parser is all that V8 finds. */
function checkQuick(source: string, uses: ModuleUses | null): void {
  if (uses === null || SourceTextModule === undefined) return;
  const parsed = parsedByV8(source);
  if (parsed === null) return;
  const plain = plainUses(source, "module");
  if (plain !== null) assertEquals(uses, plain);
  const found = uses.statics.map(({ reference }) => reference.specifier);
  const requested = new Set(parsed.moduleRequests.map(({ specifier }) => specifier));
  assertEquals(new Set(found), requested);
  for (const { start, end, reference } of uses.statics) {
    assertEquals(source.slice(start + 1, end - 1), reference.specifier);
  }
  if (uses.dynamics.length === 0) checkCalls(source);
}

/** Nothing is left that V8 takes for an `import()` of its own. */
function checkCalls(code: string): void {
  if (NAMED_IMPORT.test(code)) return;
  assert(parsedByV8(code) === null || parsedByV8(spoilt(code)) !== null, "an import() is left");
}

function linkedCode(module: TransformedModule): string {
  return linkCode({ ...module, map: "" }, module.imports.map((_, index) => `./${index}.js`));
}

/** What the loader has put before the code. */
function preludeOf(code: string): string {
  const [prelude = ""] =
    /^import\{modules as (\S+)\}from"\.\/runtime\.js";(?:\1\.describe\(import\.meta,"[^"]*"\);)?(?:function \S+?\(\)\{return \1\.import\("[^"]*",arguments\)\})?/
      .exec(code) ?? [];
  return prelude;
}

/** Nothing has changed but specifiers, their clauses, and the name of what is called. */
function checkEdits(source: string, module: TransformedModule, prelude: string): void {
  const [, importer] = /function (\S+?)\(\)/.exec(prelude) ?? [];
  assert(importer === undefined || !source.includes(importer), "the name is no other's");
  const code = module.parts.join(HOLE).slice(prelude.length);
  let at = 0;
  let imports = 0;
  let mayHaveClause = false;
  for (let i = 0; i < code.length;) {
    if (code[i] === HOLE && source[at] !== HOLE) {
      const [literal] = /^(?:'(?:\\[^]|[^'\\])*'|"(?:\\[^]|[^"\\])*")/.exec(source.slice(at)) ?? [];
      assert(literal !== undefined, "a specifier is a string");
      const { specifier } = module.imports[imports++];
      if (!literal.includes("\\")) assertEquals(literal.slice(1, -1), specifier);
      at += literal.length;
      i++;
      // The lines of a string stay lines.
      const lineEnds = literal.replace(/[^\r\n\u2028\u2029]/g, "");
      assertEquals(code.slice(i, i + lineEnds.length), lineEnds);
      i += lineEnds.length;
      mayHaveClause = true;
    } else if (code[i] === source[at]) {
      i++;
      at++;
    } else if (importer !== undefined && code.startsWith(importer, i)) {
      assertEquals(source.slice(at, at + 6), "import");
      i += importer.length;
      at += 6;
    } else if (i === 0 && source.startsWith("#!")) {
      assertEquals(code.slice(0, 2), "//");
      i += 2;
      at += 2;
    } else {
      assert(mayHaveClause, `something else has changed: ${JSON.stringify(source.slice(at))}`);
      const [clause] = CLAUSE.exec(source.slice(at)) ?? [];
      assert(clause !== undefined, "what is left out is a clause");
      assertEquals(code.slice(i, i + clause.length), clause.replace(/[^\r\n\u2028\u2029]/g, " "));
      i += clause.length;
      at += clause.length;
    }
  }
  assertEquals(at, source.length, "nothing is left out at the end");
}

/** A clause of attributes: comments and strings in it may hold braces. */
const CLAUSE = new RegExp(
  String.raw`^(?:with|assert)(?:\s|/\*[^]*?\*/|//.*)*\{` +
    String.raw`(?:/\*[^]*?\*/|//.*|'(?:\\[^]|[^'\\])*'|"(?:\\[^]|[^"\\])*"|[^}])*\}`,
);

/** Words are where the source map says. */
function checkPositions(
  source: string,
  module: TransformedModule,
  code: string,
  prelude: string,
): void {
  const sourceLines = source.split(/\r\n|[\n\r\u2028\u2029]/);
  const codeLines = code.split(/\r\n|[\n\r\u2028\u2029]/);
  assertEquals(codeLines.length, sourceLines.length);
  for (const [index, line] of codeLines.entries()) {
    const column = line.search(/\bv\d+\b/);
    if (column < (index === 0 ? prelude.length : 0)) continue;
    const [word] = /^v\d+/.exec(line.slice(column))!;
    const found = originalPlace(module.map, index + 1, column + 1)!;
    assertEquals(found.line, index + 1);
    assertEquals(sourceLines[index].slice(found.column - 1).slice(0, word.length), word);
  }
}

/** Modules in JavaScript. */
export const IMPORTS: FuzzTarget = inputTarget({
  name: "imports",
  make: (random) => perhapsMutated(random, randomSource(random, "module"), MODULE_SNIPPETS, 2),
  check: checkJavaScript,
});

/** CommonJS. */
export const COMMONJS_IMPORTS: FuzzTarget = inputTarget({
  name: "commonjs-imports",
  make: (random) => perhapsMutated(random, randomSource(random, "script"), MODULE_SNIPPETS, 2),
  check(source) {
    checkScript(source, rewriteCommonJs(source));
    const dynamics = scriptImports(source);
    if (dynamics === null || !isScript(source)) return;
    checkScript(source, openCommonJs(source, { dynamics, made: [] }));
    const uses = plainUses(source, "script");
    if (uses !== null) assertEquals([dynamics, []], [uses.dynamics, uses.made]);
  },
});

/** V8 takes what became of CommonJS if it took that, and finds no import of its own in it. */
function checkScript(source: string, code: string): void {
  if (!isScript(source)) return;
  assert(isScript(code), "V8 takes the source, and not what became of it");
  if (NAMED_IMPORT.test(code)) return;
  const own = code.lastIndexOf("\n;function ");
  assert(isScript(spoilt(own < 0 ? code : code.slice(0, own))), "an import() is left");
}

/** Modules in TypeScript. */
export const TYPESCRIPT_IMPORTS: FuzzTarget = inputTarget({
  name: "typescript-imports",
  attempts: 50,
  make: (random) => perhapsMutated(random, randomTypeScript(random), MODULE_SNIPPETS, 1),
  check(source) {
    const module = transformed(source, "typescript");
    if (module === null || SourceTextModule === undefined) return;
    const code = linkedCode(module);
    if (parsedByV8(code) !== null) checkCalls(code.slice(preludeOf(module.parts[0]).length));
  },
});
