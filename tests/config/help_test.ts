import { assert, assertEquals, assertStringIncludes, assertThrows } from "../support/assert.ts";
import { COMMANDS } from "../../src/config/commands.ts";
import { parseCommandLine } from "../../src/config/command_line.ts";
import { NO_SOURCES } from "../../src/config/gather.ts";
import { helpText } from "../../src/config/help.ts";
import { OPTIONS } from "../../src/config/options.ts";
import { ConfigError } from "../../src/base/errors.ts";

Deno.test("all of the help names every option with its default, in 80 columns", () => {
  const text = helpText("all");
  for (const option of OPTIONS) {
    assertStringIncludes(text, `--${option.name}`);
    if (option.default !== undefined) {
      assertStringIncludes(text.replace(/\s+/g, " "), `[default: ${option.default}]`);
    }
  }
  for (const line of text.split("\n")) assert(line.length <= 80, line);
});

Deno.test("the help names the letter and the value of every option that has one", () => {
  const lines = helpText("all").split("\n");
  for (const { name, letter, value, repeats } of OPTIONS) {
    const words = [`--${name}`, value, repeats && "(repeatable)"].filter(Boolean).join(" ")
      .replace(" [=", "[=");
    const entry = letter === undefined ? `  ${words}` : `  -${letter}, ${words}`;
    assert(lines.includes(entry), entry);
  }
});

Deno.test("all of the help has its parts under headings, in this order", () => {
  const headings = helpText("all").match(/^[A-Z][\w ]+:$/gm);
  assertEquals(headings, [
    "Examples:",
    "Commands:",
    "Endpoints:",
    "Certificates:",
    "Compression:",
    "Apps:",
    "Files:",
    "Configuration:",
    "Loading:",
    "Reloading:",
    "Processes:",
    "Logs:",
    "Monitoring:",
    "Permissions of apps:",
    "Limits:",
    "Other:",
    "Values:",
    "Environment:",
    "Signals:",
  ]);
});

Deno.test("the first help fits a screen: what is common, and what else there is help about", () => {
  const text = helpText();
  const lines = text.trimEnd().split("\n");
  assert(lines.length <= 32, String(lines.length));
  for (const line of lines) assert(line.length <= 80, line);
  const options = OPTIONS.filter(({ name }) => new RegExp(`--${name}[ [=]`).test(text));
  assert(options.length >= 8, String(options.length));
  const [, topics] = text.split("gatehouse help TOPIC\n");
  const named = topics.split("\n").flatMap((line) => line.slice(15).split(" ")).filter(Boolean);
  assert(named.length > 15, String(named));
  for (const topic of named) assert(helpText(topic) !== text, topic);
});

for (const option of OPTIONS) {
  Deno.test(`there is help about --${option.name}, with dashes and without`, () => {
    const text = helpText(`--${option.name}`);
    assertStringIncludes(text, `--${option.name}`);
    assertStringIncludes(text.replace(/\s+/g, " "), option.help);
    // These are topics of their own, too.
    const isTopic = ["help", "config", "lock", "processes", "signals", "status"].includes(
      option.name,
    );
    if (!isTopic) assertEquals(helpText(option.name), text);
    if (option.letter !== undefined) assertEquals(helpText(`-${option.letter}`), text);
  });
}

Deno.test("help about an option says how else it can be given", () => {
  const text = helpText("app-allow-net");
  assertStringIncludes(text, "GATEHOUSE_APP_ALLOW_NET=LIST\n");
  assertStringIncludes(text, "[server:NAME]: app-allow-net = LIST\n");
  assertStringIncludes(helpText("factory"), "GATEHOUSE_FACTORY=yes\n");
  assertEquals(/GATEHOUSE|server:/.test(helpText("version")), false);
});

Deno.test("help about what does not exist suggests what is near", () => {
  assertThrows(() => helpText("--wokers"), ConfigError, "did you mean workers?");
  assertThrows(() => helpText("limit"), ConfigError, "did you mean limits?");
  const { message } = assertThrows(() => helpText("nothing of ours"), ConfigError);
  assertEquals(message, 'there is no help about "nothing of ours"');
});

const asked: [args: string[], topic: string | undefined][] = [
  [["help"], undefined],
  [["--help"], undefined],
  [["app.ts", "--help"], undefined],
  [["help", "cache"], "cache"],
  [["help", "--workers"], "--workers"],
  [["help", "-p"], "-p"],
  [["help", "--help"], undefined],
  [["help", "limits", "--help"], "limits"],
  [["cache", "--help"], "cache"],
  [["config", "check", "-h"], "config"],
  [["serve", "app.ts", "-h"], "serve"],
  [["status", "--help"], "status"],
  [["help", "commands"], "commands"],
];
for (const [args, topic] of asked) {
  Deno.test(`gatehouse ${args.join(" ")} shows help about ${topic ?? "where to begin"}`, () => {
    const command = parseCommandLine(args);
    assertEquals(command, topic === undefined ? { kind: "help" } : { kind: "help", topic });
    if (command.kind === "help") helpText(command.topic);
  });
}

Deno.test("the list of commands has each with a line about it", () => {
  const lines = helpText("commands").split("\n");
  for (const { name, brief } of COMMANDS) {
    assert(
      lines.some((line) => line.startsWith(`  ${name} `) && line.endsWith(`  ${brief}`)),
      name,
    );
    assert(!brief.endsWith("."), brief);
  }
});

Deno.test("help takes one topic", () => {
  assertThrows(() => parseCommandLine(["help", "limits", "apps"]), ConfigError, "one topic");
});

Deno.test("the help says what each exit status means", () => {
  assertStringIncludes(
    helpText("signals").replace(/\s+/g, " "),
    "Exit status: 0 done, 1 failed (an app cannot be loaded, a port is in use), 2 wrong usage.",
  );
});

/** Where every file is a configuration file. */
const WITH_FILE = { ...NO_SOURCES, readTextFile: () => "[app:main]\nuse = app.ts" };

Deno.test("the examples of the help are command lines that are understood", () => {
  const [, examples] = helpText("all").split("Examples:");
  const lines = [...examples.split("\n\n")[0].matchAll(/^ {2}gatehouse (.+)$/gm)];
  assert(lines.length >= 2);
  for (const [, words] of lines) {
    assertEquals(parseCommandLine(words.split(" "), WITH_FILE).kind, "serve", words);
  }
});

Deno.test("no line of the help ends with a space", () => {
  for (const topic of [undefined, "all", "help", "--workers"]) {
    for (const line of helpText(topic).split("\n")) assertEquals(line, line.trimEnd());
  }
});
