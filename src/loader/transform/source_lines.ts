/**
 * From places in transformed code back to places in sources.
 *
 * @module
 */

import { originalPositionFor, TraceMap, traceSegment } from "@jridgewell/trace-mapping";
import type { TransformedModule } from "../graph/link.ts";

/** The line of the source that a line of the transformed code came from; 0 if it is not known. */
export function originalLine(module: TransformedModule, line: number): number {
  if (module.map === "") return 0;
  let map = maps.get(module);
  if (map === undefined) maps.set(module, map = new TraceMap(module.map));
  return placeIn(map, line, Number.MAX_SAFE_INTEGER)?.line ?? 0;
}

/** Maps that are read already: one module can have any number of imports that fail. */
const maps = new WeakMap<TransformedModule, TraceMap>();

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
  return originalPlaces(map)(line, column);
}

/** Finds places in the source for many places in code with the source map `map`. */
export function originalPlaces(
  map: string,
): (line: number, column: number) => SourcePlace | null {
  const trace = new TraceMap(map);
  // Maps that the loader makes itself map ranges, all of them.
  const hasRanges = map.includes('"rangeMappings":');
  return (line, column) => {
    const place = placeIn(trace, line, column);
    if (place === null || !hasRanges) return place;
    const [start] = traceSegment(trace, line - 1, column - 1)!;
    return { ...place, column: place.column + column - 1 - start };
  };
}

function placeIn(map: TraceMap, line: number, column: number): SourcePlace | null {
  const found = originalPositionFor(map, { line, column: column - 1 });
  if (found.source === null) return null;
  return { url: found.source, line: found.line, column: found.column + 1 };
}
