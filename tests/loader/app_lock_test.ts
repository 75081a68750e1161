/** Locks of whole apps, as `gatehouse lock` makes them and starts use them. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "../support/assert.ts";
import { jsrPages } from "../support/jsr_pages.ts";
import { LoaderLab } from "../support/loader_lab.ts";
import { lockHere, startHere } from "../support/loading_here.ts";
import { FakeRegistry } from "../support/npm_registry.ts";
import type { FakePackage } from "../support/npm_registry.ts";
import { test } from "../support/strict.ts";
import { LoadError } from "../../src/base/errors.ts";
import { sha256Of } from "../../src/base/sha256.ts";
import { ModuleServer, redirectTo } from "./module_server.ts";
import type { Page } from "./module_server.ts";

const LOADING = ["--allow-import", "--app-allow-read=../shared"];
const ARGS = ["app.ts", ...LOADING, "--app-lock=gatehouse.lock"];

const PACKAGES = {
  "pack@1.0.0": {
    json: { dependencies: { below: "^1" } },
    files: {
      "index.js": "exports.pack = require('./part') + require('below').below;",
      "part.js": "module.exports = 'pack ';",
      // Rewritten on its way into a set.
      "late.js": "module.exports = (name) => import(name);",
    },
  },
  "below@1.0.0": { files: { "index.js": "exports.below = 'below';" } },
  "modern@1.0.0": {
    json: { type: "module", exports: "./main.js" },
    files: { "main.js": 'export const modern = "modern";' },
  },
};

const jsrOf = (...versions: string[]) =>
  jsrPages(Object.fromEntries(versions.map((version) => [
    `@scope/name@${version}`,
    { "/mod.ts": `export const j: string = "${version}";\n` },
  ])));

const PAGES: Record<string, Page> = {
  "/lib.ts": redirectTo("/lib@1.ts"),
  "/lib@1.ts": 'export const lib: string = "lib";\n',
  "/lib@2.ts": 'export const lib: string = "newer";\n',
  "/mapped.ts": 'export const mapped = "mapped";\n',
  "/other.ts": 'export const mapped = "other";\n',
  "/typed": {
    body: 'export const typed = "typed";\n',
    headers: { "content-type": "application/javascript" },
  },
  ...jsrOf("1.0.0"),
};

const files = (origin: string, registry: string) => ({
  ".npmrc": `registry=${registry}\n`,
  "deno.json": JSON.stringify({ imports: { mapped: `${origin}/mapped.ts` } }),
  "app.ts": `import { lib } from "${origin}/lib.ts";\nimport { typed } from "${origin}/typed";\n` +
    'import { modern } from "npm:modern@1";\n' +
    'import { j } from "jsr:@scope/name@1";\nimport { mapped } from "mapped";\n' +
    'import { near } from "./parts/near.ts";\n\n' +
    'import text from "./parts/text.txt" with { type: "text" };\n' +
    "export default () => new Response([lib, typed, modern, j, mapped, near, text].join());\n" +
    'export const more = () => [import("npm:pack@1"), import("../shared/old.cjs")];\n',
  "parts/near.ts": 'export const near: string = "near";\n',
  "parts/text.txt": "text",
  "../shared/old.cjs": "module.exports = require('./older.cjs');",
  "../shared/older.cjs": "module.exports = 'old';",
});
const ANSWER = "lib,typed,modern,1.0.0,mapped,near,text";

/** A fleet: what its machines load from, and the lock that one of them has made. */
class Fleet implements AsyncDisposable {
  readonly server: ModuleServer;
  readonly registry: FakeRegistry;
  readonly lock: string;

  private constructor(server: ModuleServer, registry: FakeRegistry, lock: string) {
    this.server = server;
    this.registry = registry;
    this.lock = lock;
  }

  static async start(): Promise<Fleet> {
    const registry = await FakeRegistry.start(PACKAGES);
    const server = new ModuleServer({ ...PAGES });
    const fleet = new Fleet(server, registry, "");
    await using first = fleet.machine();
    await lockHere(first, ...ARGS);
    return new Fleet(server, registry, Deno.readTextFileSync(first.path("gatehouse.lock")));
  }

  /** A machine of it, with an empty cache, in folders of its own. */
  machine(): LoaderLab {
    const { server: { origin }, registry: { url }, lock } = this;
    const more: Record<string, string> = lock === "" ? {} : { "gatehouse.lock": lock };
    return new LoaderLab({ ...files(origin, url), ...more }, { JSR_URL: origin });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.registry[Symbol.asyncDispose]();
  }
}

const answer = async (lab: LoaderLab, ...args: string[]) =>
  (await startHere(lab, ...ARGS, ...args)).text;

async function refusal(lab: LoaderLab, ...args: string[]): Promise<string> {
  return (await assertRejects(() => answer(lab, ...args), LoadError)).message;
}

test("every machine finds the same lock, and serves by it", async () => {
  await using fleet = await Fleet.start();
  await using other = fleet.machine();
  assertEquals(await answer(other), ANSWER);
  await lockHere(other, ...ARGS);
  assertEquals(Deno.readTextFileSync(other.path("gatehouse.lock")), fleet.lock);
  const { apps } = JSON.parse(fleet.lock);
  const { origin } = fleet.server;
  assertEquals(Object.keys(apps), ["./app.ts"]);
  assertEquals(Object.keys(apps["./app.ts"].modules), [
    "../shared/old.cjs",
    "../shared/older.cjs",
    "./app.ts",
    "./parts/near.ts",
    "./parts/text.txt",
    `${origin}/@scope/name/1.0.0/mod.ts`,
    `${origin}/lib@1.ts`,
    `${origin}/mapped.ts`,
    `${origin}/typed`,
  ]);
  assertEquals(apps["./app.ts"].modules["./parts/text.txt"], sha256Of("text"));
  assertEquals(Object.keys(apps["./app.ts"].packages), [
    "below@1.0.0",
    "modern@1.0.0",
    "pack@1.0.0",
  ]);
  // Nothing of the machine is in it.
  assert(!fleet.lock.includes(other.folder.slice(0, 12)), fleet.lock);
  // Servers have changed; a machine that has all that it needs does not care.
  fleet.server.pages["/lib.ts"] = redirectTo("/lib@2.ts");
  assertEquals(await answer(other, "--cached-only"), ANSWER);
  assertEquals(await answer(other), ANSWER);
});

/** What may have changed, and what the refusal says of it. */
const CHANGES: Record<string, {
  pages?: (origin: string) => Record<string, Page>;
  packages?: Record<string, FakePackage>;
  files?: (origin: string) => Record<string, string>;
  told: readonly RegExp[];
}> = {
  "a remote module": {
    pages: () => ({ "/lib@1.ts": 'export const lib: string = "evil";\n' }),
    told: [/\/lib@1\.ts is another: [\da-f]{12}… and not [\da-f]{12}…/],
  },
  "where a redirect leads": {
    pages: () => ({ "/lib.ts": redirectTo("/lib@2.ts") }),
    told: [/\/lib@1\.ts is no longer part of it/, /\/lib@2\.ts is not in the lock/],
  },
  "where a redirect leads, to another module of the app": {
    pages: () => ({
      "/mapped.ts": 'export const mapped = "mapped";\n',
      "/lib.ts": redirectTo("/lib@1.ts"),
      "/typed": redirectTo("/mapped.ts"),
    }),
    told: [/\/typed is no longer part of it/],
  },
  "how a remote module is read": {
    pages: () => ({
      "/typed": {
        body: 'export const typed = "typed";\n',
        headers: { "content-type": "application/typescript" },
      },
    }),
    told: [/imports lead elsewhere, or they are read in another way/],
  },
  "the newest version at JSR": {
    pages: () => jsrOf("1.0.0", "1.1.0"),
    told: [/name\/1\.1\.0\/mod\.ts is not in the lock/],
  },
  "a package": {
    packages: {
      "pack@1.0.0": {
        ...PACKAGES["pack@1.0.0"],
        files: { ...PACKAGES["pack@1.0.0"].files, "part.js": "module.exports = 'evil ';" },
      },
    },
    told: [/npm:pack@1\.0\.0 is another/],
  },
  "the newest version of a package's dependency": {
    packages: { "below@1.1.0": { files: { "index.js": "exports.below = 'newer';" } } },
    told: [/npm:below@1\.0\.0 is no longer part of it/, /npm:below@1\.1\.0 is not in the lock/],
  },
  "a local module": {
    files: () => ({ "parts/near.ts": 'export const near: string = "NEAR";\n' }),
    told: [/\.\/parts\/near\.ts is another/],
  },
  "what CommonJS requires": {
    files: () => ({ "../shared/older.cjs": "module.exports = 'OLD';" }),
    told: [/\.\.\/shared\/older\.cjs is another/],
  },
  "the import map": {
    files: (origin) => ({
      "deno.json": JSON.stringify({ imports: { mapped: `${origin}/other.ts` } }),
    }),
    told: [/\/mapped\.ts is no longer part of it/, /\/other\.ts is not in the lock/],
  },
  "the compiler options": {
    files: (origin) => ({
      "deno.json": JSON.stringify({
        imports: { mapped: `${origin}/mapped.ts` },
        compilerOptions: { jsxFactory: "evil" },
      }),
    }),
    told: [/the import map or the compiler options are others/],
  },
};

test("an app that is made of anything else does not start", async (context) => {
  for (
    const [change, { pages, packages = {}, files = () => ({}), told }] of Object.entries(CHANGES)
  ) {
    await context.step(change, async () => {
      await using fleet = await Fleet.start();
      const { server, registry } = fleet;
      await using machine = fleet.machine();
      Object.assign(server.pages, pages?.(server.origin));
      await registry.publish(packages);
      machine.write(files(server.origin));
      const message = await refusal(machine);
      assertStringIncludes(message, `it is not what ${machine.path("gatehouse.lock")} says`);
      for (const each of told) assertMatch(message, each);
      assertMatch(message, /make the lock again with gatehouse lock/);
    });
  }
});

test("modules are told apart whose URLs differ only in what may be a password", async () => {
  await using server = new ModuleServer({
    "/://a@x.js": "export const a = 1;\n",
    "/://b@x.js": "export const b = 2;\n",
  });
  const { origin } = server;
  const files = {
    "app.ts":
      `import { a } from "${origin}/://a@x.js";\nimport { b } from "${origin}/://b@x.js";\n` +
      "export default () => new Response(`${a}${b}`);\n",
  };
  await using first = new LoaderLab(files);
  await lockHere(first, ...ARGS);
  const lock = Deno.readTextFileSync(first.path("gatehouse.lock"));
  const machine = () => new LoaderLab({ ...files, "gatehouse.lock": lock });
  {
    await using same = machine();
    assertEquals(await answer(same), "12");
  }
  for (const [path, code] of Object.entries(server.pages)) {
    server.pages[path] = `${code}// changed\n`;
    await using other = machine();
    assertMatch(await refusal(other), /x\.js is another/);
    server.pages[path] = code;
  }
});

test("a cache that has other content is asked about again, or refused", async (context) => {
  await using fleet = await Fleet.start();
  const { server } = fleet;
  await context.step("what servers had before is replaced by what the lock has", async () => {
    await using machine = fleet.machine();
    server.pages["/lib@1.ts"] = 'export const lib: string = "before";\n';
    await refusal(machine);
    server.pages["/lib@1.ts"] = PAGES["/lib@1.ts"];
    assertEquals(await answer(machine), ANSWER);
  });
  const tamperings: Record<string, (machine: LoaderLab) => RegExp> = {
    "the body of a module": (machine) => {
      const { entry, blob } = kept(machine, "/lib@1.ts");
      const bytes = new TextEncoder().encode('export const lib: string = "evil";\n');
      const sha256 = sha256Of(bytes);
      const to = `${machine.cache}/blobs/${sha256.slice(0, 2)}`;
      Deno.mkdirSync(to, { recursive: true });
      Deno.writeFileSync(`${to}/${sha256}`, bytes);
      Deno.writeTextFileSync(entry, Deno.readTextFileSync(entry).replaceAll(blob, sha256));
      return /lib@1\.ts is another/;
    },
    "a file of a package": (machine) => {
      rewrite(machine, /npm-sets\/.*\/pack\/part\.js$/, (text) => text.replace("pack", "evil"));
      return /npm:pack@1\.0\.0 is another/;
    },
    "a file of a package that was rewritten": (machine) => {
      rewrite(machine, /npm-sets\/.*\/pack\/late\.js$/, (text) => text.replace("name", "evil"));
      return /npm:pack@1\.0\.0 is another/;
    },
    "what a file of a package is said to be made of": (machine) => {
      const [late] = found(machine, /npm-sets\/.*\/pack\/late\.js$/);
      const evil = "/* evil */".padEnd(Deno.statSync(late).size);
      Deno.writeTextFileSync(late, evil);
      Deno.writeTextFileSync(`${machine.cache}/evil.js`, evil);
      const [list] = found(machine, /npm-sets\/.*\/pack@.*\/originals\.json$/);
      Deno.writeTextFileSync(list, JSON.stringify({ "late.js": "../../evil.js" }));
      return /npm:pack@1\.0\.0 is another/;
    },
    "a file more in a package": (machine) => {
      const [index] = found(machine, /npm-sets\/.*\/pack\/index\.js$/);
      Deno.writeTextFileSync(index.replace("index.js", "more.js"), "");
      return /npm:pack@1\.0\.0 is another/;
    },
    "a package more that another one can find": (machine) => {
      const [index] = found(machine, /npm-sets\/.*\/pack\/index\.js$/);
      Deno.mkdirSync(index.replace("pack/index.js", "more"));
      return /npm:pack@1\.0\.0: its files in the cache were changed .* at \S+more;/;
    },
    "where a dependency leads": (machine) => {
      const [index] = found(machine, /npm-sets\/.*\/pack\/index\.js$/);
      const link = index.replace("pack/index.js", "below");
      Deno.removeSync(link);
      Deno.symlinkSync("pack", link);
      return /npm:pack@1\.0\.0: its files in the cache were changed .* at \S+below;/;
    },
  };
  for (const [what, tamper] of Object.entries(tamperings)) {
    await context.step(what, async () => {
      await using machine = fleet.machine();
      assertEquals(await answer(machine), ANSWER);
      const told = tamper(machine);
      assertMatch(await refusal(machine, "--cached-only"), told);
    });
  }
  await context.step("transformed modules are not taken from it", async () => {
    await using machine = fleet.machine();
    assertEquals(await answer(machine), ANSWER);
    const forged = found(machine, /^js\//).filter((path) => {
      const { value } = JSON.parse(Deno.readTextFileSync(path));
      const text = JSON.stringify(value).replace('\\"near\\"', '\\"evil\\"');
      if (text === JSON.stringify(value)) return false;
      Deno.writeTextFileSync(path, `{"sha256":"${sha256Of(text)}","value":${text}}`);
      return true;
    });
    assertEquals(forged.length, 1);
    // The forgery is one: without a lock, the cache is believed.
    machine.dropCache("graphs", "apps");
    const { text } = await startHere(machine, "app.ts", ...LOADING);
    assertEquals(text, ANSWER.replace("near", "evil"));
    assertEquals(await answer(machine), ANSWER);
  });
});

/** Absolute paths of files in the cache of a machine. */
function found(machine: LoaderLab, pattern: RegExp): string[] {
  const paths = machine.filesInCache().filter((path) => pattern.test(path));
  assert(paths.length > 0, `${pattern}`);
  return paths.map((path) => `${machine.cache}/${path}`);
}

/** Changes a file in the cache of a machine, and not the one that it is a link to. */
function rewrite(machine: LoaderLab, pattern: RegExp, change: (text: string) => string): void {
  const [path] = found(machine, pattern);
  const text = Deno.readTextFileSync(path);
  assert(change(text) !== text);
  Deno.removeSync(path);
  Deno.writeTextFileSync(path, change(text));
}

/** The entry in the cache for what a server said, and the hash of the body. */
function kept(machine: LoaderLab, path: string): { entry: string; blob: string } {
  for (const entry of found(machine, /^http\//)) {
    const { url, sha256 } = JSON.parse(Deno.readTextFileSync(entry));
    if (String(url).endsWith(path)) return { entry, blob: sha256 };
  }
  throw new Error(`${path} is not in the cache`);
}

test("a package that cannot be had again is told of by what is wrong with it", async () => {
  await using fleet = await Fleet.start();
  await using machine = fleet.machine();
  assertEquals(await answer(machine), ANSWER);
  rewrite(machine, /npm-sets\/.*\/pack\/part\.js$/, (text) => text.replace("pack", "evil"));
  fleet.server.pages["/lib@1.ts"] = { status: 500 };
  assertMatch(await refusal(machine), /npm:pack@1\.0\.0 is another/);
});
