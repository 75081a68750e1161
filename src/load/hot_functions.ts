/**
 * Which functions took the most CPU time, by V8's CPU profiles.
 *
 * @module
 */

import type { Profile } from "../profile/profile.ts";

/** A function, and how much of the time it was running itself. */
export interface HotFunction {
  /** Its name. */
  readonly name: string;
  /** Its module and line. */
  readonly place: string;
  /** Share of the time in which there was something to do, from 0 to 1. */
  readonly share: number;
}

/** Moments in which nothing ran, and what begins and ends the profile itself. */
const IDLE = new Set(["(idle)", "(root)"]);
const OWN_MODULE = "node:inspector";

/** The `count` functions that took the most time of their own in all of `profiles`. */
export function hottestFunctions(profiles: Iterable<Profile>, count: number): HotFunction[] {
  const times = new Map<string, { name: string; place: string; us: number }>();
  let totalUs = 0;
  for (const { nodes, samples, timeDeltas } of profiles) {
    const byId = new Map(nodes.map((node) => [node.id, node.callFrame]));
    for (const [place, id] of samples.entries()) {
      const frame = byId.get(id);
      const us = Math.max(0, timeDeltas[place] ?? 0);
      if (frame === undefined || IDLE.has(frame.functionName)) continue;
      if (frame.url === OWN_MODULE) continue;
      totalUs += us;
      const where = frame.url === "" ? "" : `${frame.url}:${frame.lineNumber + 1}`;
      const key = `${frame.functionName}\n${where}`;
      const known = times.get(key);
      if (known !== undefined) known.us += us;
      else times.set(key, { name: frame.functionName || "(anonymous)", place: where, us });
    }
  }
  return [...times.values()].sort((a, b) => b.us - a.us).slice(0, count)
    .map(({ name, place, us }) => ({ name, place, share: totalUs === 0 ? 0 : us / totalUs }));
}
