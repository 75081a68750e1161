/**
 * The ways in which packages of a registry are named.
 *
 * @module
 */

import { semver } from "./semver.ts";
import { LoadError } from "../../base/errors.ts";
import { isReloaded } from "./fetch_policy.ts";
import type { ReloadPolicy } from "./fetch_policy.ts";
import { npmSpecifierParts } from "./specifier_parts.ts";
import type { NpmSpecifierParts } from "./specifier_parts.ts";

/** A package and the versions of it that will do. */
export interface Requirement {
  /** Name in the registry, such as `hono` or `@oak/oak`. */
  readonly name: string;
  /** Range of versions, exact version, or tag; `*` if none was given. */
  readonly range: string;
}

/** What an `npm:` specifier says, as far as it makes sense. */
export type NpmSpecifier = NpmSpecifierParts;

const NAME = /^(?:@[a-z\d~_-][\w.~-]*\/)?[a-z\d~_-][\w.~-]*$/i;

/** Whether `name` can be the name of a package. */
export function isPackageName(name: string): boolean {
  return NAME.test(name) && !/^(?:node_modules|favicon\.ico)$/i.test(name);
}

/** The form of a requirement that identifies it: `hono@^4`. */
export function requirementText({ name, range }: Requirement): string {
  return `${name}@${range}`;
}

/**
 * Takes an `npm:` specifier apart.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseNpmSpecifier("npm:@oak/oak@^17/router"), {
 *   name: "@oak/oak",
 *   range: "^17",
 *   subPath: "./router",
 * });
 * ```
 *
 * @throws {LoadError} when it is not `npm:NAME[@RANGE][/PATH]`
 */
export function parseNpmSpecifier(specifier: string): NpmSpecifier {
  const parts = npmSpecifierParts(specifier);
  if (parts === null || !isPackageName(parts.name)) {
    throw new LoadError(
      specifier,
      `cannot load ${specifier}: it should be npm:NAME, npm:NAME@RANGE or npm:NAME@RANGE/PATH`,
    );
  }
  const { range } = parts;
  if (range !== "*" && !isRangeOrTag(range)) {
    throw new LoadError(
      specifier,
      `cannot load ${specifier}: "${range}" is neither a range of versions, such as ^1.2, nor a tag`,
    );
  }
  return parts;
}

/** Whether `range` can be looked for in a registry. */
export function isRangeOrTag(range: string): boolean {
  return semver.validRange(range, { loose: true }) !== null || /^[a-z][\w.-]*$/i.test(range);
}

/**
 * What a package means by one of its dependencies: `"x": "^1"`, or `"x": "npm:y@^1"` to have it
 * under another name. `null` if it is to come from elsewhere than a registry.
 */
export function parseDependency(alias: string, wanted: string): Requirement | null {
  const text = wanted.trim();
  if (text.startsWith("npm:")) {
    const match = /^npm:((?:@[^/@]+\/)?[^/@]+)(?:@(.*))?$/s.exec(text);
    if (match === null || !isPackageName(match[1])) return null;
    const range = (match[2] ?? "").trim() || "*";
    return isRangeOrTag(range) ? { name: match[1], range } : null;
  }
  if (text !== "" && !isRangeOrTag(text)) return null;
  return isPackageName(alias) ? { name: alias, range: text || "*" } : null;
}

/**
 * Whether the cache is not to be believed about a package, named without a version (`npm:hono`):
 * `--reload` names it, all of its registry, or some of it.
 */
export function isPackageReloaded(specifier: string, reload: ReloadPolicy): boolean {
  if (isReloaded(specifier, reload)) return true;
  if (typeof reload === "string") return false;
  return reload.some((prefix) => {
    return prefix.startsWith(`${specifier}@`) || prefix.startsWith(`${specifier}/`);
  });
}
