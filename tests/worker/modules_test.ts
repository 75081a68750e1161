import { pathToFileURL } from "node:url";
import { NO_IMPORT_MAP } from "../../src/loader/names/import_map.ts";
import { installModules } from "../../src/worker/modules.ts";
import type { Imported } from "../../src/worker/protocol.ts";
import { assertEquals, assertRejects } from "../support/assert.ts";

const REFERRER = "https://example.com/app.js";

/** What the gateway answers next. */
let answer: Imported = { message: "" };
const folder = await Deno.makeTempDir();
Deno.mkdirSync(`${folder}/graph/ext/0`, { recursive: true });
const inside = "0".repeat(27) + ".js";
Deno.writeTextFileSync(`${folder}/graph/${inside}`, "export const place = 'graph';");
Deno.writeTextFileSync(`${folder}/graph/ext/0/${inside}`, "export const place = 'extension';");
Deno.writeTextFileSync(`${folder}/secret.js`, "export const place = 'outside';");
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

// One for the thread: it cannot be taken back.
const { services: modules, requireModule } = installModules(
  {
    directory: `${pathToFileURL(`${folder}/graph`).href}/`,
    files: { " https://example.com/a.js": inside },
    redirects: {},
    importMap: NO_IMPORT_MAP,
    folders: [],
    packageRoot: "/nowhere",
    packages: {},
    nodeModules: false,
    commonJs: {},
  },
  () => Promise.resolve(answer),
  "guarded",
);

function placeOf(specifier: string): Promise<unknown> {
  return modules.import(REFERRER, [specifier]).then((module) =>
    (module as { place: string }).place
  );
}

Deno.test("modules of the graph and of its extensions are imported", async () => {
  assertEquals(await placeOf("./a.js"), "graph");
  answer = { file: `ext/0/${inside}`, files: {}, redirects: {}, packages: {} };
  assertEquals(await placeOf("./late.js"), "extension");
});

Deno.test("no answer and no prototype leads out of the graph's folder", async (test) => {
  const names = [
    "../secret.js",
    "ext/../../secret.js",
    ".\t./secret.js",
    ".\n./secret.js",
    "%2e%2e/secret.js",
    "..\\secret.js",
    "",
  ];
  for (const name of names) {
    await test.step(`answer ${JSON.stringify(name)}`, async () => {
      answer = { file: name, files: {}, redirects: {}, packages: {} };
      await assertRejects(() => placeOf("./forged.js"), TypeError, "no such module");
    });
    await test.step(`required ${JSON.stringify(name)}`, async () => {
      const path = `${folder}/asked.js`;
      const key = ` ${pathToFileURL(path).href}`;
      answer = { file: inside, files: { [key]: name }, redirects: {}, packages: {} };
      await placeOf(`./answered${name.length}.js`);
      const module = { exports: "untouched" };
      assertEquals([requireModule(module, path), module.exports], [false, "untouched"]);
      assertEquals(requireModule(module, `${folder}/secret.js`), false);
      answer = { file: name, files: {}, redirects: {}, packages: {} };
    });
    await test.step(`prototype ${JSON.stringify(name)}`, async () => {
      const prototype = Object.prototype as unknown as Record<string, unknown>;
      const key = " https://example.com/polluted.js";
      prototype[key] = { toString: () => name };
      try {
        await assertRejects(() => placeOf("./polluted.js"), TypeError, "no such module");
      } finally {
        delete prototype[key];
      }
    });
  }
});

Deno.test("builtin modules that are guarded are not had under names that only look different", async () => {
  answer = { message: "the gateway was asked" };
  for (const specifier of ["node:vm", "node:v\tm", "node:\nvm", "node:VM", "node:vm?a"]) {
    await assertRejects(
      () => modules.import(REFERRER, [specifier]),
      TypeError,
      "the gateway was asked",
    );
  }
  const path = await modules.import(REFERRER, ["node:path/posix"]);
  assertEquals(typeof (path as { join: unknown }).join, "function");
});

Deno.test("what is wrong with import() is said by a rejection, as the runtime does", async () => {
  const throwing = {
    toString() {
      throw new RangeError("no text");
    },
  };
  await assertRejects(() => modules.import(REFERRER, [throwing]), RangeError, "no text");
  await assertRejects(() => modules.import(REFERRER, ["./a.js", 1]), TypeError);
  await assertRejects(() => modules.import(REFERRER, ["./a.js", { with: 1 }]), TypeError);
  const kind = { with: { kind: "json" } };
  await assertRejects(() => modules.import(REFERRER, ["./a.js", kind]), TypeError, "kind");
});

/** Texts with the name of a generated file, and what they are with its source instead. */
const NAMED: Record<string, string> = {
  [`at ${inside}:1:2`]: "at URL:1:2",
  [`at file:///tmp/graph/${inside}:1:2`]: "at URL:1:2",
  [`at f (file:///tmp/graph/${inside}:1:2)`]: "at f (URL:1:2)",
  [`"file:///a/${inside}" and './${inside}'`]: "\"URL\" and 'URL'",
  [`from ./a.b/c/${inside} and ../../${inside}`]: "from URL and URL",
  [`a/${inside}`]: "a/URL",
  [`/a/./${inside}`]: "/a/URL",
  [`x./${inside}`]: "xURL",
  [`.//${inside}`]: ".//URL",
  [`file://${inside}`]: "file://URL",
  [`file://host file:///a/${inside}`]: "file://host URL",
  [`file:///a/${inside}/${inside}`]: "URL/URL",
  [`x${inside}`]: `x${inside}`,
  ["1".repeat(27) + ".js"]: "1".repeat(27) + ".js",
  [`file:///a/${"1".repeat(27)}.js`]: `file:///a/${"1".repeat(27)}.js`,
};

for (const [text, expected] of Object.entries(NAMED)) {
  Deno.test(`errors name sources instead of generated files: ${text.replaceAll(inside, "FILE")}`, () => {
    assertEquals(modules.withSources(text), expected.replaceAll("URL", "https://example.com/a.js"));
  });
}
