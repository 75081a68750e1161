import type { PartPermission } from "../../../src/loader/npm/package_needs.ts";
import { packageNeeds, withoutSearch } from "../../../src/loader/npm/package_needs.ts";
import { assertEquals, assertStringIncludes } from "../../support/assert.ts";

/** Makes packages in a folder, and says what the hint for an error at one of them is. */
function hintFor(
  message: (folder: string) => string,
  json: Record<string, unknown>,
  files: Readonly<Record<string, string>> = {},
  lacking: readonly PartPermission[] = ["ffi", "run"],
): string | null {
  const root = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "gatehouse-addon-" }));
  try {
    const folder = `${root}/.store/@a+b@1.0.0_00/node_modules/@a/b`;
    Deno.mkdirSync(`${folder}/build/Release`, { recursive: true });
    Deno.writeTextFileSync(
      `${folder}/package.json`,
      JSON.stringify({ name: "@a/b", version: "1.0.0", ...json }),
    );
    for (const [file, text] of Object.entries(files)) {
      const path = `${folder}/${file}`;
      Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      Deno.writeTextFileSync(path, text, { mode: 0o700 });
    }
    return packageNeeds(message(folder), root, lacking);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
}

const MISSING = (folder: string) =>
  `Could not locate the bindings file. Tried:\n → ${folder}/build/b.node`;
const DENIED = (folder: string) => `Requires ffi access to "${folder}/b.node": permit it`;

Deno.test("an addon that no script has made is told, with the script", () => {
  for (
    const json of [
      { scripts: { install: "make it" } },
      { scripts: { test: "x", postinstall: "make it" } },
    ]
  ) {
    assertStringIncludes(hintFor(MISSING, json)!, "npm:@a/b@1.0.0 builds or downloads its addon");
    assertStringIncludes(hintFor(MISSING, json)!, "(make it); gatehouse does not run scripts");
  }
  assertStringIncludes(hintFor(MISSING, { gypfile: true })!, "(node-gyp rebuild)");
});

Deno.test("of an error about an addon, what it is about is told, without all places and the stack", () => {
  const stack = "    at bindings (/a/bindings.js:126:9)\n".repeat(20);
  const search = `cannot load file:///app.js: ${MISSING("/a")}\n → /b/b.node\n${stack}`;
  assertEquals(
    withoutSearch(search),
    "cannot load file:///app.js: Could not locate the bindings file",
  );
  const others = ["Tried:\n something else", "Cannot find module '../b.node'\n    at c.js:1:2"];
  for (const other of others) assertEquals(withoutSearch(`${other}\n`), other);
});

Deno.test("an addon that is there needs a permission, and that is told", () => {
  const json = { scripts: { install: "make it" } };
  const addon = { "build/Release/b.node": "" };
  const beside = {
    "../../@a/b-linux/package.json": '{"name":"@a/b-linux","os":["linux"]}',
    "../../@a/b-linux/b.node": "",
  };
  const missing = (folder: string) => `Cannot find module '../b.node'\n- ${folder}/index.js`;
  const cases = [
    hintFor(DENIED, json, addon),
    hintFor(MISSING, json, addon),
    hintFor(missing, {}, beside),
    hintFor(DENIED, {}, addon, []),
    hintFor(() => 'Requires ffi access to "/elsewhere/b.node"', {}),
  ];
  for (const hint of cases) assertStringIncludes(hint!, "--app-allow-ffi");
  assertEquals(hintFor(missing, {}, addon, []), null, "the app has it");
});

Deno.test("a program of a package needs a permission, and all is told at once", () => {
  const at = (folder: string) =>
    `TypeError: undefined (reading 'unref')\n at ${folder}/index.js:1:1`;
  const beside = {
    "../../@a/b-linux/package.json": '{"name":"@a/b-linux","cpu":["x64"]}',
    "../../@a/b-linux/bin/b": "\x7fELF",
  };
  const hint = hintFor(at, {}, beside)!;
  assertStringIncludes(
    hint,
    "npm:@a/b@1.0.0 has a program of its own, for which it needs --app-allow-run",
  );
  assertStringIncludes(
    hintFor(at, {}, { ...beside, "b.node": "" })!,
    "native addons and a program of its own, for which it needs --app-allow-ffi --app-allow-run",
  );
  assertEquals(hintFor(at, {}, beside, ["ffi"]), null, "the app may run it");
  for (const [name, text] of [["b.so", "\x7fELF"], ["cli.js", "#!/x"], ["cli", "#!/bin/sh"]]) {
    assertEquals(hintFor(at, {}, { [name]: text }), null, name);
  }
  const unrelated = { "../c/package.json": '{"name":"c"}', "../c/bin/c": "\x7fELF" };
  assertEquals(hintFor(at, {}, unrelated), null, "another package's");
});

Deno.test("other errors, and other folders, have no such hint", () => {
  const json = { scripts: { install: "make it" } };
  assertEquals(hintFor((folder) => `boom at ${folder}/index.js`, json), null);
  assertEquals(hintFor(() => "no bindings file in /etc/.store/a/node_modules/b", json), null);
  assertEquals(hintFor((folder) => `${folder.replace("/node_modules", "/..")}/b.node`, json), null);
  assertEquals(hintFor((folder) => `${folder}-none/index.js b.node`, json), null);
});
