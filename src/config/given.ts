/**
 * The values given for options, where they were given, and which place counts: the command line
 * before the environment, and that before the configuration file.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { OptionSpec } from "./option_spec.ts";
import { hasOptionalValue } from "./option_spec.ts";
import { OPTIONS } from "./options.ts";
import type { ServeSettings } from "./settings.ts";

/** One value given for an option. */
export interface Given {
  /** The option. */
  readonly option: OptionSpec;
  /** The value: `""` if it was left out, `null` if the option is switched off. */
  readonly text: string | null;
  /** What messages call it: `--workers`, `GATEHOUSE_WORKERS` or `gatehouse.ini:12: workers`. */
  readonly name: string;
  /** Where it is: `flag`, `environment GATEHOUSE_WORKERS` or `gatehouse.ini:12`. */
  readonly origin: string;
}

/** What counted of what was given, by name of the option; options that kept their default are absent. */
export type Origins = ReadonlyMap<string, readonly Given[]>;

const TRUE = /^(?:1|true|yes|on)$/i;
const FALSE = /^(?:0|false|no|off)$/i;

/** Reads a truth value, as files and variables have them. */
export function parseTruth(name: string, text: string): boolean {
  if (TRUE.test(text)) return true;
  if (FALSE.test(text)) return false;
  throw new ConfigError(`${name} takes true or false, not ${JSON.stringify(text)}`);
}

/**
 * What `text` in a file or a variable gives for `option`. Options without a value take a truth value;
 * those whose value may be left out take one, too, or their list with commas; those that may be
 * repeated take several values with blanks, or the option's own separator, between.
 */
export function givenIn(
  option: OptionSpec,
  text: string,
  name: string,
  origin: string,
): Given[] {
  const isTruth = TRUE.test(text) || FALSE.test(text);
  if (option.value === undefined || hasOptionalValue(option) && isTruth) {
    return [{ option, text: parseTruth(name, text) ? "" : null, name, origin }];
  }
  if (hasOptionalValue(option)) {
    return [{ option, text: text.replace(/,\s*\n\s*/g, ","), name, origin }];
  }
  if (option.repeats) {
    return text.split(option.separator ?? /\s+/).map((each) => ({
      option,
      text: each,
      name,
      origin,
    }));
  }
  if (text.includes("\n")) throw new ConfigError(`${name} takes one value, on one line`);
  return [{ option, text, name, origin }];
}

/**
 * Puts what is given into the settings. Later layers count before earlier ones, option by option: a
 * layer that names an option overrides all earlier values of it.
 *
 * @throws {ConfigError} if a value is wrong, or given more than once in a layer
 */
export function applyGiven(
  settings: ServeSettings,
  layers: readonly (readonly Given[])[],
): Origins {
  const origins = new Map<string, readonly Given[]>();
  for (const layer of layers) {
    for (const { option } of layer) {
      origins.set(option.name, layer.filter((each) => each.option === option));
    }
  }
  for (const layer of layers) {
    for (const option of OPTIONS) {
      const given = origins.get(option.name);
      if (given === undefined || !layer.includes(given[0])) continue;
      refuseTwice(given);
      for (const each of given) applyOne(settings, each);
    }
  }
  return origins;
}

/** Puts one value into the settings. */
export function applyOne(settings: ServeSettings, { option, text, name }: Given): void {
  if (text === null) option.switchOff?.(settings);
  else option.apply(settings, text, name);
}

/** Refuses the second value of an option that takes one. */
export function refuseTwice(given: readonly Given[]): void {
  const [{ option, name: first }, second] = given;
  if (second === undefined || option.repeats || option.value === undefined) return;
  const other = second.name === first ? "" : ` (the first is ${first})`;
  throw new ConfigError(`${second.name} is given more than once${other}`);
}
