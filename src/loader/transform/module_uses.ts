/**
 * The imports in a module's code, as any of the parsers finds them.
 *
 * @module
 */

import type { ImportReference } from "../graph/link.ts";

/** How code is read: as a module, or as CommonJS. */
export type Goal = "module" | "script";

/** Something that is not as it has to be. */
export interface SyntaxFault {
  /** Where it is in the code. */
  readonly start: number;
  /** What is wrong. */
  readonly message: string;
}

/** A part of the text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A static import in a module's text: where its specifier is, quotes included. */
export interface StaticUse extends Span {
  /** What is imported. */
  readonly reference: ImportReference;
}

/** The imports in some code, all of them. */
export interface ModuleUses {
  /** Imports and re-exports, in order. */
  readonly statics: readonly StaticUse[];
  /** The clauses `with { … }` of these. */
  readonly clauses: readonly Span[];
  /** Where the keyword of each dynamic import begins. */
  readonly dynamics: readonly number[];
  /** Dynamic imports of literals. */
  readonly literals: readonly ImportReference[];
  /**
   * Where the name begins in each `new Function("x", "return import(x)")`, by which compilers are kept from
   * seeing an import.
   */
  readonly made: readonly number[];
  /** Whether there is an `import.meta`. */
  readonly readsMeta: boolean;
  /** The first thing for which the code cannot be taken; `null` if there is none. */
  readonly fault: SyntaxFault | null;
}

/** What such functions are made of. */
const IMPORTER = /^\s*return\s+import\s*\(\s*([\w$]+)\s*\)\s*;?\s*$/;

/** The name that is imported by a function with this body, if that is all it does. */
export function importedByBody(body: string): string | undefined {
  return IMPORTER.exec(body)?.[1];
}
