/**
 * Resolves specifiers to URLs, through an import map (HTML standard, section 8.1.6.2).
 *
 * @module
 */

import { ConfigError } from "../../base/errors.ts";

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

/** The URL that `specifier` is, absolute or relative to `base`; `null` for a bare specifier. */
export function urlLike(specifier: string, base: string): string | null {
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
