/** Folders of graphs. */

import { sha256Of } from "../../src/base/sha256.ts";
import { pathToFileURL } from "node:url";
import { NO_IMPORT_MAP, parseImportMap } from "../../src/loader/names/import_map.ts";
import {
  knownModulesOf,
  readGraph,
  storeGraph,
  workerGraphOf,
} from "../../src/loader/graph/graph_store.ts";
import { ConfigError } from "../../src/base/errors.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
} from "../support/assert.ts";
import { test } from "../support/strict.ts";
import { graphOf, NOTHING_KNOWN } from "./graph_store_fixture.ts";
import { filesIn, TemporaryFolder } from "./module_server.ts";

const store = (parent: string, ...args: Parameters<typeof graphOf>) =>
  storeGraph(graphOf(...args), NO_IMPORT_MAP, NOTHING_KNOWN, parent);

test("a graph's folder is named by its content, and can be imported and read", async () => {
  await using temporary = new TemporaryFolder();
  const parent = `${temporary.path}/graphs`;
  const { folder, manifest } = await store(parent, 2);
  assertEquals(folder, `${parent}/${sha256Of(JSON.stringify(manifest)).slice(0, 40)}`);
  assertEquals((await store(parent, 2)).folder, folder, "the same is the same");
  const others = [await store(parent, 3), await store(parent, 2, "export const one = 2;")];
  others.push(
    await storeGraph(
      graphOf(2),
      parseImportMap({ imports: { a: "./b" } }, "https://example.com/"),
      NOTHING_KNOWN,
      parent,
    ),
  );
  assertEquals(new Set([folder, ...others.map((other) => other.folder)]).size, 4);
  assertEquals(await readGraph(folder), { folder, manifest });

  const files = await filesIn(folder);
  assertEquals(files.length, 4);
  for (const file of files) assertMatch(file, /^(?:[\da-f]{27}\.js|runtime\.js|graph\.json)$/);
  const module = await import(`${pathToFileURL(folder)}/${manifest.modules[0].file}`);
  assertEquals(module.one, 1);

  const graph = workerGraphOf({ folder, manifest }, "/packages");
  assertEquals(graph.folders, [folder, "/packages"]);
  assertEquals(graph.redirects, { "https://example.com/old.ts": "https://example.com/m0.ts" });
  assertEquals(
    Object.keys(graph.files).sort(),
    [" https://example.com/m0.ts", " https://example.com/m1.ts"],
  );
  const known = knownModulesOf(graph);
  assertEquals(
    known.targets.get(" https://example.com/m1.ts"),
    `../../${graph.files[" https://example.com/m1.ts"]}`,
  );
});

test("an extension imports what the graph has from where it is", async () => {
  await using temporary = new TemporaryFolder();
  const parent = `${temporary.path}/graphs`;
  const base = await store(parent, 2);
  const known = knownModulesOf(workerGraphOf(base, "/packages"));
  const late = graphOf(1, "export const late = 1;");
  const [module] = late.modules;
  const extension = await storeGraph(
    {
      ...late,
      modules: [{
        ...module,
        key: " https://example.com/late.ts",
        targets: [{ kind: "module", key: " https://example.com/m1.ts" }, module.targets[1]],
      }],
    },
    NO_IMPORT_MAP,
    known,
    `${base.folder}/ext`,
  );
  const { late: value } = await import(
    `${pathToFileURL(extension.folder)}/${extension.manifest.modules[0].file}`
  );
  assertEquals(value, 1);
  assert(await readGraph(base.folder) !== null, "the graph is as it was");
});

test("what is not as it was written is noticed, and written again", async () => {
  await using temporary = new TemporaryFolder();
  const { folder, manifest } = await store(temporary.path, 2);
  const file = `${folder}/${manifest.modules[1].file}`;
  const change = (path: string, text: (before: string) => string) =>
    Deno.writeTextFileSync(path, text(Deno.readTextFileSync(path)));
  const damages: Record<string, () => void> = {
    "a module changed": () => change(file, (text) => text.replace("1", "2")),
    "a module cut off": () => Deno.truncateSync(file, 10),
    "the end of a module at the beginning of the next": () => {
      const [first, second] = manifest.modules.map(({ file }) => `${folder}/${file}`);
      const text = Deno.readTextFileSync(first);
      change(second, (next) => text.slice(-5) + next);
      Deno.writeTextFileSync(first, text.slice(0, -5));
    },
    "a module gone": () => Deno.removeSync(file),
    "the runtime changed": () => change(`${folder}/runtime.js`, (text) => `${text}//`),
    "the runtime gone": () => Deno.removeSync(`${folder}/runtime.js`),
    "the manifest changed": () =>
      change(`${folder}/graph.json`, (text) => text.replace("example", "exemple")),
    "the manifest cut off": () => Deno.truncateSync(`${folder}/graph.json`, 20),
    "the manifest gone": () => Deno.removeSync(`${folder}/graph.json`),
    "all gone": () => Deno.removeSync(folder, { recursive: true }),
    "a file in the place of it": () => {
      Deno.removeSync(folder, { recursive: true });
      Deno.writeTextFileSync(folder, "");
    },
  };
  for (const [name, inflict] of Object.entries(damages)) {
    inflict();
    assertEquals(await readGraph(folder), null, name);
    assertEquals((await store(temporary.path, 2)).folder, folder, name);
    assertEquals(await readGraph(folder), { folder, manifest }, name);
    assertEquals([...Deno.readDirSync(temporary.path)].length, 1, `${name}: nothing is left over`);
  }
});

test("what cannot be read is told, and not taken for what is not there", async () => {
  await using temporary = new TemporaryFolder();
  const { folder, manifest } = await store(temporary.path, 2);
  const file = `${folder}/${manifest.modules[1].file}`;
  for (const path of [file, `${folder}/runtime.js`, `${folder}/graph.json`]) {
    Deno.removeSync(path);
    // Root may read everything, but not a link to itself.
    Deno.symlinkSync(path, path);
    const error = await assertRejects(() => readGraph(folder), ConfigError);
    assertMatch(
      error.message,
      /^cannot read \S+ in the cache: .*; set GATEHOUSE_CACHE to use another/,
    );
    Deno.removeSync(path);
    assertEquals(await readGraph(folder), null);
    await store(temporary.path, 2);
  }
});

test("the graph of another version is none", async () => {
  await using temporary = new TemporaryFolder();
  const { manifest } = await store(temporary.path, 1);
  const text = JSON.stringify({ ...manifest, version: manifest.version - 1 });
  const folder = `${temporary.path}/${sha256Of(text).slice(0, 40)}`;
  Deno.mkdirSync(folder);
  Deno.writeTextFileSync(`${folder}/graph.json`, text);
  assertEquals(await readGraph(folder), null);
});

test("processes that store the same graph at once agree, on a broken one too", async () => {
  await using temporary = new TemporaryFolder();
  const script = new URL("graph_store_process.ts", import.meta.url).pathname;
  const run = async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--no-lock", script, temporary.path],
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trim();
  };
  const [folder, ...others] = await Promise.all([run(), run(), run(), run()]);
  for (const other of others) assertEquals(other, folder);
  assertNotEquals(await readGraph(folder), null);
  Deno.truncateSync(`${folder}/graph.json`, 10);
  await Promise.all([run(), run(), run(), run()]);
  assertNotEquals(await readGraph(folder), null);
  assertEquals([...Deno.readDirSync(temporary.path)].map(({ name }) => name).length, 1);
});
