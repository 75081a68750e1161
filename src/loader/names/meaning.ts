/**
 * What specifiers mean, with the import map or without.
 *
 * @module
 */

import { isBuiltin } from "node:module";
import { LoadError } from "../../base/errors.ts";
import type { ImportMap, SpecifierMap } from "./import_map.ts";
import { shortened, urlLike } from "./import_map.ts";

const { URL } = globalThis;

/** URL of the module that gatehouse has for apps: of its package what they can use. */
export const OWN_MODULE = "gatehouse:app";

/**
 * The URL that `specifier` means in the module at `referrer`. `npm:` and `jsr:` specifiers count as
 * URLs.
 *
 * @throws {LoadError} when it means none
 */
export function resolveSpecifier(specifier: string, referrer: string, map: ImportMap): string {
  const meant = meantSpecifier(specifier, referrer, map);
  if (meant !== null) return meant;
  throw new LoadError(referrer, `cannot resolve "${specifier}": ${advice(specifier, referrer)}`);
}

function advice(specifier: string, referrer: string): string {
  if (/^\.{0,2}\//.test(specifier)) {
    return `${shortened(referrer)} is not a place that it can be relative to`;
  }
  const [alias] = /^[@~]\//.exec(specifier) ?? [];
  if (alias !== undefined) {
    return `no import map has it; to have "${alias}" mean a folder, write "imports": { "${alias}": "./" } into ` +
      "deno.json";
  }
  const [kind, scheme] = specifier.startsWith("@std/") ? ["a", "jsr"] : ["an npm", "npm"];
  return `no import map has it; for ${kind} package, write ${scheme}:${specifier}, and for a file, ./${specifier}`;
}

/**
 * The same; `null` for a name that is not mapped.
 *
 * @throws {LoadError} when the map blocks it
 */
export function meantSpecifier(specifier: string, referrer: string, map: ImportMap): string | null {
  const asUrl = urlLike(specifier, referrer);
  const normalized = asUrl ?? specifier;
  for (const [prefix, entries] of map.scopes) {
    if (prefix !== referrer && !(prefix.endsWith("/") && referrer.startsWith(prefix))) continue;
    const target = lookUp(normalized, asUrl, entries, specifier, referrer);
    if (target !== null) return target;
  }
  const target = lookUp(normalized, asUrl, map.imports, specifier, referrer);
  if (target !== null) return target;
  if (asUrl !== null) return asUrl;
  // As newer versions of Deno have it.
  if (isBuiltin(specifier)) return `node:${specifier}`;
  return isOwnName(specifier) ? OWN_MODULE : null;
}

/** Whether it is what gatehouse's own package is called, there and in its documentation, or its events are. */
function isOwnName(specifier: string): boolean {
  return specifier === "gatehouse/events" || specifier === "gatehouse" ||
    specifier === "@gatehouse/gatehouse/events" || specifier === "@gatehouse/gatehouse";
}

function lookUp(
  normalized: string,
  asUrl: string | null,
  entries: SpecifierMap,
  specifier: string,
  referrer: string,
): string | null {
  for (const [key, target] of entries) {
    const isPrefix = key.endsWith("/") && normalized.startsWith(key) && normalized !== key &&
      (asUrl === null || isHierarchical(asUrl));
    if (normalized !== key && !isPrefix) continue;
    if (target === null) {
      throw new LoadError(
        referrer,
        `cannot resolve "${specifier}": the import map blocks it`,
      );
    }
    if (normalized === key) return target;
    const rest = normalized.slice(key.length);
    if (!isHierarchical(target)) return target + rest;
    const url = new URL(rest, target).href;
    if (url.startsWith(target)) return url;
    throw new LoadError(
      referrer,
      `cannot resolve "${specifier}": it leaves ${target} through ".."`,
    );
  }
  return null;
}

/** URLs whose paths have segments: those that prefixes of a map can mean something for. */
function isHierarchical(url: string): boolean {
  return /^(?:https?|file):/.test(url);
}
