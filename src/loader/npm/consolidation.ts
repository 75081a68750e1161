/**
 * How to do with fewer versions of packages than were chosen at first, as Deno does after choosing.
 *
 * @module
 */

import { compareVersions, satisfies } from "./versions.ts";

/** Something that wants a package: any version in a range, or one version. */
export type Want = { readonly range: string } | { readonly version: string };

/**
 * The fewest of the versions `chosen` that satisfy all of `wants`, taken greedily: first the one
 * that satisfies the most, and of equals the highest. `kept` are there in any case. `null` if that
 * is all of them.
 */
export function fewerVersions(
  chosen: ReadonlySet<string>,
  wants: readonly Want[],
  kept: ReadonlySet<string>,
): Set<string> | null {
  if (chosen.size < 2) return null;
  const remaining = new Set(wants);
  const cover = new Set(kept);
  for (const version of kept) discard(remaining, version);
  const candidates = [...chosen].filter((version) => !kept.has(version))
    .sort((a, b) => compareVersions(b, a));
  while (remaining.size > 0) {
    let best: string | null = null;
    let most = 0;
    for (const version of candidates) {
      const count = [...remaining].filter((want) => meets(version, want)).length;
      if (count > most) [best, most] = [version, count];
    }
    // What nothing meets is met by what is chosen for it alone, such as a tag.
    if (best === null) break;
    cover.add(best);
    discard(remaining, best);
  }
  return cover.size > 0 && cover.size < chosen.size ? cover : null;
}

function discard(wants: Set<Want>, version: string): void {
  for (const want of wants) if (meets(version, want)) wants.delete(want);
}

function meets(version: string, want: Want): boolean {
  if ("version" in want) return version === want.version;
  return satisfies(version, want.range);
}
