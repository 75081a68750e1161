/**
 * Writes the reference of all commands, options, variables and keys, from the tables that the program
 * itself goes by.
 *
 * @module
 */

import { variableOf } from "../../src/config/environment.ts";
import type { CommandHelp } from "../../src/config/command_help.ts";
import {
  COMMAND_HELP,
  COMMAND_TABLES,
  commandUsage,
  optionUsage,
} from "../../src/config/command_help.ts";
import { NOTES, VARIABLES } from "../../src/config/help_topics.ts";
import { FILE_OPTIONS } from "../../src/config/option_entry.ts";
import type { OptionSpec } from "../../src/config/option_spec.ts";
import { hasOptionalValue } from "../../src/config/option_spec.ts";
import { OPTIONS } from "../../src/config/options.ts";
import {
  ALIASES,
  MONGREL2_KEYS,
  PROTOCOLS,
  REFUSED,
  SOCKET_KEYS,
} from "../../src/config/server_keys.ts";

/** The page, as Markdown that is not formatted yet. */
export function referencePage(): string {
  return [
    "# Reference",
    "<!-- `deno task docs` writes this page from the option table. Do not edit it. -->",
    "Every command, option, variable and key of the configuration file. On the command line, " +
    "`gatehouse help TOPIC` prints the same.",
    ...commands(),
    "## Options",
    "An option can stand on the command line, in a variable, or in `[server:NAME]` of a " +
    "[configuration file](configuration.md). The command line wins over variables, variables win " +
    "over the file. Where an option names no variable or key, it has none.",
    ...groups().flatMap(groupSection),
    ...variables(),
    ...keys(),
    "## Values",
    noteText("values"),
    "## Signals",
    noteText("signals"),
  ].join("\n\n") + "\n";
}

function commands(): string[] {
  return [
    "## Commands",
    ...[...COMMAND_HELP].flatMap(([name, text]) => {
      const table = COMMAND_TABLES.find((each) => each.name === name);
      if (table !== undefined) return tableSection(table);
      const [usage, ...about] = text.trimEnd().split("\n\n");
      return [`### gatehouse ${name}`, `\`\`\`text\n${usage}\n\`\`\``, ...about.map(flowed)];
    }),
  ];
}

/** A command with options of its own. */
function tableSection({ name, subcommands, notes, options }: CommandHelp): string[] {
  const usages = subcommands.map((each) => commandUsage(name, each));
  const rows = options.map((option) => {
    const standard = option.default === undefined ? "" : ` Default: ${option.default}.`;
    const repeats = option.repeats ? " May be repeated." : "";
    const others = subcommands.filter(({ without }) => without?.includes(option.name));
    const only = others.length === 0
      ? ""
      : ` Not for ${others.map((each) => each.name).join(", ")}.`;
    const usage = inCell(optionUsage(option));
    return `| \`${usage}\` | ${inCell(option.help)}.${standard}${repeats}${only} |`;
  });
  return [
    `### gatehouse ${name}`,
    `\`\`\`text\n${usages.join("\n")}\n\`\`\``,
    ...subcommands.map((each) =>
      each.name === "" ? `${each.help}.` : `\`${each.name}\`: ${each.help}.`
    ),
    flowed(notes),
    ["| option | what it does |", "| --- | --- |", ...rows].join("\n"),
  ];
}

/** `text` for a cell of a table, where a bar would end it, also within code. */
function inCell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** The groups in the order of the options; those without a home of their own come last. */
function groups(): string[] {
  return [...new Set(OPTIONS.map(({ group }) => group))];
}

function groupSection(group: string): string[] {
  const options = OPTIONS.filter((option) => option.group === group);
  return [`### ${group}`, ...options.flatMap(optionSection)];
}

function optionSection(option: OptionSpec): string[] {
  const { name, help, givenBy, repeats } = option;
  const places = [
    ...givenBy === "flag" ? [] : [`Variable: \`${variableOf(option)}\`.`],
    ...givenBy === undefined ? [`Key: \`${name}\`.`] : [],
  ];
  const facts = [
    ...option.default === undefined ? [] : [`Default: ${option.default}.`],
    ...repeats ? ["May be repeated."] : [],
    ...places,
  ];
  return [
    `#### --${name}`,
    `\`${usageOf(option)}\``,
    `${withLinks(help, name)}.`,
    facts.join(" "),
  ].filter((part) => part !== "");
}

function usageOf(option: OptionSpec): string {
  const { name, letter, value } = option;
  const start = letter === undefined ? "" : `-${letter}, `;
  const space = value === undefined || hasOptionalValue(option) ? "" : " ";
  return `${start}--${name}${space}${value ?? ""}`;
}

/** A help text with the options that it names as links. */
function withLinks(help: string, self: string): string {
  return help.replace(/--([a-z][a-z0-9-]*)/g, (whole, name) => {
    const isOther = name !== self && OPTIONS.some((option) => option.name === name);
    return isOther ? `[\`--${name}\`](#--${name})` : `\`${whole}\``;
  });
}

function variables(): string[] {
  const rows = VARIABLES.map(({ usage, help }) => `| \`${usage}\` | ${withLinks(help, "")} |`);
  return [
    "## Variables that are not options",
    ["| variable | what it says |", "| --- | --- |", ...rows].join("\n"),
    "`GATEHOUSE_INSTALL` and `GATEHOUSE_RELEASES` are for `install.sh`: the folder to install to, and " +
    "where releases are.",
  ];
}

function keys(): string[] {
  const endpoint = [
    ["use", `Which endpoint: ${Object.keys(PROTOCOLS).map((name) => `\`${name}\``).join(", ")}`],
    ...Object.entries(SOCKET_KEYS),
    ...Object.entries(MONGREL2_KEYS),
  ];
  const ports = Object.entries(PROTOCOLS).filter(([, port]) => port > 0)
    .map(([name, port]) => `${port} for \`${name}\``);
  const aliases = [...ALIASES].map(([key, { option }]) =>
    `| \`${key}\` | [\`${option}\`](#--${option}) |`
  );
  const refused = REFUSED.map(([pattern, why]) =>
    `| ${keysOf(pattern).map((key) => `\`${key}\``).join(", ")} | ${why} |`
  );
  return [
    "## Keys of [server:NAME]",
    `Every option that has a key (${FILE_OPTIONS.size} of them), with dashes or underscores, and the ` +
    "keys of an endpoint:",
    [
      "| key | what it does |",
      "| --- | --- |",
      ...endpoint.map(([key, help]) => `| \`${key}\` | ${help} |`),
    ].join("\n"),
    `Without \`host\` it is 127.0.0.1; without \`port\`, ${ports.join(", ")}.`,
    "Keys of other servers stand for options:",
    ["| key | option |", "| --- | --- |", ...aliases].join("\n"),
    "Others are refused, with a reason:",
    ["| key | reason |", "| --- | --- |", ...refused].join("\n"),
    ...appKeys(),
  ];
}

function appKeys(): string[] {
  return [
    "## Keys of the other sections",
    [
      "| section | key | what it does |",
      "| --- | --- | --- |",
      "| `[app:NAME]`, `[filter:NAME]` | `use` | The module: a path relative to the file, or a URL; `#EXPORT` names an export |",
      "| | `factory` | `true`: the export makes the app, or the middleware, though there are no settings |",
      "| | any other | A setting for the export, which then makes the app, or the middleware |",
      "| `[app:NAME]` | [`workers`](#--workers), and the [permissions of apps](#permissions-of-apps) | The option, for this app alone |",
      "| `[composite:NAME]` | `use` | `urlmap` |",
      "| | `/PREFIX` | The app below this path; `,strip` takes the prefix off its URLs |",
      "| `[pipeline:NAME]` | `pipeline` | Filters, the first outermost, and last the app |",
      "| `[DEFAULT]` | any | A name for `%(NAME)s` in all sections |",
    ].join("\n"),
    "[configuration.md](configuration.md) has an example.",
  ];
}

/** The keys that a pattern stands for; `…` for what it leaves open. */
function keysOf({ source }: RegExp): string[] {
  const open = source.endsWith("$") ? "" : "…";
  const text = source.replace(/^\^|\$$/g, "").replaceAll("\\.", ".").replace(/\\w[*+]/g, "…") +
    open;
  const [, start, alternatives, end] = /^(.*)\(\?:(.*)\)(.*)$/.exec(text) ?? ["", text, "", ""];
  return alternatives.split("|").map((each) => start + each + end);
}

/** A note without its heading, and without its indent. */
function noteText(name: string): string {
  const [, ...lines] = NOTES.get(name)!.trimEnd().split("\n");
  return lines.join("\n").split("\n\n").map(flowed).join("\n\n");
}

function flowed(paragraph: string): string {
  return withLinks(paragraph.split("\n").map((line) => line.trim()).join(" "), "");
}
