/** What becomes of what nobody uses in the cache. */

import { dirname, join } from "node:path";
import {
  markUsed,
  tidyCache,
  UNFINISHED_MS,
  UNUSED_MS,
} from "../../src/loader/cache/cache_upkeep.ts";
import { assertEquals } from "../support/assert.ts";
import { LoaderLab } from "../support/loader_lab.ts";
import { test } from "../support/strict.ts";

const NOW_MS = Date.now();
const MINUTE_MS = 60_000;

/** Files by path below the cache, and how long ago the last change of their first folders was. */
type Contents = Readonly<Record<string, number>>;

async function cacheWith(contents: Contents): Promise<string> {
  const root = Deno.realPathSync(await Deno.makeTempDir({ prefix: "gatehouse-upkeep-" }));
  for (const path of Object.keys(contents)) {
    await Deno.mkdir(dirname(join(root, path)), { recursive: true });
    await Deno.writeTextFile(join(root, path), "x");
  }
  // When all is there, as what is put into a folder changes it.
  for (const [path, ageMs] of Object.entries(contents)) {
    const parts = path.split("/");
    for (let length = parts.length; length > 0; length--) {
      const at = (NOW_MS - ageMs) / 1_000;
      await Deno.utime(join(root, ...parts.slice(0, length)), at, at);
    }
  }
  return root;
}

function filesIn(folder: string, prefix = ""): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesIn(join(folder, name), `${prefix}${name}/`) : [prefix + name]
  ).sort();
}

const old = UNUSED_MS + MINUTE_MS;
const recent = UNUSED_MS - MINUTE_MS;
const stale = UNFINISHED_MS + MINUTE_MS;
const fresh = UNFINISHED_MS - MINUTE_MS;

Deno.test("what was not used for long is removed, and what can be needed without network stays", async () => {
  const root = await cacheWith({
    "CACHEDIR.TAG": old,
    "graphs/old/graph.json": old,
    "graphs/old/ext/later/graph.json": old,
    "graphs/recent/graph.json": recent,
    "npm-sets/old/.store/a/files.json": old,
    "npm-sets/recent/.store/a/files.json": recent,
    "js/00/old.json": old,
    "js/00/recent.json": recent,
    "apps/old.json": old,
    "apps/recent.json": recent,
    "http/old.json": old,
    "blobs/00/old": old,
    "npm/host/name/1.0.0/files.json": old,
    "others/old.json": old,
  });
  await tidyCache(root, NOW_MS);
  assertEquals(filesIn(root), [
    "CACHEDIR.TAG",
    "apps/recent.json",
    "blobs/00/old",
    "graphs/recent/graph.json",
    "http/old.json",
    "js/00/recent.json",
    "npm-sets/recent/.store/a/files.json",
    "npm/host/name/1.0.0/files.json",
    "others/old.json",
  ]);
  await Deno.remove(root, { recursive: true });
});

Deno.test("what was left half-written is removed wherever that can be, and what is being written stays", async () => {
  const places = [
    "",
    "http/",
    "apps/",
    "blobs/00/",
    "js/00/",
    "graphs/",
    "graphs/recent/ext/",
    "npm/host/name/",
    "npm/host/@scope/name/",
    "npm-sets/",
    "npm-sets/recent/.store/",
    "npm-sets/recent/sets/",
  ];
  const contents: Record<string, number> = {};
  for (const place of places) {
    contents[`${place}.tmp-1-left`] = stale;
    contents[`${place}.tmp-2-folder/file`] = stale;
    contents[`${place}.tmp-3-written`] = fresh;
  }
  const root = await cacheWith(contents);
  const now = NOW_MS / 1_000;
  for (const kept of ["graphs/recent", "npm-sets/recent"]) {
    await Deno.utime(join(root, kept), now, now);
  }
  await tidyCache(root, NOW_MS);
  assertEquals(filesIn(root), places.map((place) => `${place}.tmp-3-written`).sort());
  await Deno.remove(root, { recursive: true });
});

Deno.test("what a process says it uses stays, and links lead nowhere", async () => {
  const root = await cacheWith({ "graphs/used/graph.json": old, "graphs/unused/graph.json": old });
  const outside = await cacheWith({ "graphs/old/graph.json": old, ".tmp-1": stale });
  await Deno.symlink(join(outside, "graphs"), join(root, "npm-sets"));
  await Deno.mkdir(join(root, "js"));
  await Deno.symlink(outside, join(root, "js", "00"));
  await markUsed([join(root, "graphs/used"), join(root, "graphs/gone")], NOW_MS);
  await tidyCache(root, NOW_MS);
  assertEquals(filesIn(root).filter((path) => path.startsWith("graphs")), [
    "graphs/used/graph.json",
  ]);
  assertEquals(filesIn(outside), [".tmp-1", "graphs/old/graph.json"]);
  await Deno.remove(root, { recursive: true });
  await Deno.remove(outside, { recursive: true });
});

test("a gateway says of the graph that it serves that it is used", async () => {
  await using lab = new LoaderLab({ "app.ts": "export default () => new Response('here');\n" });
  assertEquals((await lab.answerOf("app.ts")).text, "here");
  const [manifest] = lab.filesInCache("graphs").filter((path) => path.endsWith("graph.json"));
  const folder = dirname(`${lab.cache}/graphs/${manifest}`);
  const [index] = lab.filesInCache("apps");
  const long = (NOW_MS - old) / 1_000;
  for (const path of [folder, `${lab.cache}/apps/${index}`]) await Deno.utime(path, long, long);
  assertEquals((await lab.answerOf("app.ts")).text, "here");
  await tidyCache(lab.cache, NOW_MS);
  assertEquals(lab.filesInCache("graphs").includes(manifest), true);
  assertEquals(lab.filesInCache("apps"), [index]);
});
