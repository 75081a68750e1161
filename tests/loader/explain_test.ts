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

Deno.test("explained: long messages made to be slow are not", async () => {
  // Time that grows with the square of the length would be minutes.
  for (const part of ["../", "./a/", "file://", " | 1 | ", " | ~"]) {
    const message = part.repeat(1_000_000 / part.length);
    assertEquals(await explain(message), message);
  }
});
