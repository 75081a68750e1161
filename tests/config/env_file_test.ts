import { assertEquals, assertThrows } from "../support/assert.ts";
import { parseEnvFile } from "../../src/config/env_file.ts";
import { ConfigFileError } from "../../src/base/errors.ts";

const KNOWN = new Map([["HOME", "/root"], ["SET", "before"]]);

const cases: [text: string, variables: Record<string, string>][] = [
  ["A=1\nB=2", { A: "1", B: "2" }],
  ["", {}],
  ["\n# a comment\n  # another\n\nA=1\n", { A: "1" }],
  ["\ufeffA=1\r\nB=2\r\n", { A: "1", B: "2" }],
  ["export A=1\nexport\tB=2", { A: "1", B: "2" }],
  [" A = 1 ", { A: "1" }],
  ["A=", { A: "" }],
  ["A= # nothing", { A: "" }],
  ["A=a b # comment\nB=a#b", { A: "a b", B: "a#b" }],
  ["A.b_1=1", { "A.b_1": "1" }],
  ["A=1\nA=2", { A: "2" }],
  [`A="two\\nlines\\t\\"x\\""`, { A: 'two\nlines\t"x"' }],
  [`A="over\ntwo lines" # comment\nB=1`, { A: "over\ntwo lines", B: "1" }],
  ["A='$HOME \\n # x'", { A: "$HOME \\n # x" }],
  ["A='over\ntwo lines'\nB=1", { A: "over\ntwo lines", B: "1" }],
  ['A=`it\'s "so"`', { A: `it's "so"` }],
  ["A=it's", { A: "it's" }],
  ["A=1\nB=$A${A}x", { A: "1", B: "11x" }],
  ['A=1\nB="$A"', { A: "1", B: "1" }],
  ["A=$HOME/x", { A: "/root/x" }],
  ["SET=after\nA=$SET", { SET: "after", A: "before" }],
  ["A=${NONE}$NONE", { A: "" }],
  ["A=${NONE:-else}${HOME:-else}", { A: "else/root" }],
  ["A=\\$HOME\\\\", { A: "$HOME\\" }],
  ["A=5$", { A: "5$" }],
  ["A=$B\nB=1", { A: "", B: "1" }],
];
for (const [text, variables] of cases) {
  Deno.test(`the environment file ${JSON.stringify(text)} is read`, () => {
    assertEquals(Object.fromEntries(parseEnvFile(text, ".env", KNOWN)), variables);
  });
}

const faults: [text: string, problems: string[]][] = [
  ["A=1\nB\n1=2\nC=3", [".env:2: should be NAME=value", ".env:3: should be NAME=value"]],
  ["=1", [".env:1: should be NAME=value"]],
  ["A B=1", [".env:1: should be NAME=value"]],
  ['A="x\nB=1\n', ['.env:1: its value has no closing "']],
  ["A=1\nB='x\n\0y'\nC", [
    ".env:2: has a null character in its value",
    ".env:4: should be NAME=value",
  ]],
  ["A='x", [".env:1: its value has no closing '"]],
  ["\nA='x\ny' z\nB", [
    ".env:2: has more than a comment after '",
    ".env:4: should be NAME=value",
  ]],
];
for (const [text, problems] of faults) {
  Deno.test(`the environment file ${JSON.stringify(text)} is refused, with lines`, () => {
    const error = assertThrows(() => parseEnvFile(text, ".env", KNOWN), ConfigFileError);
    assertEquals(error.problems, problems);
  });
}

Deno.test("values that double at each step are refused, and not expanded without end", () => {
  const lines = Array.from({ length: 60 }, (_, i) => `A${i + 1}=$A${i}$A${i}`);
  const error = assertThrows(
    () => parseEnvFile(["A0=xx", ...lines].join("\n"), ".env", KNOWN),
    ConfigFileError,
  );
  assertEquals(error.problems[0], ".env:21: has a value that is longer than 1 MiB");
});
