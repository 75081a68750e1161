import { assertEquals, assertMatch, assertStringIncludes } from "../../support/assert.ts";
import { LoaderLab } from "../../support/loader_lab.ts";
import { answerHere, refusalHere, startHere } from "../../support/loading_here.ts";
import { FakeRegistry } from "../../support/npm_registry.ts";
import { ModuleServer } from "../module_server.ts";
import { QUESTIONS } from "./project.ts";
import { compare, nativeAnswers, ownAnswers, projectLab } from "./runner.ts";

for (const place of Object.keys(QUESTIONS)) {
  Deno.test(`names mean what they do with deno run: ${place}`, async (test) => {
    await using lab = projectLab();
    const [native, own] = await Promise.all([
      nativeAnswers(lab, place),
      ownAnswers(lab, place),
    ]);
    await compare(test, place, own, native, assertEquals);
  });
}

const APP = 'import pack from "pack";\nexport default () => new Response(pack);\n';
const ESM = JSON.stringify({ name: "pack", type: "module", version: "1.0.0" });
const OWNER = JSON.stringify({ dependencies: { pack: "1" } });

function registryOf(text: string): Promise<FakeRegistry> {
  return FakeRegistry.start({
    "pack@1.0.0": {
      json: { type: "module", exports: "./index.js" },
      files: { "index.js": `export default ${JSON.stringify(text)};` },
    },
  });
}

const ANSWERS: Readonly<Record<string, readonly [Readonly<Record<string, string>>, string]>> = {
  "package.json and node_modules": [{ "package.json": OWNER }, "beside"],
  "deno.json, package.json and node_modules": [
    { "package.json": OWNER, "deno.json": "{}" },
    "beside",
  ],
  "a name of the import map that a package beside satisfies": [
    { "package.json": OWNER, "deno.json": '{ "imports": { "pack": "npm:pack@1" } }' },
    "beside",
  ],
  "nodeModulesDir none": [
    { "package.json": OWNER, "deno.json": '{ "nodeModulesDir": "none" }' },
    "registry",
  ],
  "no package.json": [{ "deno.json": '{ "imports": { "pack": "npm:pack@1" } }' }, "registry"],
  "no package.json, but nodeModulesDir manual": [
    { "deno.json": '{ "nodeModulesDir": "manual", "imports": { "pack": "npm:pack@1" } }' },
    "beside",
  ],
};

for (const [name, [files, answer]] of Object.entries(ANSWERS)) {
  Deno.test(`a package comes from the ${answer === "beside" ? "folder" : "registry"}: ${name}`, async () => {
    await using registry = await registryOf("registry");
    await using lab = new LoaderLab({
      ".npmrc": `registry=${registry.url}\n`,
      "app.js": APP,
      "node_modules/pack/package.json": ESM,
      "node_modules/pack/index.js": "export default 'beside';",
      ...files,
    });
    assertEquals(await answerHere(lab, "app.js"), answer);
  });
}

Deno.test("packages beside the app that come, change or go are noticed at the next start", async () => {
  await using registry = await registryOf("registry");
  await using lab = new LoaderLab({
    ".npmrc": `registry=${registry.url}\n`,
    "package.json": OWNER,
    "app.js": APP,
  });
  assertEquals((await startHere(lab, "app.js")).text, "registry");
  lab.write({
    "node_modules/pack/package.json": ESM,
    "node_modules/pack/index.js": "export default 'one';",
  });
  assertEquals((await startHere(lab, "app.js")).text, "one");
  lab.write({ "node_modules/pack/index.js": "export default 'two';" });
  assertEquals((await startHere(lab, "app.js")).text, "two");
  lab.write({
    "node_modules/pack/package.json": ESM.replace("}", ', "exports": "./other.js" }'),
    "node_modules/pack/other.js": "export default 'three';",
    "node_modules/.package-lock.json": "{}",
  });
  assertEquals((await startHere(lab, "app.js")).text, "three");
  Deno.removeSync(lab.path("node_modules/pack"), { recursive: true });
  assertStringIncludes(
    await refusalHere(lab, "app.js"),
    'cannot resolve "pack": it is in no node_modules',
  );
  Deno.removeSync(lab.path("node_modules"), { recursive: true });
  assertEquals((await startHere(lab, "app.js")).text, "registry");
});

Deno.test("apps that share workers with modules from elsewhere have no packages beside them", async () => {
  await using registry = await registryOf("registry");
  await using server = new ModuleServer({ "/around.js": "export default (next) => next;" });
  await using lab = new LoaderLab({
    ".npmrc": `registry=${registry.url}\n`,
    "package.json": OWNER,
    "app.js": APP,
    "node_modules/pack/package.json": ESM,
    "node_modules/pack/index.js": "export default 'beside';",
  });
  assertEquals(await answerHere(lab, "app.js", `${server.origin}/around.js`), "registry");
});

/** Packages that lie elsewhere, and links to them. */
const OUTSIDE: Readonly<Record<string, readonly [link: string, target: string]>> = {
  "a package": ["node_modules/pack", "../../outside/pack"],
  "the folder of all packages": ["node_modules", "../outside"],
  "a file": ["node_modules/pack/index.js", "../../../outside/pack/index.js"],
  "what a file imports": ["node_modules/pack/inner.js", "../../../outside/pack/index.js"],
};

for (const [name, [link, target]] of Object.entries(OUTSIDE)) {
  Deno.test(`links out of the project lead to no packages: ${name}`, async () => {
    await using lab = new LoaderLab({
      "outside/pack/package.json": ESM,
      "outside/pack/index.js": "export default 'outside';",
      "project/package.json": OWNER,
      "project/app.js": APP,
    });
    if (name !== "the folder of all packages") {
      lab.write({ "project/node_modules/other/index.js": "" });
    }
    if (link.endsWith(".js")) {
      lab.write({ "project/node_modules/pack/package.json": ESM });
      if (link.endsWith("inner.js")) {
        lab.write({
          "project/node_modules/pack/index.js": 'export { default } from "./inner.js";',
        });
      }
    }
    Deno.symlinkSync(target, lab.path(`project/${link}`));
    const told = await refusalHere(lab, "project/app.js");
    assertMatch(told, /cannot (?:resolve|load) /);
    assertEquals(told.includes("outside'"), false);
    const allowed = `--app-allow-read=${lab.path("outside")}`;
    assertEquals(await answerHere(lab, "project/app.js", allowed), "outside");
  });
}
