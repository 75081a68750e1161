/** Imports that are found without a parser, and what is left to one. */

import { headerUses } from "../../src/loader/transform/header_uses.ts";
import { plainUses } from "../../src/loader/transform/plain_uses.ts";
import { assertEquals } from "../support/assert.ts";
import { test } from "../support/strict.ts";

test("imports at the beginning of a module are found as a parser finds them", async (test) => {
  const sources: Record<string, string> = {
    "no imports": "export const a = 1;",
    "of all forms": `import "a";
import b from "b";
import * as c from 'c';
import { d, e as f, default as g, } from "d";
import h, { i } from "h";
import j, * as k from "j"
export * from "l";
export * as m from "m";
export { n, o as p } from "n";
q();`,
    "without blanks": 'import"a";import{b}from"b";import*as c from"c";export*from"d";let e',
    "with line ends": "import {\n  a,\r\n  b\n}\nfrom\r\n'c'\n\nexport const d = 1",
    "behind a hashbang, directives and comments": `#!/usr/bin/env node
"use strict"; /* import x from "y" */
'use other'
// import("z")
import "a"; // a comment
import "b" /*
*/ import "c"`,
    "of names that are words elsewhere": 'import from from "a"; import source from "b";',
    "before names that only begin so": "export default importer; exports.a = imported$; b.$import",
    "before the words in prose": `import "a";
/** You can import things, or export them: to import is easy. An import, an "export". */
export { b, c as d };
export { b as default }
const b = "important", c = { import: 1, export: 2 };`,
    "on lines of their own behind code": `import "a";
export { b };
import "c";
const d = 1; /* "imports" */
export { d }
  export * from "f";
import g from 'g'
/* * */
export { h, i } from "i";\r
import { j } from "j";
`,
    "behind what compilers mark": "export /*@__NO_SIDE_EFFECTS__*/ function a() {}\nimport 'b';",
    "before paths in prose": "export const a = 1; // import/documents, export/b\n",
    "with blanks of Unicode": "\ufeffimport\u00a0'a';\u2028import 'b'",
  };
  for (const [name, source] of Object.entries(sources)) {
    await test.step(name, () => assertEquals(headerUses(source), plainUses(source, "module")));
  }
});

test("where there may be other imports, a parser has to look", async (test) => {
  const sources = [
    "import('a')",
    "import.meta.url",
    "a; import 'b'",
    "a; import b from 'b'",
    "a; import b, { c } from 'b'",
    "a; import b ,\n* as c from 'b'",
    "a; import b, /**/ { c } from 'b'",
    "a; import{b}from 'b'",
    "a; import*as b from 'b'",
    "a; import/**/b from 'b'",
    "a; import b/**/from 'b'",
    "a; import\u00a0b from 'b'",
    "a; import b\u00a0from 'b'",
    "a; import \u{10400} from 'b'",
    "a; import b\u{10400} from 'b'",
    "a; import \\u0061 from 'b'",
    "a; import source b from 'b'",
    "a; import defer * as b from 'b'",
    "a; export * from 'b'",
    "a; export*from 'b'",
    "a; export/**/{}from 'b'",
    "a; export {} from 'b'",
    "a; export // b\n* from 'c'",
    "a; export { b } /**/ from 'b'",
    "export { b } //\nfrom 'b'",
    "export { b } /*\n*/ from 'b'",
    "export { b }\n// c\n/* d */ from 'b'",
    "import 'a';\nexport { b } //\r\n  from 'b' with { type: 'json' }",
    "a;\nexport { b } //\nfrom 'b'",
    "a;\nexport { b } /*\n*/ from 'b'",
    "a; export { b/**/ } from 'b'",
    "a; export { b as '}' } from 'b'",
    "a; export { b\u{10400} } from 'b'",
    "a; export\u00a0{}\u00a0from 'b'",
    "a; /* import('b') */",
    "a = /*/ + import('b') + /*/ 1",
    "import a from 'a' with { type: 'json' }",
    "import a from 'a'\nwith { type: 'json' }",
    "import a from 'a' /**/ with { type: 'json' }",
    "import 'a\\\nb'",
    "import 'a' import 'b'",
    "a; /*\nimport 'b'\n*/",
    "a = '/*'\nimport 'b'",
    "a; /*/\nimport 'b'\n*/",
    "a = `\nimport 'b'\n`",
    "a = '\\\nimport \"b\"\\\n'",
    "a = '\\\r\nimport \"b\"\\\r\n'",
    "class A {\nimport\n'b'\n}",
    "class A {\nimport\na\nfrom\n'b'\n}",
    "a;\nimport('b')",
    "a;\nimport /**/ 'b'",
    "a;\nimport b from 'b' with { type: 'json' }",
    "a; // b\u2028import 'c'",
    "a; export /* */ * from 'b'",
    "a; export /* */ { c } from 'b'",
    `a; export /* ${"-".repeat(200)} */ const b = 1`,
    "'use strict' + import('a')",
    "'use strict'\n.a(import('a'))",
    "/* without end import 'a'",
  ];
  for (const source of sources) {
    await test.step(source, () => assertEquals(headerUses(source), null));
  }
});

test("work on a module is in proportion to its length", async (test) => {
  const length = 200_000;
  for (
    const part of [
      "import ",
      "export {",
      "export { a ",
      "export { import ",
      "import 'a' ",
      "import a\n",
      "import '",
      "/* ",
      "'a'\n",
      "//\n",
      "import {a",
      " ",
      "\nimport 'a'",
      "\nexport * from 'a'",
      "\nexport { a }",
      "export /* ",
      "export /* */ a ",
      "/* */ import",
    ]
  ) {
    // Quadratic work would take minutes.
    await test.step(part, () => {
      headerUses(part.repeat(length));
      headerUses(`a;${part.repeat(length)}`);
      headerUses(`a;${part.repeat(length)}\nexport * from "a";\nimport "b";`);
    });
  }
});
