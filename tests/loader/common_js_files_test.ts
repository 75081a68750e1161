/** Which files decide about an app's own CommonJS. */

import { Loader } from "../../src/loader/loader.ts";
import type { LoaderOptions } from "../../src/loader/protocol.ts";
import { assertEquals } from "../support/assert.ts";
import { LoaderLab } from "../support/loader_lab.ts";
import { test } from "../support/strict.ts";

const FILES = {
  "deno.json": "{}",
  "lib/package.json": '{ "type": "commonjs" }',
  "lib/main.js": "exports.text = require('./part').text + require('./data.json').text;\n",
  "lib/part.js": "exports.text = 'part';\n",
  "lib/data.json": '{ "text": "data" }',
  "other/part.js": "globalThis.other = typeof module;\n",
  "app.js": 'import { text } from "./lib/main.js";\nimport "./other/part.js";\n' +
    "export default () => new Response(text);\n",
};

function optionsFor(lab: LoaderLab): LoaderOptions {
  return {
    cacheRoot: lab.cache,
    importMapUrl: undefined,
    reload: "none",
    cachePolicy: "use",
    allowImport: "any",
    allowHttp: "loopback",
    lockFile: undefined,
    lockOrigin: "named",
    lockMode: "extend",
    env: {},
  };
}

test("what an app's CommonJS requires, and what says that it is CommonJS, is watched", async () => {
  await using lab = new LoaderLab(FILES);
  using loader = new Loader(optionsFor(lab), () => {});
  const { localFiles } = await loader.prepare([lab.url("app.js")]);
  const paths = new Set(localFiles.map(({ path }) => path));
  assertEquals([...paths].sort(), Object.keys(FILES).map((name) => lab.path(name)).sort());
});

test("a package.json that is written, or changes, is noticed at the next start", async () => {
  await using lab = new LoaderLab(FILES);
  using loader = new Loader(optionsFor(lab), () => {});
  const folders = new Set<string>();
  const changes: Record<string, string>[] = [
    {},
    { "other/package.json": '{ "type": "commonjs" }' },
    { "other/package.json": '{ "type": "module" }', "lib/package.json": '{ "type": "module" }' },
  ];
  for (const [count, change] of changes.entries()) {
    lab.write(change);
    folders.add((await loader.prepare([lab.url("app.js")])).folder);
    assertEquals(folders.size, count + 1);
  }
});
