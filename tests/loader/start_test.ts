/** Starts, and what is left of them for the next. */

import { ConfigError } from "../../src/base/errors.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "../support/assert.ts";
import { FROM_SOURCE } from "../support/gateway.ts";
import { ask, complaints, LoaderLab } from "../support/loader_lab.ts";
import { LoadingHere, refusalHere, startHere, wrongUsageHere } from "../support/loading_here.ts";
import { test } from "../support/strict.ts";
import { ModuleServer, redirectTo } from "./module_server.ts";

/** Modules of a server: TypeScript, JSON, text, and a redirect. */
function libraryPages(): ConstructorParameters<typeof ModuleServer>[0] {
  return {
    "/lib.ts": 'import { deep } from "./old.ts";\n' +
      'import data from "./data.json" with { type: "json" };\n' +
      "export const lib: string = `${deep} ${data.value}`;\n",
    "/old.ts": redirectTo("/deep.ts"),
    "/deep.ts": 'export const deep: string = "deep";\n',
    "/data.json": '{ "value": 42 }',
    "/app.ts": 'import { lib } from "./lib.ts";\n' +
      "export default (): Response => new Response(`remote ${lib}`);\n",
  };
}

function localApp(origin: string): Record<string, string> {
  return {
    "app.ts": `import { lib } from "${origin}/lib.ts";\nimport { own } from "./own.ts";\n` +
      "export default (): Response => new Response(`${own} ${lib}`);\n",
    "own.ts": 'export const own: string = "first";\n',
  };
}

test("a second start asks no server and transforms only what has changed", async () => {
  await using lab = new LoaderLab();
  let args: string[];
  {
    await using server = new ModuleServer(libraryPages());
    lab.write(localApp(server.origin));
    args = ["app.ts", `--allow-import=${new URL(server.origin).host}`];
    const { text, log } = await lab.answerOf(...args);
    assertEquals(text, "first deep 42");
    assertStringIncludes(log, `fetching ${server.origin}/lib.ts`);
    assertEquals(server.takePaths().sort(), ["/data.json", "/deep.ts", "/lib.ts", "/old.ts"]);
    assertEquals((await startHere(lab, `${server.origin}/app.ts`)).text, "remote deep 42");
    assertEquals(server.takePaths(), ["/app.ts"], "what both apps import is in the cache");
    args.push(server.origin);
  }
  const origin = args.pop()!;
  for (
    const [name, words, text] of [
      ["local", args, "first deep 42"],
      ["remote", [`${origin}/app.ts`], "remote deep 42"],
    ] as const
  ) {
    for (const part of ["js", "http", "blobs"]) {
      await Deno.rename(`${lab.cache}/${part}`, `${lab.cache}/${part}-aside`);
    }
    const second = await startHere(lab, ...words);
    assertEquals(second.text, text, name);
    assertEquals(second.log.includes("fetching"), false, second.log);
    for (const part of ["js", "http", "blobs"]) {
      assertEquals(lab.filesInCache(part), [], `${name}: nothing was fetched or transformed`);
      await Deno.rename(`${lab.cache}/${part}-aside`, `${lab.cache}/${part}`);
    }
  }

  const before = lab.filesInCache("js");
  lab.write({ "own.ts": 'export const own: string = "second";\n' });
  using loading = new LoadingHere(lab, ...args);
  assertEquals(await loading.answer(), "second deep 42");
  assertEquals(lab.filesInCache("js").length, before.length + 1, "one module was transformed");
  lab.write({ "own.ts": 'export const own: string = "first";\n' });
  assertEquals(await loading.answer(), "first deep 42");
  assertEquals(lab.filesInCache("js").length, before.length + 1, "the former one is known");

  lab.write({ "own.ts": "export const own: string = ;\n" });
  const broken = await lab.run(...args);
  assertEquals(broken.code, 1);
  assertEquals(complaints(broken).length, 1, broken.stderr);
  assertStringIncludes(broken.stderr, `${lab.url("own.ts")}:1:28`);
  Deno.removeSync(lab.path("own.ts"));
  assertMatch(await refusalHere(lab, ...args), /own\.ts.*\(imported by file:.*app\.ts:2\)/);
});

test("a start sees that deno.json is new, other, broken or gone, and import maps too", async () => {
  await using lab = new LoaderLab({
    "app/app.tsx": 'import { value } from "./value.ts";\n' +
      "const make = (tag: string, _: unknown, text: string) => `${tag} ${text}`;\n" +
      "const React = { createElement: make }, other = make.bind(null);\n" +
      "void [React, other];\n" +
      "export default (): Response => new Response(`${value} ${<b>x</b>}`);\n",
    "app/value.ts": 'export const value = "plain";\n',
    "app/one.ts": 'export const value = "one";\n',
    "app/two.ts": 'export const value = "two";\n',
  });
  const config = (target: string, options: Record<string, unknown> = {}) =>
    JSON.stringify({
      imports: { "./app/value.ts": `./app/${target}` },
      compilerOptions: { jsx: "react", ...options },
    });
  const nearer = JSON.stringify({
    imports: { "./value.ts": "./two.ts" },
    compilerOptions: { jsx: "react", jsxFactory: "other" },
  });
  const map = (target: string) => JSON.stringify({ imports: { "./app/value.ts": target } });
  const steps: [name: string, files: Record<string, string | null>, string[], text: string][] = [
    ["a deno.json above", { "deno.json": config("value.ts") }, [], "plain b x"],
    ["one that maps", { "deno.json": config("one.ts") }, [], "one b x"],
    ["another", { "deno.json": config("two.ts") }, [], "two b x"],
    ["other options", { "deno.json": config("one.ts", { jsxFactory: "other" }) }, [], "one b x"],
    ["a nearer one", { "app/deno.jsonc": nearer }, [], "two b x"],
    ["without that", { "app/deno.jsonc": null }, [], "one b x"],
    ["an import map", { "map.json": map("./app/two.ts") }, ["--import-map=map.json"], "two b x"],
    ["another one", { "map.json": map("./app/one.ts") }, ["--import-map=map.json"], "one b x"],
    ["without options", {}, [], "one b x"],
  ];
  using plain = new LoadingHere(lab, "app/app.tsx");
  using mapped = new LoadingHere(lab, "app/app.tsx", "--import-map=map.json");
  for (const [name, files, args, text] of steps) {
    for (const [path, content] of Object.entries(files)) {
      if (content === null) Deno.removeSync(lab.path(path));
      else lab.write({ [path]: content });
    }
    assertEquals(await (args.length === 0 ? plain : mapped).answer(), text, name);
  }
  assertEquals((await lab.answerOf("app/app.tsx")).text, "one b x");

  const faults: [name: string, files: Record<string, string | null>, string[], RegExp][] = [
    ["broken", { "deno.json": '{ "imports": ' }, [], /^\S*\/deno\.json: /],
    ["no object", { "deno.json": "[]" }, [], /^\S*\/deno\.json does not hold an object/],
    [
      "a map that is gone",
      { "deno.json": null, "map.json": null },
      ["--import-map=map.json"],
      /map\.json/,
    ],
    [
      "a map that is none",
      { "map.json": '{"imports":[]}' },
      ["--import-map=map.json"],
      /map\.json/,
    ],
  ];
  for (const [name, files, args, message] of faults) {
    for (const [path, content] of Object.entries(files)) {
      if (content === null) Deno.removeSync(lab.path(path));
      else lab.write({ [path]: content });
    }
    const told = name === "a map that is gone" ? refusalHere : wrongUsageHere;
    assertMatch(await told(lab, "app/app.tsx", ...args), message, name);
  }
});

test("an import map from a URL is cached, and fetched anew by --reload", async () => {
  await using lab = new LoaderLab({
    "app.ts": 'import { value } from "mapped";\nexport default () => new Response(value);\n',
  });
  const arg: string[] = [];
  {
    await using server = new ModuleServer({
      "/maps/map.json": '{ "imports": { "mapped": "./one.ts" } }',
      "/maps/one.ts": 'export const value: string = "one";\n',
      "/maps/two.ts": 'export const value: string = "two";\n',
    });
    const host = new URL(server.origin).host;
    arg.push("app.ts", `--import-map=${server.origin}/maps/map.json`, `--allow-import=${host}`);
    assertEquals((await startHere(lab, ...arg)).text, "one");
    server.pages["/maps/map.json"] = '{ "imports": { "mapped": "./two.ts" } }';
    assertEquals((await startHere(lab, ...arg)).text, "one");
    assertEquals((await startHere(lab, ...arg, "--reload")).text, "two");
  }
  assertEquals((await startHere(lab, ...arg)).text, "two");
});

test("gateways that start at once on an empty cache do not disturb each other", async () => {
  await using lab = new LoaderLab();
  await using server = new ModuleServer(libraryPages());
  lab.write(localApp(server.origin));
  const args = ["app.ts", `--allow-import=${new URL(server.origin).host}`];
  const answers = await Promise.all([1, 2].map(() => lab.answerOf(...args)));
  assertEquals(answers.map(({ text }) => text), Array(2).fill("first deep 42"));
  const files = lab.filesInCache();
  assertEquals(files.filter((path) => path.includes(".tmp-")), []);
  assertEquals(files.filter((path) => path.endsWith("graph.json")).length, 1);
});

test("a start that is killed while it fetches leaves the cache usable", async () => {
  await using lab = new LoaderLab();
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  await using server = new ModuleServer(libraryPages());
  const whole = server.pages["/deep.ts"];
  server.pages["/deep.ts"] = async () => {
    asked.resolve();
    await release.promise;
    return new Response("export const deep = 'too late';");
  };
  lab.write(localApp(server.origin));
  const args = ["app.ts", `--allow-import=${new URL(server.origin).host}`];
  const [program, ...first] = FROM_SOURCE;
  const killed = new Deno.Command(program, {
    args: [...first, ...args, "--loader=own", "--http=127.0.0.1:0"],
    cwd: lab.folder,
    env: { GATEHOUSE_CACHE: lab.cache },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await asked.promise;
  killed.kill("SIGKILL");
  await killed.status;
  release.resolve();
  server.pages["/deep.ts"] = whole;
  server.takePaths();
  assertEquals((await startHere(lab, ...args)).text, "first deep 42");
  assert(server.takePaths().includes("/deep.ts"));
  const cleaned = await lab.runCache("--clean");
  assertEquals(cleaned.code, 0, cleaned.stderr);
  assertEquals(lab.filesInCache(), ["CACHEDIR.TAG"]);
});

test("a cache that a former version left, or that cannot be used, is told or replaced", async () => {
  await using lab = new LoaderLab({ "app.ts": 'export default () => new Response("here");\n' });
  assertEquals((await startHere(lab, "app.ts")).text, "here");
  // All that a version has made carries its number.
  for (const path of lab.filesInCache()) {
    if (!/^(?:apps|js)\/|graph\.json$/.test(path)) continue;
    const text = await Deno.readTextFile(`${lab.cache}/${path}`);
    await Deno.writeTextFile(
      `${lab.cache}/${path}`,
      text.replaceAll(/"version":\d+/g, '"version":0'),
    );
  }
  await Deno.mkdir(`${lab.cache}/graphs/old`);
  await Deno.writeTextFile(`${lab.cache}/graphs/old/graph.json`, '{"version":0,"modules":[]}');
  assertEquals((await startHere(lab, "app.ts")).text, "here");

  lab.dropCache();
  await Deno.writeTextFile(lab.cache, "a file where the folder should be");
  const ended = await lab.run("app.ts");
  assertEquals(ended.code, 2, ended.stderr);
  assertEquals(complaints(ended).length, 1, ended.stderr);
  assertStringIncludes(ended.stderr, `cannot write to the cache ${lab.cache}`);
  assertStringIncludes(ended.stderr, "GATEHOUSE_CACHE");
  Deno.removeSync(lab.cache);
  await Deno.mkdir(lab.cache);
});

test("--loader native with an option of the built-in loader is wrong usage", async () => {
  await using lab = new LoaderLab({ "app.ts": "export default () => new Response();\n" });
  const wrong: [args: string[], message: RegExp][] = [
    [["--import-map=m.json"], /--loader native/],
    [["--reload"], /--loader native/],
    [["--cached-only"], /--loader native/],
    [["--lock=x.lock"], /--loader native/],
    [["--allow-import"], /--loader native/],
    [["--frozen"], /--loader native|--frozen needs --lock/],
    [["--loader=own", "--frozen"], /--frozen needs --lock FILE/],
    [["--loader=auto", "--frozen"], /--frozen needs --lock FILE/],
    [["--loader=other"], /--loader takes built-in or native/],
  ];
  for (const [args, message] of wrong) {
    const loader = args[0].startsWith("--loader") ? [] : ["--loader=native"];
    const { message: told } = assertThrows(
      () => new LoadingHere(lab, "app.ts", ...loader, ...args),
      ConfigError,
    );
    assertMatch(told, message, `${args}`);
    assertEquals(told.includes("\n"), false, told);
  }
  const host = await wrongUsageHere(lab, "app.ts", "--allow-import=http://x/");
  assertMatch(host, /cannot use "http:\/\/x\/" as a host/);
  const ended = await lab.run("app.ts", "--loader=native", "--reload");
  assertEquals(ended.code, 2, ended.stderr);
  assertEquals(complaints(ended).length, 1, ended.stderr);
});

test("a gateway with several apps starts all from one graph, shared modules once", async () => {
  await using lab = new LoaderLab({
    "count.ts": "let count = 0;\nexport const next = () => ++count;\n",
    "a.ts":
      'import { next } from "./count.ts";\nexport default () => new Response(`a${next()}`);\n',
    "b.ts":
      'import { next } from "./count.ts";\nexport default () => new Response(`b${next()}`);\n' +
      "export const admin = () => new Response(`admin${next()}`);\n",
    "around.ts":
      "export default (app: { fetch: (r: Request) => Response | Promise<Response> }) => " +
      "async (r: Request) => new Response(`<${await (await app.fetch(r)).text()}>`);\n",
  });
  for (const workers of ["1", "0"]) {
    await using gateway = await lab.start(
      "a.ts",
      "around.ts",
      "--mount=/b=b.ts",
      "--mount=/admin=b.ts#admin",
      `--workers=${workers}`,
    );
    assertEquals(
      [await ask(gateway), await ask(gateway, "/b/"), await ask(gateway, "/admin/")],
      ["<a1>", "<b2>", "<admin3>"],
      `--workers ${workers}`,
    );
  }
});
