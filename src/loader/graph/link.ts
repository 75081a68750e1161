/**
 * Puts the specifiers into transformed modules, once it is known what they lead to.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { ImportType } from "../names/sources.ts";

/** Increases when this version transforms modules differently. */
export const TRANSFORM_VERSION = 19;

/** An import of another module. */
export interface ImportReference {
  /** The specifier as written. */
  readonly specifier: string;
  /** What its attributes ask for. */
  readonly type: ImportType;
  /** Line in the transformed code, from 1. */
  readonly line: number;
}

/** A transformed module, but for the specifiers of its imports. */
export interface TransformedModule {
  /** The code before, between and behind the specifiers of {@linkcode imports}. */
  readonly parts: readonly string[];
  /** The static imports and re-exports, one between each two parts. */
  readonly imports: readonly ImportReference[];
  /** The dynamic imports whose specifiers are literals. */
  readonly dynamicImports: readonly ImportReference[];
  /** The source map as JSON; `""` for modules that are made of data. */
  readonly map: string;
  /** Path of the file of CommonJS that it stands for; absent for all other modules. */
  readonly commonJsPath?: string;
}

/** The specifier that leads linked modules to what the worker does for them. */
export const RUNTIME_MODULE = "./runtime.js";

/**
 * Width of a specifier in the code, with its quotes. Linking fills it up with blanks, so that the
 * source map holds whatever the specifier becomes.
 */
export const SPECIFIER_WIDTH = 48;

/** Writes a module with the specifiers that its imports lead to. */
export function linkCode(module: TransformedModule, targets: readonly string[]): string {
  let code = module.parts[0];
  for (const [index, target] of targets.entries()) {
    code += JSON.stringify(target).padEnd(SPECIFIER_WIDTH) + module.parts[index + 1];
  }
  if (module.map === "") return code;
  const map = Buffer.from(module.map).toString("base64");
  return `${code}\n//# sourceMappingURL=data:application/json;base64,${map}\n`;
}
