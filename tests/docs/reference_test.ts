import { assertEquals, assertStringIncludes } from "../support/assert.ts";
import { anchors } from "../../scripts/docs/markdown.ts";
import { referencePage } from "../../scripts/docs/reference.ts";
import { variableOf } from "../../src/config/environment.ts";
import { COMMAND_HELP } from "../../src/config/command_help.ts";
import { OPTIONS } from "../../src/config/options.ts";

const page = referencePage();

Deno.test("the reference has an anchor for every option and every command", () => {
  const known = new Set(anchors(page));
  assertEquals(OPTIONS.map(({ name }) => `--${name}`).filter((each) => !known.has(each)), []);
  const commands = [...COMMAND_HELP.keys()].map((name) => `gatehouse-${name}`);
  assertEquals(commands.filter((each) => !known.has(each)), []);
});

Deno.test("the reference says of every option how it can be given, and only so", () => {
  for (const option of OPTIONS) {
    const [, rest] = page.split(`\n#### --${option.name}\n`);
    const [section] = rest.split("\n#");
    assertStringIncludes(
      section,
      `\`${option.letter ? `-${option.letter}, ` : ""}--${option.name}`,
    );
    if (option.default !== undefined) assertStringIncludes(section, option.default);
    const isVariable = option.givenBy !== "flag";
    assertEquals(section.includes(`\`${variableOf(option)}\``), isVariable, option.name);
    assertEquals(section.includes("Key: "), option.givenBy === undefined, option.name);
  }
});

Deno.test("the reference has keys as they are written, and no patterns of them", () => {
  const [, keys] = page.split("Others are refused, with a reason:");
  const names = [...keys.split("\n## ")[0].matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  assertStringIncludes(names.join(" "), "status_port status_host sysinfo");
  assertEquals(names.filter((name) => !/^[\w.]+…?$/.test(name)), []);
});

Deno.test("the rows of each table of the reference have as many cells as its head", () => {
  const tables = page.split("\n\n").filter((part) => part.startsWith("| "));
  for (const table of tables) {
    const [head, ...rows] = table.trimEnd().split("\n");
    // GitHub ends a cell at each bar without a backslash, also within code.
    const cells = (row: string) => row.split(/(?<!\\)\|/).length;
    assertEquals(rows.filter((row) => cells(row) !== cells(head)), []);
  }
});
