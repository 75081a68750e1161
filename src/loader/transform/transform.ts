/**
 * Turns a module's source into the JavaScript that app workers import: strips types, compiles JSX,
 * and leaves references to other modules open until the graph is linked.
 *
 * TypeScript's parser finds the imports, so that nothing that runs as one is overlooked.
 *
 * @module
 */

import ts from "typescript";
import { codeFrame } from "./code_frame.ts";
import type { CompilerOptions } from "../project/deno_config.ts";
import { LoadError } from "../../base/errors.ts";
import { isTooLong } from "./code_extent.ts";
import { shortened } from "../names/import_map.ts";
import type { TransformedModule } from "../graph/link.ts";
import { openCommonJs, openImports } from "./open_imports.ts";
import { plainUses } from "./plain_uses.ts";
import type { MediaType } from "../names/sources.ts";
import { parseFaultsOf, startOf } from "./typescript_internals.ts";
import { DENO_RULES } from "./typescript_rules.ts";
import { usesIn } from "./uses.ts";

/** How the comment begins that names a source map. */
const MAP_COMMENT = "//# sourceMappingURL=";

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
  if (mediaType === "javascript") return opened(url, input.text, null);
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
  return opened(url, code, sourceMapText ?? null);
}

function opened(url: string, code: string, map: string | null): TransformedModule {
  const uses = plainUses(code, "module") ?? unlessTooDeep(url, () => usesIn(code, "module"));
  if (uses.fault !== null) {
    const { start, message } = uses.fault;
    // Code that TypeScript has added has no place.
    if (map !== null) throw new LoadError(url, `cannot load ${url}: SyntaxError: ${message}`);
    throw syntaxErrorAt(url, code, start, message);
  }
  return openImports(url, code, uses, map);
}

/** Stops at the first syntax error: some make TypeScript fail when it goes on to write JavaScript. */
function refuseFaults({ url, text }: TransformInput): ts.TransformerFactory<ts.SourceFile> {
  return () => (file) => {
    const [fault] = parseFaultsOf(file);
    if (fault !== undefined) throw syntaxError(url, text, fault);
    return file;
  };
}

/** Refuses TypeScript's syntax for CommonJS, which modules cannot use. */
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
  let uses = plainUses(source, "script");
  try {
    uses ??= usesIn(source, "script");
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return refused("it is nested too deeply");
  }
  if (uses.fault !== null) {
    const { start, message } = uses.fault;
    return refused(`${message} (line ${source.slice(0, start).split("\n").length})`);
  }
  return openCommonJs(source, uses);
}

function throwing(message: string): string {
  return `throw new SyntaxError(${JSON.stringify(message)});\n`;
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
