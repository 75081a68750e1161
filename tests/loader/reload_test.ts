/** What is asked for again, what may be asked for at all, and from where. */

import { assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { jsrPages } from "../support/jsr_pages.ts";
import { LoaderLab } from "../support/loader_lab.ts";
import { answerHere, refusalHere } from "../support/loading_here.ts";
import { FakeRegistry } from "../support/npm_registry.ts";
import { test } from "../support/strict.ts";
import { ModuleServer } from "./module_server.ts";

/** A page with an entity tag. */
function tagged(text: string): (request: Request) => Response {
  const etag = `"${text.length}-${text.charCodeAt(text.length - 4)}"`;
  const headers = { "content-type": "text/typescript", etag };
  return (request) =>
    request.headers.get("if-none-match") === etag
      ? new Response(null, { status: 304, headers })
      : new Response(text, { headers });
}

test("--reload asks for all remote modules again, --reload=PREFIXES for some", async () => {
  await using server = new ModuleServer({
    "/a/one.ts": tagged('export const one: string = "1";\n'),
    "/b/two.ts": tagged('export const two: string = "2";\n'),
  });
  const { origin } = server;
  await using lab = new LoaderLab({
    "app.ts":
      `import { one } from "${origin}/a/one.ts";\nimport { two } from "${origin}/b/two.ts";\n` +
      "export default () => new Response(one + two);\n",
  });
  const args = ["app.ts", `--allow-import=${new URL(origin).host}`];
  assertEquals(await answerHere(lab, ...args), "12");
  server.pages["/a/one.ts"] = tagged('export const one: string = "3";\n');
  server.pages["/b/two.ts"] = tagged('export const two: string = "4";\n');
  server.takePaths();
  const steps: [reload: string[], asked: string[], text: string][] = [
    [[], [], "12"],
    [[`--reload=${origin}/c/,npm:`], [], "12"],
    [[`--reload=${origin}/c/`, `--reload=${origin}/b/`], ["/b/two.ts"], "14"],
    [[], [], "14"],
    [["--reload"], ["/a/one.ts", "/b/two.ts"], "34"],
    [["--cached-only"], [], "34"],
    [["--reload", "--cached-only"], [], "34"],
  ];
  for (const [reload, asked, expected] of steps) {
    const isAlone = reload.length === 1 && reload[0] === "--reload";
    const text = isAlone
      ? (await lab.answerOf(...args, ...reload)).text
      : await answerHere(lab, ...args, ...reload);
    assertEquals(text, expected, `${reload}`);
    const requests = server.requests.splice(0);
    assertEquals(requests.map(({ path }) => path).sort(), asked, `${reload}`);
    for (const { headers } of requests) assertMatch(headers.get("if-none-match") ?? "", /"/);
  }
  delete server.pages["/a/one.ts"];
  assertMatch(
    await refusalHere(lab, ...args, "--reload"),
    /cannot load \S+\/a\/one\.ts: .*404.*\(imported by .*app\.ts:1\)/,
  );
  assertEquals(await answerHere(lab, ...args), "34", "the cache is as it was");
});

test("--reload=npm: and --reload=jsr: choose packages anew", async () => {
  const packageOf = (version: string) => ({
    json: { type: "module", exports: "./index.js" },
    files: { "index.js": `export const p = "${version}";` },
  });
  const jsrOf = (...versions: string[]) =>
    jsrPages(Object.fromEntries(versions.map((version) => [
      `@scope/name@${version}`,
      { "/mod.ts": `export const j: string = "${version}";\n` },
    ])));
  await using registry = await FakeRegistry.start({ "pack@1.0.0": packageOf("1.0.0") });
  await using jsr = new ModuleServer(jsrOf("1.0.0"));
  await using lab = new LoaderLab({
    ".npmrc": `registry=${registry.url}\n`,
    "app.ts": 'import { p } from "npm:pack@1";\nimport { j } from "jsr:@scope/name@1";\n' +
      "export default () => new Response(`${p} ${j}`);\n",
  }, { JSR_URL: jsr.origin });
  assertEquals(await answerHere(lab, "app.ts"), "1.0.0 1.0.0");
  await registry.publish({ "pack@1.1.0": packageOf("1.1.0") });
  Object.assign(jsr.pages, jsrOf("1.0.0", "1.2.0"));
  for (
    const [reload, text] of [
      ["--cached-only", "1.0.0 1.0.0"],
      ["--reload=npm:other", "1.0.0 1.0.0"],
      ["--reload=jsr:@scope/name", "1.0.0 1.2.0"],
      ["--reload=npm:pack", "1.1.0 1.2.0"],
      ["--reload=npm:,jsr:", "1.1.0 1.2.0"],
      ["--cached-only", "1.1.0 1.2.0"],
    ]
  ) {
    assertEquals(await answerHere(lab, "app.ts", reload), text, reload);
  }
});

test("--cached-only names what is missing", async () => {
  await using server = new ModuleServer({
    "/lib.ts": 'import "./part.ts";\nexport const lib = "lib";\n',
    "/part.ts": "export {};\n",
  });
  await using lab = new LoaderLab({
    ".npmrc": "registry=http://127.0.0.1:9/\n",
    "lib.ts": `import "${server.origin}/lib.ts";\nexport default () => new Response();\n`,
    "npm.ts": 'import "npm:nothing-of-this-name@1";\nexport default () => new Response();\n',
    "jsr.ts": 'import "jsr:@nobody/nothing@1";\nexport default () => new Response();\n',
  }, { JSR_URL: "http://127.0.0.1:9/" });
  const missing: [string, RegExp][] = [
    [
      "lib.ts",
      /cannot load http:\S+\/lib\.ts: it is not in the cache, and --cached-only .*\(imported by file:.*lib\.ts:1\)/,
    ],
    ["npm.ts", /cannot load npm:nothing-of-this-name: .*--cached-only/],
    [
      "jsr.ts",
      /cannot load jsr:@nobody\/nothing@1: .*--cached-only.*\(imported by file:.*jsr\.ts:1\)/,
    ],
    [`${server.origin}/lib.ts`, /cannot load http:\S+\/lib\.ts: it is not in the cache/],
  ];
  for (const [app, message] of missing) {
    assertMatch(await refusalHere(lab, app, "--cached-only", "--allow-import"), message);
  }
  assertEquals(server.requests.length, 0);
});

test("modules come from the app's own host and those of --allow-import, over https: unless told", async () => {
  await using other = new ModuleServer({ "/lib.ts": 'export const lib = "lib";\n' });
  const host = new URL(other.origin).host;
  const source = `import { lib } from "${other.origin}/lib.ts";\n` +
    "export default () => new Response(lib);\n";
  await using own = new ModuleServer({ "/app.ts": source });
  await using lab = new LoaderLab({
    "app.ts": source,
    "insecure.ts":
      'import "http://insecure.invalid/lib.ts";\nexport default () => new Response();\n',
    "secure.ts":
      'import "https://unlisted.invalid/lib.ts";\nexport default () => new Response();\n',
  });
  const refused: [app: string, args: string[], RegExp][] = [
    ["app.ts", [], new RegExp(`may not come from this host; allow it with --allow-import=${host}`)],
    [
      `${own.origin}/app.ts`,
      [],
      new RegExp(`--allow-import=${host} \\(imported by http:.*app.ts:1`),
    ],
    ["app.ts", ["--allow-import=*.example.com"], new RegExp(`--allow-import=${host}`)],
    ["app.ts", [`--allow-import=127.0.0.1`], new RegExp(`--allow-import=${host}`)],
    [
      "insecure.ts",
      ["--allow-import"],
      /cannot load http:\/\/insecure\.invalid\/lib\.ts: .*--allow-insecure-import/,
    ],
    ["http://insecure.invalid/app.ts", [], /--allow-insecure-import/],
    ["insecure.ts", ["--allow-insecure-import"], /--allow-import=insecure\.invalid:80/],
    ["secure.ts", [], /--allow-import=unlisted\.invalid:443/],
  ];
  for (const [app, args, message] of refused) {
    assertMatch(await refusalHere(lab, app, ...args), message, `${app} ${args}`);
  }
  assertEquals(other.requests.length, 0);
  for (
    const args of [["app.ts", `--allow-import=${host}`], [`${own.origin}/app.ts`, "--allow-import"]]
  ) {
    assertEquals(await answerHere(lab, ...args), "lib", `${args}`);
  }
  const afterwards = await lab.run("app.ts");
  assertEquals(afterwards.code, 1, "what is in the cache is no way around it");
  assertStringIncludes(afterwards.stderr, `--allow-import=${host}`);
});
