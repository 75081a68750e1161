/** What is read from a deno.json. */

import { pathToFileURL } from "node:url";
import { ConfigError, LoadError } from "../../src/base/errors.ts";
import { findConfig, readProjectConfig } from "../../src/loader/project/deno_config.ts";
import { resolveSpecifier } from "../../src/loader/names/meaning.ts";
import {
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../support/assert.ts";
import { LoaderLab } from "../support/loader_lab.ts";
import { refusalHere, startHere } from "../support/loading_here.ts";
import { FakeRegistry } from "../support/npm_registry.ts";
import { test } from "../support/strict.ts";

const readText = (url: string) => Deno.readTextFile(new URL(url));

test("the nearest deno.json or deno.jsonc is the one", async () => {
  await using lab = new LoaderLab({
    "deno.json": "{}",
    "a/deno.jsonc": "{}",
    "a/b/c/app.ts": "",
    "d/deno.json": "{}",
    "d/deno.jsonc": "{}",
    "e/deno.json/app.ts": "",
  });
  const found: Record<string, string> = {
    "": "deno.json",
    "a": "a/deno.jsonc",
    "a/b/c": "a/deno.jsonc",
    "d": "d/deno.json",
    "e": "deno.json",
    "e/deno.json": "deno.json",
    "not/there": "deno.json",
  };
  for (const [folder, config] of Object.entries(found)) {
    assertEquals(findConfig(lab.path(folder).replace(/\/$/, "")), lab.path(config), folder);
  }
});

test("a deno.json that cannot be looked at is told, and not passed over", async () => {
  await using lab = new LoaderLab({ "deno.json": "{}", "a/app.ts": "" });
  // Root may read everything, but not a link to itself.
  for (const name of ["deno.json", "deno.jsonc"]) {
    Deno.symlinkSync(lab.path(`a/${name}`), lab.path(`a/${name}`));
    const error = assertThrows(() => findConfig(lab.path("a")), ConfigError);
    assertStringIncludes(error.message, `cannot read ${lab.path(`a/${name}`)}: `);
    Deno.removeSync(lab.path(`a/${name}`));
  }
  assertEquals(findConfig(lab.path("a")), lab.path("deno.json"));
});

test("the options that change what modules do are taken, others not", async () => {
  await using lab = new LoaderLab({
    "deno.jsonc": `{
      // comments are fine
      "compilerOptions": {
        "jsx": "react-jsx", "jsxImportSource": "npm:preact", "strict": true, "lib": ["dom"],
        "experimentalDecorators": true, "emitDecoratorMetadata": true, "verbatimModuleSyntax": false,
      },
      "imports": { "lib": "./lib.ts", "pack": "npm:pack@1" },
      "scopes": { "./inner/": { "lib": "./inner.ts" } },
      "tasks": {},
    }`,
  });
  const project = await readProjectConfig(lab.url("app.ts"), undefined, readText);
  assertEquals(project.compilerOptions, {
    jsx: "react-jsx",
    jsxImportSource: "npm:preact",
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    verbatimModuleSyntax: false,
  });
  assertEquals(project.files, [lab.path("deno.jsonc")]);
  const { importMap } = project;
  assertEquals(resolveSpecifier("lib", lab.url("app.ts"), importMap), lab.url("lib.ts"));
  assertEquals(resolveSpecifier("lib", lab.url("inner/a.ts"), importMap), lab.url("inner.ts"));
  assertEquals(resolveSpecifier("pack/x", lab.url("app.ts"), importMap), "npm:/pack@1/x");
});

test("the import map is that of --import-map, else that deno.json names, else its own", async () => {
  await using lab = new LoaderLab({
    "own/deno.json": '{ "imports": { "x": "./own.ts" } }',
    "named/deno.json": '{ "importMap": "../maps/named.json", "imports": { "x": "./own.ts" } }',
    "maps/named.json": '{ "imports": { "x": "./named.ts" } }',
    "maps/given.json": '{ "imports": { "x": "./given.ts", "p": "npm:p@1" } }',
    "maps/deno.json": '{ "imports": { "x": "./config.ts", "p": "npm:p@1" } }',
  });
  const given = lab.url("maps/given.json");
  const cases: [folder: string, importMap: string | undefined, target: string, files: string[]][] =
    [
      ["own", undefined, "own/own.ts", ["own/deno.json"]],
      ["named", undefined, "maps/named.ts", ["named/deno.json", "maps/named.json"]],
      ["own", given, "maps/given.ts", ["own/deno.json", "maps/given.json"]],
      ["named", given, "maps/given.ts", ["named/deno.json", "maps/given.json"]],
      ["own", lab.url("maps/deno.json"), "maps/config.ts", ["own/deno.json", "maps/deno.json"]],
    ];
  for (const [folder, importMapUrl, target, files] of cases) {
    const project = await readProjectConfig(lab.url(`${folder}/app.ts`), importMapUrl, readText);
    const got = resolveSpecifier("x", lab.url(`${folder}/app.ts`), project.importMap);
    assertEquals(got, lab.url(target), `${folder} ${importMapUrl}`);
    assertEquals(project.files, files.map((file) => lab.path(file)));
  }
  // A remote app has nothing to do with files of the machine it runs on.
  const remote = await readProjectConfig("https://example.com/app.ts", undefined, readText);
  assertEquals(remote, {
    compilerOptions: {},
    importMap: { imports: [], scopes: [] },
    nodeModules: "none",
    files: [],
  });
  const mapped = await readProjectConfig("https://example.com/app.ts", given, readText);
  assertEquals(
    resolveSpecifier("x", "https://example.com/app.ts", mapped.importMap),
    lab.url("maps/given.ts"),
  );
});

test("a remote import map is asked for by its URL, and is relative to it", async () => {
  const asked: string[] = [];
  const url = "https://example.com/maps/map.json";
  const project = await readProjectConfig("npm:x", url, (each) => {
    asked.push(each);
    return Promise.resolve('{ "imports": { "x": "../x.ts" } }');
  });
  assertEquals(asked, [url]);
  assertEquals(project.files, []);
  assertEquals(project.importMap.imports, [["x", "https://example.com/x.ts"]]);
});

test("a file that is wrong is named", async () => {
  const wrong: Record<string, [text: string, message: string]> = {
    "json": ["{", "deno.json: "],
    "array": ["[]", "deno.json does not hold an object"],
    "null": ["null", "deno.json does not hold an object"],
    "imports": ['{ "imports": 1 }', '"imports" of the import map'],
    "scopes": ['{ "scopes": [] }', '"scopes" of the import map'],
    "options": ['{ "compilerOptions": [] }', '"compilerOptions" is not an object'],
    "null-options": ['{ "compilerOptions": null }', '"compilerOptions" is not an object'],
    "jsx": ['{ "compilerOptions": { "jsx": "preserve" } }', '"jsx" cannot be "preserve"'],
    "map": ['{ "importMap": "./broken.json" }', "broken.json"],
  };
  await using lab = new LoaderLab();
  for (const [name, [text, message]] of Object.entries(wrong)) {
    lab.write({ [`${name}/deno.json`]: text, [`${name}/broken.json`]: "{ no" });
    const app = pathToFileURL(lab.path(`${name}/app.ts`)).href;
    const error = await assertRejects(
      () => readProjectConfig(app, undefined, readText),
      ConfigError,
    );
    assertStringIncludes(error.message, message, name);
    assertStringIncludes(error.message, lab.path(name), name);
    assertEquals(error.message.split("\n").length, 1, error.message);
  }
});

const PACKAGE_JSON = JSON.stringify({
  dependencies: {
    a: "^1",
    "@s/b": "~2.1",
    alias: "npm:other@3",
    path: "jsr:@std/path@^1",
    both: "2",
  },
  devDependencies: { dev: "1 || 2", both: "1" },
  optionalDependencies: { optional: "1" },
  extra: { local: "file:../x", git: "git+https://example.com/x.git", none: 5 },
});

test("bare names are the packages that package.json depends on, and what is below them", async () => {
  await using lab = new LoaderLab({ "package.json": PACKAGE_JSON, "src/app.ts": "" });
  const { importMap, files } = await readProjectConfig(lab.url("src/app.ts"), undefined, readText);
  assertEquals(files, [lab.path("package.json")]);
  for (
    const [specifier, url] of Object.entries({
      "a": "npm:a@^1",
      "a/below.js": "npm:/a@^1/below.js",
      "@s/b": "npm:@s/b@~2.1",
      "alias": "npm:other@3",
      "path/posix": "jsr:/@std/path@^1/posix",
      "both": "npm:both@2",
      "dev": "npm:dev@1 || 2",
    })
  ) assertEquals(resolveSpecifier(specifier, lab.url("src/app.ts"), importMap), url);
  for (const specifier of ["optional", "local", "git", "none", "ab"]) {
    assertThrows(
      () => resolveSpecifier(specifier, lab.url("src/app.ts"), importMap),
      LoadError,
    );
  }
});

test("an import map counts before package.json, of which one above deno.json does not", async () => {
  await using lab = new LoaderLab({
    "package.json": JSON.stringify({ dependencies: { above: "1" } }),
    "p/deno.json": JSON.stringify({ imports: { a: "./a.ts", "b/": "./b/" } }),
    "p/package.json": JSON.stringify({ dependencies: { a: "1", b: "1", c: "1" } }),
    "p/app.ts": "",
    "q/deno.json": "{}",
    "q/app.ts": "",
  });
  const { importMap, files } = await readProjectConfig(lab.url("p/app.ts"), undefined, readText);
  assertEquals(files, [lab.path("p/deno.json"), lab.path("p/package.json")]);
  for (
    const [specifier, url] of Object.entries({
      "a": lab.url("p/a.ts"),
      "a/x": "npm:/a@1/x",
      "b/x": lab.url("p/b/x"),
      "b": "npm:b@1",
      "c": "npm:c@1",
    })
  ) assertEquals(resolveSpecifier(specifier, lab.url("p/app.ts"), importMap), url, specifier);
  const other = await readProjectConfig(lab.url("q/app.ts"), undefined, readText);
  assertEquals(other.files, [lab.path("q/deno.json")]);
});

for (const [text, reason] of [["{", "JSON"], ["[]", "does not hold an object"]]) {
  test(`a package.json that is ${text} is told`, async () => {
    await using lab = new LoaderLab({ "package.json": text, "app.ts": "" });
    const error = await assertRejects(
      () => readProjectConfig(lab.url("app.ts"), undefined, readText),
      ConfigError,
    );
    assertStringIncludes(error.message, `${lab.path("package.json")}`);
    assertStringIncludes(error.message, reason);
  });
}

const ESM = { type: "module", exports: "./index.js" };

test("a package.json that comes, changes or goes is noticed at the next start", async () => {
  await using registry = await FakeRegistry.start({
    "pack@1.0.0": { json: ESM, files: { "index.js": "export default 'one';" } },
    "pack@2.0.0": { json: ESM, files: { "index.js": "export default 'two';" } },
  });
  await using lab = new LoaderLab({
    ".npmrc": `registry=${registry.url}\n`,
    "app.js": 'import pack from "pack";\nexport default () => new Response(pack);\n',
  });
  assertStringIncludes(await refusalHere(lab, "app.js"), 'cannot resolve "pack"');
  for (const [version, text] of [["1", "one"], ["2", "two"]]) {
    lab.write({ "package.json": JSON.stringify({ dependencies: { pack: version } }) });
    assertEquals((await startHere(lab, "app.js")).text, text);
  }
  Deno.removeSync(lab.path("package.json"));
  assertStringIncludes(await refusalHere(lab, "app.js"), 'cannot resolve "pack"');
});
