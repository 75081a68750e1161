/** Imports that a parser finds: where V8 could read something else, TypeScript has to look. */

import { plainUses } from "../../src/loader/transform/plain_uses.ts";
import { usesIn } from "../../src/loader/transform/uses.ts";
import { assertEquals } from "../support/assert.ts";
import { test } from "../support/strict.ts";

test("a slash at the beginning of a line hides no import", async (test) => {
  const sources = [
    "a?.return\n/import(b)/g",
    "a?.of\u2028/import(b)/g",
    "a\nof\n/import(b)/g",
    "a\nof /*\n*/ /import(b)/g",
    "a\nof++\r/import(b)/g",
  ];
  for (const source of sources) {
    await test.step(JSON.stringify(source), () => {
      assertEquals(plainUses(source, "module"), null);
      assertEquals(usesIn(source, "module").dynamics, [source.indexOf("import")]);
    });
  }
});

test("what a slash begins is clear at the beginning of most lines, and within them", async (test) => {
  const sources = [
    "a = [\n/import(b)/, // c\n/import(d)/];\n/'/.test(import(e))",
    "a\n/ import(b) / c; (d)\n/ import(e)",
    "if (a) /import(b)/.test(c); for (d of /import(e)/.exec(f)) {}",
    "a ? b : {}\n/import(c)/d",
    "a = {}\n/import(b)/c",
  ];
  for (const source of sources) {
    await test.step(JSON.stringify(source), () => {
      assertEquals(plainUses(source, "module")?.dynamics, usesIn(source, "module").dynamics);
    });
  }
});
