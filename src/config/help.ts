/**
 * The texts of `--help` and `gatehouse help TOPIC`, made from the option table.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { variableOf } from "./environment.ts";
import { COMMAND_HELP } from "./command_help.ts";
import { COMMANDS, RESERVED_WORDS } from "./commands.ts";
import { EXAMPLES, NOTES } from "./help_topics.ts";
import { nearest } from "../base/nearest.ts";
import type { OptionGroup, OptionSpec } from "./option_spec.ts";
import { hasOptionalValue } from "./option_spec.ts";
import { OPTIONS } from "./options.ts";
import { WIDTH, wrapped } from "./wrapped.ts";

const INDENT = 6;
const TOPICS_INDENT = 15;

/** Headings of the options, with the topics that they are. */
const GROUPS: ReadonlyMap<string, OptionGroup> = new Map([
  ["endpoints", "Endpoints"],
  ["certificates", "Certificates"],
  ["compression", "Compression"],
  ["apps", "Apps"],
  ["files", "Files"],
  ["configuration", "Configuration"],
  ["loading", "Loading"],
  ["reloading", "Reloading"],
  ["processes", "Processes"],
  ["logs", "Logs"],
  ["monitoring", "Monitoring"],
  ["permissions", "Permissions of apps"],
  ["limits", "Limits"],
  ["other", "Other"],
]);

const START = `gatehouse: a gateway for web applications

Usage: gatehouse APP [MIDDLEWARE...] [OPTIONS]
       gatehouse --mount /PREFIX=APP... [OPTIONS]
       gatehouse --config FILE [NAME=VALUE...] [OPTIONS]
       gatehouse COMMAND ...

APP is a module by path or URL: app.ts, https://example.com/app.ts, npm:NAME;
or a folder of files: ./public.
`;

/**
 * What `gatehouse help TOPIC` prints, at most 80 columns wide: about a command, a group of options,
 * an option (with dashes or without), `commands` or `all`. Without a topic: one screen with the common options
 * and the topics.
 *
 * @throws {ConfigError} if there is no such topic
 */
export function helpText(topic?: string): string {
  if (topic === undefined) return startText();
  const name = topic.toLowerCase();
  if (name === "all") return allText();
  if (name === "commands") return commandsText();
  const group = GROUPS.get(name);
  if (group !== undefined) return groupText(group);
  const text = COMMAND_HELP.get(name) ?? NOTES.get(name);
  if (text !== undefined) return text;
  const option = OPTIONS.find(({ name, letter }) =>
    topic === `--${name}` || topic === name || topic === `-${letter}` || topic === letter
  );
  if (option !== undefined) return optionText(option);
  const known = [...helpTopics(), ...OPTIONS.map(({ name }) => name)];
  throw new ConfigError(
    `there is no help about ${JSON.stringify(topic)}${nearest(name.replace(/^-+/, ""), known)}`,
  );
}

/** The topics that are not options. */
export function helpTopics(): string[] {
  return [...COMMAND_HELP.keys(), ...GROUPS.keys(), ...NOTES.keys(), "commands", "all"];
}

function startText(): string {
  const common = OPTIONS.filter(({ brief }) => brief !== undefined);
  const width = Math.max(...common.map((option) => usageOf(option).length));
  const options = common.map((option) => {
    const line = `  ${usageOf(option).padEnd(width)}  ${option.brief}`;
    const full = line + standardOf(option);
    return `${full.length <= WIDTH ? full : line}\n`;
  });
  const topics = [
    ["a command", COMMAND_HELP.keys()],
    ["options", GROUPS.keys()],
    ["an option", ["--workers"]],
    ["more", [...NOTES.keys(), "commands", "all"]],
  ] as const;
  const lines = topics.map(([kind, names]) => {
    const start = `  ${kind}:`.padEnd(TOPICS_INDENT);
    return start + wrapped([...names].join(" "), TOPICS_INDENT).trimStart();
  });
  return [
    START,
    `Common options:\n${options.join("")}`,
    `Help about TOPIC: gatehouse help TOPIC\n${lines.join("")}`,
  ].join("\n");
}

function allText(): string {
  return [
    START,
    EXAMPLES,
    commandsText(),
    ...COMMAND_HELP.values(),
    ...[...GROUPS.values()].map(groupText),
    ...NOTES.values(),
  ].join("\n");
}

function commandsText(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const lines = COMMANDS.map(({ name, brief }) => `  ${name.padEnd(width)}  ${brief}\n`);
  const reserved =
    `Kept for commands of later versions: ${[...RESERVED_WORDS].join(", ")}. As the ` +
    "first word, write ./ before an app of such a name.";
  return `Commands:\n${lines.join("")}\n${wrapped(reserved, 2)}`;
}

function groupText(group: OptionGroup): string {
  const entries = OPTIONS.filter((option) => option.group === group).map(entryOf);
  return `${group}:\n${entries.join("")}`;
}

function optionText(option: OptionSpec): string {
  const { name, value, givenBy } = option;
  const places = [
    ...givenBy === "flag" ? [] : [`environment: ${variableOf(option)}=${value ?? "yes"}`],
    ...givenBy === undefined ? [`[server:NAME]: ${name} = ${value ?? "yes"}`] : [],
  ].map((place) => place.replace(/=\[=(.*)\]$/, "=$1").replace(/= \[=(.*)\]$/, "= $1"));
  return entryOf(option) + places.map((place) => `${" ".repeat(INDENT)}${place}\n`).join("");
}

/** How an option is written, with its letter and value. */
function usageOf({ name, letter, value, ...option }: OptionSpec): string {
  const start = letter === undefined ? "" : `-${letter}, `;
  const space = value === undefined || hasOptionalValue({ name, value, ...option }) ? "" : " ";
  return `${start}--${name}${space}${value ?? ""}`;
}

function standardOf(option: OptionSpec): string {
  return option.default === undefined ? "" : ` [default: ${option.default}]`;
}

function entryOf(option: OptionSpec): string {
  const repeats = option.repeats ? " (repeatable)" : "";
  return `  ${usageOf(option)}${repeats}\n${wrapped(option.help + standardOf(option), INDENT)}`;
}
