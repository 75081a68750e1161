/**
 * What an app is made of, in terms that are the same on every machine: hashes of sources and packages, and
 * where its imports lead.
 *
 * @module
 */

import { sha256Of } from "../base/sha256.ts";

/** What an app is made of. */
export interface AppContents {
  /** Hash of the compiler options and the import map. */
  readonly config: string;
  /** Hash of how the modules are read, and of what their imports lead to. */
  readonly links: string;
  /** SHA-256 of the sources of its modules: by URL, or by path from the app's folder (`./a.ts`). */
  readonly modules: Readonly<Record<string, string>>;
  /** Hashes of the packages that it may use, by name and version. */
  readonly packages: Readonly<Record<string, string>>;
}

/** The hash of all of it, 64 hexadecimal digits. */
export function contentHash({ config, links, modules, packages }: AppContents): string {
  const parts = ["gatehouse app 1", config, links, sorted(modules), sorted(packages)];
  return sha256Of(JSON.stringify(parts));
}

/** Entries in the order of their names' code units, which is the same everywhere. */
export function sorted(
  record: Readonly<Record<string, string>>,
): (readonly [name: string, value: string])[] {
  return Object.entries(record).sort(([a], [b]) => a < b ? -1 : 1);
}

/** At most so many differences are told. */
const MAX_TOLD = 8;

/** What is another in `found` than in `expected`, in clauses. */
export function differences(expected: AppContents, found: AppContents): string[] {
  const told = [
    ...recordDifferences(expected.modules, found.modules, (name) => name),
    ...recordDifferences(expected.packages, found.packages, (id) => `npm:${id}`),
  ];
  // What else is another follows from these, as a rule.
  if (told.length === 0 && expected.config !== found.config) {
    told.push("the import map or the compiler options are others");
  }
  if (told.length === 0 && expected.links !== found.links) {
    told.push(
      "its modules are the same, but their imports lead elsewhere, or they are read in another way",
    );
  }
  const more = told.length - MAX_TOLD;
  return more > 0 ? [...told.slice(0, MAX_TOLD), `and ${more} more`] : told;
}

function recordDifferences(
  expected: Readonly<Record<string, string>>,
  found: Readonly<Record<string, string>>,
  named: (name: string) => string,
): string[] {
  const names = new Set([...Object.keys(expected), ...Object.keys(found)]);
  return [...names].sort().flatMap((name) => {
    if (!Object.hasOwn(expected, name)) return [`${named(name)} is not in the lock`];
    if (!Object.hasOwn(found, name)) return [`${named(name)} is no longer part of it`];
    if (expected[name] === found[name]) return [];
    return [
      `${named(name)} is another: ${found[name].slice(0, 12)}… and not ` +
      `${expected[name].slice(0, 12)}…`,
    ];
  });
}
