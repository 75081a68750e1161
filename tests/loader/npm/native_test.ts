/** Compares which files are meant with what Deno itself means. */

import { pathToFileURL } from "node:url";
import { LoadError } from "../../../src/base/errors.ts";
import { assertEquals, assertMatch } from "../../support/assert.ts";
import { TestCache } from "../../support/npm_installer.ts";
import { FakeRegistry } from "../../support/npm_registry.ts";
import type { FakePackages } from "../../support/npm_registry.ts";

/** A module that says which one it is. */
const esm = (name: string) => `export default ${JSON.stringify(name)};`;
const cjs = (name: string) =>
  `exports.default = ${JSON.stringify(name)}; exports.__esModule = true;`;

const CONDITIONS = [
  "deno",
  "node",
  "import",
  "require",
  "module",
  "browser",
  "node-addons",
  "development",
  "production",
  "worker",
  "bun",
  "types",
];

const PACKAGES: FakePackages = {
  "exports@1.0.0": {
    json: {
      type: "module",
      main: "./never.js",
      exports: {
        ".": { types: "./main.d.ts", node: { import: "./main.js", default: "./no.js" } },
        ...Object.fromEntries(
          CONDITIONS.map((condition) => [
            `./if/${condition}`,
            { [condition]: "./yes.js", default: "./no.js" },
          ]),
        ),
        "./order": { default: "./yes.js", import: "./no.js" },
        "./nothing": { browser: "./yes.js" },
        "./array": ["no-path", "./yes.js"],
        "./array-of-missing": ["./missing.js", "./yes.js"],
        "./array-of-conditions": [{ browser: "./no.js" }, "./yes.js"],
        "./array-after-null": [null, "./yes.js"],
        "./empty-array": [],
        "./null": null,
        "./dir/*": "./dir/*.js",
        "./dir/deep/*": "./dir/deep-*.js",
        "./dir/*/end": "./dir/*-end.js",
        "./dir/private/*": null,
        "./files/*.js": "./dir/*.js",
        "./missing": "./missing.js",
        "./no-path": "yes.js",
        "./out": "./../other/index.js",
        "./modules": "./node_modules/x/index.js",
        "./folder/": "./dir/",
        "./folder": "./dir",
        "./self": "./self.js",
        "./internal": "./internal.js",
        "./internal-builtin": "./internal-builtin.js",
        "./internal-package": "./internal-package.js",
        "./cjs": "./file.cjs",
        "./numbers": { 0: "./yes.js" },
      },
      imports: {
        "#yes": "./yes.js",
        "#dep": "dependency/sub.js",
        "#builtin": { node: "fs", default: "./no.js" },
      },
      dependencies: { dependency: "1" },
    },
    files: {
      "main.js": esm("main"),
      "never.js": esm("never"),
      "yes.js": esm("yes"),
      "no.js": esm("no"),
      "dir/a.js": esm("dir/a"),
      "dir/deep-a.js": esm("dir/deep-a"),
      "dir/a-end.js": esm("dir/a-end"),
      "dir/private/a.js": esm("private"),
      "file.cjs": cjs("file.cjs"),
      "self.js": "export { default } from 'exports/dir/a';",
      "internal.js": "import yes from '#yes'; export default yes;",
      "internal-builtin.js": "import fs from '#builtin'; export default typeof fs.readFileSync;",
      "internal-package.js": "export { default } from '#dep';",
    },
  },
  "dependency@1.0.0": {
    files: { "sub.js": cjs("dependency/sub"), "index.js": cjs("dependency") },
  },
  "legacy@1.0.0": {
    json: { main: "./lib", module: "./module.js", browser: "./browser.js" },
    files: {
      "lib/index.js": cjs("lib/index"),
      "module.js": esm("module"),
      "browser.js": cjs("browser"),
      "other.js": cjs("other"),
      "folder/index.js": cjs("folder/index"),
      "both.js": cjs("both"),
      "both/index.js": cjs("both/index"),
      "esm-syntax.js": esm("esm-syntax"),
      "esm.mjs": esm("esm"),
      "no-ending": cjs("no-ending"),
      "import-lib.mjs": "export { default } from './lib';",
      "import-ending.mjs": "export { default } from './other';",
      "typed/package.json": '{"type":"module"}',
      "typed/index.js": esm("typed/index"),
    },
  },
  "main-js@1.0.0": { json: { main: "start" }, files: { "start.js": cjs("start") } },
  "main-missing@1.0.0": { json: { main: "gone.js" }, files: { "index.js": cjs("index") } },
  "main-none@1.0.0": { files: { "index.js": cjs("index") } },
  "main-esm@1.0.0": { json: { type: "module" }, files: { "index.js": esm("index") } },
  "main-module@1.0.0": { json: { module: "m.js" }, files: { "m.js": esm("m") } },
  "main-folder@1.0.0": { json: { main: "." }, files: { "index.js": cjs("index") } },
  "main-slash@1.0.0": { json: { main: "lib/" }, files: { "lib/index.js": cjs("lib") } },
  "string@1.0.0": { json: { exports: "./x.mjs" }, files: { "x.mjs": esm("string") } },
  "sugar@1.0.0": {
    json: { exports: { import: "./x.mjs", require: "./x.cjs" } },
    files: { "x.mjs": esm("sugar import"), "x.cjs": cjs("sugar require") },
  },
  "builtins@1.0.0": {
    json: { type: "module", dependencies: { events: "1", "string_decoder": "1" } },
    files: {
      "index.js":
        "import e from 'events'; import s from 'string_decoder'; import own from 'string_decoder/';" +
        "export default [typeof e.EventEmitter, typeof s.StringDecoder, own].join();",
    },
  },
  "events@1.0.0": { files: { "index.js": cjs("not the builtin") } },
  "string_decoder@1.0.0": { files: { "index.js": cjs("not the builtin") } },
  "undeclared@1.0.0": {
    json: { type: "module" },
    files: { "index.js": "export { default } from 'dependency';" },
  },
  "undeclared-missing@1.0.0": {
    json: { type: "module" },
    files: { "index.js": "export { default } from 'not-there';" },
  },
};

const SPECIFIERS = [
  ...["", ...CONDITIONS.map((condition) => `/if/${condition}`)].map((path) => `npm:exports${path}`),
  ...[
    "order",
    "nothing",
    "array",
    "array-of-missing",
    "array-of-conditions",
    "array-after-null",
    "empty-array",
    "null",
    "dir/a",
    "dir/deep/a",
    "dir/a/end",
    "dir/private/a",
    "dir/missing",
    "dir/",
    "files/a.js",
    "files/.js",
    "missing",
    "no-path",
    "out",
    "modules",
    "folder/a.js",
    "folder",
    "self",
    "internal",
    "internal-builtin",
    "internal-package",
    "cjs",
    "numbers",
    "unknown",
    "package.json",
    "yes.js",
    "dir/../yes",
    "dir/%2e%2e/yes",
  ].map((path) => `npm:exports@1/${path}`),
  ...[
    "",
    "/other.js",
    "/other",
    "/lib",
    "/lib/index.js",
    "/folder",
    "/both",
    "/esm-syntax.js",
    "/esm.mjs",
    "/no-ending",
    "/import-lib.mjs",
    "/import-ending.mjs",
    "/typed/index.js",
    "/typed",
    "/missing.js",
  ].map((path) => `npm:legacy@^1.0.0${path}`),
  "npm:/legacy@1/other.js",
  ...["js", "missing", "none", "esm", "module", "folder", "slash"].map((name) =>
    `npm:main-${name}`
  ),
  "npm:string",
  "npm:string/x.mjs",
  "npm:sugar",
  "npm:builtins",
  "npm:undeclared",
  "npm:undeclared-missing",
];

/** Imports each, and says what it exports. */
const PROGRAM = `
const outcomes = {};
for (const specifier of JSON.parse(Deno.args[0])) {
  try {
    let { default: value } = await import(specifier);
    while (typeof value === "object") value = value.default;
    outcomes[specifier] = String(value);
  } catch {
    outcomes[specifier] = "error";
  }
}
console.log(JSON.stringify(outcomes));
`;

Deno.test("npm: the files are the ones that Deno means", async () => {
  await using registry = await FakeRegistry.start(PACKAGES);
  await using test = await TestCache.make();
  const native = await nativeOutcomes(registry.url, test.cache.root);
  const set = await test.installer(registry.url).install(SPECIFIERS);
  const own: Record<string, string> = {};
  for (const specifier of SPECIFIERS) {
    try {
      const { path, format } = set.resolve(specifier);
      const text = Deno.readTextFileSync(path);
      assertEquals(format, /^exports/.test(text) ? "commonjs" : "module", specifier);
      own[specifier] = exported(text, path);
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      assertMatch(error.message, /^cannot load (?:npm:|\.\/|not-there: )[^\n]+$/);
      own[specifier] = "error";
    }
  }
  /** What a file exports, as far as these packages go. */
  function exported(text: string, path: string): string {
    const literal = /default(?: =)? "([^"]*)"/.exec(text);
    if (literal !== null) return literal[1];
    const specifiers = [...text.matchAll(/(?:from|import) '([^']+)'/g)].map(([, each]) => each);
    return specifiers.map((each) => {
      const file = set.resolveFrom(each, path);
      if (file.format !== "builtin") return exported(Deno.readTextFileSync(file.path), file.path);
      return "function";
    }).join();
  }
  assertEquals(own, native);
});

async function nativeOutcomes(registry: string, folder: string): Promise<Record<string, string>> {
  const program = `${folder}/program.mjs`;
  await Deno.writeTextFile(program, PROGRAM);
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-lock",
      "--no-config",
      pathToFileURL(program).href,
      JSON.stringify(SPECIFIERS),
    ],
    env: { NPM_CONFIG_REGISTRY: registry, DENO_DIR: `${folder}/deno`, NO_COLOR: "1" },
    cwd: folder,
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (text === "") throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(text);
}
