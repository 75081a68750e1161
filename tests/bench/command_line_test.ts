import { assertEquals, assertStringIncludes, assertThrows } from "../support/assert.ts";
import { helpText, number, readCommandLine, text, whole } from "../../bench/command_line.ts";
import { UsageError, wholes } from "../../bench/command_line.ts";

const SPEC = {
  usage: "bench:x [REV]",
  about: "Measures x.",
  options: {
    rounds: whole(7, "how often"),
    noise: number(0.1, "how loud"),
    only: text("TEXT", "what"),
    workers: wholes([0, 1], "how many"),
  },
  maxArguments: 1,
};

const read = (...args: string[]) => readCommandLine(SPEC, args);

Deno.test("a bench has a value for each option that is not given", () => {
  const standard = { rounds: 7, noise: 0.1, only: undefined, workers: [0, 1] };
  assertEquals(read(), { ...standard, given: [] });
});

Deno.test("a bench reads options and a revision, which may look like a number", () => {
  assertEquals(read("1234567", "--rounds", "3", "--noise=0.5", "--only=hello", "--workers=0,2"), {
    rounds: 3,
    noise: 0.5,
    only: "hello",
    workers: [0, 2],
    given: ["1234567"],
  });
});

Deno.test("--help asks for nothing else, and tells of every option", () => {
  assertEquals(read("--help"), null);
  assertEquals(read("-h"), null);
  const help = helpText(SPEC);
  for (const name of Object.keys(SPEC.options)) assertStringIncludes(help, `--${name} `);
});

const WRONG: Record<string, readonly [args: string[], message: string]> = {
  "an option that there is not": [["--round=3"], "there is no option --round"],
  "a short one that there is not": [["-r", "3"], "there is no option -r"],
  "a number that is none": [["--rounds=many"], "--rounds takes N, not 'many'"],
  "a whole number that is none": [["--rounds=1.5"], "--rounds takes N, not '1.5'"],
  "a number below the least": [["--rounds=0"], "--rounds takes N, not '0'"],
  "no value": [["--only"], "--only takes TEXT, not ''"],
  "a list that is none": [["--workers=0,x"], "--workers takes N,…, not '0,x'"],
  "an option twice": [["--rounds=1", "--rounds=2"], "--rounds is given twice"],
  "one argument too many": [["abc", "def"], "what is def?"],
};

for (const [what, [args, message]] of Object.entries(WRONG)) {
  Deno.test(`a bench does not begin with ${what}`, () => {
    assertThrows(() => read(...args), UsageError, message);
  });
}
