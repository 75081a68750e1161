import { assertEquals } from "../support/assert.ts";
import { FROM_SOURCE } from "../support/gateway.ts";
import { Denials } from "../../src/pool/denials.ts";
import { denialTests } from "./denials_cases.ts";

denialTests(FROM_SOURCE, "(from source)");

Deno.test("denials are told once for each app, in lines that are neither long nor many", () => {
  const lines: string[] = [];
  const denials = new Denials((level, message) => lines.push(`${level}: ${message}`));
  for (let i = 0; i < 3; i++) {
    denials.note("/a", "x");
    denials.note("/b", "x");
  }
  assertEquals(lines, ["warning: denied to /a: x", "warning: denied to /b: x"]);
  for (let i = 0; i < 1_000; i++) denials.note("/a", `${i}`.padEnd(10_000));
  assertEquals(lines.length, 65);
  assertEquals(lines.at(-1)!.endsWith(" (no more of this kind are logged)"), true);
  assertEquals(Math.max(...lines.map(({ length }) => length)) < 1_100, true);
});
