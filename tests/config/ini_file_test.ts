import { assertEquals, assertThrows } from "../support/assert.ts";
import { parseIni, Problems } from "../../src/config/ini_file.ts";
import { ConfigFileError } from "../../src/base/errors.ts";

/** The sections of `text`, each with its keys and values; what is wrong is thrown. */
function parsed(text: string): Record<string, Record<string, string>> {
  const problems = new Problems("f.ini");
  const sections = parseIni(text, problems);
  problems.throwIfAny();
  return Object.fromEntries(sections.map(({ name, entries }) => [
    name,
    Object.fromEntries(entries.map(({ key, value }) => [key, value])),
  ]));
}

const forms: [string, string, Record<string, Record<string, string>>][] = [
  ["keys have values", "[a]\nx = 1\ny=2\nz: 3", { a: { x: "1", y: "2", z: "3" } }],
  ["sections are kept apart", "[a]\nx = 1\n[b]\nx = 2", { a: { x: "1" }, b: { x: "2" } }],
  ["a section may be empty", "[a]\n[b]", { a: {}, b: {} }],
  ["blanks around names do not count", "[ app : main ]\n x  =  1 ", { "app:main": { x: "1" } }],
  ["a value may have = and : in it", "[a]\nx = b=c:d", { a: { x: "b=c:d" } }],
  ["a key may be a path", "[a]\n/x/y = b", { a: { "/x/y": "b" } }],
  ["a value may be empty", "[a]\nx =", { a: { x: "" } }],
  ["comments fill lines", "; c\n# c\n[a]\n ; c\nx = 1\n# x = 2", { a: { x: "1" } }],
  ["a # or ; in a line is its own", "[a]\nx = b#c ; d", { a: { x: "b#c ; d" } }],
  ["a deeper line continues a value", "[a]\nx = 1\n  2\n\n\t3\ny = 4", {
    a: { x: "1\n2\n3", y: "4" },
  }],
  ["a comment does not end a value", "[a]\nx = 1\n; no\n  2", { a: { x: "1\n2" } }],
  ["keys that are all indented are keys", "[a]\n  x = 1\n  y = 2\n    3", {
    a: { x: "1", y: "2\n3" },
  }],
  ["line ends of Windows, and a byte order mark", "\ufeff[a]\r\nx = 1\r\n", { a: { x: "1" } }],
  ["names are taken with their case", "[A]\nX = 1\nx = 2", { A: { X: "1", x: "2" } }],
  ["an empty file", "", {}],
];
for (const [what, text, expected] of forms) {
  Deno.test(`a configuration file: ${what}`, () => {
    assertEquals(parsed(text), expected);
  });
}

Deno.test("entries know their lines, and those of their values", () => {
  const [section] = parseIni("\n[a]\n\nx = 1\n; c\n  2\n", new Problems("f.ini"));
  assertEquals(section, {
    name: "a",
    line: 2,
    entries: [{ key: "x", value: "1\n2", line: 4, lines: [4, 6] }],
  });
});

const faults: [string, string[]][] = [
  ["[a]\nx", ['f.ini:2: "x" is neither a [section] nor key = value']],
  ["[a]\n= 1", ['f.ini:2: "= 1" is neither a [section] nor key = value']],
  ["[a", ['f.ini:1: "[a" is not a [section]']],
  ["[]", ['f.ini:1: "[]" is not a [section]']],
  ["x = 1\n[a]", ["f.ini:1: x comes before the first [section]"]],
  ["[a]\nx = 1\nx = 2", ["f.ini:3: x is already given in line 2"]],
  ["[a]\n[b]\n[a]", ["f.ini:3: [a] is already given in line 1"]],
  ["[a]\nx\n[b\ny = 1\ny = 2", [
    'f.ini:2: "x" is neither a [section] nor key = value',
    'f.ini:3: "[b" is not a [section]',
    "f.ini:5: y is already given in line 4",
  ]],
];
for (const [text, problems] of faults) {
  Deno.test(`the configuration file ${JSON.stringify(text)} is refused with its lines`, () => {
    const error = assertThrows(() => parsed(text), ConfigFileError);
    assertEquals(error.problems, problems);
  });
}
