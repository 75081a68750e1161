/**
 * Which file of a folder the path of a request names, without I/O.
 *
 * @module
 */

import { normalPath } from "../message/request_url.ts";

/** What a path names. */
export interface NamedFile {
  /** Names of folders and of the file, from the served folder on; all are names, and nothing else. */
  readonly segments: readonly string[];
  /** Whether the path ends in a slash, as that of a folder does. */
  readonly isFolder: boolean;
}

/** Separators of paths, and what ends names for systems: no such thing is part of a name. */
const NO_NAME = Deno.build.os === "windows" ? /[/\\:\0]/ : /[/\0]/;
/** The one name with a dot before it that is meant to be found (RFC 8615). */
const WELL_KNOWN = ".well-known";

/**
 * What `sentPath`, the path of a request as its client sent it, names in a folder that is served at `prefix`;
 * `null` if that is nothing that can be there, or nothing to be seen: a hidden name, an empty one, `..`, or
 * one that is malformed.
 */
export function namedFile(sentPath: string, prefix: string): NamedFile | null {
  const path = normalPath(sentPath);
  const inside = withoutPrefix(path, prefix);
  if (inside === null) return null;
  if (inside === "") return { segments: [], isFolder: false };
  const parts = inside.slice(1).split("/");
  const isFolder = parts[parts.length - 1] === "";
  if (isFolder) parts.pop();
  const segments: string[] = [];
  for (const part of parts) {
    const name = decodedName(part);
    if (name === null || isHidden(name, segments.length)) return null;
    segments.push(name);
  }
  return { segments, isFolder };
}

/** Whether a name at this depth is not to be seen. */
export function isHidden(name: string, depth: number): boolean {
  return name.startsWith(".") && !(depth === 0 && name === WELL_KNOWN);
}

/** The path of `segments` as URLs have it, with a slash before each, and so never with two at its beginning. */
export function urlPath(segments: readonly string[]): string {
  return segments.map((segment) => `/${encodeURIComponent(segment)}`).join("");
}

/** `path` without `prefix`, whatever is escaped in either; `null` if it is not below that. */
function withoutPrefix(path: string, prefix: string): string | null {
  let rest = path;
  for (const segment of prefix.split("/").slice(1)) {
    const end = rest.indexOf("/", 1);
    const own = end < 0 ? rest.slice(1) : rest.slice(1, end);
    if (own !== segment && decodedName(own) !== decodedName(normalPath(`/${segment}`).slice(1))) {
      return null;
    }
    rest = end < 0 ? "" : rest.slice(end);
  }
  return rest;
}

function decodedName(segment: string): string | null {
  let name: string;
  try {
    name = decodeURIComponent(segment);
  } catch {
    // Half an escape, or bytes that are no text.
    return null;
  }
  return name === "" || name === "." || name === ".." || NO_NAME.test(name) ? null : name;
}
