/**
 * Checks the settings that programs give, and reports all problems at once.
 *
 * @module
 */

import { nearest } from "../base/nearest.ts";
import type { SettingProblem } from "../base/errors.ts";
import { ConfigError, SettingsError } from "../base/errors.ts";
import type { SettingRange } from "./setting_ranges.ts";
import { isInRange, rangeInWords } from "./setting_ranges.ts";

/** Collects what is wrong with settings. */
export class SettingChecks {
  readonly #problems: SettingProblem[] = [];

  /** Takes note that `setting` should be `expected`, in words, and is `value`. */
  refuse(setting: string, expected: string, value: unknown): void {
    this.#problems.push({
      setting,
      message: `${setting} takes ${expected}, not ${inWords(value)}`,
    });
  }

  /** Checks numbers by their names, which `place` stands before; those that are absent are right. */
  numbers(
    place: string,
    values: Readonly<Record<string, unknown>>,
    ranges: Readonly<Record<string, SettingRange>>,
  ): void {
    for (const [name, range] of Object.entries(ranges)) {
      const value = values[name];
      if (value === undefined || isInRange(value, range)) continue;
      this.refuse(place + name, rangeInWords(range), value);
    }
  }

  /** Refuses settings of other names than those of `known`. */
  names(place: string, values: object, known: Readonly<Record<string, unknown>>): void {
    for (const name of Object.keys(values)) {
      if (Object.hasOwn(known, name)) continue;
      const setting = place + name;
      const advice = nearest(name, Object.keys(known));
      this.#problems.push({
        setting,
        message: `there is no setting ${JSON.stringify(setting)}${advice}`,
      });
    }
  }

  /** What `read` makes of `setting`; `undefined`, and a problem more, if it refuses that. */
  read<Value>(setting: string, read: () => Value): Value | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const isNamed = [" ", ": "].some((end) => error.message.startsWith(setting + end));
      this.#problems.push({
        setting,
        message: isNamed ? error.message : `${setting}: ${error.message}`,
      });
      return undefined;
    }
  }

  /** @throws {SettingsError} if anything was wrong */
  finish(): void {
    if (this.#problems.length > 0) throw new SettingsError(this.#problems);
  }
}

/** A number that is a setting by itself, which has to be in `range`. */
export function checkNumber(setting: string, value: unknown, range: SettingRange): void {
  const checks = new SettingChecks();
  checks.numbers("", { [setting]: value }, { [setting]: range });
  checks.finish();
}

function inWords(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
    case "boolean":
    case "undefined":
      return String(value);
    case "bigint":
      return `${value}n`;
    case "object":
      return value === null ? "null" : Array.isArray(value) ? "a list" : "an object";
    default:
      return `a ${typeof value}`;
  }
}
