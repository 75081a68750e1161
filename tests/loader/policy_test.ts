import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { LoadError } from "../../src/base/errors.ts";
import { buildGraph } from "../../src/loader/graph_walk.ts";
import { DEFAULT_GRAPH_LIMITS } from "../../src/loader/graph/graph_types.ts";
import type {
  GraphRequest,
  GraphRoot,
  GraphSources,
  PackageSet,
} from "../../src/loader/graph/graph_types.ts";
import { liesIn } from "../../src/base/paths.ts";
import { NO_IMPORT_MAP } from "../../src/loader/names/import_map.ts";
import { transformCode } from "../../src/loader/transform/transform.ts";
import { assertEquals, assertRejects } from "../support/assert.ts";

const PACKAGES = "/packages";
const SECRET = "file:///etc/secret.json";

/** Packages in which every specifier means what it means as a path. */
const packages: PackageSet = {
  root: PACKAGES,
  folders: new Map(),
  requiredModules: () => [],
  resolve: () => ({ path: `${PACKAGES}/a/index.js`, format: "module" }),
  resolveFrom: (specifier, importer) => ({
    path: new URL(specifier, pathToFileURL(importer)).pathname,
    format: "module",
  }),
};

/** Sources in memory; files are there whatever they are called. */
function sourcesOf(texts: Readonly<Record<string, string>>): GraphSources {
  return {
    load: (url) => {
      const text = texts[url] ?? (url.startsWith("data:") ? decodeURI(url.split(",")[1]) : "0");
      const bytes = new TextEncoder().encode(text);
      return Promise.resolve({ url, bytes, contentType: "text/javascript", sha256: "" });
    },
    mediaTypeOf: () => "javascript",
    resolveJsr: () => Promise.reject(new Error("no JSR")),
    install: () => Promise.resolve(packages),
    localPackages: () => null,
    commonJsExports: () => [],
    guardedExports: () => Promise.resolve(null),
    isInCommonJsPackage: () => false,
    transform: ({ url, mediaType, source }) =>
      Promise.resolve(transformCode({
        url,
        text: new TextDecoder().decode(source.bytes),
        mediaType,
        compilerOptions: {},
      })),
  };
}

function requestFor(root: GraphRoot, changes: Partial<GraphRequest> = {}): GraphRequest {
  return {
    roots: [root],
    project: {
      compilerOptions: {},
      importMap: NO_IMPORT_MAP,
      nodeModules: "none",
      files: [],
    },
    known: { targets: new Map(), redirects: new Map() },
    requirements: [],
    packageRoot: null,
    checkFile: () => {},
    limits: DEFAULT_GRAPH_LIMITS,
    ...changes,
  };
}

function app(url: string): GraphRoot {
  return { specifier: url, type: "", referrer: null };
}

Deno.test("remote modules cannot import local files, however these are written", async (test) => {
  const url = "https://example.com/app.js";
  const sources: Record<string, string> = {
    "as a URL": `import a from "${SECRET}"`,
    "with a blank before": `import a from " ${SECRET}"`,
    "with a tab in it": 'import a from "fi\\tle:///etc/secret.json"',
    "in capitals": 'import a from "FILE:///etc/secret.json"',
    "with one slash": 'import a from "file:/etc/secret.json"',
    "as a text": `import a from " ${SECRET}" with { type: "text" }`,
    "by re-export": `export * from " ${SECRET}"`,
    "from a data: module": `import "data:text/javascript,import ' ${SECRET}'"`,
    "from one with a blank before": `import " data:text/javascript,import ' ${SECRET}'"`,
  };
  for (const [name, source] of Object.entries(sources)) {
    await test.step(name, async () => {
      const build = buildGraph(requestFor(app(url)), sourcesOf({ [url]: source }));
      await assertRejects(() => build, LoadError, "remote modules cannot import local files");
    });
  }
});

Deno.test("a package cannot import files of another", async (test) => {
  const index = `file://${PACKAGES}/a/index.js`;
  for (const specifier of ["../../etc/secret.json", SECRET, "../../packages2/a.js"]) {
    await test.step(`statically: ${specifier}`, async () => {
      const sources = sourcesOf({ [index]: `import ${JSON.stringify(specifier)}` });
      const build = buildGraph(requestFor(app("npm:a")), sources);
      await assertRejects(() => build, LoadError, "a package cannot import files of another");
    });
    await test.step(`while they run: ${specifier}`, async () => {
      const root: GraphRoot = { specifier, type: "text", referrer: index };
      const build = buildGraph(requestFor(root, { packageRoot: PACKAGES }), sourcesOf({}));
      await assertRejects(() => build, LoadError, "a package cannot import files of another");
    });
  }
  await test.step("their own they can", async () => {
    const sources = sourcesOf({ [index]: 'import "./b.js"; import "../c/d.js"' });
    const { modules } = await buildGraph(requestFor(app("npm:a")), sources);
    assertEquals(modules.map(({ url }) => url).sort(), [
      `file://${PACKAGES}/a/b.js`,
      index,
      `file://${PACKAGES}/c/d.js`,
    ]);
  });
});

Deno.test("a module that only says that it is in a package is held to what the app may read", async (test) => {
  const checkFile = (url: string) => {
    throw new LoadError(url, `may not read ${url}`);
  };
  const referrers = [
    `file://${PACKAGES}2/a.js`,
    `file://${PACKAGES}/../etc/a.js`,
    `file://${PACKAGES}/%2e%2e/etc/a.js`,
    `file://host${PACKAGES}/a.js`,
    `file://${PACKAGES}/..%2f..%2fetc/a.js`,
  ];
  for (const referrer of referrers) {
    await test.step(referrer, async () => {
      const root: GraphRoot = { specifier: "./secret.json", type: "text", referrer };
      const request = requestFor(root, { packageRoot: PACKAGES, checkFile });
      await assertRejects(() => buildGraph(request, sourcesOf({})), LoadError, "may not read");
    });
  }
});

Deno.test("an app does not outgrow its limit by importing while it runs", async () => {
  const limits = { ...DEFAULT_GRAPH_LIMITS, maxModules: 3 };
  const root: GraphRoot = { specifier: "./d.js", type: "", referrer: "https://example.com/a.js" };
  const known = (names: string) => ({
    targets: new Map([...names].map((name) => [` https://example.com/${name}.js`, "x.js"])),
    redirects: new Map(),
  });
  const { modules } = await buildGraph(
    requestFor(root, { limits, known: known("ab") }),
    sourcesOf({}),
  );
  assertEquals(modules.length, 1);
  await assertRejects(
    () => buildGraph(requestFor(root, { limits, known: known("abc") }), sourcesOf({})),
    LoadError,
    "more than 3 modules",
  );
});

Deno.test("modules that are too large together are refused, those at the limit are not", async () => {
  const url = "https://example.com/app.js";
  const sources = sourcesOf({ [url]: 'import "./a.js"', "https://example.com/a.js": "1234567890" });
  const build = (maxBytes: number) =>
    buildGraph(requestFor(app(url), { limits: { ...DEFAULT_GRAPH_LIMITS, maxBytes } }), sources);
  assertEquals((await build(25)).modules.length, 2);
  await assertRejects(() => build(24), LoadError, "the app's modules are larger than");
});

Deno.test("liesIn: a folder and what is in it, by whole names", () => {
  const folder = join("/srv", "app");
  assertEquals(liesIn(folder, folder), true);
  assertEquals(liesIn(join(folder, "a", "b.js"), folder), true);
  assertEquals(liesIn(join(folder, "..a"), folder), true);
  assertEquals(liesIn(join("/srv", "app2", "a.js"), folder), false);
  assertEquals(liesIn(join("/srv"), folder), false);
  assertEquals(liesIn(join(folder, "a.js"), join("/")), true);
});
