/**
 * CPU profiles in terms of what users wrote: their modules and lines, in place of those of the files that
 * the loader made of them.
 *
 * @module
 */

import { normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { mapIn } from "../loader/transform/explain.ts";
import { originalPlaces } from "../loader/transform/source_lines.ts";
import { parseProfile } from "../profile/profile.ts";

/** Names of files that the loader makes. */
const GENERATED = /[/\\][\da-f]{27}\.js$/;
/** Files that are read, and their bytes in all: functions of others stay where they are. */
const MAX_FILES = 10_000;
const MAX_FILE_BYTES = 268_435_456;

type FindPlace = ReturnType<typeof originalPlaces>;

/**
 * The profile `text` with the places of sources. It comes from a worker, and may be anything: what it names is
 * read only if it is called as the loader calls its files, once, and nothing but places comes of it.
 *
 * @throws {Error} if it is no profile
 */
export async function withSources(text: string): Promise<string> {
  const profile = parseProfile(text);
  const finders = new Finders();
  for (const { callFrame, positionTicks } of profile.nodes) {
    const find = await finders.of(callFrame.url);
    // V8 counts them from 0.
    const place = find?.(callFrame.lineNumber + 1, callFrame.columnNumber + 1) ?? null;
    if (find === null || place === null) continue;
    callFrame.url = place.url;
    callFrame.lineNumber = place.line - 1;
    callFrame.columnNumber = place.column - 1;
    for (const tick of positionTicks) {
      tick.line = find(tick.line, Number.MAX_SAFE_INTEGER)?.line ?? tick.line;
    }
  }
  return JSON.stringify(profile);
}

/** Finds places in sources of generated files. */
class Finders {
  readonly #known = new Map<string, FindPlace | null>();
  #bytes = 0;

  async of(url: string): Promise<FindPlace | null> {
    if (!url.startsWith("file:") || !GENERATED.test(url)) return null;
    const path = pathOf(url);
    if (path === null) return null;
    const known = this.#known.get(path);
    if (known !== undefined || this.#known.size === MAX_FILES) return known ?? null;
    const found = await this.#find(path);
    this.#known.set(path, found);
    return found;
  }

  async #find(path: string): Promise<FindPlace | null> {
    try {
      const { isFile, size } = await Deno.stat(path);
      if (!isFile || this.#bytes + size > MAX_FILE_BYTES) return null;
      this.#bytes += size;
      const map = mapIn(path);
      return map === null ? null : originalPlaces(map);
    } catch (error) {
      // It is gone, or the map is none.
      if (error instanceof Error) return null;
      throw error;
    }
  }
}

/** The path that `url` names, however it is spelled; `null` if it names none. */
function pathOf(url: string): string | null {
  try {
    return normalize(fileURLToPath(url));
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}
