/**
 * What a `package.json` beside an app says: which packages the bare names mean that it imports. Where it is, is
 * looked for elsewhere (`package_json.ts`), at each start: this takes what knows ranges of versions.
 *
 * @module
 */

import { pathToFileURL } from "node:url";
import { messageOf } from "../../base/error_message.ts";
import { ConfigError } from "../../base/errors.ts";
import type { ImportMap } from "../names/import_map.ts";
import { parseImportMap } from "../names/import_map.ts";
import { parseDependency } from "../names/specifier.ts";
import { recordOf } from "../names/records.ts";
import { FileFault, readRegularFile } from "../files/regular_file.ts";

/** Size of the largest `package.json` of an app. */
const MAX_BYTES = 1_048_576;

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
