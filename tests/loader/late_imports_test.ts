/** What apps import while they run. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { ask, importAt, IMPORTING_APP, LoaderLab } from "../support/loader_lab.ts";
import { soon, test } from "../support/strict.ts";
import { ModuleServer, redirectTo } from "./module_server.ts";

/** Makes an object that tells which worker, and which instance of the module, it comes from. */
const INSTANCE = "const instance = crypto.randomUUID();\n" +
  "export default () => [globalThis.workerId, instance];\n";

const COUNTING_APP = `globalThis.workerId = crypto.randomUUID();\n${IMPORTING_APP}`;

const local = {
  "app.ts": COUNTING_APP,
  "parts/one.ts": 'import { two } from "./two.ts";\nexport default `one ${two as string}`;\n',
  "parts/two.ts": 'export const two = "two";\n',
  "parts/data.json": '{ "json": true }',
  "parts/text.txt": "some text",
  "parts/jsx.tsx": "const make = (tag: string) => `<${tag}>`;\n" +
    "/** @jsx make */\nexport default <p />;\n",
};

test("apps import by computed names, in workers and in the gateway's own thread", async (context) => {
  await using other = new ModuleServer({
    "/lib.ts": "export default `other ${import.meta.url.slice(-7)}` as string;\n",
    "/old.ts": redirectTo("/lib.ts"),
    "/instance.ts": INSTANCE,
    "/also.ts": redirectTo("/instance.ts"),
    "/data.json": { body: '{"remote":1}', headers: { "content-type": "application/json" } },
    "/gone.ts": 'import "./nowhere.ts";\nexport default 1;\n',
  });
  await using unlisted = new ModuleServer({ "/lib.ts": "export default 'unlisted';\n" });
  const { origin } = other;
  const host = new URL(origin).host;
  await using lab = new LoaderLab({ ...local, "../outside.ts": "export default 'outside';\n" });
  const cases: [specifier: string, type: string | undefined, unknown][] = [
    ["./parts/one.ts", undefined, "one two"],
    ["./parts/data.json", "json", { json: true }],
    ["./parts/data.json", "text", '{ "json": true }'],
    ["./parts/text.txt", "text", "some text"],
    ["./parts/text.txt", "bytes", [...new TextEncoder().encode("some text")]],
    ["./parts/one.ts?again", undefined, "one two"],
    [`${origin}/lib.ts`, undefined, "other /lib.ts"],
    [`${origin}/old.ts`, undefined, "other /lib.ts"],
    [`${origin}/data.json`, "json", { remote: 1 }],
    ["data:text/javascript,export default 'data'", undefined, "data"],
    ["data:application/typescript,export default 'typed' as string", undefined, "typed"],
    ["node:os", undefined, /EOL/],
    ["./parts/nowhere.ts", undefined, /^TypeError: .*parts\/nowhere\.ts/],
    [`${origin}/nowhere.ts`, undefined, /^TypeError: cannot load http:\S+nowhere\.ts: .*404/],
    [
      `${origin}/gone.ts`,
      undefined,
      /^TypeError: .*nowhere\.ts: .*\(imported by http:\S+gone\.ts:1\)/,
    ],
    ["./parts/data.json", undefined, /^TypeError: .*with the attribute \{ type: "json" \}/],
    ["./parts/text.txt", "json", /^TypeError: .*type "json"/],
    ["./parts/one.ts", "css", /^TypeError: .*"css"/],
    ["bare", undefined, /^TypeError: cannot resolve "bare"/],
    ["./a%2Fb.ts", undefined, /^TypeError: cannot load file:\S+%2Fb\.ts: /],
    ["blob:null/x", undefined, /^TypeError: cannot load blob:null\/x: /],
  ];
  const refused: typeof cases = [
    [`${unlisted.origin}/lib.ts`, undefined, /^TypeError: .*--allow-import=127\.0\.0\.1:\d+/],
    ["../outside.ts", undefined, /^TypeError: .*--app-allow-read=\S+outside\.ts would permit it/],
    ["http://insecure.invalid/x.ts", undefined, /^TypeError: .*--allow-insecure-import/],
  ];
  for (const workers of ["1", "0"]) {
    await context.step(`--workers ${workers}`, async () => {
      await using gateway = await lab.start(
        "app.ts",
        `--allow-import=${host}`,
        `--workers=${workers}`,
      );
      for (const [specifier, type, expected] of [...cases, ...(workers === "1" ? refused : [])]) {
        const got = await importAt(gateway, specifier, type);
        const name = `${specifier} ${type ?? ""}`;
        if (!(expected instanceof RegExp)) assertEquals(got, expected, name);
        else if (typeof got === "string") assertMatch(got, expected, name);
        else assertMatch(JSON.stringify(got), expected, name);
        if (typeof got === "string") assertEquals(got.split("\n").length, 1, got);
      }
      assertEquals(
        await importAt(gateway, `${origin}/also.ts`),
        await importAt(gateway, `${origin}/instance.ts`),
        "what is behind a redirect is one instance",
      );
      assert(!gateway.log.some((line) => /error|fail/i.test(line)), gateway.log.join("\n"));
    });
  }
  assertEquals(unlisted.requests.length, 0);
});

test("however many imports at once, in several workers, each has one instance of a module", async () => {
  const names = Array.from({ length: 12 }, (_, index) => `/m${index}.ts`);
  await using server = new ModuleServer({
    "/shared.ts": INSTANCE,
    ...Object.fromEntries(names.map((name) => [name, 'export { default } from "./shared.ts";\n'])),
  });
  await using lab = new LoaderLab(local);
  await using gateway = await lab.start("app.ts", "--allow-import", "--workers=3");
  const all = Array.from({ length: 5 }, () => [...names, "/shared.ts"]).flat();
  const seen = await Promise.all(
    all.map((name) => importAt(gateway, server.origin + name) as Promise<[string, string]>),
  );
  const instances = new Map<string, Set<string>>();
  for (const [worker, instance] of seen) {
    instances.set(worker, (instances.get(worker) ?? new Set()).add(instance));
  }
  assert(instances.size > 1, "several workers have imported");
  for (const each of instances.values()) assertEquals(each.size, 1);
  assertEquals(server.takePaths().sort(), [...names, "/shared.ts"].sort(), "each was fetched once");
});

test("an import that failed can be tried again", async () => {
  const unavailable = { status: 500, body: "not now" };
  await using server = new ModuleServer({
    "/flaky.ts": unavailable,
    "/parent.ts": 'export { default } from "./child.ts";\n',
  });
  const { origin } = server;
  await using lab = new LoaderLab({ ...local, "broken.ts": "export default ;\n" });
  await using gateway = await lab.start("app.ts", "--allow-import");
  const attempts = async () => [
    await importAt(gateway, `${origin}/flaky.ts`),
    await importAt(gateway, `${origin}/parent.ts`),
    await importAt(gateway, "./broken.ts"),
    await importAt(gateway, "./missing.ts"),
  ];
  for (const message of await attempts()) assertMatch(String(message), /^(?:Type|Syntax)Error: /);
  server.pages["/flaky.ts"] = 'export default "well again" as string;\n';
  server.pages["/child.ts"] = 'export default "there now" as string;\n';
  lab.write({
    "broken.ts": 'export default "mended" as string;\n',
    "missing.ts": 'export default "written" as string;\n',
  });
  assertEquals(await attempts(), ["well again", "there now", "mended", "written"]);
});

test("an app from a URL imports from its own origin, and elsewhere if it is permitted", async () => {
  await using other = new ModuleServer({ "/lib.ts": "export default 'other';\n" });
  await using own = new ModuleServer({
    "/app.ts": IMPORTING_APP,
    "/lib.ts": "export default 'own';\n",
    "/asks.ts": `export { default } from "${other.origin}/lib.ts";\n`,
  });
  await using lab = new LoaderLab({
    "part.ts": 'export { default } from "./whole.ts";\n',
    "whole.ts": "export default 'file';\n",
    "static.ts": "export default 1;\n",
  });
  own.pages["/static.ts"] = `import "${lab.url("static.ts")}";\nexport default 1;\n`;
  const app = `${own.origin}/app.ts`;
  const host = new URL(other.origin).host;
  {
    await using gateway = await lab.start(app, "--allow-import");
    assertEquals(await importAt(gateway, "./lib.ts"), "own");
    for (const specifier of [`${other.origin}/lib.ts`, "./asks.ts"]) {
      const message = String(await importAt(gateway, specifier));
      assertStringIncludes(message, `--app-allow-import=${host}`);
      assertStringIncludes(message, `${other.origin}/lib.ts`);
    }
    const message = String(await importAt(gateway, lab.url("part.ts")));
    assertStringIncludes(message, `--app-allow-read=${lab.path("part.ts")}`);
    assertEquals(await importAt(gateway, "data:text/javascript,export default 1"), 1);
  }
  assertEquals(other.requests.length, 0);
  await using gateway = await lab.start(
    app,
    `--app-allow-import=${host}`,
    `--app-allow-read=${lab.folder}`,
  );
  assertEquals(await importAt(gateway, "./lib.ts"), "own");
  assertEquals(await importAt(gateway, `${other.origin}/lib.ts`), "other");
  assertEquals(await importAt(gateway, lab.url("part.ts")), "file");
  assertMatch(String(await importAt(gateway, "./static.ts")), /remote modules cannot import local/);
});

test("an import that is under way at a shutdown is answered, and new ones too", async () => {
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  await using server = new ModuleServer({
    "/slow.ts": async () => {
      asked.resolve();
      await release.promise;
      return new Response("export default 'slow';\n", {
        headers: { "content-type": "text/javascript" },
      });
    },
    "/next.ts": "export default 'next';\n",
  });
  await using lab = new LoaderLab({
    "app.ts": "export default async (): Promise<Response> => {\n" +
      "  const first = await import(`${BASE}/slow.ts`);\n" +
      "  const second = await import(`${BASE}/next.ts`);\n" +
      "  return new Response(first.default + second.default);\n};\n" +
      `const BASE = "${server.origin}";\n`,
  });
  await using gateway = await lab.start("app.ts", "--allow-import");
  const answer = ask(gateway);
  await soon("the import", asked.promise);
  gateway.kill("SIGTERM");
  // The listener is closed when it is no longer accepted; nothing waits for a clock.
  await soon(
    "the end of listening",
    (async () => {
      for (;;) {
        try {
          (await Deno.connect({ hostname: "127.0.0.1", port: gateway.port })).close();
        } catch {
          return;
        }
      }
    })(),
  );
  release.resolve();
  assertEquals(await answer, "slownext");
  assertEquals((await soon("the end", gateway.status)).code, 0);
});
