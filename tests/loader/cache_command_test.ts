/** `gatehouse cache`. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { ask, complaints, LoaderLab } from "../support/loader_lab.ts";
import {
  answerHere,
  refusalHere,
  wrongCacheUsageHere,
  wrongUsageHere,
} from "../support/loading_here.ts";
import { FakeRegistry } from "../support/npm_registry.ts";
import { test } from "../support/strict.ts";
import { ModuleServer } from "./module_server.ts";

test("gatehouse cache fetches all that apps need: they start without the network", async () => {
  await using lab = new LoaderLab();
  const apps: string[] = [];
  {
    await using registry = await FakeRegistry.start({
      "pack@1.0.0": {
        files: {
          "index.js": "exports.pack = require('./part');",
          "part.js": "module.exports = 'pack';",
        },
      },
    });
    await using server = new ModuleServer({
      "/app.ts":
        'import { lib } from "./lib.ts";\nexport default () => new Response(`remote ${lib}`);\n',
      "/lib.ts": 'export const lib: string = "lib";\n',
      "/late.ts": "export default 'late';\n",
    });
    lab.write({
      "one.js": "export default () => new Response();",
      ".npmrc": `registry=${registry.url}\n`,
      "app.ts": 'import { pack } from "npm:pack@1";\n' +
        "export default async () => new Response(`${pack} " +
        `\${(await import("${server.origin}/late.ts")).default}\`);\n` +
        "export const admin = () => new Response('admin');\n",
    });
    apps.push("app.ts", `${server.origin}/app.ts`);
    const one = await lab.runCache("one.js");
    assertMatch(one.stdout, /^file:\S+\/one\.js: 1 module is in the cache\n$/);
    const host = new URL(server.origin).host;
    const { code, stdout, stderr } = await lab.runCache(...apps, `--allow-import=${host}`);
    assertEquals(code, 0, stderr);
    assertMatch(
      stdout,
      /^file:\S+\/app\.ts: \d+ modules are in the cache\nhttp:\S+\/app\.ts: 2 modules are in the cache\n$/,
    );
    assertStringIncludes(stderr, `fetching ${server.origin}/late.ts`);
    apps.push(`--allow-import=${host}`);
  }
  const [local, remote, allowed] = apps;
  for (const args of [["--app-allow-net"], ["--workers=0", "--cached-only"]]) {
    await using gateway = await lab.start(
      `--mount=/local=${local}`,
      `--mount=/admin=${local}#admin`,
      `--mount=/remote=${remote}`,
      allowed,
      ...args,
    );
    assertEquals(
      [
        await ask(gateway, "/local/"),
        await ask(gateway, "/admin/"),
        await ask(gateway, "/remote/"),
      ],
      ["pack late", "admin", "remote lib"],
      `${args}`,
    );
    const log = gateway.log.join("\n");
    assertEquals(log.includes("fetching"), false, log);
  }
});

test("gatehouse cache tells what it cannot fetch, and keeps what it could", async () => {
  await using server = new ModuleServer({
    "/good.ts": "export default 1;\n",
    "/bad.ts": "export default ;\n",
  });
  await using lab = new LoaderLab({
    "half.ts": `import "${server.origin}/good.ts";\nimport "${server.origin}/gone.ts";\n`,
    "bad.ts": `import "${server.origin}/bad.ts";\n`,
  });
  const half = await lab.runCache("half.ts", "--allow-import");
  assertEquals(half.code, 1);
  assertEquals(complaints(half).length, 1, half.stderr);
  assertMatch(
    complaints(half)[0],
    /cannot load \S+\/gone\.ts: .*\(imported by file:\S+half\.ts:2\)/,
  );
  assertMatch(await refusalHere(lab, "bad.ts", "--allow-import"), /\/bad\.ts:1:16/);
  server.pages["/gone.ts"] = "export default 2;\n";
  server.takePaths();
  assertEquals((await lab.runCache("half.ts", "--allow-import")).code, 0);
  assertEquals(server.takePaths(), ["/gone.ts"]);
  assertStringIncludes(await refusalHere(lab, "nothing.ts"), lab.url("nothing.ts"));
});

test("gatehouse cache --info says what there is, --clean removes it and nothing else", async () => {
  await using lab = new LoaderLab({ "app.ts": "export default () => new Response('here');\n" });
  const empty = await lab.runCache("--info");
  assertEquals([empty.code, empty.stderr], [0, ""]);
  assert(empty.stdout.startsWith(`${lab.cache}\n`), empty.stdout);
  assertEquals(lab.filesInCache(), [], "looking makes nothing");
  assertMatch((await lab.runCache("--clean")).stdout, /: removed 0 files, 0\.0 MB\n$/);

  assertEquals((await lab.runCache("app.ts")).code, 0);
  const { stdout } = await lab.runCache("--info");
  for (const kind of ["http", "blobs", "js", "apps", "graphs", "npm", "npm-sets"]) {
    const count = ["js", "apps", "graphs"].includes(kind) ? 1 : 0;
    assertMatch(stdout, new RegExp(`^  ${kind} +${count} +\\d+\\.\\d MB$`, "m"));
  }
  await Deno.writeTextFile(`${lab.cache}/mine.txt`, "not of the cache");
  const cleaned = await lab.runCache("--clean");
  assertMatch(cleaned.stdout, new RegExp(`^${lab.cache}: removed \\d+ files, \\d+\\.\\d MB\n$`));
  assertEquals(lab.filesInCache(), ["CACHEDIR.TAG", "mine.txt"]);
  assertEquals(await answerHere(lab, "app.ts"), "here");
});

test("gatehouse cache that is used in a wrong way says so, with exit status 2", async () => {
  await using lab = new LoaderLab({ "app.ts": "export default () => new Response();\n" });
  const wrong: [string[], RegExp][] = [
    [[], /cache needs apps to fetch, or --info, or --clean/],
    [["--info", "app.ts"], /cache --info takes no apps/],
    [["--clean", "app.ts"], /cache --clean takes no apps/],
    [["app.ts", "--frozen"], /--frozen needs --lock FILE/],
    [["app.ts", "--lock"], /--lock needs a value/],
    [["app.ts", "--allow-import=a/b"], /cannot use "a\/b" as a host/],
    [["app.ts", "--nonsense"], /--nonsense/],
    [[""], /an argument is empty/],
  ];
  for (const [args, message] of wrong) {
    assertMatch(await wrongCacheUsageHere(lab, ...args), message, `${args}`);
  }
  const ended = await lab.runCache("app.ts", "--frozen");
  assertEquals(ended.code, 2, ended.stderr);
  assertEquals(complaints(ended).length, 1, ended.stderr);
  assertStringIncludes(
    await wrongUsageHere(lab, "app.ts", "--info"),
    "--info is for gatehouse cache",
  );
});
