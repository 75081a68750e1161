/**
 * `%(name)s` in configuration files, and the defaults that it takes names from.
 *
 * @module
 */

import type { IniEntry, IniSection, Problems } from "./ini_file.ts";
import { nearest } from "./nearest.ts";

/** The names that all sections know: `[DEFAULT]`, the command line's `name=value`, and `here`. */
export class Defaults {
  readonly #entries: ReadonlyMap<string, IniEntry>;
  readonly #overrides: ReadonlyMap<string, string>;
  readonly #builtIn: ReadonlyMap<string, string>;
  readonly #problems: Problems;
  readonly #used = new Set<string>();

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
    return this.#expanded(entry, section, []);
  }

  /** All names with their values, for factories. */
  values(): Record<string, string> {
    const values: Record<string, string> = {};
    for (const [key, entry] of this.#entries) values[key] = this.#expanded(entry, null, []);
    return { ...values, ...Object.fromEntries(this.#overrides) };
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

  #expanded(entry: IniEntry, section: IniSection | null, trail: readonly string[]): string {
    return entry.value.replace(/%(%|\(([^)]*)\)s)?/g, (_whole, what: string, name: string) => {
      if (what === "%") return "%";
      if (what === undefined) {
        this.#problems.add(
          entry.line,
          `${entry.key}: a % is written %%, unless it begins %(name)s`,
        );
        return "%";
      }
      return this.#named(name, entry, section, [...trail, entry.key]);
    });
  }

  #named(
    name: string,
    from: IniEntry,
    section: IniSection | null,
    trail: readonly string[],
  ): string {
    if (trail.includes(name)) {
      this.#problems.add(
        from.line,
        `%(name)s goes round in a circle: ${[...trail, name].join(" -> ")}`,
      );
      return "";
    }
    const own = section?.entries.find(({ key }) => key === name);
    if (own !== undefined) return this.#expanded(own, section, trail);
    this.#used.add(name);
    const override = this.#overrides.get(name);
    if (override !== undefined) return override;
    const entry = this.#entries.get(name);
    if (entry !== undefined) return this.#expanded(entry, section, trail);
    const builtIn = this.#builtIn.get(name);
    if (builtIn !== undefined) return builtIn;
    const known = [
      ...this.#entries.keys(),
      ...this.#builtIn.keys(),
      ...section?.entries.map(({ key }) => key) ?? [],
    ].filter((each) => each !== from.key);
    this.#problems.add(
      from.line,
      `${from.key}: %(${name})s is no name of this section or of [DEFAULT]${nearest(name, known)}`,
    );
    return "";
  }
}
