/**
 * Workspaces: several projects in folders of one, which says so in its `deno.json`, `package.json` or
 * `pnpm-workspace.yaml`.
 *
 * @module
 */

import { join, relative, sep } from "node:path";
// @ts-types="../types/std_jsonc.d.ts"
import { parse as parseJsonc } from "@std/jsonc";
import { foldersUpwards } from "./folders.ts";

/** Size of the largest file that is looked at. */
const MAX_BYTES = 8 * 1_048_576;
/** Patterns of a list that are looked at. */
const MAX_PATTERNS = 1_000;

/**
 * The nearest folder, from `folder` upwards, that is the root of a workspace which `folder` belongs to;
 * `null` if there is none in those that nobody else can write to, and that `mayBeProject` accepts.
 */
export function workspaceRootOf(
  folder: string,
  mayBeProject: (folder: string) => boolean = () => true,
): string | null {
  for (const at of foldersUpwards(folder)) {
    if (!mayBeProject(at)) return null;
    const path = relative(at, folder).split(sep).join("/");
    const { patterns } = memberPatterns(at);
    if (patterns.length > 0 && (path === "" || isMember(path, patterns))) return at;
  }
  return null;
}

/** What a folder says of the members of its workspace: paths, with `*` and `**`, as they are written. */
export interface MemberPatterns {
  /** Those of its `deno.json`. */
  readonly deno: readonly string[];
  /** Those of all its files. */
  readonly patterns: readonly string[];
}

/** The patterns that the files in `folder` have; none if they are not there, or not what they should be. */
export function memberPatterns(folder: string): MemberPatterns {
  const deno = ["deno.json", "deno.jsonc"].flatMap((name) => {
    return listIn(jsonAt(join(folder, name))?.workspace, "members");
  });
  const npm = listIn(jsonAt(join(folder, "package.json"))?.workspaces, "packages");
  const pnpm = pnpmPackages(textAt(join(folder, "pnpm-workspace.yaml")) ?? "");
  return { deno, patterns: [...deno, ...npm, ...pnpm] };
}

/** Whether `path`, relative and with slashes, is among those that `patterns` mean. */
export function isMember(path: string, patterns: readonly string[]): boolean {
  const fits = (pattern: string) => {
    return fitsFrom(path.split("/"), 0, trimmed(pattern).split("/"), 0);
  };
  const excluded = patterns.filter((pattern) => pattern.startsWith("!"));
  return patterns.some((pattern) => !pattern.startsWith("!") && fits(pattern)) &&
    !excluded.some((pattern) => fits(pattern.slice(1)));
}

/** Whether the names from `at` on fit what the pattern has from `from` on. */
function fitsFrom(
  names: readonly string[],
  at: number,
  pattern: readonly string[],
  from: number,
): boolean {
  // The last `**` alone need be tried again: what was before it fits as early as can be.
  let [retryAt, retryFrom] = [-1, -1];
  while (at < names.length) {
    if (pattern[from] === "**") {
      [retryAt, retryFrom] = [at, ++from];
      if (from === pattern.length) return true;
    } else if (from < pattern.length && fitsName(names[at], pattern[from])) {
      at++;
      from++;
    } else if (retryFrom >= 0) {
      [at, from] = [++retryAt, retryFrom];
    } else return false;
  }
  while (pattern[from] === "**") from++;
  return from === pattern.length;
}

/** Whether a name is what the pattern says, in which one `*` stands for anything. */
function fitsName(name: string, pattern: string): boolean {
  const star = pattern.indexOf("*");
  if (star < 0) return name === pattern;
  const [before, after] = [pattern.slice(0, star), pattern.slice(star + 1)];
  return name.length >= before.length + after.length && name.startsWith(before) &&
    name.endsWith(after);
}

function trimmed(pattern: string): string {
  return pattern.replace(/^\.\//, "").replace(/\/$/, "");
}

function listIn(value: unknown, key: string): string[] {
  const list = Array.isArray(value) ? value : (value as Record<string, unknown> | undefined)?.[key];
  if (!Array.isArray(list)) return [];
  return list.slice(0, MAX_PATTERNS).filter((each) => typeof each === "string");
}

/** The list below `packages:` in YAML as everybody writes it. */
function pnpmPackages(text: string): string[] {
  const found: string[] = [];
  let isInside = false;
  for (const line of text.split("\n")) {
    if (/^packages:\s*$/.test(line)) isInside = true;
    else if (/^[^\s#-]/.test(line)) isInside = false;
    const item = isInside ? /^\s*-\s*(["']?)([^"'#]+?)\1\s*(?:#.*)?$/.exec(line) : null;
    if (item !== null && found.length < MAX_PATTERNS) found.push(item[2]);
  }
  return found;
}

function jsonAt(path: string): Record<string, unknown> | null {
  const text = textAt(path);
  if (text === null) return null;
  try {
    const value: unknown = parseJsonc(text);
    return typeof value === "object" && !Array.isArray(value)
      ? value as Record<string, unknown> | null
      : null;
  } catch (error) {
    // Who reads it in earnest says so.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function textAt(path: string): string | null {
  try {
    const info = Deno.statSync(path);
    return info.isFile && info.size <= MAX_BYTES ? Deno.readTextFileSync(path) : null;
  } catch (error) {
    // It does not exist, or is unreadable.
    if (error instanceof Error) return null;
    throw error;
  }
}
