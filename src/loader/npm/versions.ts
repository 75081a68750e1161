/**
 * Which version of a package meets a requirement.
 *
 * @module
 */

import { semver } from "../names/semver.ts";

/** Versions that exist, and names for some of them. */
export interface Offer {
  /** Versions. */
  readonly versions: readonly string[];
  /** Versions by tag, such as `latest`. */
  readonly tags: Readonly<Record<string, string>>;
}

/** Packages of the registry are at times named in forms that are not quite semver's. */
const LOOSE = { loose: true };

/** Whether `version` meets `range`; never if that is a tag. */
export function satisfies(version: string, range: string): boolean {
  return semver.satisfies(version, range, LOOSE);
}

/** Of `versions`, the highest that meets `range`. */
export function highest(versions: readonly string[], range: string): string | null {
  return semver.maxSatisfying(versions, range, LOOSE);
}

/** Whether `range` is a tag, not a range. */
export function isTag(range: string): boolean {
  return semver.validRange(range, LOOSE) === null;
}

/** The best version for `range`; without a preference, that is the one which is tagged `latest`. */
export function bestVersion({ versions, tags }: Offer, range: string): string | null {
  if (isTag(range)) return tagged(range, { versions, tags });
  if (range === "*") {
    const latest = tagged("latest", { versions, tags });
    if (latest !== null) return latest;
  }
  return highest(versions, range);
}

function tagged(tag: string, { versions, tags }: Offer): string | null {
  if (!Object.hasOwn(tags, tag)) return null;
  return versions.includes(tags[tag]) ? tags[tag] : null;
}

/** Some versions that exist near to what was asked for, from low to high, for a message. */
export function nearestVersions(versions: readonly string[], range: string): string[] {
  const sorted = versions.filter((version) => semver.valid(version, LOOSE) !== null)
    .sort((a, b) => semver.compare(a, b, LOOSE));
  const stable = sorted.filter((version) => !version.includes("-"));
  const list = stable.length > 0 ? stable : sorted;
  const wanted = semver.validRange(range, LOOSE) === null ? null : semver.minVersion(range, LOOSE);
  let index = list.length;
  if (wanted !== null) {
    const found = list.findIndex((each) => semver.compare(each, wanted.version, LOOSE) >= 0);
    if (found >= 0) index = found;
  }
  const near = list.slice(Math.max(0, index - 2), index + 2);
  const newest = list.at(-1);
  return newest === undefined || near.includes(newest) ? near : [...near, newest];
}

/** Whether `range` is one version, not a range of them. */
export function isExactVersion(range: string): boolean {
  return semver.valid(range, LOOSE) !== null;
}

/** Which of two versions is the higher one: negative, zero or positive. */
export function compareVersions(a: string, b: string): number {
  return semver.compare(a, b, LOOSE);
}
