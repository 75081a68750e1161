/**
 * The manual page, from the tables that the program itself goes by.
 *
 * @module
 */

import { COMMAND_HELP } from "./command_help.ts";
import { variableOf } from "./environment.ts";
import { EXAMPLES, NOTES, VARIABLES } from "./help_topics.ts";
import type { OptionSpec } from "./option_spec.ts";
import { hasOptionalValue } from "./option_spec.ts";
import { OPTIONS } from "./options.ts";

/** Bytes of a line that is filled, at the most. */
const LINE_BYTES = 80;

/** The page for section 1, in roff with the macros of `man`. */
export function manPage(version: string): string {
  return [
    `.TH GATEHOUSE 1 "" "gatehouse ${inWord(version)}" "User Commands"`,
    ".SH NAME",
    "gatehouse \\- a gateway for web applications",
    ".SH SYNOPSIS",
    ...verbatim([
      "gatehouse APP [MIDDLEWARE...] [OPTIONS]",
      "gatehouse --mount /PREFIX=APP... [OPTIONS]",
      "gatehouse --config FILE [NAME=VALUE...] [OPTIONS]",
      "gatehouse COMMAND ...",
    ]),
    ".SH DESCRIPTION",
    ...flowed(
      "Serves web applications over HTTP, and behind web servers over FastCGI and Mongrel2. APP is a " +
        "module by path or URL, or a folder of files.",
    ),
    ".SH COMMANDS",
    ...[...COMMAND_HELP].flatMap(([name, help]) => commandEntry(name, help)),
    ".SH OPTIONS",
    ...[...new Set(OPTIONS.map(({ group }) => group))].flatMap((group) => [
      `.SS ${text(group)}`,
      ...OPTIONS.filter((option) => option.group === group).flatMap(optionEntry),
    ]),
    ".SH VALUES",
    ...flowed(noteText("values")[0]),
    ".SH ENVIRONMENT",
    ...flowed(noteText("environment")[0]),
    ...VARIABLES.flatMap(({ usage, help }) => [
      ".TP",
      `.B ${text(usage)}`,
      ...flowed(`${help[0].toUpperCase()}${help.slice(1)}.`),
    ]),
    ".SH SIGNALS",
    ...flowed(noteText("signals")[0]),
    ".SH EXIT STATUS",
    ...flowed(noteText("signals")[1].replace(/^Exit status: /, "")),
    ".SH EXAMPLES",
    ...verbatim(EXAMPLES.trimEnd().split("\n").slice(1).map((line) => line.trim())),
    "",
  ].join("\n");
}

function commandEntry(name: string, help: string): string[] {
  const [usage, ...about] = help.trimEnd().split("\n\n");
  return [
    `.SS gatehouse ${text(name)}`,
    ...verbatim(usage.split("\n")),
    ...about.flatMap((paragraph) =>
      isList(paragraph) ? list(paragraph) : [".PP", ...flowed(paragraph)]
    ),
  ];
}

/** Whether a paragraph has things on lines of their own, and below each, indented further, what it is. */
function isList(paragraph: string): boolean {
  return /^ {2}\S.*\n {6}\S/.test(paragraph);
}

function list(paragraph: string): string[] {
  return paragraph.split(/\n(?= {2}\S)/).flatMap((entry) => {
    const [name, ...about] = entry.split("\n");
    return [".TP", `.B ${text(name.trim())}`, ...flowed(about.join(" "))];
  });
}

function optionEntry(option: OptionSpec): string[] {
  const { name, letter, value, help, repeats, givenBy } = option;
  const start = letter === undefined ? "" : `-${letter}, `;
  const space = value === undefined || hasOptionalValue(option) ? "" : " ";
  const facts = [
    `${help}.`,
    ...option.default === undefined ? [] : [`Default: ${option.default}.`],
    ...repeats ? ["May be repeated."] : [],
    ...givenBy === "flag" ? [] : [`Variable: ${variableOf(option)}.`],
  ];
  return [
    ".TP",
    `.B ${text(`${start}--${name}${space}${value ?? ""}`)}`,
    ...flowed(facts.join(" ")),
  ];
}

/** The paragraphs of a note, without its heading, each on one line. */
function noteText(name: string): string[] {
  const [, ...lines] = NOTES.get(name)!.trimEnd().split("\n");
  return lines.join("\n").split("\n\n");
}

/** Text that is filled: sentences begin on lines of their own, as roff wants it, and no line is long. */
function flowed(paragraph: string): string[] {
  const sentences = paragraph.replace(/\s+/g, " ").trim().split(/(?<=[.:]) (?=[A-Z-])/);
  return sentences.flatMap((sentence) => {
    const lines: string[] = [];
    let line = "";
    for (const word of sentence.split(" ")) {
      const longer = line === "" ? word : `${line} ${word}`;
      if (text(longer).length <= LINE_BYTES || line === "") line = longer;
      else {
        lines.push(line);
        line = word;
      }
    }
    return [...lines, line].map(text);
  });
}

/** Lines as they are. */
function verbatim(lines: readonly string[]): string[] {
  return [".nf", ...lines.map(text), ".fi"];
}

/** `line` as roff takes it for text. */
function text(line: string): string {
  const escaped = line.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("…", "...")
    .replaceAll("'", "\\(aq").replaceAll("`", "\\(ga").replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti");
  return /^\./.test(escaped) ? `\\&${escaped}` : escaped;
}

/** The same within quotation marks. */
function inWord(word: string): string {
  return text(word).replaceAll('"', "\\(dq");
}
