/** Graphs, built from sources in memory. */

import { pathToFileURL } from "node:url";
import { LoadError } from "../../src/base/errors.ts";
import { buildGraph } from "../../src/loader/graph_walk.ts";
import { DEFAULT_GRAPH_LIMITS } from "../../src/loader/graph/graph_types.ts";
import type {
  Graph,
  GraphRequest,
  GraphSources,
  PackageSet,
} from "../../src/loader/graph/graph_types.ts";
import { NO_IMPORT_MAP, parseImportMap } from "../../src/loader/names/import_map.ts";
import type { ModuleSource } from "../../src/loader/names/sources.ts";
import { sha256Of } from "../../src/base/sha256.ts";
import { mediaTypeOf } from "../../src/loader/fetch/media_type.ts";
import { sourceText } from "../../src/loader/names/sources.ts";
import { transformCode } from "../../src/loader/transform/transform.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "../support/assert.ts";

const BASE = "https://example.com/";

/** Sources by URL below {@linkcode BASE}; `->URL` redirects. */
class MemorySources implements GraphSources {
  /** URLs that were loaded, in order. */
  readonly loaded: string[] = [];
  /** What was installed. */
  readonly installed: (readonly string[])[] = [];
  readonly #files: Readonly<Record<string, string>>;
  readonly #packages: Readonly<Record<string, string>>;

  constructor(
    files: Readonly<Record<string, string>>,
    packages: Readonly<Record<string, string>> = {},
  ) {
    this.#files = files;
    this.#packages = packages;
  }

  load(url: string): Promise<ModuleSource> {
    this.loaded.push(url);
    let at = url;
    let text = this.#textAt(at);
    while (text?.startsWith("->")) {
      at = new URL(text.slice(2), at).href;
      text = this.#textAt(at);
    }
    if (text === undefined) {
      return Promise.reject(new LoadError(url, `cannot load ${url}: there is no such thing`));
    }
    const bytes = new TextEncoder().encode(text);
    return Promise.resolve({ url: at, bytes, contentType: "", sha256: sha256Of(bytes) });
  }

  #textAt(url: string): string | undefined {
    if (url.startsWith("data:")) return decodeURIComponent(url.slice(url.indexOf(",") + 1));
    if (url.startsWith("file:///set/")) return this.#packages[url.slice("file:///set/".length)];
    return this.#files[url] ??
      (url.startsWith(BASE) ? this.#files[url.slice(BASE.length)] : undefined);
  }

  mediaTypeOf({ url, contentType }: ModuleSource): ReturnType<typeof mediaTypeOf> {
    return url.startsWith("data:") ? "javascript" : mediaTypeOf(url, contentType);
  }

  resolveJsr(specifier: string): Promise<string> {
    return Promise.resolve(`${BASE}${specifier.replace(":", "/")}.ts`);
  }

  localPackages(): null {
    return null;
  }

  install(requirements: readonly string[]): Promise<PackageSet> {
    this.installed.push(requirements);
    const fileOf = (name: string) => {
      if (!(name in this.#packages)) {
        throw new LoadError(name, `cannot load ${name}: no such file in the set`);
      }
      const format = name.endsWith(".json")
        ? "json" as const
        : name.endsWith(".cjs")
        ? "commonjs" as const
        : "module" as const;
      return { path: `/set/${name}`, format };
    };
    return Promise.resolve({
      root: "/set",
      folders: new Map(),
      requiredModules: () => [],
      resolve: (specifier) => fileOf(specifier.slice("npm:".length)),
      resolveFrom: (specifier, importer) => {
        const url = new URL(specifier, pathToFileURL(importer));
        return fileOf(url.pathname.slice("/set/".length));
      },
    });
  }

  commonJsExports(): readonly string[] {
    return ["named"];
  }

  isInCommonJsPackage(): boolean {
    return false;
  }

  guardedExports(specifier: string): Promise<readonly string[] | null> {
    return Promise.resolve(specifier === "node:vm" ? ["runInContext"] : null);
  }

  transform(
    { url, source, mediaType }: Parameters<GraphSources["transform"]>[0],
  ): ReturnType<GraphSources["transform"]> {
    return Promise.resolve(
      transformCode({ url, text: sourceText(source), mediaType, compilerOptions: {} }),
    );
  }
}

async function built(
  sources: MemorySources,
  roots: readonly string[] = ["app.ts"],
  change: Partial<GraphRequest> = {},
): Promise<Graph> {
  return await buildGraph({
    roots: roots.map((root) => ({ specifier: new URL(root, BASE).href, type: "", referrer: null })),
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
    ...change,
  }, sources);
}

/** Keys of a graph's modules, without the base, with what each leads to. */
function shapeOf({ modules }: Graph): Record<string, string[]> {
  const short = (key: string) => key.replace(BASE, "").replace(/^ /, "");
  return Object.fromEntries(modules.map(({ key, targets }) => [
    short(key),
    targets.map((target) => target.kind === "builtin" ? target.specifier : short(target.key)),
  ]));
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => promise, LoadError)).message;
}

Deno.test("cycles, diamonds and a module's import of itself load each module once", async () => {
  const sources = new MemorySources({
    "app.ts": 'import "./a.ts"; import "./b.ts"; import "./app.ts";',
    "a.ts": 'import "./shared.ts"; import "./b.ts";',
    "b.ts": 'export * from "./a.ts"; import "./shared.ts";',
    "shared.ts": 'import "node:path"; export {};',
  });
  assertEquals(shapeOf(await built(sources)), {
    "app.ts": ["a.ts", "b.ts", "app.ts"],
    "a.ts": ["shared.ts", "b.ts"],
    "b.ts": ["a.ts", "shared.ts"],
    "shared.ts": ["node:path"],
  });
  assertEquals(sources.loaded.length, 4);
});

Deno.test("all that redirects to one URL is one module, whichever comes first", async () => {
  for (
    const text of [
      'import "./old.ts"; import "./new.ts"; import "./older.ts";',
      'import "./new.ts"; import "./older.ts"; import "./old.ts";',
      'import "./older.ts"; import "./sub.ts";',
    ]
  ) {
    const graph = await built(
      new MemorySources({
        "app.ts": text,
        "sub.ts": 'import "./old.ts"; import "./new.ts";',
        "old.ts": "->new.ts",
        "older.ts": "->old.ts",
        "new.ts": 'import "./part.ts";',
        "part.ts": "export {};",
      }),
    );
    const shape = shapeOf(graph);
    assertEquals(shape["new.ts"], ["part.ts"]);
    assertEquals(Object.keys(shape).filter((key) => key.includes("old")), []);
    for (const target of shape["app.ts"]) assert(["new.ts", "sub.ts"].includes(target), target);
    assertEquals(graph.redirects.get(`${BASE}older.ts`), `${BASE}new.ts`);
  }
  const root = await built(
    new MemorySources({
      "app.ts": "->moved/app.ts",
      "moved/app.ts": 'import "./b.ts";',
      "moved/b.ts": "1",
    }),
  );
  assertEquals(root.roots, [` ${BASE}moved/app.ts`]);
});

Deno.test("one URL is another module for each type of import", async () => {
  const graph = await built(
    new MemorySources({
      "app.ts": 'import a from "./data.json" with { type: "json" };\n' +
        'import b from "./data.json" with { type: "text" };\n' +
        'import c from "./data.json" with { type: "bytes" };\n' +
        'import d from "./again.json" with { type: "json" };\nexport default [a, b, c, d];',
      "data.json": "{}",
      "again.json": "->data.json",
    }),
  );
  const keys = graph.modules.map(({ key }) => key.replace(BASE, "")).sort();
  assertEquals(keys, [" app.ts", "bytes data.json", "json data.json", "text data.json"]);
  assertEquals(shapeOf(graph)["app.ts"].at(-1), "json data.json");
});

Deno.test("literal dynamic imports are in the graph if they can be, and nobody misses them if not", async () => {
  const sources = new MemorySources({
    "app.ts":
      'import "./ok.ts";\nexport const late = () => [import("./gone.ts"), import("./half.ts"), ' +
      'import("./good.ts"), import("bare"), import("weird:x")];',
    "ok.ts": "export {};",
    "half.ts": 'import "./good.ts"; import "./quarter.ts";',
    "quarter.ts": 'import "./gone.ts";',
    "good.ts": "export {};",
  });
  assertEquals(Object.keys(shapeOf(await built(sources))).sort(), ["app.ts", "good.ts", "ok.ts"]);
});

Deno.test("a static import that fails names the module, and where it is imported", async () => {
  const cases: [files: Record<string, string>, message: RegExp][] = [
    [
      { "app.ts": '\nimport "./gone.ts";' },
      /^cannot load \S+\/gone\.ts: .*\(imported by \S+\/app\.ts:2\)$/,
    ],
    [
      { "app.ts": 'import "./a.ts";', "a.ts": '\n\nimport "./gone.ts";' },
      /^cannot load \S+\/gone\.ts: .*\(imported by \S+\/a\.ts:3\)$/,
    ],
    [
      {
        "app.ts": 'import "./a.ts";',
        "a.ts": 'import "./b.ts";',
        "b.ts": 'import "./a.ts"; import "./gone.ts";',
      },
      /gone\.ts: .*b\.ts:1\)$/,
    ],
    [{ "app.ts": 'import "bare";' }, /^cannot resolve "bare": .*\(imported by \S+\/app\.ts:1\)$/],
    [
      { "app.ts": 'import "./d.json";', "d.json": "{}" },
      /with the attribute \{ type: "json" \}.*app\.ts:1\)$/,
    ],
    [{ "app.ts": 'import "./x.html";', "x.html": "<p>" }, /not a JavaScript or TypeScript module/],
    [{ "app.ts": 'import "weird:x";' }, /not from weird:.*app\.ts:1\)$/],
    [
      { "app.ts": 'import "http://example.com/x.ts";' },
      /came over https: cannot import over http:/,
    ],
    [{ "app.ts": 'import "file:///etc/x.ts";' }, /remote modules cannot import local files/],
    [
      { "app.ts": 'import "data:text/javascript,import%20%22file:///etc/x.ts%22";' },
      /remote modules cannot import local/,
    ],
    [{ "app.ts": 'import "node:nothing";' }, /there is no such builtin module/],
    [
      { "app.ts": 'import "npm:gone.js";' },
      /^cannot load npm:gone\.js: .*\(imported by \S+\/app\.ts:1\)$|^cannot load gone/,
    ],
    [{}, /^cannot load \S+\/app\.ts: there is no such thing$/],
  ];
  for (const [files, message] of cases) {
    assertMatch(await refusal(built(new MemorySources(files))), message);
  }
  const [one] = ["node:fs"].map((specifier) => ({ specifier, type: "" as const, referrer: null }));
  assertMatch(
    await refusal(built(new MemorySources({}), [], { roots: [one] })),
    /a builtin module is not an app/,
  );
});

Deno.test("graphs have a limit of depth, and one of modules", async () => {
  const chain = (length: number) =>
    new MemorySources(Object.fromEntries(Array.from({ length }, (_, index) => [
      index === 0 ? "app.ts" : `m${index}.ts`,
      index === length - 1 ? "export {};" : `import "./m${index + 1}.ts";`,
    ])));
  const star = (length: number) =>
    new MemorySources({
      "app.ts": Array.from({ length: length - 1 }, (_, index) => `import "./m${index}.ts";`).join(
        "",
      ),
      ...Object.fromEntries(Array.from({ length: length - 1 }, (_, index) => [`m${index}.ts`, ""])),
    });
  const limits = { maxDepth: 5, maxModules: 8, maxBytes: 1_000_000 };
  assertEquals((await built(chain(5), ["app.ts"], { limits })).modules.length, 5);
  assertMatch(
    await refusal(built(chain(6), ["app.ts"], { limits })),
    /^cannot load \S+\/m5\.ts: more than 5 imports lead to it$/,
  );
  assertEquals((await built(star(8), ["app.ts"], { limits })).modules.length, 8);
  assertMatch(
    await refusal(built(star(9), ["app.ts"], { limits })),
    /the app has more than 8 modules$/,
  );
});

Deno.test("packages of all modules are installed together, and then followed", async () => {
  const sources = new MemorySources({
    "app.ts": 'import "npm:a.js"; import "./part.ts";',
    "part.ts": 'import "npm:c.cjs"; import d from "npm:d.json" with { type: "json" }; ' +
      'export const late = import("npm:late.js"); export default d;',
  }, {
    "a.js": 'import "./b.js"; import "./c.cjs";',
    "b.js": "export {};",
    "c.cjs": "exports.named = 1;",
    "d.json": "{}",
    "late.js": 'import "./b.js";',
  });
  const graph = await built(sources);
  assertEquals(sources.installed.length, 1);
  assertEquals([...graph.requirements].sort(), [
    "npm:a.js",
    "npm:c.cjs",
    "npm:d.json",
    "npm:late.js",
  ]);
  assertEquals(graph.packageRoot, "/set");
  const shape = shapeOf(graph);
  assertEquals(shape["app.ts"], ["file:///set/a.js", "part.ts"]);
  assertEquals(shape["part.ts"], ["commonjs:file:///set/c.cjs", "json file:///set/d.json"]);
  assertEquals(shape["file:///set/a.js"], ["file:///set/b.js", "commonjs:file:///set/c.cjs"]);
  const origins = new Map(graph.modules.map(({ key, origin }) => [key.replace(BASE, ""), origin]));
  assertEquals(origins.get(" app.ts"), "remote");
  assertEquals(origins.get(" file:///set/b.js"), "package");
});

Deno.test("builtin modules that are guarded are modules of the graph", async () => {
  const shape = shapeOf(
    await built(new MemorySources({ "app.ts": 'import "node:vm"; import "node:fs";' })),
  );
  assertEquals(shape, { "app.ts": ["node:vm", "node:fs"], "node:vm": [] });
});

Deno.test("a graph that extends another does not load what is known", async () => {
  const sources = new MemorySources({
    "late.ts": 'import "./known.ts"; import "./old.ts"; import "./new.ts";',
    "new.ts": "export {};",
  });
  const known = {
    targets: new Map([[` ${BASE}known.ts`, "../../known.js"], [
      ` ${BASE}here.ts`,
      "../../here.js",
    ]]),
    redirects: new Map([[`${BASE}old.ts`, `${BASE}here.ts`]]),
  };
  const root = { specifier: "./late.ts", type: "" as const, referrer: `${BASE}app.ts` };
  const graph = await built(sources, [], { roots: [root], known });
  assertEquals(shapeOf(graph), { "late.ts": ["known.ts", "here.ts", "new.ts"], "new.ts": [] });
  assertEquals(sources.loaded.map((url) => url.replace(BASE, "")), ["late.ts", "new.ts"]);
  const again = { specifier: "./old.ts", type: "" as const, referrer: `${BASE}app.ts` };
  const nothing = await built(sources, [], { roots: [again], known });
  assertEquals([nothing.modules, nothing.roots], [[], [` ${BASE}here.ts`]]);
});

Deno.test("local files are asked about, and what an import map leads to is the user's choice", async () => {
  const asked: [string, string][] = [];
  const files = {
    "app.ts": 'import "mapped"; import "data:text/javascript,import \'also\'";',
    "data:text/javascript,import 'also'": "import 'also'",
    "file:///apps/x.ts": 'import "./y.ts";',
    "file:///apps/y.ts": "",
    "file:///apps/z.ts": "",
  };
  const importMap = parseImportMap({
    imports: { mapped: "file:///apps/x.ts", also: "file:///apps/z.ts" },
  }, BASE);
  const project = {
    compilerOptions: {},
    importMap,
    nodeModules: "none",
    files: [],
  } as const;
  const graph = await built(new MemorySources(files), ["app.ts"], {
    project,
    checkFile: (url, importer) => asked.push([url, importer]),
  });
  assertEquals(asked.sort(), [
    ["file:///apps/x.ts", "remote"],
    ["file:///apps/y.ts", "local"],
    ["file:///apps/z.ts", "remote"],
  ]);
  assertEquals(graph.modules.find(({ url }) => url === "file:///apps/y.ts")?.origin, "local");
  const message = await refusal(built(new MemorySources(files), ["app.ts"], {
    project,
    checkFile: (url) => {
      throw new LoadError(url, `cannot load ${url}: not you`);
    },
  }));
  assertMatch(
    message,
    /^cannot load file:\/\/\/apps\/x\.ts: not you \(imported by \S+app\.ts:1\)$/,
  );
});
