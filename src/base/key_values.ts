/**
 * Settings that follow an address as text, `,KEY=VALUE` each.
 *
 * @module
 */

import type { ConfigError } from "./errors.ts";

/** Makes the error that says what is wrong. */
export type SettingFault = (reason: string) => ConfigError;

/**
 * The values of `settings`, `KEY=VALUE` each, by their keys.
 *
 * @throws {ConfigError} if one has another key or no value, or a key is given more than once
 */
export function settingsOf<Key extends string>(
  keys: readonly Key[],
  settings: readonly string[],
  fault: SettingFault,
): { [Each in Key]?: string } {
  const values: { [Each in Key]?: string } = {};
  for (const setting of settings) {
    const equals = setting.indexOf("=");
    const key = keys.find((each) => each === setting.slice(0, Math.max(equals, 0)));
    const value = setting.slice(equals + 1);
    if (key === undefined || value === "") throw fault(`${setting} is unknown`);
    if (values[key] !== undefined) throw fault(`${key} is given more than once`);
    values[key] = value;
  }
  return values;
}

/**
 * The one of `words` that `value` is, which `key` has.
 *
 * @throws {ConfigError} if it is none of them
 */
export function oneOf<Word extends string>(
  words: readonly Word[],
  value: string,
  key: string,
  fault: SettingFault,
): Word {
  const word = words.find((each) => each === value);
  if (word !== undefined) return word;
  throw fault(`${key} takes ${words.join(" or ")}, not ${JSON.stringify(value)}`);
}
