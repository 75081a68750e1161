/** Apps that use packages. */

import { DEFAULT_REGISTRY } from "../../src/loader/npm/npmrc.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { jsrPages } from "../support/jsr_pages.ts";
import { ask, complaints, importAt, IMPORTING_APP, LoaderLab } from "../support/loader_lab.ts";
import { refusalHere, startHere } from "../support/loading_here.ts";
import { FakeRegistry } from "../support/npm_registry.ts";
import type { FakePackages } from "../support/npm_registry.ts";
import { test } from "../support/strict.ts";
import { ModuleServer } from "./module_server.ts";

const PACKAGES: FakePackages = {
  "modern@1.0.0": {
    json: {
      type: "module",
      exports: { ".": "./main.js", "./sub/*": "./lib/*.js", "./data": "./data.json" },
      dependencies: { counter: "^1.0.0" },
    },
    files: {
      "main.js": 'import { sep } from "node:path";\nimport os from "os";\n' +
        'import { next } from "counter";\nexport { next };\n' +
        "export default [typeof sep, typeof os.EOL, import.meta.url.slice(-8)];\n",
      "lib/one.js": 'export const one = "one";\nexport const late = () => import("./two.js");\n',
      "lib/two.js": "export default 'two';\n",
      "data.json": '{"from":"data.json"}',
    },
  },
  "counter@1.0.0": { files: { "index.js": "let count = 0;\nexports.next = () => ++count;\n" } },
  "commons@2.1.0": {
    json: {
      main: "lib/main",
      dependencies: { counter: "1", chosen: "*", "@scope/part": "^3", semver: "7" },
    },
    files: {
      "lib/main.js": "const path = require('path');\n" +
        "exports.json = require('../package.json').version;\n" +
        "exports.place = [path.basename(__dirname), path.basename(__filename)];\n" +
        "exports.next = require('counter').next;\n" +
        "exports.chosen = require('chosen');\n" +
        "exports.inner = require('chosen/inner');\n" +
        "exports.part = require('@scope/part');\n" +
        "exports.semver = require('semver');\n" +
        "exports.cycle = require('./a.cjs').whole();\n" +
        "exports.late = () => import('./late.mjs');\n" +
        "exports.lateOther = async (name) => (await import(name)).default;\n" +
        "exports.missing = () => { try { require('not-here'); } catch (e) { return e.code; } };\n" +
        "exports.hidden = () => { try { require('chosen/hidden.js'); } catch (e) { return e.code; } };\n",
      "lib/a.cjs": "exports.early = 'a';\nconst b = require('./b.cjs');\n" +
        "exports.whole = () => `${b.seen} ${b.now()}`;\n",
      "lib/b.cjs": "const a = require('./a.cjs');\nexports.seen = Object.keys(a).join();\n" +
        "exports.now = () => typeof a.whole;\n",
      "lib/late.mjs": "import { next } from 'counter';\nexport default `late ${typeof next}`;\n",
    },
  },
  "chosen@1.0.0": {
    json: {
      exports: {
        ".": { import: "./esm.mjs", require: "./cjs.cjs" },
        "./inner": { node: "./inner-node.cjs", default: "./inner.cjs" },
      },
    },
    files: {
      "esm.mjs": "export default 'by import';\n",
      "cjs.cjs": "module.exports = 'by require';\n",
      "inner.cjs": "module.exports = 'inner';\n",
      "inner-node.cjs": "module.exports = 'inner of node';\n",
      "hidden.js": "module.exports = 'hidden';\n",
    },
  },
  "@scope/part@3.0.1": {
    json: { main: "./index.js" },
    files: { "index.js": "module.exports = 'part';\n" },
  },
  // Gatehouse itself has one of that name.
  "semver@7.0.0": { files: { "index.js": "module.exports = 'semver of the app';\n" } },
  "@scope/part@4.0.0": { files: { "index.js": "module.exports = 'newer part';\n" } },
  "user@1.0.0": {
    json: { dependencies: { counter: "*" } },
    files: { "index.js": "const { next } = require('counter');\nmodule.exports = () => next();\n" },
  },
};

test("an app uses ESM, CommonJS and dual packages, with one instance of each", async () => {
  await using lab = new LoaderLab({
    "app.ts": 'import modern, { next } from "npm:modern@1";\n' +
      'import { one, late } from "npm:modern@^1.0.0/sub/one";\n' +
      'import data from "npm:modern@1/data" with { type: "json" };\n' +
      'import commons, { next as nextOfCommons, place } from "npm:commons";\n' +
      'import { next as own } from "counter";\n' +
      'import chosen from "npm:chosen@1";\n' +
      'import part from "npm:@scope/part@4";\n' +
      "export default async (): Promise<Response> => Response.json({\n" +
      "  modern, one, late: (await late()).default, data, json: commons.json, place, chosen, part,\n" +
      "  byRequire: commons.chosen, inner: commons.inner, oldPart: commons.part,\n" +
      "  semver: commons.semver,\n" +
      "  cycle: commons.cycle, lateOfCommons: (await commons.late()).default,\n" +
      "  other: await commons.lateOther('chosen'), missing: commons.missing(), hidden: commons.hidden(),\n" +
      "  counts: [next(), nextOfCommons(), own()],\n});\n",
    "deno.json": '{ "imports": { "counter": "npm:counter@1" } }',
  });
  const expected = {
    modern: ["string", "string", "/main.js"],
    one: "one",
    late: "two",
    data: { from: "data.json" },
    json: "2.1.0",
    place: ["lib", "main.js"],
    chosen: "by import",
    part: "newer part",
    byRequire: "by require",
    inner: "inner of node",
    oldPart: "part",
    semver: "semver of the app",
    cycle: "early function",
    lateOfCommons: "late function",
    other: "by import",
    missing: "MODULE_NOT_FOUND",
    hidden: "ERR_PACKAGE_PATH_NOT_EXPORTED",
    counts: [1, 2, 3],
  };
  {
    await using registry = await FakeRegistry.start(PACKAGES);
    lab.write({ ".npmrc": `registry=${registry.url}\n` });
    const { text } = await lab.answerOf("app.ts", "--workers=2");
    assertEquals(JSON.parse(text), expected);
    assert(!registry.requests.includes("/user"), "what nobody needs is not fetched");
  }
  const { text, log } = await lab.answerOf("app.ts", "--workers=0");
  assertEquals(JSON.parse(text), expected, "--workers 0, without the registry");
  assertEquals(log.includes("fetching"), false, log);
});

test("packages that are imported late share instances with those that are there", async () => {
  await using registry = await FakeRegistry.start(PACKAGES);
  const parts = (folder: string) => ({
    [`${folder}/.npmrc`]: `registry=${registry.url}\n`,
    [`${folder}/count.ts`]: 'import { next } from "npm:counter@1";\nexport default () => next();\n',
    [`${folder}/modern.ts`]: 'export { next as default } from "npm:modern@1";\n',
  });
  await using lab = new LoaderLab({
    "with/app.ts": 'import { next } from "npm:counter@1";\nglobalThis.next = next;\n' +
      IMPORTING_APP,
    "without/app.ts": IMPORTING_APP,
    ...parts("with"),
    ...parts("without"),
  });
  const mounts = ["with", "without"].map((name) => `--mount=/${name}=${name}/app.ts`);
  for (const [workers, apps] of [["1", ["with", "without"]], ["0", ["with"]]] as const) {
    // In workers these are two groups, with a graph each: what they may read is not the same.
    await using gateway = await lab.start(...mounts, `--workers=${workers}`);
    for (const app of apps) {
      const at = { url: `${gateway.url}/${app}` };
      const got: unknown[] = [];
      for (
        const specifier of [
          "./count.ts",
          "npm:user@1",
          "./modern.ts",
          "npm:user@1.0.0",
          "./count.ts",
        ]
      ) {
        got.push(await importAt(at, specifier));
      }
      assertEquals(got, [1, 2, 3, 4, 5], `${app} --workers ${workers}`);
      assertEquals(await importAt(at, "npm:@scope/part@3"), "part");
      const message = String(await importAt(at, "npm:nobody-has-this"));
      assertMatch(message, /^TypeError: cannot load npm:nobody-has-this: /);
      assertEquals(message.split("\n").length, 1, message);
      assertEquals(await importAt(at, "npm:chosen@1"), "by import");
    }
  }
});

test("a package can be the app, from the registry that the user's own .npmrc names", async () => {
  await using registry = await FakeRegistry.start({
    "@mine/app@1.0.0": {
      json: { type: "module", exports: { ".": "./app.js", "./old": "./old.cjs" } },
      files: {
        "app.js": "export default () => new Response('from a package');\n",
        "old.cjs": "module.exports = { fetch: () => new Response('CommonJS') };\n",
      },
    },
  });
  await using home = new LoaderLab({ ".npmrc": `@mine:registry=${registry.url}\n` });
  await using lab = new LoaderLab({}, { HOME: home.folder, DENO_DIR: await denoDir() });
  await using gateway = await lab.start(
    "--mount=/new=npm:@mine/app@1",
    "--mount=/old=npm:@mine/app@1/old",
  );
  assertEquals(
    [await ask(gateway, "/new/"), await ask(gateway, "/old/")],
    ["from a package", "CommonJS"],
  );
});

/** Where Deno keeps what it has fetched, whatever the home folder is. */
async function denoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json"],
    stdin: "null",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

test("another registry in .npmrc counts at the next start", async () => {
  const said = (text: string): FakePackages => ({
    "said@1.0.0": {
      json: { type: "module", exports: "./index.js" },
      files: { "index.js": `export default "${text}";\n` },
    },
  });
  await using first = await FakeRegistry.start(said("first"));
  await using second = await FakeRegistry.start(said("second"));
  await using lab = new LoaderLab({
    "app.ts": 'import said from "npm:said@1";\nexport default () => new Response(said);\n',
  });
  const answers: string[] = [];
  for (const { url } of [first, second, second, first]) {
    lab.write({ ".npmrc": `registry=${url}\n` });
    answers.push((await startHere(lab, "app.ts")).text);
  }
  assertEquals(answers, ["first", "second", "second", "first"]);
});

test("what packages lack is told", async () => {
  await using registry = await FakeRegistry.start({
    "an-app@1.0.0": { json: { exports: "./app.js" }, files: { "app.js": "" } },
    "needs@1.0.0": {
      json: { type: "module", main: "main.js" },
      files: { "main.js": "import './part.js';\n" },
    },
    "throws@1.0.0": { files: { "index.js": "\n\nthrow new Error('at load');\n" } },
  });
  const app = (specifier: string) =>
    `import "${specifier}";\nexport default () => new Response();\n`;
  await using lab = new LoaderLab({
    ".npmrc": `registry=${registry.url}\n`,
    "nobody.ts": app("npm:nobody@1"),
    "version.ts": app("npm:an-app@9"),
    "path.ts": app("npm:an-app@1/none"),
    "needs.ts": app("npm:needs@1"),
    "throws.ts": app("npm:throws@1"),
    "specifier.ts": app("npm:@broken"),
  });
  const failures: Record<string, RegExp> = {
    "nobody.ts": /cannot load npm:nobody\S*: there is no such package/,
    "version.ts":
      /cannot load npm:an-app@9: no version of the package matches "9"; there (?:is|are) 1\.0\.0/,
    "path.ts": /cannot load npm:an-app@1\S*\/none: .*(?:exports|export)/,
    "needs.ts": /part\.js.*\(imported by npm:needs@1\.0\.0\/main\.js/,
    "specifier.ts": /cannot load npm:@broken: /,
  };
  for (const [name, message] of Object.entries(failures)) {
    assertMatch(await refusalHere(lab, name), message);
  }
  const ended = await lab.run("throws.ts");
  assertEquals(ended.code, 1, ended.stderr);
  assertEquals(complaints(ended).length, 1, ended.stderr);
  assertMatch(complaints(ended)[0], /: at load/);
});

test("packages of JSR are used, checked, and there without the network", async () => {
  const packages = {
    "@scope/name@1.1.0": {
      "/mod.ts":
        'import { tool } from "jsr:@scope/tool@^2";\nimport data from "./data.json" with { type: "json" };\n' +
        "export const name: string = tool(data.value);\nexport { part } from './sub.ts';\n",
      "/sub.ts": "export const part: string = 'part';\nexport default part;\n",
      "/data.json": '{ "value": "data" }',
    },
    "@scope/name@2.0.0": { "/mod.ts": "export const name = 'newer';\n" },
    "@scope/tool@2.3.0": {
      "/mod.ts":
        "export const tool = (text: string): string => `<${text}>`;\nexport default 'tool';\n",
    },
  };
  const jsr = new ModuleServer(jsrPages(packages));
  await using lab = new LoaderLab({
    "app.ts": 'import { name, part } from "jsr:@scope/name@1";\n' +
      'import { default as sub } from "jsr:@scope/name@1/sub";\n' +
      IMPORTING_APP.replace("export default", "const app =") +
      "export default { fetch: (request: Request) => request.url.includes('?') ? app(request) : " +
      "new Response([name, part, sub].join()) };\n",
  }, { JSR_URL: jsr.origin });
  try {
    await using gateway = await lab.start("app.ts");
    assertEquals(await ask(gateway), "<data>,part,part");
    assertEquals(await importAt(gateway, "jsr:@scope/tool@2"), "tool");
    assertMatch(
      String(await importAt(gateway, "jsr:@scope/tool@7")),
      /^TypeError: cannot load jsr:@scope\/tool@7: no version .* "7"; there are 2\.3\.0/,
    );
    // Its content is not what the package says.
    jsr.pages["/@scope/name/2.0.0/mod.ts"] = "export const name = 'changed';\n";
    assertStringIncludes(
      String(await importAt(gateway, "jsr:@scope/name@2")),
      "but its package says",
    );
  } finally {
    await jsr[Symbol.asyncDispose]();
  }
  assertEquals((await lab.answerOf("app.ts")).text, "<data>,part,part");
});

/** What keeps the registry from being asked, if anything does. */
async function unreachable(): Promise<string | null> {
  try {
    const response = await fetch(`${DEFAULT_REGISTRY}hono/latest`, {
      signal: AbortSignal.timeout(10_000),
    });
    await response.body?.cancel();
    return response.ok ? null : `${response.status}`;
  } catch (error) {
    return String(error);
  }
}

Deno.test("apps of Hono, Zod and Koa run with packages of the real registry", async () => {
  const reason = await unreachable();
  if (reason !== null) {
    console.error(`\n*** ${DEFAULT_REGISTRY} cannot be reached: ${reason}; NOT tested\n`);
    return;
  }
  await using lab = new LoaderLab({
    "app.tsx": 'import { Hono } from "npm:hono@4";\nimport { cors } from "npm:hono@4/cors";\n' +
      'import { z } from "npm:zod@4";\nimport Koa from "npm:koa@2";\n' +
      "const app = new Hono();\napp.use(cors());\n" +
      "const Query = z.object({ n: z.coerce.number().int() });\n" +
      'app.get("/", (c) => c.html(<b>{Query.safeParse(c.req.query()).success ? "yes" : "no"}</b>));\n' +
      'app.get("/koa", (c) => c.text(typeof new Koa().use(() => {}).callback()));\n' +
      "export default app;\n",
    "deno.json":
      '{ "compilerOptions": { "jsx": "react-jsx", "jsxImportSource": "npm:hono@4/jsx" } }',
  });
  for (const args of [[], ["--cached-only"]]) {
    await using gateway = await lab.start("app.tsx", ...args);
    assertEquals(
      [await ask(gateway, "/?n=1"), await ask(gateway, "/?n=x"), await ask(gateway, "/koa")],
      ["<b>yes</b>", "<b>no</b>", "function"],
    );
  }
});
