/**
 * The workspace of Deno that an app's `deno.json` belongs to: what members have of its root, and what the
 * names of members mean.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { isMember, memberPatterns, workspaceRootOf } from "../../base/workspaces.ts";
import type { ImportMap } from "../names/import_map.ts";
import { parseImportMap } from "../names/import_map.ts";
import { recordOf } from "../names/records.ts";

/** A `deno.json` of a workspace. */
export interface WorkspaceConfig {
  /** Its path. */
  readonly path: string;
  /** What it says. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** A workspace. */
export interface Workspace {
  /** Its root. */
  readonly root: WorkspaceConfig;
  /** Its members, as far as they have a `deno.json`. */
  readonly members: readonly WorkspaceConfig[];
}

/** Folders that are looked at to find members. */
const MAX_FOLDERS = 10_000;

/** Reads the `deno.json` or `deno.jsonc` in a folder; `null` if there is none. */
export type ReadConfig = (folder: string) => WorkspaceConfig | null;

/** The workspace that the project in `folder` is the root or a member of; `null` if there is none. */
export function workspaceOf(folder: string, readConfig: ReadConfig): Workspace | null {
  const rootFolder = workspaceRootOf(folder);
  const root = rootFolder === null ? null : readConfig(rootFolder);
  if (rootFolder === null || root === null) return null;
  const { deno } = memberPatterns(rootFolder);
  if (deno.length === 0) return null;
  const members = memberFolders(rootFolder, deno).flatMap((at) => readConfig(at) ?? []);
  return { root, members };
}

function memberFolders(root: string, patterns: readonly string[]): string[] {
  const found = new Set<string>();
  let looks = 0;
  const visit = (path: string, names: readonly string[]): void => {
    if (++looks > MAX_FOLDERS) return;
    const [name, ...rest] = names;
    if (name === undefined) {
      if (path !== "" && isMember(path, patterns)) found.add(join(root, path));
      return;
    }
    const below = (child: string) => path === "" ? child : `${path}/${child}`;
    if (!name.includes("*")) return visit(below(name), rest);
    for (const child of foldersIn(join(root, path))) {
      visit(below(child), rest);
      if (name === "**") visit(below(child), names);
    }
  };
  for (const pattern of patterns) {
    if (pattern.startsWith("!")) continue;
    visit("", pattern.replace(/^\.\//, "").replace(/\/$/, "").split("/"));
  }
  return [...found].sort();
}

function foldersIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)]
      .filter(({ isDirectory, name }) => isDirectory && name !== "node_modules" && name[0] !== ".")
      .map(({ name }) => name);
  } catch (error) {
    // It does not exist, or is unreadable.
    if (error instanceof Error) return [];
    throw error;
  }
}

/** The maps of the members: each for its own modules; and what their names mean, for all modules. */
export function importMapOfMembers({ members }: Workspace): ImportMap {
  const imports: Record<string, string> = {};
  const scopes: [string, ImportMap["imports"]][] = [];
  for (const { path, config } of members) {
    const folder = `${pathToFileURL(dirname(path)).href}/`;
    const own = parseImportMap(
      { imports: config.imports ?? {}, scopes: config.scopes ?? {} },
      pathToFileURL(path).href,
      "deno.json",
    );
    if (own.imports.length > 0) scopes.push([folder, own.imports]);
    for (const [prefix, map] of own.scopes) scopes.push([prefix, map]);
    if (typeof config.name !== "string") continue;
    for (const [subPath, target] of exportsOf(config.exports)) {
      imports[config.name + subPath.slice(1)] = new URL(target, folder).href;
    }
  }
  const names = parseImportMap({ imports }, "file:///");
  return { imports: names.imports, scopes };
}

/** What a member offers: paths by what they are called, `.` or beginning with `./`. */
function exportsOf(exports: unknown): [string, string][] {
  if (typeof exports === "string") return [[".", exports]];
  return Object.entries(recordOf(exports)).filter((entry): entry is [string, string] => {
    return typeof entry[1] === "string" && /^\.(?:\/|$)/.test(entry[0]);
  });
}
