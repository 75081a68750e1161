/**
 * Completions for bash.
 *
 * @module
 */

import { COMMANDS } from "../commands.ts";
import type { CompletedOption } from "./words.ts";
import { completedOptions, ownCommands, wordsAfter } from "./words.ts";

/** The script. It needs nothing but bash, 3.2 or later. */
export function bashCompletions(): string {
  const options = completedOptions();
  const own = ownCommands();
  const all = [...options, ...own.flatMap((command) => command.options)];
  // The first case counts: an option means the same wherever it is.
  const cases = all.flatMap(valueCase);
  const names = (of: readonly CompletedOption[]) => of.map(({ name }) => `--${name}`).join(" ");
  const ownOptions = own.map((command) =>
    `      ${command.name}) _gatehouse_words '${names(command.options)}' ;;\n`
  );
  const after = [...wordsAfter()].map(([command, words]) =>
    `    ${command}) _gatehouse_words '${words.join(" ")}' ;;\n`
  );
  return `# Completions of gatehouse for bash: source it, or put it where bash-completion finds it.
_gatehouse_words() {
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$1" -- "$cur")
}
_gatehouse_paths() {
  compopt -o filenames 2>/dev/null
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen "$1" -- "$cur")
}
_gatehouse() {
  local cur word command= option= place=1
  local valued=' ${[...new Set(separateNames(all))].join(" ")} '
  cur=\${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  # Bash takes an equals sign for a word of its own.
  if [[ $cur == '=' ]]; then
    option=\${COMP_WORDS[COMP_CWORD - 1]} cur=
  elif (( COMP_CWORD > 1 )) && [[ \${COMP_WORDS[COMP_CWORD - 1]} == '=' ]]; then
    option=\${COMP_WORDS[COMP_CWORD - 2]}
  elif [[ $valued == *" \${COMP_WORDS[COMP_CWORD - 1]} "* ]]; then
    option=\${COMP_WORDS[COMP_CWORD - 1]}
  fi
  if [[ -n $option ]]; then
    case $option in
${cases.join("")}    esac
    return
  fi
  while (( place < COMP_CWORD )); do
    word=\${COMP_WORDS[place]}
    if [[ \${COMP_WORDS[place + 1]} == '=' ]]; then
      (( place += 3 ))
    elif [[ $valued == *" $word "* ]]; then
      (( place += 2 ))
    elif [[ $word == -* ]]; then
      (( place += 1 ))
    else
      command=$word
      break
    fi
  done
  if [[ $cur == -* ]]; then
    case $command in
${ownOptions.join("")}      *) _gatehouse_words '${names(options)}' ;;
    esac
    return
  fi
  if [[ -z $command ]]; then
    _gatehouse_words '${COMMANDS.map(({ name }) => name).join(" ")}'
  elif (( place == COMP_CWORD - 1 )); then
    case $command in
${after.join("")}    esac
  fi
  (( \${#COMPREPLY[@]} > 0 )) && [[ -n $command ]] || _gatehouse_paths -f
}
complete -F _gatehouse gatehouse
`;
}

/** The options whose value is the next word. */
function separateNames(options: readonly CompletedOption[]): string[] {
  return options.flatMap((option) =>
    option.value.kind === "none" || option.isOptional ? [] : namesOf(option)
  );
}

function namesOf({ name, letter }: CompletedOption): string[] {
  return letter === undefined ? [`--${name}`] : [`--${name}`, `-${letter}`];
}

function valueCase(option: CompletedOption): string[] {
  const { value } = option;
  const start = `      ${namesOf(option).join("|")})`;
  switch (value.kind) {
    case "file":
      return [`${start} _gatehouse_paths -f ;;\n`];
    case "folder":
      return [`${start} _gatehouse_paths -d ;;\n`];
    case "choice":
      return [`${start} _gatehouse_words '${value.words.join(" ")}' ;;\n`];
    default:
      return [];
  }
}
