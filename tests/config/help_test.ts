import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { parseCommandLine } from "../../src/config/command_line.ts";
import { NO_SOURCES } from "../../src/config/gather.ts";
import { helpText } from "../../src/config/help.ts";
import { OPTIONS } from "../../src/config/options.ts";

Deno.test("the help names every option with its default, in 80 columns", () => {
  const text = helpText();
  for (const option of OPTIONS) {
    assertStringIncludes(text, `--${option.name}`);
    if (option.default !== undefined) {
      assertStringIncludes(text.replace(/\s+/g, " "), `[default: ${option.default}]`);
    }
  }
  for (const line of text.split("\n")) assert(line.length <= 80, line);
});

Deno.test("the help names the letter and the value of every option that has one", () => {
  const lines = helpText().split("\n");
  for (const { name, letter, value, repeats } of OPTIONS) {
    const words = [`--${name}`, value, repeats && "(repeatable)"].filter(Boolean).join(" ")
      .replace(" [=", "[=");
    const entry = letter === undefined ? `  ${words}` : `  -${letter}, ${words}`;
    assert(lines.includes(entry), entry);
  }
});

Deno.test("the help has its options under headings, in this order", () => {
  const headings = helpText().match(/^[A-Z][\w ]+:$/gm);
  assertEquals(headings, [
    "Usage:",
    "Endpoints:",
    "Apps:",
    "Configuration:",
    "Loading:",
    "Reloading:",
    "Processes:",
    "Permissions of apps:",
    "Limits:",
    "Other:",
    "Examples:",
  ]);
});

Deno.test("the help says what each exit status means", () => {
  assertStringIncludes(
    helpText().replace(/\s+/g, " "),
    "Exit status: 0 done, 1 failed (an app cannot be loaded, a port is in use), 2 wrong usage.",
  );
});

/** Where every file is a configuration file. */
const WITH_FILE = { ...NO_SOURCES, readTextFile: () => "[app:main]\nuse = app.ts" };

Deno.test("the examples of the help are command lines that are understood", () => {
  const examples = [...helpText().split("Examples:")[1].matchAll(/^ {2}gatehouse (.+)$/gm)];
  assert(examples.length >= 2);
  for (const [, words] of examples) {
    assertEquals(parseCommandLine(words.split(" "), WITH_FILE).kind, "serve", words);
  }
});

Deno.test("no line of the help ends with a space", () => {
  for (const line of helpText().split("\n")) assertEquals(line, line.trimEnd());
});
