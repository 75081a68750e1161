/**
 * Leaves open what modules refer to, until the graph is linked, and leads what they import while they run
 * to the worker.
 *
 * @module
 */

import remapping from "@jridgewell/remapping";
import MagicString from "magic-string";
import { importAt } from "../../sandbox/lockdown.ts";
import { sha256Of } from "../../base/sha256.ts";
import type { TransformedModule } from "../graph/link.ts";
import { RUNTIME_MODULE, SPECIFIER_WIDTH } from "../graph/link.ts";
import type { ModuleUses } from "./module_uses.ts";

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

/** Leads dynamic imports of a CommonJS module to the worker. */
export function openCommonJs(source: string, uses: ModuleUses): string {
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
