import { ModuleCache } from "../../src/loader/cache/cache.ts";
import type { HttpEntry } from "../../src/loader/cache/http_entry.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { sha256Hex } from "../../src/base/sha256.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../support/assert.ts";
import { filesIn, ModuleServer, TemporaryFolder } from "./module_server.ts";

const PROCESS = new URL("cache_process.ts", import.meta.url).pathname;
const encoder = new TextEncoder();
const KEY = "0123456789abcdef".repeat(4);
const ENTRY: HttpEntry = {
  kind: "body",
  url: "https://example.com/a.ts",
  status: 200,
  contentType: "text/typescript",
  etag: '"1"',
  lastModified: "Sat, 21 Nov 2026 00:00:00 GMT",
  sha256: KEY,
  fetchedAtMs: 1_795_219_200_000,
};

const ROOTS: [string, typeof Deno.build.os, Record<string, string>, string | null][] = [
  ["GATEHOUSE_CACHE", "linux", { GATEHOUSE_CACHE: "/c", XDG_CACHE_HOME: "/x", HOME: "/h" }, "/c"],
  ["XDG_CACHE_HOME", "linux", { XDG_CACHE_HOME: "/x", HOME: "/h" }, "/x/gatehouse"],
  [
    "a relative XDG_CACHE_HOME",
    "linux",
    { XDG_CACHE_HOME: "x", HOME: "/h" },
    "/h/.cache/gatehouse",
  ],
  ["an empty variable", "linux", { GATEHOUSE_CACHE: "", HOME: "/h" }, "/h/.cache/gatehouse"],
  ["macOS", "darwin", { HOME: "/h" }, "/h/Library/Caches/gatehouse"],
  ["XDG_CACHE_HOME on macOS", "darwin", { XDG_CACHE_HOME: "/x", HOME: "/h" }, "/x/gatehouse"],
  ["Windows", "windows", { LOCALAPPDATA: "/l", HOME: "/h" }, "/l/gatehouse"],
  ["Windows without a folder", "windows", { HOME: "/h" }, null],
  ["nothing", "linux", {}, null],
];

for (const [name, os, variables, expected] of ROOTS) {
  Deno.test(`folder of the cache by ${name}`, () => {
    const env = { get: (variable: string) => variables[variable] };
    if (expected !== null) {
      assertEquals(ModuleCache.defaultRoot(env, "/work", os), expected);
      return;
    }
    const error = assertThrows(() => ModuleCache.defaultRoot(env, "/work", os), ConfigError);
    assertMatch(
      error.message,
      /^there is no folder for the cache, since neither GATEHOUSE_CACHE nor/,
    );
  });
}

Deno.test("a relative GATEHOUSE_CACHE is relative to the working directory", () => {
  const env = { get: (name: string) => name === "GATEHOUSE_CACHE" ? "c" : undefined };
  assertEquals(ModuleCache.defaultRoot(env, "/work"), "/work/c");
});

Deno.test("a blob is read as it was written, and lies under its hash", async () => {
  await using folder = new TemporaryFolder();
  const cache = new ModuleCache(`${folder.path}/a/cache`);
  for (const text of ["", "export default 1;", "x".repeat(1_000_000)]) {
    const bytes = encoder.encode(text);
    const sha256 = await cache.writeBlob(bytes);
    assertEquals(sha256, await sha256Hex(text));
    assertEquals(await cache.readBlob(sha256), bytes);
    const { size } = await Deno.stat(`${cache.root}/blobs/${sha256.slice(0, 2)}/${sha256}`);
    assertEquals(size, bytes.length);
  }
  assertEquals(await cache.readBlob(KEY), null);
});

Deno.test("a cache that is not there has nothing in it, and reading makes no folder", async () => {
  await using folder = new TemporaryFolder();
  const cache = new ModuleCache(`${folder.path}/cache`);
  assertEquals(await cache.readBlob(KEY), null);
  assertEquals(await cache.readHttpEntry(ENTRY.url), null);
  assertEquals(await cache.readTransform(KEY), null);
  assertEquals((await cache.info()).kinds.blobs, { entries: 0, bytes: 0 });
  assertEquals(await cache.clean(), { files: 0, bytes: 0 });
  assertEquals(await filesIn(folder.path), []);
});

Deno.test("a blob that is not what was written is removed, and counts as missing", async () => {
  await using folder = new TemporaryFolder();
  const cache = new ModuleCache(folder.path);
  for (const damage of ["", "export default 2;", "export default 1", "export default 1;\n"]) {
    const sha256 = await cache.writeBlob(encoder.encode("export default 1;"));
    await Deno.writeTextFile(`${folder.path}/blobs/${sha256.slice(0, 2)}/${sha256}`, damage);
    assertEquals(await cache.readBlob(sha256), null);
    assertEquals(await filesIn(folder.path), ["CACHEDIR.TAG"]);
  }
});

Deno.test("what servers said is read as it was written", async () => {
  await using folder = new TemporaryFolder();
  const cache = new ModuleCache(folder.path);
  const redirect: HttpEntry = {
    kind: "redirect",
    url: "https://example.com/b",
    location: "https://example.com/c",
    fetchedAtMs: 1,
  };
  for (const entry of [ENTRY, redirect]) {
    await cache.writeHttpEntry(entry);
    assertEquals(await cache.readHttpEntry(entry.url), entry);
    assertEquals(await cache.readHttpEntry(entry.url, "resource"), null);
  }
  const other = { ...ENTRY, contentType: "application/json" };
  await cache.writeHttpEntry(other, "resource");
  assertEquals(await cache.readHttpEntry(ENTRY.url, "resource"), other);
  assertEquals(await cache.readHttpEntry(ENTRY.url), ENTRY);
});

const MALFORMED_ENTRIES: [string, unknown][] = [
  ["nothing", ""],
  ["half of it", JSON.stringify(ENTRY).slice(0, 100)],
  ["no object", "null"],
  ["an array", []],
  ["another URL", { ...ENTRY, url: "https://example.com/b.ts" }],
  ["no kind", { ...ENTRY, kind: undefined }],
  ["an unknown kind", { ...ENTRY, kind: "error" }],
  ["no hash", { ...ENTRY, sha256: undefined }],
  ["a hash that is a path", { ...ENTRY, sha256: `../../${"a".repeat(58)}` }],
  ["a status that is text", { ...ENTRY, status: "200" }],
  ["a content type that is null", { ...ENTRY, contentType: null }],
  ["an ETag that is a number", { ...ENTRY, etag: 1 }],
  ["no time", { ...ENTRY, fetchedAtMs: undefined }],
  ["a redirect to nowhere", { ...ENTRY, kind: "redirect" }],
  ["a redirect to no URL", { ...ENTRY, kind: "redirect", location: "/b" }],
];

for (const [name, content] of MALFORMED_ENTRIES) {
  Deno.test(`an entry with ${name} counts as missing`, async () => {
    await using folder = new TemporaryFolder();
    const cache = new ModuleCache(folder.path);
    await cache.writeHttpEntry(ENTRY);
    const path = `${folder.path}/http/${await sha256Hex(ENTRY.url)}.json`;
    await Deno.writeTextFile(path, typeof content === "string" ? content : JSON.stringify(content));
    assertEquals(await cache.readHttpEntry(ENTRY.url), null);
  });
}

Deno.test("a transformed module is read as it was written", async () => {
  await using folder = new TemporaryFolder();
  const cache = new ModuleCache(folder.path);
  for (const value of [{ code: "é\u2028\0" }, [], "text", 0, { a: { b: [null] } }]) {
    await cache.writeTransform(KEY, value);
    assertEquals(await cache.readTransform(KEY), value);
  }
  assertEquals(
    await filesIn(folder.path),
    ["CACHEDIR.TAG", `js/${KEY.slice(0, 2)}/${KEY}.json`],
  );
});

Deno.test("a transformed module that is not what was written is removed, and counts as missing", async () => {
  await using folder = new TemporaryFolder();
  const cache = new ModuleCache(folder.path);
  const path = `${folder.path}/js/${KEY.slice(0, 2)}/${KEY}.json`;
  await cache.writeTransform(KEY, { code: "let a = 1;" });
  const whole = await Deno.readTextFile(path);
  JSON.parse(whole);
  const damaged = [
    "",
    "{}",
    whole.slice(0, 50),
    whole.slice(0, -1),
    whole.replace("a = 1", "a = 2"),
    whole.replace(/[\da-f]{64}/, KEY),
    '{"value":{}}',
  ];
  for (const content of damaged) {
    await Deno.writeTextFile(path, content);
    assertEquals(await cache.readTransform(KEY), null, content);
    assertEquals(await filesIn(folder.path), ["CACHEDIR.TAG"]);
  }
});

Deno.test("names from outside lead to no other folder", () => {
  const cache = new ModuleCache("/c");
  assertEquals(cache.graphFolder("ab"), "/c/graphs/ab");
  assertEquals(cache.npmSetFolder("ab"), "/c/npm-sets/ab");
  assertEquals(
    cache.npmFolder("localhost:1", "@a/b", "1.0.0"),
    "/c/npm/localhost+1/@a/b/1.0.0",
  );
  for (const name of ["", ".", "..", "a/b", "a\\b", "a\0"]) {
    assertThrows(() => cache.graphFolder(name), TypeError);
    assertThrows(() => cache.npmFolder("a", "b", name), TypeError);
  }
  assertThrows(() => cache.npmFolder("a", "../b", "1"), TypeError);
});

Deno.test("the cache says what is in it, of each kind", async () => {
  await using folder = new TemporaryFolder();
  const cache = new ModuleCache(`${folder.path}/cache`);
  await cache.writeBlob(new Uint8Array(1_000));
  await cache.writeBlob(new Uint8Array(500));
  await cache.writeHttpEntry(ENTRY);
  await cache.writeAtomically(`${cache.graphFolder("a")}/m.js`, new Uint8Array(10));
  await cache.writeAtomically(`${cache.graphFolder("a")}/ext/b/m.js`, new Uint8Array(10));
  for (const version of ["1.0.0", "2.0.0"]) {
    for (const name of ["a", "@s/a"]) {
      const path = cache.npmFolder("localhost", name, version);
      await cache.writeAtomically(`${path}/package.json`, new Uint8Array(1));
      await cache.writeAtomically(`${path}/lib/a.js`, new Uint8Array(2));
    }
  }
  await Deno.writeFile(`${cache.root}/blobs/.tmp-1-0123456789abcdef`, new Uint8Array(9_999));
  const { root, kinds } = await cache.info();
  assertEquals(root, `${folder.path}/cache`);
  assertEquals(kinds, {
    http: { entries: 1, bytes: JSON.stringify(ENTRY).length },
    blobs: { entries: 2, bytes: 1_500 },
    js: { entries: 0, bytes: 0 },
    apps: { entries: 0, bytes: 0 },
    graphs: { entries: 1, bytes: 20 },
    npm: { entries: 4, bytes: 12 },
    "npm-sets": { entries: 0, bytes: 0 },
  });
});

Deno.test("cleaning removes what is the cache's, leftovers too, and follows no link", async () => {
  await using folder = new TemporaryFolder();
  const cache = new ModuleCache(`${folder.path}/cache`);
  await Deno.mkdir(`${folder.path}/other`);
  await Deno.writeTextFile(`${folder.path}/other/precious`, "x");
  await cache.writeBlob(new Uint8Array(1_000));
  await Deno.writeFile(`${cache.root}/.tmp-1-0123456789abcdef`, new Uint8Array(10));
  await Deno.writeFile(`${cache.root}/blobs/.tmp-1-0123456789abcdef`, new Uint8Array(20));
  await Deno.symlink(`${folder.path}/other`, `${cache.root}/blobs/link`);
  await Deno.symlink(`${folder.path}/other`, `${cache.root}/npm`);
  await Deno.writeTextFile(`${cache.root}/notes.txt`, "of the user");
  const { files, bytes } = await cache.clean();
  assertEquals(files, 5);
  assert(bytes >= 1_030);
  assertEquals(await filesIn(folder.path), [
    "cache/CACHEDIR.TAG",
    "cache/notes.txt",
    "other/precious",
  ]);
  // It goes on as before.
  const sha256 = await cache.writeBlob(encoder.encode("a"));
  assertNotEquals(await cache.readBlob(sha256), null);
});

Deno.test("a folder that held other things before is not cleaned", async () => {
  await using folder = new TemporaryFolder();
  await Deno.mkdir(`${folder.path}/js`);
  await Deno.writeTextFile(`${folder.path}/js/app.js`, "precious");
  const cache = new ModuleCache(folder.path);
  await cache.writeBlob(new Uint8Array(1_000));
  const error = await assertRejects(() => cache.clean(), ConfigError);
  assertEquals(
    error.message,
    `cannot clean the cache ${folder.path}: the folder held other things before gatehouse used it ` +
      `(it has no CACHEDIR.TAG); delete what you no longer need yourself: blobs, js`,
  );
  assertEquals(await Deno.readTextFile(`${folder.path}/js/app.js`), "precious");
});

Deno.test("a folder that cannot be written to is an error that names it and GATEHOUSE_CACHE", async () => {
  await using folder = new TemporaryFolder();
  await Deno.writeTextFile(`${folder.path}/file`, "");
  const cache = new ModuleCache(`${folder.path}/file`);
  const error = await assertRejects(() => cache.writeBlob(new Uint8Array(1)), ConfigError);
  assertEquals(
    error.message,
    `cannot write to the cache ${folder.path}/file: a file is where a folder should be; ` +
      "set GATEHOUSE_CACHE to use another folder",
  );
  const reading = await assertRejects(() => cache.readBlob(KEY), ConfigError);
  assertEquals(reading.message, error.message.replace("write to", "read"));
  // It works as soon as there is a folder.
  await Deno.remove(`${folder.path}/file`);
  await cache.writeBlob(new Uint8Array(1));
});

Deno.test("a file in the place of a folder is an error, and leaves nothing behind", async () => {
  await using folder = new TemporaryFolder();
  const cache = new ModuleCache(folder.path);
  const path = cache.graphFolder("a");
  await cache.writeAtomically(`${path}/m.js`, new Uint8Array(1));
  const error = await assertRejects(
    () => cache.writeAtomically(path, new Uint8Array(1)),
    ConfigError,
  );
  assertStringIncludes(error.message, folder.path);
  assertEquals(await filesIn(folder.path), ["CACHEDIR.TAG", "graphs/a/m.js"]);
});

Deno.test({
  name: "a full disk is an error that names the folder, and leaves nothing behind",
  ignore: Deno.build.os !== "linux" || Deno.uid() !== 0 || !canMountSmallDisk(),
  async fn() {
    await using folder = new TemporaryFolder();
    mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", folder.path);
    try {
      const cache = new ModuleCache(`${folder.path}/cache`);
      const error = await assertRejects(
        () => cache.writeBlob(new Uint8Array(1_000_000)),
        ConfigError,
      );
      assertEquals(
        error.message,
        `cannot write to the cache ${folder.path}/cache: No space left on device; ` +
          "set GATEHOUSE_CACHE to use another folder",
      );
      assertEquals(await filesIn(folder.path), ["cache/CACHEDIR.TAG"]);
    } finally {
      new Deno.Command("umount", { args: [folder.path] }).outputSync();
    }
  },
});

function mount(...args: string[]): boolean {
  return new Deno.Command("mount", { args, stderr: "null" }).outputSync().success;
}

/** Not in most containers. */
function canMountSmallDisk(): boolean {
  const path = Deno.makeTempDirSync();
  const isMounted = mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", path);
  if (isMounted) new Deno.Command("umount", { args: [path] }).outputSync();
  Deno.removeSync(path);
  return isMounted;
}

function start(...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", PROCESS, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

Deno.test("several processes load, write and clean at once, and none meets half a file", async () => {
  await using folder = new TemporaryFolder();
  await using server = new ModuleServer(Object.fromEntries(
    [0, 1, 2, 3].map((
      i,
    ) => [`/${i}.ts`, { body: `${i}`.repeat(100_000), headers: { etag: `"${i}"` } }]),
  ));
  const root = `${folder.path}/cache`;
  const tasks = ["load", "load", "load", "load", "clean"];
  const ends = await Promise.all(tasks.map((task) => start(root, task, server.origin).output()));
  for (const { code, stderr } of ends) {
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  }
  assertEquals((await filesIn(root)).filter((path) => path.includes(".tmp-")), []);
});

Deno.test("a process that is killed while it writes leaves nothing that is taken for whole", async () => {
  await using folder = new TemporaryFolder();
  const root = `${folder.path}/cache`;
  const child = start(root, "write");
  const reader = child.stdout.getReader();
  await reader.read();
  // Until it has written something; then it is writing the next.
  while (!(await filesIn(folder.path)).some((path) => path.includes("blobs/"))) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  child.kill("SIGKILL");
  await child.status;
  await Promise.all([reader.cancel(), child.stderr.cancel()]);
  const cache = new ModuleCache(root);
  await Deno.writeFile(`${root}/blobs/.tmp-999999-0123456789abcdef`, new Uint8Array(3));
  const written = await filesIn(`${root}/blobs`);
  const blobs = written.filter((path) => !path.includes(".tmp-"));
  for (const path of blobs) assertNotEquals(await cache.readBlob(path.slice(3)), null, path);
  assertEquals((await cache.info()).kinds.blobs, {
    entries: blobs.length,
    bytes: blobs.length * 4_000_000,
  });
  assertEquals((await cache.clean()).files, written.length);
  assertEquals(await filesIn(root), ["CACHEDIR.TAG"]);
});
