/**
 * Completions for zsh.
 *
 * @module
 */

import { COMMANDS } from "../commands.ts";
import type { CompletedOption, Value } from "./words.ts";
import { completedOptions, ownCommands, wordsAfter } from "./words.ts";

/** The script: a function for a folder of `fpath`, which can also be sourced. */
export function zshCompletions(): string {
  const options = completedOptions().flatMap(specsOf).map((spec) => `    ${quoted(spec)} \\\n`);
  const own = ownCommands().map(({ name, words, options }) => {
    const specs = options.flatMap(specsOf).map((spec) => `        ${quoted(spec)} \\\n`);
    return `    ${name})\n      _arguments -S \\\n${specs.join("")}` +
      `        '1: : ' ${secondWord(words)}'*: :_files'\n      return\n      ;;\n`;
  });
  const commands = COMMANDS.map(({ name, brief }) =>
    `        ${quoted(`${name}:${escaped(brief, /[:\\]/g)}`)}\n`
  );
  const after = [...wordsAfter()].map(([command, words]) =>
    `        ${command}) (( $#line == 2 )) && compadd -- ${
      words.map(quoted).join(" ")
    } || _files ;;\n`
  );
  return `#compdef gatehouse
# Completions of gatehouse for zsh: put it into a folder of fpath as _gatehouse, or source it.
_gatehouse() {
  local curcontext=$curcontext state line
  local -A opt_args
  local -a commands
  # These come first, and have options of their own.
  case $words[2] in
${own.join("")}  esac
  _arguments -S \\
${options.join("")}    '1: :->first' '*: :->rest'
  case $state in
    first)
      commands=(
${commands.join("")}      )
      _describe -t commands command commands
      _files
      ;;
    rest)
      case $line[1] in
${after.join("")}        *) _files ;;
      esac
      ;;
  esac
}
if [[ $funcstack[1] == _gatehouse ]]; then
  _gatehouse "$@"
else
  compdef _gatehouse gatehouse
fi
`;
}

/** How `_arguments` is told of an option. */
function specsOf({ name, letter, about, value, isOptional, repeats }: CompletedOption): string[] {
  const text = `[${escaped(about, /[[\]:\\]/g)}]`;
  const argument = value.kind === "none"
    ? ""
    : `:${value.name.replaceAll(":", "\\:")}:${actionOf(value)}`;
  const others = letter === undefined ? "" : `(-${letter} --${name})`;
  // What may be repeated excludes nothing.
  const start = repeats ? "*" : others;
  if (isOptional) return [`${start}--${name}=-${text}:${argument}`];
  const long = `${start}--${name}${value.kind === "none" ? "" : "="}${text}${argument}`;
  return letter === undefined ? [long] : [`${start}-${letter}${text}${argument}`, long];
}

function actionOf(value: Value): string {
  switch (value.kind) {
    case "file":
      return "_files";
    case "folder":
      return "_files -/";
    case "choice":
      return `(${value.words.join(" ")})`;
    default:
      return " ";
  }
}

function escaped(text: string, characters: RegExp): string {
  return text.replace(characters, "\\$&");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** What follows a command, if these are certain words. */
function secondWord(words: readonly string[]): string {
  return words.length === 0 ? "" : `'2: :(${words.join(" ")})' `;
}
