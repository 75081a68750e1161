/** Caches with damaged files: what was made is made again, or it is said what to do. */

import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { LoaderLab } from "../support/loader_lab.ts";
import { refusalHere } from "../support/loading_here.ts";
import { FakeRegistry } from "../support/npm_registry.ts";
import { test } from "../support/strict.ts";
import { readGraph } from "../../src/loader/graph/graph_store.ts";
import { Loader } from "../../src/loader/loader.ts";
import type { LoaderOptions } from "../../src/loader/protocol.ts";
import { ModuleServer, redirectTo } from "./module_server.ts";

/** What can happen to a file. */
const DAMAGES: Record<string, (path: string) => void> = {
  "cut off": (path) => Deno.truncateSync(path, Deno.statSync(path).size >> 1),
  "emptied": (path) => Deno.truncateSync(path, 0),
  "changed in one bit": (path) => {
    const bytes = Deno.readFileSync(path);
    bytes[bytes.length >> 1] ^= 1;
    Deno.writeFileSync(path, bytes);
  },
  "deleted": (path) => Deno.removeSync(path),
};

/** Kinds of files, and what else is removed so that they are looked at. */
const KINDS: Record<string, { files: RegExp; dropped: readonly string[] }> = {
  "which graph was made": { files: /^apps\//, dropped: [] },
  "modules of a graph": { files: /^graphs\/\w+\/[\da-f]{27}\.js$/, dropped: [] },
  "the runtime of a graph": { files: /^graphs\/\w+\/runtime\.js$/, dropped: [] },
  "the list of a graph": { files: /^graphs\/\w+\/graph\.json$/, dropped: [] },
  "what servers said": { files: /^http\//, dropped: ["graphs", "apps"] },
  "bodies and transformed modules": { files: /^(?:blobs|js)\//, dropped: ["graphs", "apps"] },
  "lists of packages": {
    files: /^npm-sets\/\w+\/(?:sets\/|\.store\/[^/]+\/files\.json)/,
    dropped: ["graphs", "apps"],
  },
  // A byte of a package's own file is not looked at again once its archive was.
  "everything": { files: /^(?!CACHEDIR|npm\/|.*\/node_modules\/)/, dropped: [] },
};

function optionsFor(lab: LoaderLab): LoaderOptions {
  return {
    cacheRoot: lab.cache,
    importMapUrl: undefined,
    reload: "none",
    cachePolicy: "use",
    allowImport: "any",
    allowHttp: "loopback",
    lockFile: undefined,
    lockOrigin: "named",
    lockMode: "extend",
    env: {},
  };
}

const PAGES = {
  "/lib.ts": 'export { lib } from "./old.ts";\n',
  "/old.ts": redirectTo("/new.ts"),
  "/new.ts": 'export const lib: string = "lib";\n',
};

const PACKAGES = {
  "commons@1.0.0": {
    files: {
      "index.js": "exports.value = require('./part');",
      "part.js": "module.exports = 'part';",
    },
  },
  "modern@1.0.0": {
    json: { type: "module", exports: "./main.js" },
    files: { "main.js": 'export const modern = "modern";' },
  },
};

function filesOf(origin: string, registry: string): Record<string, string> {
  return {
    ".npmrc": `registry=${registry}\n`,
    "app.ts": `import { lib } from "${origin}/lib.ts";\n` +
      'import { value } from "npm:commons@1";\nimport { modern } from "npm:modern@1";\n' +
      "export default (): Response => new Response([lib, value, modern].join());\n",
  };
}

test("files of the cache that are damaged are noticed and made again", async (context) => {
  await using server = new ModuleServer(PAGES);
  await using registry = await FakeRegistry.start(PACKAGES);
  await using lab = new LoaderLab(filesOf(server.origin, registry.url));
  const roots = [lab.url("app.ts")];
  const log: string[] = [];
  // One loader, as in a gateway that reloads: it has its thread but once.
  using loader = new Loader(optionsFor(lab), (...words) => log.push(words.join(" ")));
  const prepared = () => loader.prepare(roots);
  const { folder } = await prepared();
  const packages = () => lab.filesInCache("npm-sets").filter((path) => !path.includes("/sets/"));
  const installed = packages();
  for (const [kind, { files, dropped }] of Object.entries(KINDS)) {
    await context.step(kind, async () => {
      const all = Object.entries(DAMAGES);
      const several = lab.filesInCache().filter((path) => files.test(path)).length >= all.length;
      // Where there are several files, one run sees all damages. Else each costs one, and what notices that
      // a file is cut off is what notices that nothing of it is left.
      const damages = several ? all : all.filter(([damage]) => damage !== "emptied");
      for (let run = 0, runs = damages.length; run < runs; run++) {
        const found = lab.filesInCache().filter((path) => files.test(path));
        assert(found.length > 0, "there is something to damage");
        if (several) runs = 1;
        const done = found.map((path, index) => {
          const [damage, inflict] = damages[(run + index) % damages.length];
          inflict(`${lab.cache}/${path}`);
          return `${path} ${damage}`;
        });
        if (dropped.length > 0) lab.dropCache(...dropped);
        const again = await prepared();
        assertEquals(again.folder, folder, `${done}`);
        assert(await readGraph(folder) !== null, `the graph is whole after ${done}`);
        assertEquals(packages(), installed, `${done}`);
      }
    });
  }
  server.takePaths();
  log.length = 0;
  await prepared();
  assertEquals([server.takePaths(), log], [[], []], "the last one was whole again");
});

test("a file of CommonJS that is cut off is noticed at the next start, and installed again", async () => {
  await using server = new ModuleServer(PAGES);
  await using registry = await FakeRegistry.start(PACKAGES);
  await using lab = new LoaderLab(filesOf(server.origin, registry.url));
  using loader = new Loader(optionsFor(lab), () => {});
  const { folder } = await loader.prepare([lab.url("app.ts")]);
  const [part] = lab.filesInCache().filter((path) => /^npm-sets\/.*\/part\.js$/.test(path));
  const path = `${lab.cache}/${part}`;
  const text = Deno.readTextFileSync(path);
  // The file has another name where the archive was unpacked.
  Deno.truncateSync(path, 10);
  const again = await loader.prepare([lab.url("app.ts")]);
  assertEquals([again.folder, Deno.readTextFileSync(path)], [folder, text]);
});

test("packages that are gone are installed again, and what the network lacks is told", async (context) => {
  await using registry = await FakeRegistry.start(PACKAGES);
  await using lab = new LoaderLab();
  const start = () => lab.answerOf("app.ts", "--allow-import");
  let lib = "";
  {
    await using server = new ModuleServer(PAGES);
    lab.write(filesOf(server.origin, registry.url));
    lib = `${server.origin}/lib.ts`;
    assertEquals((await start()).text, "lib,part,modern");
  }
  const damages: Record<string, () => void> = {
    "all sets deleted": () => lab.dropCache("npm-sets"),
    "all packages and graphs deleted": () => lab.dropCache("npm", "npm-sets", "graphs"),
  };
  for (const [name, inflict] of Object.entries(damages)) {
    await context.step(name, async () => {
      inflict();
      assertEquals((await start()).text, "lib,part,modern");
    });
  }
  lab.dropCache("graphs", "blobs");
  const withoutBodies = await refusalHere(lab, "app.ts", "--allow-import");
  assertStringIncludes(withoutBodies, `cannot load ${lib}: `);
  assertStringIncludes(withoutBodies, "(imported by ");
});

/** Files of packages in sets, links not being any. */
const IN_SETS = /^npm-sets\/\w+\/\.store\/[^/]+\/node_modules\/[^/]+\/./;

/** Files of packages: in the store, and in a set, which is what apps are served from. */
const PACKAGE_FILES: Record<string, { files: RegExp; dropped: readonly string[] }> = {
  "the store": { files: /^npm\/.*\/package\//, dropped: ["graphs", "apps", "npm-sets"] },
  "its lists": { files: /^npm\/.*\/files\.json$/, dropped: ["graphs", "apps", "npm-sets"] },
  "a set": { files: IN_SETS, dropped: ["graphs", "apps"] },
};

test("files of packages that are cut off or gone are unpacked again", async (context) => {
  await using server = new ModuleServer(PAGES);
  await using registry = await FakeRegistry.start(PACKAGES);
  await using lab = new LoaderLab(filesOf(server.origin, registry.url));
  using loader = new Loader(optionsFor(lab), () => {});
  const contents = () =>
    lab.filesInCache().filter((path) => IN_SETS.test(path))
      .map((path) => [path, Deno.readTextFileSync(`${lab.cache}/${path}`)]);
  await loader.prepare([lab.url("app.ts")]);
  const whole = contents();
  assert(whole.length >= 5, "there are files of packages");
  for (const [place, { files, dropped }] of Object.entries(PACKAGE_FILES)) {
    for (const damage of ["cut off", "emptied", "deleted"]) {
      await context.step(`${place}: ${damage}`, async () => {
        const found = lab.filesInCache().filter((path) => files.test(path));
        assert(found.length > 0, "there is something to damage");
        for (const path of found) DAMAGES[damage](`${lab.cache}/${path}`);
        lab.dropCache(...dropped);
        await loader.prepare([lab.url("app.ts")]);
        assertEquals(contents(), whole);
      });
    }
  }
});
