import { assert, assertEquals } from "./support/assert.ts";
import { LineSplitter } from "../src/base/line_splitter.ts";

const encoder = new TextEncoder();

function linesOf(parts: readonly Uint8Array[], maxChars = 65_536): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter(maxChars, (line) => lines.push(line));
  for (const part of parts) splitter.push(part);
  splitter.end();
  return lines;
}

Deno.test("lines are found at every split of the output", () => {
  const bytes = encoder.encode("one\n\nhälf 𝄞\nlast");
  const expected = ["one", "", "hälf 𝄞", "last"];
  for (let split = 0; split <= bytes.length; split++) {
    assertEquals(linesOf([bytes.subarray(0, split), bytes.subarray(split)]), expected);
  }
});

Deno.test("a line without end comes in parts, and none of it is lost", () => {
  const lines = linesOf([encoder.encode("x".repeat(200_000))]);
  assertEquals(lines.map(({ length }) => length), [65_536, 65_536, 65_536, 3_392]);
});

Deno.test("a long line comes in the same parts however it is split", () => {
  const bytes = encoder.encode(`${"ab𝄞".repeat(5)}\ncd`);
  const expected = linesOf([bytes], 7);
  assertEquals(expected.join(""), `${"ab𝄞".repeat(5)}cd`);
  for (const line of expected) assert(line.length <= 7 && line.isWellFormed(), line);
  for (let split = 0; split <= bytes.length; split++) {
    assertEquals(linesOf([bytes.subarray(0, split), bytes.subarray(split)], 7), expected);
  }
});

Deno.test("of a line that has no end, no more is kept than a line may have", () => {
  const lines: string[] = [];
  const splitter = new LineSplitter(65_536, (line) => lines.push(line));
  const letter = encoder.encode("x");
  for (let i = 0; i < 200_000; i++) splitter.push(letter);
  assertEquals(lines.map(({ length }) => length), [65_536, 65_536, 65_536]);
});

Deno.test("a line of exactly the greatest length is one line", () => {
  assertEquals(linesOf([encoder.encode("x".repeat(8)), encoder.encode("\ny\n")], 8), [
    "x".repeat(8),
    "y",
  ]);
});

Deno.test("bytes that are no text are a line all the same, and the next one is whole", () => {
  assertEquals(linesOf([new Uint8Array([0xff, 0xfe, 10]), encoder.encode("next\n")]), [
    "\ufffd\ufffd",
    "next",
  ]);
});
