/**
 * Options as keys of a configuration file.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import type { Given } from "./given.ts";
import { applyOne, givenIn, refuseTwice } from "./given.ts";
import type { IniEntry, Problems } from "./ini_file.ts";
import type { Defaults } from "./interpolation.ts";
import type { OptionSpec } from "./option_spec.ts";
import { hasOptionalValue } from "./option_spec.ts";
import { OPTIONS } from "./options.ts";
import { valueFrom } from "./relative_paths.ts";
import { defaultSettings } from "./settings.ts";

/** What the sections of a file share. */
export interface FileContext {
  /** Takes what is wrong. */
  readonly problems: Problems;
  /** Names that all sections know. */
  readonly defaults: Defaults;
  /** Folder of the file. */
  readonly folder: string;
}

/** The options that a file can have, by name. */
export const FILE_OPTIONS: ReadonlyMap<string, OptionSpec> = new Map(
  OPTIONS.filter(({ givenBy }) => givenBy === undefined).map((each) => [each.name, each]),
);

/** The option that `key` names, with dashes or underscores. */
export function optionOf(key: string): OptionSpec | undefined {
  return FILE_OPTIONS.get(key.replaceAll("_", "-"));
}

/**
 * What `text`, the value of `entry`, gives for `option`.
 *
 * @throws {ConfigError} if the value is wrong, naming file, line and key
 */
export function givenByEntry(
  option: OptionSpec,
  text: string,
  entry: IniEntry,
  { problems, folder }: FileContext,
): Given[] {
  const isSeveral = option.repeats && option.value !== undefined && !hasOptionalValue(option);
  const texts = isSeveral ? text.split("\n") : [text];
  return texts.flatMap((each, index) => {
    const origin = `${problems.file}:${entry.lines[index] ?? entry.line}`;
    const given = givenIn(option, each, `${origin}: ${entry.key}`, origin).map((one) =>
      one.text === null ? one : { ...one, text: valueFrom(option, one.text, folder) }
    );
    // Wrong values are reported whether or not the section is chosen.
    for (const one of given) applyOne(defaultSettings(), one);
    return given;
  });
}

/** Refuses what is given twice in a section. */
export function refuseTwiceIn(given: readonly Given[]): void {
  for (const option of FILE_OPTIONS.values()) {
    const same = given.filter((each) => each.option === option);
    if (same.length > 1) refuseTwice(same);
  }
}

/** Adds what `read` finds wrong to the problems; of messages without a line, `line` is the place. */
export function collecting(problems: Problems, line: number, read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const start = `${problems.file}:`;
    if (!error.message.startsWith(start)) problems.add(line, error.message);
    else problems.addMessage(parseInt(error.message.slice(start.length)), error.message);
  }
}
