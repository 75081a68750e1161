/**
 * `%(name)s` in configuration files, and the defaults that it takes names from.
 *
 * @module
 */

import type { IniEntry, IniSection, Problems } from "./ini_file.ts";
import { nearest } from "../base/nearest.ts";

/** Names that a value may stand for, those in their values included: what doubles at each step has no end. */
const MAX_NAMES = 1_000;
/** Characters of a name that `%(name)s` may have. */
const REFERENCE = /%(%|\(([^)]{0,200})\)s)?/g;

/** The names that all sections know: `[DEFAULT]`, the command line's `name=value`, and `here`. */
export class Defaults {
  readonly #entries: ReadonlyMap<string, IniEntry>;
  readonly #overrides: ReadonlyMap<string, string>;
  readonly #builtIn: ReadonlyMap<string, string>;
  readonly #problems: Problems;
  readonly #used = new Set<string>();
  /** The entries of sections by their keys. */
  readonly #keys = new WeakMap<IniSection, ReadonlyMap<string, IniEntry>>();
  /** Names that the value which is asked for has stood for so far. */
  #names = 0;
  /** Entries of circles that were reported. */
  readonly #circular = new Set<IniEntry>();

  /** Makes the names of the `[DEFAULT]` section, if there is one, and of what is put over it. */
  constructor(
    section: IniSection | undefined,
    overrides: ReadonlyMap<string, string>,
    builtIn: ReadonlyMap<string, string>,
    problems: Problems,
  ) {
    this.#entries = new Map(section?.entries.map((entry) => [entry.key, entry]));
    this.#overrides = overrides;
    this.#builtIn = builtIn;
    this.#problems = problems;
  }

  /** The value of `entry` of `section`, with what its `%(name)s` stand for. */
  valueOf(entry: IniEntry, section: IniSection | null): string {
    this.#names = 0;
    return this.#expanded(entry, section, []);
  }

  /** The first override that nothing in the file asks for, and the names that there are. */
  unusedOverride(): { name: string; known: string[] } | null {
    const known = [...new Set([...this.#entries.keys(), ...this.#used])]
      .filter((name) => !this.#builtIn.has(name));
    for (const name of this.#overrides.keys()) {
      if (!known.includes(name)) return { name, known };
    }
    return null;
  }

  #expanded(entry: IniEntry, section: IniSection | null, trail: readonly IniEntry[]): string {
    return entry.value.replace(REFERENCE, (_whole, what: string, name: string) => {
      if (what === "%") return "%";
      if (what === undefined) {
        this.#problems.add(
          entry.line,
          `${entry.key}: write %% for a %, unless it begins %(name)s`,
        );
        return "%";
      }
      return this.#named(name, entry, section, [...trail, entry]);
    });
  }

  #keysOf(section: IniSection): ReadonlyMap<string, IniEntry> {
    let keys = this.#keys.get(section);
    if (keys === undefined) {
      // Of entries with the same key the first one counts: the others are reported.
      keys = new Map(section.entries.toReversed().map((entry) => [entry.key, entry]));
      this.#keys.set(section, keys);
    }
    return keys;
  }

  #named(
    name: string,
    from: IniEntry,
    section: IniSection | null,
    trail: readonly IniEntry[],
  ): string {
    // A key can take the default of its own name: `greeting = %(greeting)s!`.
    if (++this.#names > MAX_NAMES) {
      const { key, line } = trail[0];
      this.#problems.add(line, `${key} expands to more than ${MAX_NAMES} names`);
      return name;
    }
    const namesake = section === null ? undefined : this.#keysOf(section).get(name);
    const own = namesake === from ? undefined : namesake;
    if (own === undefined) {
      this.#used.add(name);
      const override = this.#overrides.get(name);
      if (override !== undefined) return override;
    }
    const entry = own ?? this.#entries.get(name);
    if (entry !== undefined) {
      if (!trail.includes(entry)) return this.#expanded(entry, section, trail);
      const circle = trail.slice(trail.indexOf(entry));
      if (!circle.some((each) => this.#circular.has(each))) {
        const names = [...circle.map(({ key }) => key), name].join(" -> ");
        this.#problems.add(from.line, `%(name)s refers to itself: ${names}`);
      }
      for (const each of circle) this.#circular.add(each);
      return name;
    }
    const builtIn = this.#builtIn.get(name);
    if (builtIn !== undefined) return builtIn;
    const known = [
      ...this.#entries.keys(),
      ...this.#builtIn.keys(),
      ...section?.entries.map(({ key }) => key) ?? [],
    ].filter((each) => each !== from.key);
    this.#problems.add(
      from.line,
      `${from.key}: %(${name})s is not a key of this section or of [DEFAULT]${
        nearest(name, known)
      }`,
    );
    // The problem is reported: the value must not be reported for a second reason.
    return name;
  }
}
