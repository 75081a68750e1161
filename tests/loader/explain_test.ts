import { explained } from "../../src/loader/transform/explain.ts";
import { NO_IMPORT_MAP } from "../../src/loader/names/import_map.ts";
import { assertEquals } from "../support/assert.ts";

const FILE = "0123456789abcdef0123456789a.js";
const LATE = "1123456789abcdef0123456789a.js";
const GRAPH = {
  directory: "file:///cache/graphs/0/",
  files: { " https://example.com/a.ts": FILE, " https://example.com/b.ts": `ext/0/${LATE}` },
  redirects: {},
  importMap: NO_IMPORT_MAP,
  folders: [],
  packageRoot: "/nowhere",
  packages: {},
  nodeModules: false,
  commonJs: {},
};

function explain(message: string): Promise<string> {
  return explained(message, GRAPH, () => Promise.resolve(null));
}

Deno.test("explained: sources stand for generated files, however these are named", async (test) => {
  const messages: Record<string, string> = {
    [`The module './${FILE}' has no default`]:
      "The module 'https://example.com/a.ts' has no default",
    [`at file:///cache/graphs/0/${FILE}`]: "at https://example.com/a.ts",
    [`"../../${FILE}" and "./ext/0/${LATE}"`]:
      '"https://example.com/a.ts" and "https://example.com/b.ts"',
    [`(${FILE})`]: "(https://example.com/a.ts)",
    [`./2${FILE.slice(1)}`]: `./2${FILE.slice(1)}`,
    "wrong |  1 | import{modules as $modules} |    ~~~~ here": "wrong here",
  };
  for (const [message, expected] of Object.entries(messages)) {
    await test.step(message, async () => assertEquals(await explain(message), expected));
  }
});

Deno.test("explained: TypeScript that is not served as that is told from other faults", async (test) => {
  const advice =
    "; its server does not say that it is TypeScript, so it is read as JavaScript: have it say " +
    "text/typescript";
  const fault = "SyntaxError: Missing initializer in const declaration at";
  const messages: Record<string, string> = {
    [`${fault} https://example.com/a.ts:1:7`]: advice,
    [`${fault} http://127.0.0.1:8000/b/c.tsx:1:7`]: advice,
    [`${fault} https://example.com/a.js:1:7`]: "",
    [`${fault} file:///a.ts:1:7`]: "",
    [`SyntaxError: Expected property name (at https://example.com/a.ts:1:7)`]: "",
    [`SyntaxError: The module 'b' does not provide an export named 'c' at https://example.com/a.ts:1:7`]:
      "",
    [`${"SyntaxError: at https://".repeat(40_000)}a`]: "",
  };
  for (const [message, added] of Object.entries(messages)) {
    const name = message.slice(0, 100);
    await test.step(name, async () => assertEquals(await explain(message), message + added));
  }
});

Deno.test("explained: long messages made to be slow are not", async () => {
  // Time that grows with the square of the length would be minutes.
  for (const part of ["../", "./a/", "file://", " | 1 | ", " | ~"]) {
    const message = part.repeat(1_000_000 / part.length);
    assertEquals(await explain(message), message);
  }
});
