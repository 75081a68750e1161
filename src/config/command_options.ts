/**
 * Commands with options of their own: tables that say which there are, what they take and what they do.
 * Their command lines and help texts come from these.
 *
 * @module
 */

import { nearest } from "../base/nearest.ts";
import { ConfigError } from "../base/errors.ts";

/** An option of one command. */
export interface CommandOption<Settings> {
  /** Name without the dashes. */
  readonly name: string;
  /** One-letter form, if there is one. */
  readonly letter?: string;
  /** What the help text calls its value; absent for options without one. */
  readonly value?: string;
  /** The words that its value can be, if there are few; `apply` says what is right. */
  readonly choices?: readonly string[];
  /** Whether it may be given more than once. */
  readonly repeats?: true;
  /** What it does, without the last period. */
  readonly help: string;
  /** Default as the help text shows it. */
  readonly default?: string;
  /**
   * Puts the value into the settings; `name` is how the user wrote the option.
   *
   * @throws {ConfigError} if the value is not of the option's kind
   */
  apply(settings: Settings, text: string, name: string): void;
}

/** A command with options of its own, as its help shows it. */
export interface CommandTable<Settings> {
  /** Its name. */
  readonly name: string;
  /** Its subcommands: how each is written, and what it does. One without a name if it has none. */
  readonly subcommands: readonly Subcommand[];
  /** What is true of all of them, as lines of at most 78 columns. */
  readonly notes: string;
  /** The options of all subcommands. */
  readonly options: readonly CommandOption<Settings>[];
}

/** A subcommand. */
export interface Subcommand {
  /** Its name; `""` for a command that has no subcommands. */
  readonly name: string;
  /** What follows it on a command line. */
  readonly usage: string;
  /** What it does, in a sentence or more, without the last period. */
  readonly help: string;
  /** Names of options that it does not take. */
  readonly without?: readonly string[];
}

/** What is left of a command line without its options. */
export interface CommandWords {
  /** Words before `--`. */
  readonly words: readonly string[];
  /** Words after it. */
  readonly rest: readonly string[];
}

/**
 * Applies the options among `args` to `settings`.
 *
 * @throws {ConfigError} if one is not known, not for this subcommand, or has a wrong value
 */
export function applyOptions<Settings>(
  { options }: CommandTable<Settings>,
  { name: subcommand, without = [] }: Subcommand,
  args: readonly string[],
  settings: Settings,
): CommandWords {
  const words: string[] = [];
  const seen = new Set<CommandOption<Settings>>();
  for (let place = 0; place < args.length; place++) {
    const word = args[place];
    if (word === "--") return { words, rest: args.slice(place + 1) };
    if (!word.startsWith("-") || word === "-") {
      words.push(word);
      continue;
    }
    const { name, attached } = split(word);
    const option = options.find((each) => name === `--${each.name}` || name === `-${each.letter}`);
    if (option === undefined) {
      const known = options.map((each) => each.name);
      const advice = nearest(name.replace(/^-+/, ""), known).replace("mean ", "mean --");
      throw new ConfigError(`unknown option ${name}${advice}`);
    }
    if (without.includes(option.name)) {
      throw new ConfigError(`${name} is not for ${subcommand}`);
    }
    if (seen.has(option) && !option.repeats) {
      throw new ConfigError(`${name} is given more than once`);
    }
    seen.add(option);
    if (option.value === undefined) {
      if (attached !== undefined) throw new ConfigError(`${name} takes no value`);
      option.apply(settings, "", name);
      continue;
    }
    const text = attached ?? args[++place];
    if (text === undefined || text === "") {
      throw new ConfigError(`${name} needs a value: ${name} ${option.value}`);
    }
    option.apply(settings, text, name);
  }
  return { words, rest: [] };
}

/** An option as it was written: `--name=value`, `--name`, `-nVALUE` or `-n`. */
function split(word: string): { readonly name: string; readonly attached: string | undefined } {
  if (word.startsWith("--")) {
    const equals = word.indexOf("=");
    return equals < 0
      ? { name: word, attached: undefined }
      : { name: word.slice(0, equals), attached: word.slice(equals + 1) };
  }
  return word.length === 2
    ? { name: word, attached: undefined }
    : { name: word.slice(0, 2), attached: word.slice(2) };
}
