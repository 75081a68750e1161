/**
 * What an option is.
 *
 * @module
 */

import type { ServeSettings } from "./settings.ts";

/** Headings that options stand under in the help text. */
export type OptionGroup =
  | "Endpoints"
  | "Certificates"
  | "Compression"
  | "Apps"
  | "Files"
  | "Configuration"
  | "Loading"
  | "Reloading"
  | "Processes"
  | "Logs"
  | "Monitoring"
  | "Permissions of apps"
  | "Limits"
  | "Other";

/** One option. */
export interface OptionSpec {
  /** Name without the dashes. */
  readonly name: string;
  /** One-letter form, if there is one. */
  readonly letter?: string;
  /**
   * What the help text calls its value; absent for options without one. `[=LIST]` is a value that may
   * be left out, and follows an equals sign if it is not: then the option never takes the next word.
   * `FILE` and `DIR` are paths: in a configuration file, they are relative to it.
   */
  readonly value?: string;
  /** The words that its value can be, if there are few, or mostly is; `apply` says what is right. */
  readonly choices?: readonly string[];
  /** Whether it may be given more than once. */
  readonly repeats?: true;
  /**
   * Where it may be given, if not everywhere: on the command line alone, or there and by a variable of
   * the environment, but in no configuration file.
   */
  readonly givenBy?: "flag" | "flag or variable";
  /** Name of the option without which this one does nothing. */
  readonly needs?: string;
  /** Heading. */
  readonly group: OptionGroup;
  /** What it does, in a sentence or more, without the last period. */
  readonly help: string;
  /** The same in a few words, if the first screen of the help has the option. */
  readonly brief?: string;
  /** Default as the help text shows it. */
  readonly default?: string;
  /**
   * Puts the value into the settings, `""` if it was left out; `name` is how the user wrote the option.
   *
   * @throws {ConfigError} if the value is not of the option's kind
   */
  apply(settings: ServeSettings, text: string, name: string): void;
  /**
   * What `no` in a configuration file or a variable does, where that is more than to leave the option
   * out.
   */
  switchOff?(settings: ServeSettings): void;
  /** What stands between several values in a variable, or on one line of a file. Default: blanks. */
  readonly separator?: RegExp;
  /** What a value in a configuration file in `folder` is elsewhere, if there are paths in it. */
  relativeTo?(folder: string, text: string): string;
}

/** Whether the value of `option` may be left out. */
export function hasOptionalValue(option: OptionSpec): boolean {
  return option.value?.startsWith("[=") ?? false;
}
