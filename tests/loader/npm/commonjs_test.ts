import {
  commonJsExports,
  hasModuleSyntax,
  resolveRequired,
} from "../../../src/loader/npm/commonjs.ts";
import { objectExports } from "../../../src/loader/npm/object_exports.ts";
import { assertEquals } from "../../support/assert.ts";

const FILES: Readonly<Record<string, string>> = {
  "/names.js": "exports.a = 1; module.exports.b = 2; exports['not-a-name'] = 3;",
  "/literal.js": "module.exports = { c, d: 1, 'e': 2, ...spread };",
  "/values.js":
    "module.exports = { // comment: {\n a: 1, 'b': () => ({ no: 1 }), c() { return /[/,}]x/; }," +
    "get d() { return `${{ no: [1, `}`] }},`; }, async e() {}, async *f() {}, *g() {}, [no]: 1," +
    "h: 1 / 2, i: { no: 1 }, ...spread, j: 'x, no: \\', no2', ...require('./define.js'), get: 1, k };" +
    "more.module.exports = { no };",
  "/both.js": "exports = module.exports = { a: 1 }; module.exports.b = 2;",
  "/define.js": "Object.defineProperty(exports, 'f', { enumerable: true, value: 1 });",
  "/babel.js":
    "Object.defineProperty(exports, '__esModule', { value: true }); exports.default = 1;",
  "/one.js": "module.exports = require('./names.js');",
  "/several.js": "module.exports = { ...require('./names.js'), ...require('./literal.js') };",
  "/star.js": "__exportStar(require('./names.js'), exports); exports.own = 1;",
  "/chain.js": "module.exports = require('./star.js');",
  "/circle.js": "module.exports = require('./circle2.js');",
  "/circle2.js": "exports.inside = 1; __exportStar(require('./circle.js'), exports);",
  "/builtin.js": "module.exports = require('fs');",
  "/choice.js":
    "if (process.env.NODE_ENV === 'production') { module.exports = require('./names.js'); }" +
    " else { module.exports = require('./define.js'); }",
  "/broken.js": "exports.a = 1; import x from 'y';",
  "/nothing.js": "module.exports = function () {};",
  "/missing.js": "exports.a = 1; module.exports = require('./gone.js');",
};

const CASES: Readonly<Record<string, string>> = {
  "/names.js": "a b not-a-name",
  "/literal.js": "c d e",
  "/values.js": "a b c d e f g h i j get k",
  "/both.js": "a b",
  "/define.js": "f",
  "/babel.js": "__esModule default",
  "/one.js": "a b not-a-name",
  "/several.js": "c d e a b not-a-name",
  "/star.js": "own a b not-a-name",
  "/chain.js": "own a b not-a-name",
  "/circle.js": "inside",
  "/builtin.js": "",
  "/choice.js": "f",
  "/broken.js": "",
  "/nothing.js": "",
  "/missing.js": "a",
};

for (const [file, names] of Object.entries(CASES)) {
  Deno.test(`CommonJS ${FILES[file]} exports ${names || "nothing by name"}`, () => {
    const resolve = (specifier: string) => {
      const path = specifier.replace(/^\./, "");
      return path in FILES ? path : null;
    };
    const found = commonJsExports(file, (path) => FILES[path], resolve);
    assertEquals(found.toSorted().join(" "), names.split(" ").toSorted().join(" "));
  });
}

Deno.test("CommonJS: what is not closed is read to its end once, and the names before it count", () => {
  const cases: [source: string, exports: string[]][] = [
    ["module.exports = { a: 1, /* no end ".repeat(3), ["a"]],
    ["module.exports = { a: 1, b: { ".repeat(3), ["a", "b"]],
    ["module.exports = { a: 1, b: `${".repeat(50_000), ["a", "b"]],
    ["module.exports = { a: 1 /* b */ /**/, // c\n d: 2 }; module.exports = { e }", [
      "a",
      "d",
      "e",
    ]],
  ];
  for (const [source, exports] of cases) {
    assertEquals([...objectExports(source).exports], exports, source.slice(0, 40));
  }
});

Deno.test("CommonJS: what require() means is found as Node finds it", async () => {
  const folder = await Deno.makeTempDir({ prefix: "gatehouse-cjs-" });
  try {
    const at = (path: string) => `${Deno.realPathSync(folder)}/${path}`;
    for (const path of ["index.js", "data.json", "lib/index.js"]) {
      await Deno.mkdir(at(path).replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeTextFile(at(path), "{}");
    }
    const importer = at("index.js");
    assertEquals(resolveRequired("./lib", importer), at("lib/index.js"));
    for (const specifier of ["./data", "fs", "node:fs", "./gone", "gone"]) {
      assertEquals(resolveRequired(specifier, importer), null);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

for (
  const [source, isModule] of [
    ["export default 1;", true],
    ["import x from 'y';", true],
    ["import('x')", false],
    ["exports.important = 'export default 1'; // import x from 'y'", false],
    ["module.exports = 1", false],
    ["", false],
  ] as const
) {
  Deno.test(`${JSON.stringify(source)} is ${isModule ? "a" : "no"} module`, () => {
    assertEquals(hasModuleSyntax(source), isModule);
  });
}
