/**
 * What completions of all shells are made of: options, and what can follow them and the commands.
 *
 * @module
 */

import { COMMAND_TABLES } from "../command_help.ts";
import { COMMANDS } from "../commands.ts";
import { helpTopics } from "../help.ts";
import type { OptionSpec } from "../option_spec.ts";
import { hasOptionalValue } from "../option_spec.ts";
import { OPTIONS } from "../options.ts";

/** What is completed after an option. */
export type Value =
  /** It has no value. */
  | { readonly kind: "none" }
  /** Anything. */
  | { readonly kind: "text"; readonly name: string }
  /** Files or folders. */
  | { readonly kind: "file" | "folder"; readonly name: string }
  /** These words. */
  | { readonly kind: "choice"; readonly name: string; readonly words: readonly string[] };

/** An option. */
export interface CompletedOption {
  /** Name, without dashes. */
  readonly name: string;
  /** One-letter form. */
  readonly letter: string | undefined;
  /** What it does, in one line. */
  readonly about: string;
  /** What follows it. */
  readonly value: Value;
  /** Whether the value may be left out, and follows an equals sign otherwise. */
  readonly isOptional: boolean;
  /** Whether it may be given more than once. */
  readonly repeats: boolean;
}

/** Most that is said about an option. */
const ABOUT_LENGTH = 70;

/** All options. */
export function completedOptions(): CompletedOption[] {
  return OPTIONS.map((option) => ({
    name: option.name,
    letter: option.letter,
    about: aboutOf(option),
    value: valueOf(option),
    isOptional: hasOptionalValue(option),
    repeats: option.repeats ?? false,
  }));
}

/** Commands with options of their own, which take no others. */
export interface OwnCommand {
  /** Its name. */
  readonly name: string;
  /** Its subcommands. */
  readonly words: readonly string[];
  /** Its options. */
  readonly options: readonly CompletedOption[];
}

/** The commands that have options of their own. */
export function ownCommands(): OwnCommand[] {
  return COMMAND_TABLES.map(({ name, subcommands, options }) => ({
    name,
    words: subcommands.flatMap((subcommand) => subcommand.name || []),
    options: options.map((option) => ({
      name: option.name,
      letter: option.letter,
      about: aboutOf(option),
      value: valueOf(option),
      isOptional: false,
      repeats: option.repeats ?? false,
    })),
  }));
}

/** What can follow each command, if these are certain words. */
export function wordsAfter(): Map<string, readonly string[]> {
  return new Map([
    ...ownCommands().flatMap(({ name, words }): [string, readonly string[]][] =>
      words.length === 0 ? [] : [[name, words]]
    ),
    ...COMMANDS.flatMap(({ name, words }): [string, readonly string[]][] =>
      name === "help" ? [[name, helpTopics()]] : words === undefined ? [] : [[name, words]]
    ),
  ]);
}

function aboutOf({ brief, help }: Pick<OptionSpec, "brief" | "help">): string {
  if (brief !== undefined) return brief;
  const [sentence] = help.split(/[.:;](?: |$)/);
  if (sentence.length <= ABOUT_LENGTH) return sentence;
  const cut = sentence.slice(0, ABOUT_LENGTH);
  return `${cut.slice(0, cut.lastIndexOf(" ")).replace(/[^\w)]+$/, "")}…`;
}

function valueOf({ value, choices }: Pick<OptionSpec, "value" | "choices">): Value {
  if (value === undefined) return { kind: "none" };
  const name = value.replace(/^\[=(.*)\]$/, "$1");
  if (choices !== undefined) return { kind: "choice", name, words: choices };
  if (/^FILE(?:\||$)/.test(name)) return { kind: "file", name };
  if (name === "DIR") return { kind: "folder", name };
  return { kind: "text", name };
}
