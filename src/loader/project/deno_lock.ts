/**
 * Reads Deno's own lock files, as far as they pin modules and packages.
 *
 * @module
 */

import { recordOf } from "../names/records.ts";
import { semver } from "../names/semver.ts";

/** Pins by what they are about, as {@linkcode Lock} has them. */
export interface LockedPins {
  /** SHA-256 of remote modules, by URL. */
  readonly modules: Readonly<Record<string, unknown>>;
  /** SHA-256 of what JSR says of versions of packages, by name and version. */
  readonly jsr: Readonly<Record<string, unknown>>;
  /** Integrity of packages, by name and version. */
  readonly packages: Readonly<Record<string, unknown>>;
  /** Where URLs lead. */
  readonly redirects: Readonly<Record<string, unknown>>;
  /** Versions, by requirement. */
  readonly specifiers: Readonly<Record<string, unknown>>;
}

/** Versions of Deno's form that are known: it writes 5 today, and wrote the others since 1.36. */
const VERSIONS: readonly unknown[] = ["3", "4", "5"];

/** Whether the value of a lock file is one of Deno's. */
export function isDenoLock(value: Readonly<Record<string, unknown>>): boolean {
  return VERSIONS.includes(value.version);
}

/** What one of Deno's lock files pins. */
export function pinsOfDenoLock(value: Readonly<Record<string, unknown>>): LockedPins {
  // Version 3 has both in a part of their own.
  const packages = value.version === "3" ? recordOf(value.packages) : value;
  return {
    modules: recordOf(value.remote),
    jsr: integrities(recordOf(packages.jsr)),
    packages: integrities(recordOf(packages.npm)),
    redirects: recordOf(value.redirects),
    specifiers: versions(recordOf(packages.specifiers)),
  };
}

/** Integrities by name and version alone: the same package stands there once for each choice of its peers. */
function integrities(packages: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [id, entry] of Object.entries(packages)) {
    const [whole] = /^@?[^@]+@[^_]+/.exec(id) ?? [];
    const { integrity } = recordOf(entry);
    if (whole !== undefined && integrity !== undefined) found[whole] = integrity;
  }
  return found;
}

/** Versions: those of version 3 name the package once more, and those of npm may name its peers. */
function versions(specifiers: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(specifiers).map(([requirement, version]) => {
      const key = canonicalRequirement(requirement);
      if (typeof version !== "string") return [key, version];
      return [key, version.replace(/^(?:npm|jsr):@?[^@]+@/, "").replace(/_.*$/s, "")];
    }),
  );
}

/** A requirement such as `npm:hono@^4` in the one form that all have which mean the same: Deno changes it. */
export function canonicalRequirement(requirement: string): string {
  const [whole, name, range = ""] = /^((?:npm|jsr):@?[^@]+)(?:@(.*))?$/s.exec(requirement) ?? [];
  if (whole === undefined) return requirement;
  return `${name}@${semver.validRange(range || "*") ?? range}`;
}
