/** Locks of whole apps: what they are for, reloads, and what apps import while they run. */

import { assertEquals, assertMatch, assertRejects } from "../support/assert.ts";
import { ask, importAt, IMPORTING_APP, LoaderLab } from "../support/loader_lab.ts";
import { lockHere, startHere } from "../support/loading_here.ts";
import { FakeRegistry } from "../support/npm_registry.ts";
import { test } from "../support/strict.ts";
import { ConfigError, LoadError } from "../../src/base/errors.ts";
import { AppLock } from "../../src/loader/app_lock.ts";
import { ModuleServer, redirectTo } from "./module_server.ts";

const PACKAGES = {
  "modern@1.0.0": { json: { type: "module" }, files: { "index.js": "export default 1;" } },
  "below@1.0.0": { files: { "index.js": "exports.below = 'below';" } },
};

test("apps and middleware without an entry are refused; each has its own", async () => {
  await using lab = new LoaderLab({
    "sites/a.ts": 'import "../shared.ts";\nexport default () => new Response("a");\n',
    "sites/b.ts": 'import npm from "./b.json" with { type: "json" };\n' +
      "export default () => new Response(npm);\nexport const admin = () => new Response('admin');\n",
    "sites/b.json": '"b"',
    "shared.ts": "export {};\n",
    "around.ts": "export default (next: unknown) => next;\n",
    "static/page.html": "page",
  });
  const mounts = ["--mount=/a=sites/a.ts", "--mount=/b=sites/b.ts", "--mount=/c=sites/b.ts#admin"];
  const lock = "--app-lock=locks/gatehouse.lock";
  const read = "--app-allow-read=.";
  Deno.mkdirSync(lab.path("locks"));
  await lockHere(lab, ...mounts, "--mount=/s=static", lock, read);
  const { apps } = JSON.parse(Deno.readTextFileSync(lab.path("locks/gatehouse.lock")));
  assertEquals(Object.keys(apps), ["../sites/a.ts", "../sites/b.ts"]);
  assertEquals(Object.keys(apps["../sites/a.ts"].modules), ["../shared.ts", "./a.ts"]);
  assertEquals(Object.keys(apps["../sites/b.ts"].modules), ["./b.json", "./b.ts"]);
  // However they are put together.
  assertEquals((await startHere(lab, "sites/a.ts", lock, read)).text, "a");
  assertEquals((await startHere(lab, "sites/b.ts", lock, read)).text, "b");
  await using gateway = await lab.start(...mounts, "--mount=/s=static", lock, read);
  const texts = ["/a/", "/b/", "/c/", "/s/page.html"].map(async (path) => await ask(gateway, path));
  assertEquals(await Promise.all(texts), ["a", "b", "admin", "page"]);
  const start = () => startHere(lab, "sites/a.ts", "around.ts", lock, read);
  assertMatch(
    (await assertRejects(start, LoadError)).message,
    /around\.ts: \S+gatehouse\.lock does not have the app \.\.\/around\.ts; add it with gatehouse lock$/,
  );
});

test("an app that takes event streams of gatehouse has a lock that holds", async () => {
  await using lab = new LoaderLab({
    "app.ts": 'import { eventText } from "gatehouse/events";\n' +
      'export default () => new Response(eventText("a"));\n',
  });
  await lockHere(lab, "app.ts", "--app-lock=gatehouse.lock");
  await using gateway = await lab.start("app.ts", "--app-lock=gatehouse.lock");
  assertEquals(await ask(gateway, "/"), "data: a\n\n");
});

test("a lock that cannot be used is wrong usage, and is told with its line", async () => {
  await using lab = new LoaderLab({
    "app.ts": "export default () => new Response('app');\n",
    "deno.json": "{}",
  });
  await lockHere(lab, "app.ts", "--app-lock=gatehouse.lock");
  const lock = Deno.readTextFileSync(lab.path("gatehouse.lock"));
  const [line] = lock.split("\n").flatMap((text, at) =>
    text.includes('"./app.ts": {') ? at + 1 : []
  );
  const cases: [text: string, told: RegExp][] = [
    ["", /gatehouse\.lock:1: this is not JSON/],
    ["[]", /gatehouse\.lock:1: a lock file should be a JSON object/],
    ['{\n"version": 1 }', /gatehouse\.lock:2: this is no lock of apps/],
    [lock.replace('"version": 1', '"version": 2'), /gatehouse\.lock:2: .* its version is 2, and/],
    [lock.replace('"version"', '"more": 1,\n"version"'), /:2: "more" does not belong/],
    [lock.replace(/"modules": \{[^}]*\}/, '"modules": []'), /"\.\/app\.ts" should have hashes/],
    [lock.replace(/[\da-f]{64}"\n\s*\}/, (text) => text.replace(/./, "!")), /should have hashes/],
    [
      lock.replace(/("\.\/app\.ts": ")[\da-f]{8}/, "$100000000"),
      new RegExp(`gatehouse\\.lock:${line}: the entry of "\\./app\\.ts" was changed by hand`),
    ],
    ['{"version": 1, "apps": {"__proto__": {}}}', /the entry of "__proto__" should have hashes/],
  ];
  for (const [text, told] of cases) {
    lab.write({ "gatehouse.lock": text });
    const start = () => startHere(lab, "app.ts", "--app-lock=gatehouse.lock");
    assertMatch((await assertRejects(start, ConfigError)).message, told);
    if (text === "" || text === "[]" || !text.includes("apps")) {
      // What is no such lock is not replaced.
      const write = () => lockHere(lab, "app.ts", "--app-lock=gatehouse.lock");
      assertMatch((await assertRejects(write, ConfigError)).message, told);
    }
  }
  lab.write({ "gatehouse.lock": lock });
  const missing = () => startHere(lab, "app.ts", "--app-lock=none.lock");
  assertMatch(
    (await assertRejects(missing, ConfigError)).message,
    /there is no lock file \S+none\.lock: make it with gatehouse lock/,
  );
  const other = () => startHere(lab, "app.ts", "--lock=gatehouse.lock");
  assertMatch(
    (await assertRejects(other, ConfigError)).message,
    /gatehouse\.lock:3: this lock pins whole apps: it is for --app-lock/,
  );
  for (
    const [args, told] of [
      [["--watch-remote=60"], /--watch-remote cannot be combined with --app-lock/],
      [["--loader=native"], /--loader native cannot be combined/],
    ] as const
  ) {
    const start = () => startHere(lab, "app.ts", "--app-lock=gatehouse.lock", ...args);
    assertMatch((await assertRejects(start, ConfigError)).message, told);
  }
  const written = await AppLock.read(lab.path("gatehouse.lock"));
  assertEquals(written.apps, ["./app.ts"]);
});

test("a reload serves what the lock has by then, or the old generation goes on", async () => {
  await using server = new ModuleServer({ "/lib.ts": 'export default "one" as string;\n' });
  await using lab = new LoaderLab({
    "app.ts": `import lib from "${server.origin}/lib.ts";\n` +
      'import old from "./old.cjs";\nexport default () => new Response(lib + old);\n',
    "old.cjs": 'module.exports = " old";',
  });
  const args = ["app.ts", "--allow-import", "--app-lock=gatehouse.lock"];
  await lockHere(lab, ...args);
  for (const more of [[], ["--processes=2"]]) {
    server.pages["/lib.ts"] = 'export default "one" as string;\n';
    await lockHere(lab, ...args);
    await using gateway = await lab.start(...args, ...more, "--reload");
    assertEquals(await ask(gateway), "one old");
    server.pages["/lib.ts"] = 'export default "two" as string;\n';
    gateway.kill("SIGHUP");
    await gateway.logged(/lib\.ts is another: /);
    await gateway.logged(/generation 1 goes on serving/);
    assertEquals(await ask(gateway), "one old");
    await lockHere(lab, ...args);
    const before = gateway.log.length;
    gateway.kill("SIGHUP");
    // Each of the processes.
    for (const mark of more.length === 0 ? [""] : ["\\[1\\] ", "\\[2\\] "]) {
      await gateway.logged(new RegExp(`^${mark}generation 3 serves`), { before });
    }
    assertEquals(await ask(gateway), "two old");
  }
});

test("with --watch, a lock that changes is a reason to reload", async () => {
  await using lab = new LoaderLab({ "app.ts": "export default () => new Response('one');\n" });
  const args = ["app.ts", "--app-lock=gatehouse.lock"];
  await lockHere(lab, ...args);
  await using gateway = await lab.start(...args, "--watch");
  lab.write({ "app.ts": "export default () => new Response('two');\n" });
  await gateway.logged(/app\.ts is another: /);
  assertEquals(await ask(gateway), "one");
  await lockHere(lab, ...args);
  await gateway.logged(/generation 3 serves/);
  assertEquals(await ask(gateway), "two");
});

test("while they run, apps can import what the lock has, and nothing else", async (context) => {
  await using server = new ModuleServer({
    "/one.ts": 'export default "one" as string;\n',
    "/two.ts": 'export default "two" as string;\n',
    "/moved.ts": redirectTo("/one.ts"),
  });
  await using registry = await FakeRegistry.start(PACKAGES);
  const { origin } = server;
  await using lab = new LoaderLab({
    ".npmrc": `registry=${registry.url}\n`,
    "app.ts": `${IMPORTING_APP}export const more = () => [\n  import("${origin}/moved.ts"),\n` +
      '  import("./near.ts"),\n  import("npm:modern@1"),\n];\n',
    "near.ts": 'export default "near" as string;\n',
    "far.ts": 'export default "far" as string;\n',
    "far.cjs": 'module.exports = "far";\n',
  });
  const args = ["app.ts", "--allow-import", "--app-lock=gatehouse.lock"];
  await lockHere(lab, ...args);
  const refused = (name: string) =>
    new RegExp(`^TypeError: cannot load ${name}: --app-lock pins what was known when the app`);
  const cases: [specifier: string, type: string | undefined, unknown][] = [
    [`${origin}/one.ts`, undefined, "one"],
    [`${origin}/moved.ts`, undefined, "one"],
    [`${origin}/one.ts`, "text", 'export default "one" as string;\n'],
    ["./near.ts", undefined, "near"],
    ["./near.ts", "text", 'export default "near" as string;\n'],
    ["data:text/javascript,export default 'data'", undefined, "data"],
    ["node:os", undefined, /EOL/],
    [`${origin}/two.ts`, undefined, refused("\\S+/two\\.ts")],
    [`data:text/javascript,import "${origin}/two.ts"`, undefined, refused("\\S+/two\\.ts")],
    ["./far.ts", undefined, refused("\\S+/far\\.ts")],
    ["./far.cjs", undefined, refused("\\S+/far\\.cjs")],
    ["npm:below@1", undefined, refused("npm:below@1")],
  ];
  for (const workers of ["1", "0"]) {
    await context.step(`--workers ${workers}`, async () => {
      await using gateway = await lab.start(...args, `--workers=${workers}`);
      for (const [specifier, type, expected] of cases) {
        const got = await importAt(gateway, specifier, type);
        const name = `${specifier} ${type ?? ""}`;
        if (!(expected instanceof RegExp)) assertEquals(got, expected, name);
        else assertMatch(typeof got === "string" ? got : JSON.stringify(got), expected, name);
      }
      // What is pinned, and has changed since, is not taken either.
      lab.write({ "near.ts": 'export default "changed" as string;\n' });
      assertMatch(String(await importAt(gateway, "./near.ts", "bytes")), refused("\\S+/near\\.ts"));
      lab.write({ "near.ts": 'export default "near" as string;\n' });
    });
  }
});

test("packages in node_modules are pinned by the files that are used of them", async () => {
  const files = {
    "package.json": '{ "dependencies": { "pack": "1.0.0" } }',
    "app.mjs": 'import pack from "pack";\nexport default () => new Response(pack);\n',
    "node_modules/pack/package.json": '{ "name": "pack", "version": "1.0.0" }',
    "node_modules/pack/index.js": 'module.exports = require("./part") + require("./data.json");',
    "node_modules/pack/part.js": 'module.exports = "part ";',
    "node_modules/pack/data.json": '"data"',
    "node_modules/pack/unused.js": "",
  };
  await using first = new LoaderLab(files);
  const args = ["app.mjs", "--app-lock=gatehouse.lock"];
  await lockHere(first, ...args);
  const lock = Deno.readTextFileSync(first.path("gatehouse.lock"));
  const { apps } = JSON.parse(lock);
  assertEquals(Object.keys(apps["./app.mjs"].packages), ["pack@1.0.0"]);
  await using other = new LoaderLab({ ...files, "gatehouse.lock": lock });
  {
    await using gateway = await other.start(...args);
    assertEquals(await ask(gateway), "part data");
  }
  for (const name of ["part.js", "data.json", "package.json"]) {
    const path = `node_modules/pack/${name}` as const;
    const text = (files as Record<string, string>)[path];
    other.write({ [path]: text.replace(/a(?=.*$)/, "A") });
    const start = () => startHere(other, ...args);
    assertMatch(
      (await assertRejects(start, LoadError)).message,
      /npm:pack@1\.0\.0 is another|nAme/,
    );
    other.write({ [path]: text });
  }
  other.write({ "node_modules/pack/unused.js": "changed" });
  await using gateway = await other.start(...args);
  assertEquals(await ask(gateway), "part data");
});
