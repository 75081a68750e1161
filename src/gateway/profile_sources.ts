/**
 * CPU profiles in terms of what users wrote: their modules and lines, in place of those of the files that
 * the loader made of them.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { mapIn } from "../loader/transform/explain.ts";
import { originalPlaces } from "../loader/transform/source_lines.ts";

/** Names of files that the loader makes. */
const GENERATED = /\/[\da-f]{27}\.js$/;
/** Larger ones are left as they are, in bytes. */
const MAX_FILE_BYTES = 67_108_864;

/** What is changed in a profile (`Profiler.Profile` of the protocol of DevTools). */
interface Profile {
  nodes: {
    callFrame: { url: string; lineNumber: number; columnNumber: number; scriptId: string };
    positionTicks?: { line: number; ticks: number }[];
  }[];
}

type FindPlace = ReturnType<typeof originalPlaces>;

/**
 * The profile `text` with the places of sources. It comes from a worker, and may be anything: what it names is
 * read only if it is called as the loader calls its files, and nothing but places comes of it.
 *
 * @throws {Error} if it is no profile
 */
export async function withSources(text: string): Promise<string> {
  const profile = JSON.parse(text) as Partial<Profile> | null;
  const nodes = profile?.nodes;
  if (!Array.isArray(nodes) || !nodes.every(isNode)) throw new TypeError("it is no profile");
  const finders = new Map<string, FindPlace | null>();
  for (const { callFrame, positionTicks } of nodes) {
    const { url } = callFrame;
    if (!GENERATED.test(url) || !url.startsWith("file:")) continue;
    if (!finders.has(url)) finders.set(url, await finderFor(url));
    const find = finders.get(url) ?? null;
    // V8 counts them from 0.
    const place = find?.(callFrame.lineNumber + 1, callFrame.columnNumber + 1) ?? null;
    if (find === null || place === null) continue;
    callFrame.url = place.url;
    callFrame.lineNumber = place.line - 1;
    callFrame.columnNumber = place.column - 1;
    for (const tick of positionTicks ?? []) {
      tick.line = find(tick.line, Number.MAX_SAFE_INTEGER)?.line ?? tick.line;
    }
  }
  return JSON.stringify(profile);
}

function isNode(node: unknown): node is Profile["nodes"][number] {
  const { callFrame, positionTicks = [] } = (node ?? {}) as Partial<Profile["nodes"][number]>;
  return typeof callFrame === "object" && callFrame !== null &&
    typeof callFrame.url === "string" && Number.isInteger(callFrame.lineNumber) &&
    Number.isInteger(callFrame.columnNumber) && Array.isArray(positionTicks) &&
    positionTicks.every((tick) => Number.isInteger(tick?.line) && tick.line > 0);
}

/** What finds places in the source of a generated file; `null` if nothing does. */
async function finderFor(url: string): Promise<FindPlace | null> {
  try {
    const path = fileURLToPath(url);
    const { isFile, size } = await Deno.stat(path);
    const map = isFile && size <= MAX_FILE_BYTES ? mapIn(path) : null;
    return map === null ? null : originalPlaces(map);
  } catch (error) {
    // It is gone, or the map is none.
    if (error instanceof Error) return null;
    throw error;
  }
}
