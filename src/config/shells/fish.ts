/**
 * Completions for fish.
 *
 * @module
 */

import { COMMANDS } from "../commands.ts";
import type { CompletedOption } from "./words.ts";
import { completedOptions, ownCommands, wordsAfter } from "./words.ts";

const START = "complete -c gatehouse";

/** The script: commands of fish's `complete`. */
export function fishCompletions(): string {
  const own = ownCommands();
  const others = `not __fish_seen_subcommand_from ${own.map(({ name }) => name).join(" ")}`;
  return [
    "# Completions of gatehouse for fish: put it into a folder of fish_complete_path.",
    ...COMMANDS.map(({ name, brief }) =>
      `${START} -n __fish_use_subcommand -a ${name} -d ${quoted(brief)}`
    ),
    ...[...wordsAfter()].map(([command, words]) => {
      const all = words.join(" ");
      const condition = `__fish_seen_subcommand_from ${command}; ` +
        `and not __fish_seen_subcommand_from ${words.filter((word) => word !== command).join(" ")}`;
      return `${START} -n ${quoted(condition)} -f -a ${quoted(all)}`;
    }),
    ...completedOptions().map((option) => lineOf(option, others)),
    ...own.flatMap(({ name, options }) =>
      options.map((option) => lineOf(option, `__fish_seen_subcommand_from ${name}`))
    ),
    "",
  ].join("\n");
}

function lineOf(
  { name, letter, about, value, isOptional }: CompletedOption,
  condition: string,
): string {
  const short = letter === undefined ? "" : ` -s ${letter}`;
  return `${START} -n ${quoted(condition)}${short} -l ${name}${argument()} -d ${quoted(about)}`;

  function argument(): string {
    if (value.kind === "none" || isOptional) return "";
    switch (value.kind) {
      case "file":
        return " -r -F";
      case "folder":
        return " -x -a '(__fish_complete_directories)'";
      case "choice":
        return ` -x -a ${quoted(value.words.join(" "))}`;
      default:
        return " -x";
    }
  }
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}
