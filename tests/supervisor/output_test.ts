import { assertEquals } from "../support/assert.ts";
import { OutputSplitter } from "../../src/supervisor/output.ts";
import { reportMark } from "../../src/supervisor/protocol.ts";

const TOKEN = "secret";

function splitInto(parts: readonly Uint8Array[]): unknown[] {
  const found: unknown[] = [];
  const splitter = new OutputSplitter(TOKEN, {
    onLine: (line) => found.push(line),
    onReport: (report) => found.push(report),
  });
  for (const part of parts) splitter.push(part);
  splitter.end();
  return found;
}

Deno.test("lines and reports are found at every split of the output", () => {
  const text = `one\n${reportMark(TOKEN)}{"kind":"reloading"}\n\nhälf ${reportMark(TOKEN)}` +
    `{"kind":"reloaded"}\nlast`;
  const bytes = new TextEncoder().encode(text);
  const expected = ["one", { kind: "reloading" }, "", "hälf ", { kind: "reloaded" }, "last"];
  for (let split = 0; split <= bytes.length; split++) {
    assertEquals(splitInto([bytes.subarray(0, split), bytes.subarray(split)]), expected);
  }
});

Deno.test("a report with another token is a line like others", () => {
  const line = `${reportMark("guess")}{"kind":"reloading"}`;
  assertEquals(splitInto([new TextEncoder().encode(`${line}\n`)]), [line]);
});

Deno.test("a line without end comes in parts, and none of it is lost", () => {
  const lines = splitInto([new TextEncoder().encode("x".repeat(200_000))]) as string[];
  assertEquals(lines.map(({ length }) => length), [65_536, 65_536, 65_536, 3_392]);
});
