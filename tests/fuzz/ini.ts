/** Configuration files: sections, keys, `%(name)s`, and what is made of them. */

import { readConfigFile } from "../../src/config/config_file.ts";
import type { IniEntry, IniSection } from "../../src/config/ini_file.ts";
import { parseIni, Problems } from "../../src/config/ini_file.ts";
import { Defaults } from "../../src/config/interpolation.ts";
import { ConfigFileError } from "../../src/base/errors.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import type { Random } from "../support/random.ts";
import { inputTarget } from "./input_target.ts";
import { perhapsMutated } from "./mutation.ts";
import type { FuzzTarget } from "./target.ts";

const SECTIONS = [
  "DEFAULT",
  "server:main",
  "server:x",
  "app:main",
  "app:a",
  "app:b",
  "composite:main",
  "composite:c",
  "pipeline:main",
  "pipeline:p",
  "filter:f",
  "loggers",
  "filter-app:x",
  "apq:main",
];
const KEYS = ["use", "host", "port", "socket", "pipeline", "/", "/a", "a", "b", "c", "workers"];
const MORE_KEYS = [
  "factory",
  "next",
  "http",
  "app-allow-net",
  "send_spec",
  "idle-timeout",
  "set a",
];
const VALUES = [
  "",
  "app.ts",
  "a",
  "f",
  "c",
  "f a",
  "f p",
  "call:x",
  "egg:Paste#urlmap",
  "urlmap",
  "http",
  "https",
  "fastcgi",
  "mongrel2",
  "config:other.ini",
  "8000",
  "-1",
  "yes",
  "10s",
  "%(a)s",
  "%(b)s %(c)s",
  "%(here)s/x",
  "%%",
  "%(nothing)s",
  "%",
  "%(a)s%(a)s%(a)s",
];
const SNIPPETS = [
  "\n",
  "\n  ",
  "\r",
  "\r\n",
  "[",
  "]",
  "=",
  ":",
  ": ",
  ";",
  "#",
  "%",
  "%(",
  ")s",
  "%(a)s",
  "\t",
  "\0",
  "\u2028",
  "\xa0",
  "\ufeff",
  "[app:main]\n",
  "a = %(b)s\nb = %(a)s\n",
];

const NAMES = ["a", "b", "c", "d"];

/** Two sections whose keys stand for each other: nothing else is wrong with them. */
function makeNames(random: Random): string {
  let text = "";
  for (const section of ["DEFAULT", "app:x"]) {
    text += `[${section}]\n`;
    for (const name of NAMES) {
      if (random.below(3) === 0) continue;
      const parts = Array.from(
        { length: random.below(3) },
        () => random.below(2) === 0 ? "x%%" : `%(${random.pick(NAMES)})s`,
      );
      text += `${name} = ${parts.join(random.pick(["", " ", "\n  "]))}\n`;
    }
  }
  return text;
}

function make(random: Random): string {
  if (random.below(3) === 0) return makeNames(random);
  let text = random.below(20) === 0 ? "\ufeff" : "";
  const end = random.pick(["\n", "\n", "\r\n", "\r"]);
  for (let sections = random.below(6); sections > 0; sections--) {
    text += `[${random.pick(SECTIONS)}]${end}`;
    for (let entries = random.below(5); entries > 0; entries--) {
      const key = random.pick(random.below(3) > 0 ? KEYS : MORE_KEYS);
      text += `${key}${random.pick([" = ", "=", ": ", " : "])}${random.pick(VALUES)}${end}`;
      if (random.below(6) === 0) text += `  ${random.pick(VALUES)}${end}`;
      if (random.below(8) === 0) text += `${random.pick(["# x", "; y", ""])}${end}`;
    }
  }
  return perhapsMutated(random, text, SNIPPETS, 2);
}

function check(input: string, random: Random): void {
  const problems = new Problems("f.ini");
  const sections = parseIni(input, problems);
  const lines = input.replace(/^\ufeff/, "").split(/\r\n|\r|\n/);
  checkPlaces(sections, lines);
  checkValues(sections, problems);
  checkFile(input, lines.length, random);
}

/** All that was found is on the line that is named. */
function checkPlaces(sections: readonly IniSection[], lines: readonly string[]): void {
  let last = 0;
  for (const { name, line, entries } of sections) {
    assert(line > last, "sections come one after another");
    last = line;
    const head = lines[line - 1].trim();
    assert(head.startsWith("[") && head.endsWith("]"), head);
    assertEquals(head.slice(1, -1).replace(/\s/g, ""), name.replace(/\s/g, ""));
    for (const { key, value, line: keyLine, lines: valueLines } of entries) {
      assert(keyLine > last, "keys come one after another");
      last = valueLines.at(-1)!;
      assert(lines[keyLine - 1].replace(/\s+/g, " ").trim().startsWith(key), key);
      const parts = value.split("\n");
      assertEquals(parts.length, valueLines.length);
      assertEquals(valueLines[0], keyLine);
      for (const [index, part] of parts.entries()) {
        assert(lines[valueLines[index] - 1].trim().endsWith(part), part);
      }
    }
  }
}

/** A value is what a simple replacement makes of it; where that is at a loss, it is told of. */
function checkValues(sections: readonly IniSection[], before: Problems): void {
  if (isFaulty(before)) return;
  const builtIn = new Map([["here", "/srv"]]);
  const shared = sections.find(({ name }) => name === "DEFAULT");
  for (const section of sections) {
    const own = section.name === "DEFAULT" ? null : section;
    for (const entry of section.entries) {
      const problems = new Problems("f.ini");
      const value = new Defaults(shared, new Map(), builtIn, problems).valueOf(entry, own);
      const expected = expanded(entry, own, shared, builtIn, [], { left: MAX_NAMES });
      if (expected === null) assert(isFaulty(problems), "what is wrong is told");
      else assertEquals([isFaulty(problems), value], [false, expected]);
    }
  }
}

function isFaulty(problems: Problems): boolean {
  try {
    problems.throwIfAny();
    return false;
  } catch (error) {
    assert(error instanceof ConfigFileError);
    return true;
  }
}

/** What a value may name, as src/config/interpolation.ts has it. */
const MAX_NAMES = 1_000;

/**
 * The value with what its names stand for; `null` if one stands for nothing, or for itself, or there are
 * too many.
 */
function expanded(
  entry: IniEntry,
  own: IniSection | null,
  shared: IniSection | undefined,
  builtIn: ReadonlyMap<string, string>,
  trail: readonly IniEntry[],
  names: { left: number },
): string | null {
  if (trail.includes(entry)) return null;
  let text = "";
  for (const [part, name] of entry.value.matchAll(/%%|%\(([^)]*)\)s|[^%]+|%/g)) {
    if (part === "%") return null;
    if (name === undefined) {
      text += part === "%%" ? "%" : part;
      continue;
    }
    if (names.left-- === 0) return null;
    const inOwn = own?.entries.find((each) => each.key === name && each !== entry);
    const found = inOwn ?? shared?.entries.find(({ key }) => key === name);
    const value = found === undefined
      ? builtIn.get(name)
      : expanded(found, own, shared, builtIn, [...trail, entry], names);
    if (value === undefined || value === null) return null;
    text += value;
  }
  return text;
}

/** The file is taken, or all that is wrong is told, with lines that there are. */
function checkFile(input: string, lineCount: number, random: Random): void {
  const overrides = new Map(random.below(2) === 0 ? [] : [["a", "%(b)s"], ["x", "y"]]);
  const choice = {
    overrides,
    serverName: random.pick([undefined, "main", "x"]),
    appName: random.pick([undefined, "main", "a"]),
    apps: random.pick(["taken", "unused"] as const),
  };
  try {
    const { mounts } = readConfigFile(input, "f.ini", "/srv", choice);
    assert(new Set(mounts.map(({ prefix }) => prefix)).size === mounts.length, "mounts differ");
  } catch (error) {
    if (!(error instanceof ConfigFileError)) throw error;
    assert(error.problems.length > 0);
    for (const message of error.problems) {
      // What is wrong with the command line has no line.
      if (/^[ax]=… on the command line/.test(message)) continue;
      assertMatch(message, /^f\.ini:\d+: ./);
      const line = Number(message.split(":")[1]);
      assert(line >= 1 && line <= lineCount, message);
    }
  }
}

/** Configuration files. */
export const INI: FuzzTarget = inputTarget({ name: "ini", make, check });
