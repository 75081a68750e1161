/**
 * The help of all commands: that of commands with options of their own is made of their tables.
 *
 * @module
 */

import { BENCH_COMMAND } from "./bench_options.ts";
import type { CommandOption, CommandTable } from "./command_options.ts";
import { DISPATCH_COMMAND } from "./dispatch_options.ts";
import { COMMANDS, OWN_OPTIONS } from "./commands.ts";
import { FETCH_COMMAND } from "./fetch_options.ts";
import { REAP_COMMAND } from "./reap_options.ts";
import { RESPOND_COMMAND } from "./respond_options.ts";
import { wrapped } from "./wrapped.ts";

/** What the help needs of a command's table. */
export type CommandHelp = Pick<CommandTable<never>, "name" | "subcommands" | "notes"> & {
  readonly options: readonly Omit<CommandOption<never>, "apply">[];
};

/** Commands with tables of their own. */
export const COMMAND_TABLES: readonly CommandHelp[] = [
  FETCH_COMMAND,
  BENCH_COMMAND,
  RESPOND_COMMAND,
  DISPATCH_COMMAND,
  REAP_COMMAND,
];

/** The help about each command, by name: how it is used, an empty line, and what it does. */
export const COMMAND_HELP: ReadonlyMap<string, string> = new Map(
  COMMANDS.map(({ name, help }) => [
    name,
    help === OWN_OPTIONS ? helpOf(COMMAND_TABLES.find((table) => table.name === name)!) : help,
  ]),
);

function helpOf({ name, subcommands, notes, options }: CommandHelp): string {
  const usages = subcommands.map((each) => `${commandUsage(name, each)}\n`);
  const about = subcommands.map((each) =>
    each.name === "" ? wrapped(each.help, 2) : `  ${each.name}\n${wrapped(each.help, 6)}`
  );
  const entries = options.map((option) => {
    const standard = option.default === undefined ? "" : ` [default: ${option.default}]`;
    const repeats = option.repeats ? " (repeatable)" : "";
    return `  ${optionUsage(option)}${repeats}\n${wrapped(option.help + standard, 6)}`;
  });
  return `${usages.join("")}\n${about.join("")}\n  ${notes}\n\n${entries.join("")}`;
}

/** How a subcommand of `command`, or the command itself, is written. */
export function commandUsage(
  command: string,
  { name, usage }: CommandHelp["subcommands"][number],
): string {
  return ["gatehouse", command, name, usage].filter((word) => word !== "").join(" ");
}

/** How an option is written, with its letter and value. */
export function optionUsage({ name, letter, value }: CommandHelp["options"][number]): string {
  return `${letter === undefined ? "" : `-${letter}, `}--${name}${value ? ` ${value}` : ""}`;
}
