/**
 * From places in transformed code back to places in sources.
 *
 * @module
 */

import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import type { TransformedModule } from "./link.ts";

/** The line of the source that a line of the transformed code came from; 0 if it is not known. */
export function originalLine(module: TransformedModule, line: number): number {
  if (module.map === "") return 0;
  return originalPlace(module.map, line, Number.MAX_SAFE_INTEGER)?.line ?? 0;
}

/** A place in a source, counted from 1. */
export interface SourcePlace {
  /** URL of the source. */
  readonly url: string;
  /** Line. */
  readonly line: number;
  /** Column. */
  readonly column: number;
}

/** The place in the source that a place in code with the source map `map` came from. */
export function originalPlace(map: string, line: number, column: number): SourcePlace | null {
  const found = originalPositionFor(new TraceMap(map), { line, column: column - 1 });
  if (found.source === null) return null;
  return { url: found.source, line: found.line, column: found.column + 1 };
}
