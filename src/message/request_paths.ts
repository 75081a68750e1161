/**
 * How a request's path can be read: as it is, or with escapes decoded, empty segments left out and dot
 * segments resolved, in the ways that web servers do.
 *
 * @module
 */

import { SLASH } from "./chars.ts";

const { String, parseInt } = globalThis;

/** Without escapes, and only of what everybody leaves as it is. */
const PLAIN = /^\/[\w\-~!$&'()*+,;=:@/.]*$/;
/** An empty segment, or one that may be a dot segment. */
const SPECIAL_SEGMENT = /\/[/.]/;
const LOWER_ESCAPE = /%(?:[\dA-F][a-f]|[a-f][\dA-Fa-f])/g;
const ESCAPE = /%[\dA-Fa-f]{2}/g;
const SLASHES = /\/{2,}/g;
const ENCODED_SLASH = /%2f|%5c/i;
const SINGLE_DOT = /^(?:\.|%2e)$/i;
const DOUBLE_DOT = /^(?:\.|%2e){2}$/i;

/**
 * Whether web servers disagree on what the dot segments of `path` lead out of. To the URL standard, an
 * empty segment is one, and an encoded slash is none; those that merge slashes go up further, and
 * those that decode escapes find more dot segments, and more to go up.
 */
export function hasDisputedDots(path: string): boolean {
  /** What is above, to the URL standard. */
  const above: string[] = [];
  /** How much is above, to those who merge and decode. */
  let depth = 0;
  for (const segment of path.slice(1).split("/")) {
    if (SINGLE_DOT.test(segment)) continue;
    if (DOUBLE_DOT.test(segment)) {
      const last = above.pop();
      if (last === "" ? depth > 0 : ENCODED_SLASH.test(last ?? "")) return true;
      if (last) depth--;
      continue;
    }
    above.push(segment);
    for (const part of segment.split(ENCODED_SLASH)) {
      // Not a segment of its own, so there are slashes beside it.
      if (!DOUBLE_DOT.test(part)) depth += part === "" || SINGLE_DOT.test(part) ? 0 : 1;
      else if (depth > 0) return true;
    }
  }
  return false;
}

/** Whether there is but one way to read `path`. */
export function isPlain(path: string): boolean {
  return PLAIN.test(path) && !SPECIAL_SEGMENT.test(path);
}

/** `path` with its escapes in upper case: others are no different (RFC 3986 6.2.2.1). */
export function withUpperEscapes(path: string): string {
  return path.replace(LOWER_ESCAPE, (escape) => escape.toUpperCase());
}

/** `path` with its escapes decoded: each byte is one code unit. */
export function decoded(path: string): string {
  return path.replace(ESCAPE, (escape) => String.fromCharCode(parseInt(escape.slice(1), 16)));
}

/**
 * Readings of a path: as it is and without its empty segments, each with its dot segments, without those
 * that are written so, and without those that are encoded, too.
 */
export function readingsOf(path: string): string[] {
  return [path, path.replace(SLASHES, "/")].flatMap((each) => [
    each,
    resolved(each, isDot, isDoubleDot),
    resolved(each, isEncodedDot, isEncodedDoubleDot),
  ]);
}

/** Readings of a path whose escapes are decoded, slashes and backslashes among them. */
export function decodedReadings(path: string): string[] {
  const whole = decoded(path);
  return [whole, whole.replaceAll("\\", "/")].flatMap(readingsOf);
}

/** What the pattern of a Mongrel2 route has before its first parenthesis: paths that it is for begin so. */
export function routePrefix(pattern: string): string {
  const end = pattern.indexOf("(");
  return end < 0 ? pattern : pattern.slice(0, end);
}

/** Whether `path` begins with `prefix`, and a segment ends there. */
export function isBelow(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false;
  return path.length === prefix.length || path.charCodeAt(prefix.length) === SLASH;
}

/**
 * Whether `path`, as it was sent, is below `prefix` in all readings. `normal` is what the URL standard makes of
 * the path.
 */
export function isSurelyBelow(path: string, normal: string, prefix: string): boolean {
  if (isPlain(path)) return isBelow(path, prefix);
  const sent = withUpperEscapes(path);
  const written = withUpperEscapes(prefix);
  const meant = decoded(prefix);
  return [withUpperEscapes(normal), ...readingsOf(sent)].every((each) => isBelow(each, written)) &&
    decodedReadings(sent).every((each) => isBelow(each, meant));
}

/** Whether `path`, as it was sent, is below `prefix`, whose escapes are decoded, in any of its readings. */
export function isPossiblyBelow(path: string, normal: string, prefix: string): boolean {
  if (isPlain(path)) return isBelow(path, prefix);
  return [decoded(normal), ...decodedReadings(path)].some((each) => isBelow(each, prefix));
}

/** `path` after its dot segments were resolved (RFC 3986 5.2.4). */
function resolved(path: string, isSingle: SegmentTest, isDouble: SegmentTest): string {
  const segments: string[] = [];
  for (const segment of path.slice(1).split("/")) {
    if (isDouble(segment)) segments.pop();
    else if (!isSingle(segment)) segments.push(segment);
  }
  return `/${segments.join("/")}`;
}

/** Whether a segment is one that means something. */
type SegmentTest = (segment: string) => boolean;

const isDot: SegmentTest = (segment) => segment === ".";
const isDoubleDot: SegmentTest = (segment) => segment === "..";
const isEncodedDot: SegmentTest = (segment) => SINGLE_DOT.test(segment);
const isEncodedDoubleDot: SegmentTest = (segment) => DOUBLE_DOT.test(segment);
