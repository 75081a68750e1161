/**
 * Resolves specifiers to URLs, through an import map (HTML standard, section 8.1.6.2).
 *
 * @module
 */

import { isBuiltin } from "node:module";
import { ConfigError, LoadError } from "../../base/errors.ts";

const { Array, Object, Set, URL } = globalThis;

/** Targets by specifier, the longest specifier first. */
export type SpecifierMap = readonly (readonly [specifier: string, target: string | null])[];

/** An import map whose addresses are absolute. It is plain data, and can be posted to workers. */
export interface ImportMap {
  /** For all modules. */
  readonly imports: SpecifierMap;
  /** For modules whose URL begins with a prefix, the longest prefix first. */
  readonly scopes: readonly (readonly [prefix: string, SpecifierMap])[];
}

/** The map that changes nothing. */
export const NO_IMPORT_MAP: ImportMap = { imports: [], scopes: [] };

/** How the entries of a map are written. */
export type ImportMapDialect =
  /** As the HTML standard has it. */
  | "standard"
  /** As in deno.json: a package's name also stands for what is below it. */
  | "deno.json";

/**
 * Reads an import map that lies at `baseUrl`.
 *
 * @throws {ConfigError} when it has not the shape of an import map
 */
export function parseImportMap(
  value: unknown,
  baseUrl: string,
  dialect: ImportMapDialect = "standard",
): ImportMap {
  const { imports = {}, scopes = {} } = recordOf(value, `the import map ${baseUrl}`);
  const readMap = (value: unknown, name: string): SpecifierMap => {
    const map = recordOf(value, `"${name}" of the import map ${baseUrl}`);
    return sorted(
      Object.entries(map).flatMap(([key, target]) => {
        const [own, ...below] = entriesOf(key, target, baseUrl, dialect);
        // What the user says of a prefix counts.
        return [own, ...below.filter(([prefix]) => !Object.hasOwn(map, prefix))];
      }),
    );
  };
  return {
    imports: readMap(imports, "imports"),
    scopes: sorted(
      Object.entries(recordOf(scopes, `"scopes" of the import map ${baseUrl}`)).flatMap(
        ([prefix, map]): [string, SpecifierMap][] => {
          const entries = readMap(map, `scopes: ${prefix}`);
          // One that no module can be in is let be, as the standard says.
          const url = URL.parse(prefix, baseUrl);
          return url === null ? [] : [[url.href, entries]];
        },
      ),
    ),
  };
}

function entriesOf(
  key: string,
  target: unknown,
  baseUrl: string,
  dialect: ImportMapDialect,
): [string, string | null][] {
  const specifier = urlLike(key, baseUrl) ?? key;
  const address = typeof target === "string" ? urlLike(target, baseUrl) : null;
  // A prefix has to stay one.
  const usable = address !== null && (!key.endsWith("/") || address.endsWith("/")) ? address : null;
  const entries: [string, string | null][] = [[specifier, usable]];
  if (dialect === "deno.json" && usable !== null && !key.endsWith("/")) {
    const below = /^(npm|jsr):\/?(.*)$/.exec(usable);
    if (below !== null) entries.push([`${key}/`, `${below[1]}:/${below[2]}/`]);
  }
  return entries;
}

/** `map`, and what `more` says besides. */
export function withMore(map: ImportMap, more: ImportMap): ImportMap {
  const known = new Set(map.imports.map(([specifier]) => specifier));
  const others = more.imports.filter(([specifier]) => !known.has(specifier));
  return { imports: sorted([...map.imports, ...others]), scopes: map.scopes };
}

/** `map`, and what the maps of the members of its workspace, which say more of their own modules, say besides. */
export function withMembers(map: ImportMap, members: ImportMap): ImportMap {
  const { imports } = withMore(map, members);
  return { imports, scopes: sorted([...map.scopes, ...members.scopes]) };
}

/**
 * The URL that `specifier` means in the module at `referrer`. `npm:` and `jsr:` specifiers count as
 * URLs.
 *
 * @throws {LoadError} when it means none
 */
export function resolveSpecifier(specifier: string, referrer: string, map: ImportMap): string {
  const meant = meantSpecifier(specifier, referrer, map);
  if (meant !== null) return meant;
  throw new LoadError(
    referrer,
    /^\.{0,2}\//.test(specifier)
      ? `cannot resolve "${specifier}": ${
        shortened(referrer)
      } is not a place that it can be relative to`
      : `cannot resolve "${specifier}": no import map has it; for an npm package, write ` +
        `npm:${specifier}, and for a file, ./${specifier}`,
  );
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
  return null;
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

/** The URL that `specifier` is, absolute or relative to `base`; `null` for a bare specifier. */
function urlLike(specifier: string, base: string): string | null {
  if (/^\.{0,2}\//.test(specifier)) return URL.parse(specifier, base)?.href ?? null;
  // Packages keep their form: the URL parser would encode some of their characters.
  if (/^(?:npm|jsr|node):/.test(specifier)) return specifier;
  return URL.parse(specifier)?.href ?? null;
}

/** A URL for a message: `data:` URLs are long. */
export function shortened(url: string): string {
  return url.length > 200 ? `${url.slice(0, 100)}…` : url;
}

function sorted<Entry extends readonly [string, unknown]>(entries: Entry[]): Entry[] {
  return entries.sort(([a], [b]) => a < b ? 1 : a > b ? -1 : 0);
}

function recordOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new ConfigError(`${what} is not an object`);
}
