/**
 * Configuration files as text: sections, keys, values, and the lines that they are on. The format
 * is that of Python's ConfigParser, as PasteDeploy reads it.
 *
 * @module
 */

import { ConfigFileError } from "../base/errors.ts";

/** A key with its value. */
export interface IniEntry {
  /** The key, as it is written. */
  readonly key: string;
  /** The value; one that continues on further lines has line ends in it. */
  readonly value: string;
  /** Line of the key, from 1. */
  readonly line: number;
  /** Lines of the lines of the value. */
  readonly lines: readonly number[];
}

/** A section. */
export interface IniSection {
  /** What stands in its brackets. */
  readonly name: string;
  /** Line of its head, from 1. */
  readonly line: number;
  /** Its entries, in their order. */
  readonly entries: readonly IniEntry[];
}

/** Collects the problems of a file, so that all can be reported at once. */
export class Problems {
  /** The file, as messages name it. */
  readonly file: string;
  readonly #messages = new Map<string, number>();

  /** Makes an empty collection for the file that messages call `file`. */
  constructor(file: string) {
    this.file = file;
  }

  /** Adds a problem on a line; none is repeated. */
  add(line: number, message: string): void {
    this.#messages.set(`${this.file}:${line}: ${message}`, line);
  }

  /** Adds a message that names its place itself. */
  addMessage(line: number, message: string): void {
    this.#messages.set(message, line);
  }

  /**
   * Ends here if anything is wrong.
   *
   * @throws {ConfigFileError} with everything that was added, in the order of the lines
   */
  throwIfAny(): void {
    if (this.#messages.size === 0) return;
    const sorted = [...this.#messages].sort(([, a], [, b]) => a - b);
    throw new ConfigFileError(sorted.map(([message]) => message));
  }
}

/** An entry that may continue on the next line. */
interface OpenEntry {
  readonly key: string;
  readonly line: number;
  readonly indent: number;
  readonly parts: string[];
  readonly lines: number[];
}

/**
 * Splits `text` into its sections. `;` and `#` begin a comment at the start of a line only: elsewhere
 * they belong to the value, as in `app.ts#export`. A line that is indented deeper than its key
 * continues the value.
 */
export function parseIni(text: string, problems: Problems): IniSection[] {
  const sections: { name: string; line: number; entries: IniEntry[] }[] = [];
  let open: OpenEntry | null = null;
  const close = () => {
    if (open === null) return;
    const { key, line, parts, lines } = open;
    sections.at(-1)?.entries.push({ key, line, lines, value: parts.join("\n") });
    open = null;
  };
  for (const [index, raw] of text.replace(/^\ufeff/, "").split(/\r\n|\n|\r/).entries()) {
    const line = index + 1;
    const content = raw.trim();
    if (content === "" || /^[;#]/.test(content)) continue;
    const indent = raw.length - raw.trimStart().length;
    if (open !== null && indent > (open as OpenEntry).indent) {
      (open as OpenEntry).parts.push(content);
      (open as OpenEntry).lines.push(line);
      continue;
    }
    close();
    if (content.startsWith("[")) {
      const name = sectionName(/^\[([^\]]+)\]$/.exec(content)?.[1] ?? "");
      if (name === "") {
        problems.add(line, `${JSON.stringify(content)} is not a [section]`);
      }
      sections.push({ name, line, entries: [] });
      continue;
    }
    const [key, value] = splitEntry(content);
    if (key === "") {
      problems.add(line, `${JSON.stringify(content)} is neither a [section] nor key = value`);
    } else if (sections.length === 0) {
      problems.add(line, `${key} comes before the first [section]`);
    } else {
      open = { key, line, indent, parts: [value], lines: [line] };
    }
  }
  close();
  for (const section of sections) refuseTwice(section.entries, ({ key }) => key, problems);
  refuseTwice(sections, ({ name }) => `[${name}]`, problems);
  return sections.filter(({ name }) => name !== "");
}

/** What stands in the brackets of a section's head, without white space around it and its first colon. */
function sectionName(text: string): string {
  const colon = text.indexOf(":");
  if (colon < 0) return text.trim();
  return `${text.slice(0, colon).trim()}:${text.slice(colon + 1).trim()}`;
}

/** Key and value of `key = value`, or of `key: value`; an empty key if it is neither. */
function splitEntry(content: string): [string, string] {
  const [, key, value] = /^([^=:]+):\s+(.*)$/.exec(content) ?? /^([^=]+)=(.*)$/.exec(content) ??
    ["", "", ""];
  return [key.trim().replace(/\s+/g, " "), value.trim()];
}

function refuseTwice<Item extends { readonly line: number }>(
  items: readonly Item[],
  nameOf: (item: Item) => string,
  problems: Problems,
): void {
  const first = new Map<string, Item>();
  for (const item of items) {
    const name = nameOf(item);
    const before = first.get(name);
    if (before === undefined) first.set(name, item);
    else if (name !== "[]") {
      problems.add(item.line, `${name} is already given in line ${before.line}`);
    }
  }
}
