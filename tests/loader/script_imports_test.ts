/** Imports of scripts that are found by tokens, and what is left to a parser. */

import { plainUses } from "../../src/loader/transform/plain_uses.ts";
import { scriptImports } from "../../src/loader/transform/script_imports.ts";
import { assertEquals } from "../support/assert.ts";
import { test } from "../support/strict.ts";

test("what only looks like an import is told from one as a parser does", async (test) => {
  const sources: Record<string, string> = {
    "nothing": "",
    "a call": "const a = import('b');",
    "calls within each other, and of all kinds of arguments":
      "import(import('a')); import(`b${import(c)}`); import([d, e]); import(f(g, h)); import((i, j))",
    "behind blanks and line ends": "import\n\t('a').then(import\u2028(b))",
    "comments": "// import('a')\n/* import(b) */ a; /** import.meta */ // import(c)\u2028d",
    "strings": `a = "import('b')" + 'import("c")' + "\\"import(d)" + 'e\\\nimport(f)\\\r\n'`,
    "templates": "`import(a) ${`import(b)` + import(c)} \\` import(d) ${e}`",
    "regular expressions":
      "a = /import(b)/g; c(/[/]import(d)/u, /\\/import(e)/); f = g ? /'/ : /\"/; return /`/",
    "behind conditions": "if (a) /import(b)/.test(c); while (d()) /'/.exec(e)",
    "division": "a / import(b) / c; (d) / import(e) / 2; f[0] / import(g) / 1; 2. / import(h) / .5",
    "words for members":
      "a.return / import(b) / c; d?.typeof / import(e) / f; g.#case / import(h) / i",
    "members of that name":
      "a.import(b); a?.import(c, d); a\n.import(e); ({ 'import': 1 }).import()",
    "longer names":
      "important(a); $import(b); import_(c); imp\u00f6rt(d); \u00fcimport(e); #import",
    "for await": "async () => { for await (a of import(b)) /'import(c)/.test(d) }",
    "await, and what follows": "async () => (await (a)) / import(b) / (await (c)) / 2",
    "other functions":
      "Function('return this')(); new Function(a, 'import(b)'); c instanceof Function",
    "Function as a member": "a.Function('b', 'return import(b)')",
    "what is no comment": "while (a --> 0) import(b); c < !--d; e<! --import(f)",
    "a hashbang": "#!/usr/bin/env import('a')\nimport(b)",
    "a lone carriage return in a string": "a = 'b\\\r' + 'import(c)'; import(d)",
    "decimal points at the ends of lines": "a = 1.\nimport(b); c = 0. / import(d) / 1",
    "spread and numbers": "[.../import(a)/.source, 1..b / import(c) / 0x1f, .5.d / import(e) / 2]",
  };
  for (const [name, source] of Object.entries(sources)) {
    await test.step(name, () => {
      const uses = plainUses(source, "script");
      const found = scriptImports(source);
      assertEquals(found, uses?.dynamics ?? found);
      assertEquals(found === null, false);
    });
  }
});

test("where tokens do not decide it, a parser has to look", async (test) => {
  const sources = [
    "a = {} / import(b) / c",
    "{} /import(b)/.test(c)",
    "a++ / import(b) / c",
    "a\n++/import(b)/.lastIndex",
    "yield / import(a) / b",
    "of /import(a)/",
    "var a\n/'/.test(b) && import(c) // '",
    "let a, b /* c\n*/ /import(d)/.test(e)",
    "for (;;) { break a\n/import(b)/.test(c) }",
    "1.5.\nimport(a)",
    "0x1f. import(a)",
    "1..\nimport(a)",
    "import(a, { with: { type: 'json' } })",
    "import(a,)",
    "({ import(a) { return a } })",
    "class A { static async import(a)\n{ } }",
    "({ import(a) /* */ {} })",
    "import.meta.url",
    "import /* a */ ('b')",
    "import a from 'b'",
    "imp\\u006frt(a)",
    "a <!-- import(b)",
    "/* */ --> import(a)",
    "--> import(a)",
    "new Function('a', 'return import(a)')",
    "Function/* */('a', `return import(a)`)",
    "(Function)('a', 'return import(a)')",
    "((Function /* */))('a', 'return import(a)')",
    "Function(('a'), 'return import(a)')",
    "'import(a)\n'",
    "`import(a)",
    "/import(a)\n/",
    "/* import(a)",
    "(]",
    "# import(a)",
    "}",
    "(() => {",
  ];
  for (const source of sources) {
    await test.step(source, () => assertEquals(scriptImports(source), null));
  }
});
