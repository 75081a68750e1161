import { LoadError } from "../../src/base/errors.ts";
import { linkCode, SPECIFIER_WIDTH } from "../../src/loader/graph/link.ts";
import { originalPlace } from "../../src/loader/transform/source_lines.ts";
import { rewriteCommonJs, transformCode } from "../../src/loader/transform/transform.ts";
import { mayImport } from "../../src/sandbox/lockdown.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "../support/assert.ts";

const URL_OF_MODULE = "https://example.com/module.js";

function transformed(text: string, mediaType: "javascript" | "typescript" = "javascript") {
  return transformCode({ url: URL_OF_MODULE, text, mediaType, compilerOptions: {} });
}

/** The code of a module whose imports lead nowhere, without its source map. */
function codeOf(text: string): string {
  const module = transformed(text);
  return linkCode({ ...module, map: "" }, module.imports.map((_, index) => `./${index}.js`));
}

Deno.test("transform: an import() is led to the worker wherever V8 sees one", async (test) => {
  const sources: Record<string, string> = {
    "in an expression": "const a = import('x');",
    "with a comment and a line's end": "import/* ( */\n('x');",
    "behind a regular expression that is awaited": "await /'/.exec(import('x')) //'",
    "behind one that looks like a template": "await /`/;\nimport('x') //`",
    "in a computed key that looks like a mapped type":
      "switch (1) { case a ? (b) : ({[x in import('x')]: z}) => (w) : v : 1 }",
    "behind a comparison that looks like type arguments": "f<import('x')>(1)",
    "in a line of its own behind a separator": "'\u2028'\u2028import('x')",
    "in a template": "`${import('x')}`",
    "behind a hashbang": "#!/usr/bin/env x\nimport('x')",
    "where TypeScript sees a type argument": "async<T, U = import('a') > (1)",
    "in a field and a static block": "class A { a = import('x'); static { b } }",
  };
  for (const [name, source] of Object.entries(sources)) {
    await test.step(name, () => {
      const code = codeOf(source);
      assertStringIncludes(code, "$mport");
      assertEquals(/import(?:\/\*.*\*\/)?\s*\('/.test(code), false, code);
    });
  }
});

/** Sources that would be read otherwise if the name `Function` were taken to be as long as it is meant. */
const ESCAPED_NAMES = ["\\u0046unction", "\\u{00000046}unction", "Functio\\u{6e}"].map((name) =>
  `\`\${ new ${name}("x",\`\nreturn import(x);\n\`) }\`;`
);

Deno.test("transform: of functions made of text, only those by their plain name are exchanged", () => {
  const plain = 'new Function("x", "return import(x)"); new Function("x", "return x")';
  assertStringIncludes(codeOf(plain), 'new $mporter("x", "return import(x)"); new Function("x", "');
  for (const source of ESCAPED_NAMES) {
    assertEquals(codeOf(source), source);
    assertEquals(rewriteCommonJs(source), source.replace("import(", "\\u0069mport("));
  }
});

Deno.test("transform: what V8 would refuse, and what could hide an import, is refused", async (test) => {
  const sources: Record<string, string> = {
    "import() without a specifier": "import()",
    "import() of three arguments": "import('a', {}, 1)",
    "import() of spread arguments": "import(...a)",
    "import() that is called perhaps": "import?.('a')",
    "new import()": "new import('a')",
    "a source phase import": "import.source('a')",
    "a deferred import": "import.defer('a')",
    "a static source phase import": "import source a from 'a'",
    "a static deferred import": "import defer * as a from 'a'",
    "import attributes of old": "import a from 'a' assert { type: 'json' }",
    "import attributes without a brace": "import a from 'a' with await{}",
    "import attributes with a duplicate": "import a from 'a' with { type: 'json', type: 'json' }",
    "import attributes that there are not": "import a from 'a' with { kind: 'json' }",
    "JSX in JavaScript": "const a = <b>import('c')</b>",
    "comments of HTML": "a\n--> `\nimport('x') //`",
    "an invalid character": "a\0",
  };
  for (const [name, source] of Object.entries(sources)) {
    await test.step(name, () => {
      const error = assertThrows(() => transformed(source), LoadError);
      assertStringIncludes(error.message, "SyntaxError: ");
      assertStringIncludes(error.message, `${URL_OF_MODULE}:`);
    });
  }
});

Deno.test("transform: names, clauses and strings that look like the loader's own do no harm", () => {
  const placeholder = `"\0${"0".padStart(SPECIFIER_WIDTH - 3, "_")}"`;
  assertEquals(
    codeOf(`import "a";f(${placeholder});b`),
    `import ${'"./0.js"'.padEnd(SPECIFIER_WIDTH)};f(${placeholder});b`,
  );
  assertStringIncludes(
    codeOf("const $mport = 1, $modules = 2; import('a')"),
    "modules as $______0",
  );
  assertEquals(
    codeOf("import a from 'a'\nwith {type:\n'json'};export * as 'b c' from 'd'"),
    `import a from ${'"./0.js"'.padEnd(SPECIFIER_WIDTH)}\n           \n       ;` +
      `export * as 'b c' from ${'"./1.js"'.padEnd(SPECIFIER_WIDTH)}`,
  );
});

Deno.test("transform: names are found however many are taken, and the same ones for the same code", () => {
  for (const count of [9, 10, 11, 5_000]) {
    const taken = Array.from({ length: count }, (_, number) => `$${`${number}`.padStart(7, "_")}`);
    const code = `import.meta; $modules; ${taken.join(";")}`;
    const [, name] = /^import\{modules as ([$\w]{8})\}/.exec(codeOf(code)) ?? [];
    assert(name !== undefined && !code.includes(name), name);
    assertEquals(codeOf(code), codeOf(code));
  }
});

Deno.test("transform: comments that name source maps stay, but for that of TypeScript itself", () => {
  const comments = "//# sourceMappingURL=a.map\n".repeat(3);
  const { parts } = transformCode({
    url: "file:///a.ts",
    text: `${comments}export default 1 as number;\n`,
    mediaType: "typescript",
    compilerOptions: {},
  });
  const code = parts.join("");
  assertStringIncludes(code, "export default 1;");
  assertEquals(code.includes("module.js.map"), false, code);
});

Deno.test("transform: long sums and chains are no trouble, deep nesting is an error that says so", () => {
  assertStringIncludes(codeOf(`${"1+".repeat(20_000)}import('a')`), "$mport('a')");
  const error = assertThrows(() => transformed("[".repeat(100_000)), LoadError);
  assertEquals(error.message, `cannot load ${URL_OF_MODULE}: it is nested too deeply`);
  assertThrows(
    () => transformed("[".repeat(100_000), "typescript"),
    LoadError,
    "nested too deeply",
  );
});

Deno.test("transform: a syntax error that TypeScript fails at is told like any other", () => {
  const error = assertThrows(() => transformed("const a = 1;\n@c class", "typescript"), LoadError);
  assertStringIncludes(error.message, `cannot load ${URL_OF_MODULE}: SyntaxError: `);
  assertStringIncludes(error.message, `(at ${URL_OF_MODULE}:2:`);
});

Deno.test("transform: an import behind an await that TypeScript reads twice is one import", () => {
  const source = "await {};\nimport a from 'a' with { type: 'json' };\nimport b from 'b';\n";
  const { imports, parts } = transformed(source);
  assertEquals(imports.map(({ specifier }) => specifier), ["a", "b"]);
  assertEquals(parts.length, 3);
});

/** Where the source map says that the words `word` of the linked module came from. */
function placesOf(word: string, text: string, mediaType: "javascript" | "typescript"): string[] {
  const module = transformed(text, mediaType);
  const code = linkCode({ ...module, map: "" }, module.imports.map((_, index) => `./${index}.js`));
  return code.split(LINE_END).flatMap((line, index) =>
    Array.from(line.matchAll(new RegExp(word, "g")), ({ index: column }) => {
      const place = originalPlace(module.map, index + 1, column + 1);
      return `${place?.line}:${place?.column}`;
    })
  );
}

const LINE_END = /\r\n|[\n\r\u2028\u2029]/;

Deno.test("transform: source maps lead to the source's lines and columns", async (test) => {
  const sources: Record<string, [source: string, mediaType: "javascript" | "typescript"]> = {
    "without imports": ["here; here\n\n\r\n  here;\rhere", "javascript"],
    "behind a prelude": ["import.meta; import('a'); here(\n  here)", "javascript"],
    "behind specifiers": [
      `import { a } from "./a.js"; here; export * from '${"b".repeat(90)}'; here;\nhere`,
      "javascript",
    ],
    "behind many specifiers": [`${'import "a";'.repeat(100)} here`, "javascript"],
    "behind a specifier of two lines": ['import "a\\\nb";\n here', "javascript"],
    "behind attributes": [
      'import a from "a" with {\n type: "json" }; let b;\n  here',
      "javascript",
    ],
    "behind a line separator in a string": ["'\u2028', here;\nhere", "javascript"],
    "of TypeScript": [
      "type A = 1;\n\nimport { b } from './b.ts'; export const a: A = b ? (here as A) : 2;\n here;",
      "typescript",
    ],
  };
  for (const [name, [source, mediaType]] of Object.entries(sources)) {
    await test.step(name, () => {
      const expected = source.split(LINE_END).flatMap((line, index) =>
        Array.from(line.matchAll(/here/g), ({ index: column }) => `${index + 1}:${column + 1}`)
      );
      assertEquals(placesOf("here", source, mediaType), expected);
    });
  }
});

Deno.test("rewriteCommonJs: an import() is led to the worker", () => {
  assertStringIncludes(
    rewriteCommonJs("'use strict';\nimport('a')\n0"),
    "'use strict';\n$mport('a')\n0\n;function $mport()",
  );
  assertStringIncludes(
    rewriteCommonJs("'\\01'; f(0755); function* a() { yield import('a') }"),
    "yield $mport('a')",
  );
  assertStringIncludes(
    rewriteCommonJs("function* a() { class B { [yield import('a')]() {} } }"),
    "yield $mport('a')",
  );
  assertStringIncludes(
    rewriteCommonJs("function* a() { b = () => yield / [import('a')] / +1 }"),
    "[$mport('a')]",
  );
});

Deno.test("rewriteCommonJs: what only looks like an import() means the same, and looks so no more", () => {
  const sources = [
    "'import(1)'",
    "'\\\\import(1)'",
    "'\\import(1)'",
    "`import.meta ${1} import /* */ (2)`",
    "/^import.$/.test('import1')",
    "({ import() { return 5; } }).import()",
    "({ import: { meta: 6 } }).import.meta",
    "7 // import(8)\n",
    "/* import.meta */ 9",
  ];
  for (const source of sources) {
    const code = rewriteCommonJs(source);
    assertEquals(mayImport(code), false, code);
    assertEquals(new Function(`return (${code})`)(), new Function(`return (${source})`)());
  }
  const repeated = "import/* ".repeat(200_000);
  assertEquals(rewriteCommonJs(`'${repeated}'`).length, repeated.length + 5 * 200_000 + 2);
});

Deno.test("rewriteCommonJs: comments of HTML are read as V8 reads them", () => {
  for (const source of ["a <!-- `\nimport('b') //`", "a\n--> `\nimport('b') //`"]) {
    assertStringIncludes(rewriteCommonJs(source), "\n$mport('b') //`");
  }
});

Deno.test("rewriteCommonJs: names that are keywords elsewhere are read as V8 reads them", () => {
  for (const name of ["await", "yield"]) {
    const source = `for (${name} of /'/.exec(import('b'))){} //' ; ; ) {}`;
    assertStringIncludes(rewriteCommonJs(source), "/.exec($mport('b'))){} //'");
  }
});

Deno.test("rewriteCommonJs: what V8 reads otherwise than TypeScript throws", async (test) => {
  const sources: Record<string, string> = {
    "a source phase import": "import.source('b')",
    "deep nesting": `${"[".repeat(100_000)}import('b')`,
  };
  for (const [name, source] of Object.entries(sources)) {
    await test.step(name, () => {
      const code = rewriteCommonJs(source);
      assertEquals(/^throw new SyntaxError\(".*"\);\n$/.test(code), true, code.slice(0, 200));
    });
  }
});
