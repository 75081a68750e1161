/**
 * What a `package.json` beside an app says: which packages the bare names mean that it imports.
 *
 * @module
 */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { foldersUpwards } from "../../base/folders.ts";
import { messageOf } from "../../base/error_message.ts";
import { ConfigError } from "../../base/errors.ts";
import { isAbsent } from "../files/atomic_write.ts";
import type { ImportMap } from "../names/import_map.ts";
import { parseImportMap } from "../names/import_map.ts";
import { parseDependency } from "../names/specifier.ts";
import { recordOf } from "../names/records.ts";
import { FileFault, readRegularFile } from "../files/regular_file.ts";

/** Size of the largest `package.json` of an app. */
const MAX_BYTES = 1_048_576;

/**
 * Path of the nearest `package.json` in `folder` or above it, no higher than `top`; `null` if there is
 * none.
 */
export function findPackageJson(folder: string, top: string | null): string | null {
  for (const at of foldersUpwards(folder)) {
    const path = join(at, "package.json");
    if (isFile(path)) return path;
    if (at === top) return null;
  }
  return null;
}

/**
 * The import map that the dependencies in the `package.json` at `path` are: each name stands for
 * the package, and what is below it. Those that do not come from a registry are left out.
 *
 * @throws {ConfigError} when it cannot be read, or does not hold a JSON object
 */
export function importMapOfPackage(path: string): ImportMap {
  const { dependencies, devDependencies } = parsed(path);
  const wanted = { ...recordOf(devDependencies), ...recordOf(dependencies) };
  const imports: Record<string, string> = {};
  for (const [name, range] of Object.entries(wanted)) {
    const specifier = typeof range === "string" ? specifierOf(name, range) : null;
    if (specifier !== null) imports[name] = specifier;
  }
  return parseImportMap({ imports }, pathToFileURL(path).href, "deno.json");
}

function specifierOf(name: string, range: string): string | null {
  if (range.startsWith("jsr:")) return range;
  const requirement = parseDependency(name, range);
  return requirement === null ? null : `npm:${requirement.name}@${requirement.range}`;
}

function parsed(path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(readRegularFile(path, MAX_BYTES)));
  } catch (error) {
    const isExpected = error instanceof FileFault || error instanceof SyntaxError;
    if (!isExpected) throw error;
    throw new ConfigError(`cannot read ${path}: ${messageOf(error)}`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new ConfigError(`${path} does not hold an object`);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    // What may not be looked at says nothing either.
    if (isAbsent(error) || error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  }
}
