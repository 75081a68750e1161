import { addonHint } from "../../../src/loader/npm/addon_hint.ts";
import { assertEquals, assertStringIncludes } from "../../support/assert.ts";

/** Makes packages in a folder, and says what the hint for an error at one of them is. */
function hintFor(
  message: (folder: string) => string,
  json: Record<string, unknown>,
  files: readonly string[] = [],
): string | null {
  const root = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "gatehouse-addon-" }));
  try {
    const folder = `${root}/.store/@a+b@1.0.0_00/node_modules/@a/b`;
    Deno.mkdirSync(`${folder}/build/Release`, { recursive: true });
    Deno.writeTextFileSync(
      `${folder}/package.json`,
      JSON.stringify({ name: "@a/b", version: "1.0.0", ...json }),
    );
    for (const file of files) Deno.writeTextFileSync(`${folder}/${file}`, "");
    return addonHint(message(folder), root);
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
    assertStringIncludes(hintFor(MISSING, json)!, "npm:@a/b@1.0.0 makes or fetches its addon");
    assertStringIncludes(hintFor(MISSING, json)!, "(make it); gatehouse runs no scripts");
  }
  assertStringIncludes(hintFor(MISSING, { gypfile: true })!, "(node-gyp rebuild)");
});

Deno.test("an addon that is there needs a permission, and that is told", () => {
  const json = { scripts: { install: "make it" } };
  const cases = [
    hintFor(DENIED, json),
    hintFor(MISSING, json, ["build/Release/b.node"]),
    hintFor((folder) => `Cannot find module '../b.node'\n- ${folder}/index.js`, {}),
    hintFor(() => 'Requires ffi access to "/elsewhere/b.node"', {}),
  ];
  for (const hint of cases) assertStringIncludes(hint!, "--app-allow-ffi");
});

Deno.test("other errors, and other folders, have no such hint", () => {
  const json = { scripts: { install: "make it" } };
  assertEquals(hintFor((folder) => `boom at ${folder}/index.js`, json), null);
  assertEquals(hintFor(() => "no bindings file in /etc/.store/a/node_modules/b", json), null);
  assertEquals(hintFor((folder) => `${folder.replace("/node_modules", "/..")}/b.node`, json), null);
});
