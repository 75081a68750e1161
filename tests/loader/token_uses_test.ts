/** Imports of modules that are found by tokens, and what is left to a parser. */

import { plainUses } from "../../src/loader/transform/plain_uses.ts";
import { tokenUses } from "../../src/loader/transform/token_uses.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { test } from "../support/strict.ts";

test("the imports of a module are found as a parser finds them", async (test) => {
  const sources: Record<string, string> = {
    "static ones among code": `#!/usr/bin/env node
import a, { b } from "a";
const c = \`import x from "y" \${a}\`; /* import "z" */
export * from 'd'; export { e as f, b }
export { g } from "g"
import "h";`,
    "of what is exported":
      "export default class {}\nexport const a = 1\nexport function b() {}\nexport async function c() {}",
    "behind what compilers mark": "export /*@__NO_SIDE_EFFECTS__*/ function a() {}\nimport 'b';",
    "dynamic ones, with and without a literal":
      `import("a"); import( 'b' )\n.then(import(c)); import("d" + e); import(f("g"))`,
    "within each other": "import(import('a'))",
    "the module's own": "import.meta.url + import . meta.dirname / import('a') / 2",
    "a literal that is followed by a regular expression": "import 'a'\n/import(b)/.test(c)",
    "words for members": "a.import('b'); c.export.d; e?.import",
    "on lines of their own number": "\n\r\nimport('a')\u2028import 'b'\r\rimport(\n'c')",
  };
  for (const [name, source] of Object.entries(sources)) {
    await test.step(name, () => {
      const found = tokenUses(source);
      assert(found !== null);
      assertEquals(found, plainUses(source, "module"));
    });
  }
});

test("what tokens do not decide is left to a parser", async (test) => {
  const sources = [
    "import a from 'b' with { type: 'json' }",
    "import a from 'b'\nwith ({}) {}",
    "import * as a from 'b\\u0063'",
    "import { 'a b' as c } from 'd'",
    "import source a from 'b'",
    "import defer * as a from 'b'",
    "export * as 'a' from 'b'",
    "export /* a */ { b } from 'c'",
    "import(`a`)",
    "import(('a'))",
    "import('a\\u0062')",
    "import(/* a */ 'b')",
    "import('a' /* b */)",
    "import('a', { with: { type: 'json' } })",
    "import.source('a')",
    "import.meta\\u0061",
    "({ import: 1 })",
    "({ export: 1 })",
    "class A { import() {} }",
    "if (a) { import b from 'c' }",
    "import /* a */ 'b'",
    "new Function('a', 'return import(a)')",
    "await /import(a)/.test(b)",
  ];
  for (const source of sources) {
    await test.step(source, () => assertEquals(tokenUses(source), null));
  }
});
