/**
 * Leaves open what modules refer to, until the graph is linked, and leads what they import while they run
 * to the worker.
 *
 * @module
 */

import { decodedMappings, TraceMap } from "@jridgewell/trace-mapping";
import { importAt } from "../../sandbox/lockdown.ts";
import { sha256Of } from "../../base/sha256.ts";
import type { TransformedModule } from "../graph/link.ts";
import { RUNTIME_MODULE, SPECIFIER_WIDTH } from "../graph/link.ts";
import type { Edit, Segment } from "./edits.ts";
import { edited, editedParts, mappingsOf, shiftedMappings } from "./edits.ts";
import type { ModuleUses } from "./module_uses.ts";

/** What is imported while code runs, and by what. */
type DynamicUses = Pick<ModuleUses, "dynamics" | "made">;

/** Names that are numbered, before they are made of hashes. */
const PLAIN_CANDIDATES = 10;

/**
 * Takes the specifiers out of `code`, and leads dynamic imports and import.meta to the worker. `map` leads
 * from the code to what it was made of, if it was made.
 */
export function openImports(
  url: string,
  code: string,
  uses: ModuleUses,
  map: string | null,
): TransformedModule {
  const edits: Edit[] = code.startsWith("#!") ? [{ start: 0, end: 2, text: "//" }] : [];
  const gaps = new Set<Edit>();
  // TypeScript reads statements with an `await` again, and its tree has some that follow twice.
  const statics = uses.statics.filter((each, index, all) => each.start !== all[index - 1]?.start);
  for (const { start, end } of statics) {
    const gap = { start, end, text: " ".repeat(SPECIFIER_WIDTH) };
    gaps.add(gap);
    edits.push(gap);
    // A string may go on in the next line.
    const lineEnds = code.slice(start, end).replace(/[^\r\n\u2028\u2029]/g, "");
    if (lineEnds !== "") edits.push({ start: end, end, text: lineEnds });
  }
  for (const { start, end } of uses.clauses) {
    edits.push({ start, end, text: code.slice(start, end).replace(/[^\r\n\u2028\u2029]/g, " ") });
  }
  let prefix = "";
  if (uses.dynamics.length > 0 || uses.made.length > 0 || uses.readsMeta) {
    const runtime = unusedName(code, "$modules");
    // As long as `import`, so that nothing behind it moves.
    const importer = unusedName(code, "$mport");
    const maker = unusedName(code, "$mporter");
    edits.push(...replacements(uses, importer, maker));
    const own = JSON.stringify(url);
    prefix = `import{modules as ${runtime}}from"${RUNTIME_MODULE}";` +
      (uses.readsMeta ? `${runtime}.describe(import.meta,${own});` : "") +
      (uses.dynamics.length > 0 || uses.made.length > 0
        ? `function ${importer}(){return ${runtime}.import(${own},arguments)}`
        : "") +
      (uses.made.length > 0 ? makerOf(maker, importer) : "");
  }
  edits.sort((a, b) => a.start - b.start || a.end - b.end);
  const [first, ...others] = editedParts(code, edits, gaps);
  const mappings = map === null ? mappingsOf(code, edits, prefix.length) : shiftedMappings(
    code,
    edits,
    prefix.length,
    decodedMappings(new TraceMap(map)) as unknown as readonly Segment[][],
  );
  return {
    parts: [prefix + first, ...others],
    imports: statics.map(({ reference }) => reference),
    dynamicImports: uses.literals,
    map: JSON.stringify({ version: 3, sources: [url], names: [], ...mappings }),
  };
}

/** What takes the place of the words `import` and `Function`. */
function replacements({ dynamics, made }: DynamicUses, importer: string, maker: string): Edit[] {
  return [
    ...dynamics.map((start) => ({ start, end: start + importer.length, text: importer })),
    ...made.map((start) => ({ start, end: start + maker.length, text: maker })),
  ];
}

/** Leads dynamic imports of a CommonJS module to the worker. */
export function openCommonJs(source: string, uses: DynamicUses): string {
  if (uses.dynamics.length === 0 && uses.made.length === 0) return withoutWord(source);
  const importer = unusedName(source, "$mport");
  const maker = unusedName(source, "$mporter");
  const edits = replacements(uses, importer, maker).sort((a, b) => a.start - b.start);
  // Declared behind the rest: a directive has to stay the first.
  return withoutWord(
    `${edited(source, edits)}\n;function ${importer}(){` +
      `return globalThis[Symbol.for("gatehouse.modules")]` +
      `.import(require("node:url").pathToFileURL(__filename).href,arguments)}\n` +
      (uses.made.length > 0 ? `${makerOf(maker, importer)}\n` : ""),
  );
}

/**
 * The same with an escape in each word that only looks like an `import()`: a part of a string or
 * comment, or a member's name. The lockdown of workers takes no CommonJS with such a word.
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

/** A name that is as long as `name` and does not occur in `code`. */
function unusedName(code: string, name: string): string {
  for (const candidate of candidates(code, name, name.length)) {
    if (!code.includes(candidate)) return candidate;
  }
  throw new Error("there is no end of candidates");
}

/**
 * `first`, and others of `length`. After a few they follow from the whole of `code`: it
 * cannot hold them, but by chance, so that not as many are looked for as there are in it.
 */
function* candidates(code: string, first: string, length: number): Generator<string> {
  yield first;
  for (let number = 0; number < PLAIN_CANDIDATES; number++) {
    yield `$${`${number}`.padStart(length - 1, "_")}`;
  }
  for (let hash = sha256Of(code);; hash = sha256Of(hash)) yield `$${hash.slice(0, length - 1)}`;
}
