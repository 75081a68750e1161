/**
 * Makes of a module's source the JavaScript that app workers import: types are stripped, JSX is
 * written out, and what refers to other modules is left open until the graph is linked.
 *
 * TypeScript's parser finds the imports, so that nothing that runs as one is overlooked.
 *
 * @module
 */

import remapping from "@jridgewell/remapping";
import MagicString from "magic-string";
import ts from "typescript";
import { codeFrame } from "./code_frame.ts";
import type { CompilerOptions } from "./deno_config.ts";
import { LoadError } from "../errors.ts";
import { isTooLong } from "./code_extent.ts";
import { sha256Of } from "./hash.ts";
import { shortened } from "./import_map.ts";
import type { TransformedModule } from "./link.ts";
import { RUNTIME_MODULE, SPECIFIER_WIDTH } from "./link.ts";
import type { MediaType } from "./sources.ts";
import { parseFaultsOf, startOf } from "./typescript_internals.ts";
import { DENO_RULES } from "./typescript_rules.ts";
import { Uses } from "./uses.ts";
import { importAt } from "../sandbox/lockdown.ts";

/** How the comment begins that names a source map. */
const MAP_COMMENT = "//# sourceMappingURL=";

/** Names that are numbered, before they are made of hashes. */
const PLAIN_CANDIDATES = 10;

/** A source to transform. */
export interface TransformInput {
  /** URL of the module. */
  readonly url: string;
  /** Its text, without a byte order mark. */
  readonly text: string;
  /** What it is: one of the four kinds of code. */
  readonly mediaType: MediaType;
  /** Options of the project that it belongs to. */
  readonly compilerOptions: CompilerOptions;
}

/**
 * Transforms JavaScript, JSX or TypeScript.
 *
 * @throws {LoadError} when the source has a syntax error
 */
export function transformCode(input: TransformInput): TransformedModule {
  const { url, mediaType } = input;
  if (mediaType === "javascript") return openImports(url, input.text, null);
  const result = unlessTooDeep(url, () =>
    ts.transpileModule(input.text, {
      fileName: mediaType === "typescript" ? "module.ts" : `module.${mediaType}`,
      reportDiagnostics: true,
      compilerOptions: transpileOptions(input.compilerOptions),
      transformers: {
        before: [refuseFaults(input), refuseCommonJs(input), ...DENO_RULES.before],
        after: [...DENO_RULES.after],
      },
    }));
  const fault = result.diagnostics?.find(({ category }) =>
    category === ts.DiagnosticCategory.Error
  );
  if (fault !== undefined) throw syntaxError(url, input.text, fault);
  const { outputText, sourceMapText } = result;
  // TypeScript writes one, and it is the last thing that it writes.
  const end = outputText.lastIndexOf(MAP_COMMENT);
  const code = end < 0 ? outputText : outputText.slice(0, end);
  return openImports(url, code, sourceMapText ?? null);
}

/** Stops at the first syntax error: some make TypeScript fail when it goes on to write JavaScript. */
function refuseFaults({ url, text }: TransformInput): ts.TransformerFactory<ts.SourceFile> {
  return () => (file) => {
    const [fault] = parseFaultsOf(file);
    if (fault !== undefined) throw syntaxError(url, text, fault);
    return file;
  };
}

/** Stops at the syntax that TypeScript has for CommonJS: modules are none. */
function refuseCommonJs({ url, text }: TransformInput): ts.TransformerFactory<ts.SourceFile> {
  return () => (file) => {
    for (const statement of file.statements) {
      const isImport = ts.isImportEqualsDeclaration(statement) &&
        ts.isExternalModuleReference(statement.moduleReference) && !statement.isTypeOnly;
      const isExport = ts.isExportAssignment(statement) && statement.isExportEquals === true;
      if (!isImport && !isExport) continue;
      const what = isImport ? "import … = require(…)" : "export =";
      const start = startOf(statement, file);
      const fix = isImport ? 'import … from "…"' : "export default";
      throw syntaxErrorAt(url, text, start, `${what} is for CommonJS; write ${fix}`);
    }
    return file;
  };
}

function transpileOptions(options: CompilerOptions): ts.CompilerOptions {
  const { jsx, ...others } = options;
  return {
    // The newest that lowers decorators and `accessor`, which V8 does not have.
    target: ts.ScriptTarget.ES2024,
    module: ts.ModuleKind.ESNext,
    isolatedModules: true,
    sourceMap: true,
    newLine: ts.NewLineKind.LineFeed,
    useDefineForClassFields: true,
    ...others,
    jsx: jsx === undefined || jsx === "react"
      ? ts.JsxEmit.React
      : jsx === "react-jsxdev"
      ? ts.JsxEmit.ReactJSXDev
      : ts.JsxEmit.ReactJSX,
  };
}

/** Takes the specifiers out of `code`, and leads dynamic imports and import.meta to the worker. */
function openImports(url: string, code: string, map: string | null): TransformedModule {
  const uses = unlessTooDeep(url, () => new Uses(code, "module"));
  if (uses.fault !== null) {
    const { start, message } = uses.fault;
    // Of what TypeScript has written itself, places say nothing.
    if (map !== null) throw new LoadError(url, `cannot load ${url}: SyntaxError: ${message}`);
    throw syntaxErrorAt(url, code, start, message);
  }
  const edited = new MagicString(code);
  if (code.startsWith("#!")) edited.update(0, 2, "//");
  const openSpecifier = unusedSpecifier(code);
  const imports = uses.statics.map(({ reference, start, end }) => {
    edited.update(start, end, openSpecifier);
    return reference;
  });
  for (const { start, end } of uses.clauses) {
    edited.update(start, end, code.slice(start, end).replace(/[^\r\n]/g, " "));
  }
  if (uses.dynamics.length > 0 || uses.made.length > 0 || uses.readsMeta) {
    const runtime = unusedName(code, "$modules");
    // As long as `import`, so that nothing behind it moves.
    const importer = unusedName(code, "$mport");
    for (const start of uses.dynamics) edited.update(start, start + 6, importer);
    const maker = unusedName(code, "$mporter");
    for (const start of uses.made) edited.update(start, start + maker.length, maker);
    const own = JSON.stringify(url);
    edited.prepend(
      `import{modules as ${runtime}}from"${RUNTIME_MODULE}";` +
        (uses.readsMeta ? `${runtime}.describe(import.meta,${own});` : "") +
        (uses.dynamics.length > 0 || uses.made.length > 0
          ? `function ${importer}(){return ${runtime}.import(${own},arguments)}`
          : "") +
        (uses.made.length > 0 ? makerOf(maker, importer) : ""),
    );
  }
  const text = edited.toString();
  const edits = edited.generateMap({ hires: "boundary", source: url });
  const whole = map === null ? edits : remapping(edits as never, (source) => {
    return source === url ? { ...JSON.parse(map), sources: ["\0source"] } : null;
  });
  return {
    parts: text.split(openSpecifier),
    imports,
    dynamicImports: uses.literals,
    map: JSON.stringify({
      version: 3,
      sources: [url],
      names: [],
      mappings: whole.mappings,
    }),
  };
}

/** Does what follows the nesting of a source, which has no end. */
function unlessTooDeep<Result>(url: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new LoadError(url, `cannot load ${url}: it is nested too deeply`, { cause: error });
  }
}

/**
 * Leads dynamic imports of the CommonJS module `filename` to the worker. A module that could import in
 * another way becomes one that throws; what has no ending, and may be something else, stays what it is.
 */
export function rewriteCommonJs(source: string, filename = "module.js"): string {
  const refused = (message: string) => /\.c?js$/.test(filename) ? throwing(message) : source;
  // The keyword has no escapes.
  if (!source.includes("import")) return source;
  if (isTooLong(source, "javascript")) return refused("it is too long");
  let uses: Uses;
  try {
    uses = new Uses(source, "script");
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return refused("it is nested too deeply");
  }
  if (uses.fault !== null) {
    const { start, message } = uses.fault;
    return refused(`${message} (line ${source.slice(0, start).split("\n").length})`);
  }
  if (uses.dynamics.length === 0 && uses.made.length === 0) return withoutWord(source);
  const edited = new MagicString(source);
  const importer = unusedName(source, "$mport");
  for (const start of uses.dynamics) edited.update(start, start + 6, importer);
  const maker = unusedName(source, "$mporter");
  for (const start of uses.made) edited.update(start, start + maker.length, maker);
  // Declared behind the rest: a directive has to stay the first.
  edited.append(
    `\n;function ${importer}(){return globalThis[Symbol.for("gatehouse.modules")]` +
      `.import(require("node:url").pathToFileURL(__filename).href,arguments)}\n` +
      (uses.made.length > 0 ? `${makerOf(maker, importer)}\n` : ""),
  );
  return withoutWord(edited.toString());
}

/**
 * The same with an escape in each word that looks like an `import()` and is none: a part of strings and
 * comments, or a member's name. The lockdown of workers takes no CommonJS with such a word.
 */
function withoutWord(code: string): string {
  let result = "";
  let at = 0;
  for (let next = importAt(code, 0); next >= 0; next = importAt(code, next + 1)) {
    let slashes = 0;
    while (code[next - 1 - slashes] === "\\") slashes++;
    // In a string, a backslash before the letter means nothing.
    result += `${code.slice(at, slashes % 2 === 0 ? next : next - 1)}\\u0069`;
    at = next + 1;
  }
  return result + code.slice(at);
}

/** A function that stands for `Function` where this would make one that imports what it is given. */
function makerOf(name: string, importer: string): string {
  return `function ${name}(){return(specifier)=>${importer}(specifier)}`;
}

function throwing(message: string): string {
  return `throw new SyntaxError(${JSON.stringify(message)});\n`;
}

/** Stands for a specifier until the graph is linked; `code` does not hold it. */
function unusedSpecifier(code: string): string {
  for (const text of candidates(code, "", SPECIFIER_WIDTH - 3)) {
    const candidate = `"\0${text}"`;
    if (!code.includes(candidate)) return candidate;
  }
  throw new Error("there is no end of candidates");
}

/** A name that is as long as `name` and does not occur in `code`. */
function unusedName(code: string, name: string): string {
  for (const candidate of candidates(code, name, name.length)) {
    if (!code.includes(candidate)) return candidate;
  }
  throw new Error("there is no end of candidates");
}

/**
 * `first`, if there is one, and others of `length`. After a few they follow from the whole of `code`: it
 * cannot hold them, but by chance, so that not as many are looked for as there are in it.
 */
function* candidates(code: string, first: string, length: number): Generator<string> {
  if (first !== "") yield first;
  const start = first === "" ? "" : "$";
  for (let number = 0; number < PLAIN_CANDIDATES; number++) {
    yield start + `${number}`.padStart(length - start.length, "_");
  }
  for (let hash = sha256Of(code);; hash = sha256Of(hash)) yield `$${hash.slice(0, length - 1)}`;
}

function syntaxError(url: string, text: string, fault: ts.Diagnostic): LoadError {
  const message = ts.flattenDiagnosticMessageText(fault.messageText, " ");
  return syntaxErrorAt(url, text, fault.start ?? 0, message);
}

function syntaxErrorAt(url: string, text: string, start: number, message: string): LoadError {
  const before = text.slice(0, start);
  const line = before.split("\n").length;
  const column = before.length - before.lastIndexOf("\n");
  return new LoadError(
    url,
    `cannot load ${shortened(url)}: SyntaxError: ${message} (at ${
      shortened(url)
    }:${line}:${column})\n` +
      codeFrame(text, line, column),
  );
}
