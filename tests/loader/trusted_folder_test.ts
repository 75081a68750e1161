import { assert, assertEquals, assertMatch, assertThrows } from "../support/assert.ts";
import { FROM_SOURCE, startGateway } from "../support/gateway.ts";
import { ask, complaints, LoaderLab } from "../support/loader_lab.ts";
import { checkCacheFolder } from "../../src/loader/cache/trusted_folder.ts";
import { ConfigError } from "../../src/base/errors.ts";
import { ModuleServer, TemporaryFolder } from "./module_server.ts";

/** Making what belongs to others takes root. */
const isRoot = Deno.build.os !== "windows" && Deno.uid() === 0;
const NOBODY = 65_534;

/** What stands at and around the cache `CACHE`, in a folder of its own, and what is said of it. */
interface Case {
  make(folder: string): void;
  readonly cache: string;
  readonly refused?: RegExp;
  readonly warned?: RegExp;
  readonly asRoot?: true;
}

function folder(path: string, mode = 0o755, uid?: number): void {
  Deno.mkdirSync(path, { recursive: true });
  Deno.chmodSync(path, mode);
  if (uid !== undefined) Deno.chownSync(path, uid, uid);
}

function linkOf(uid: number, target: string, path: string): void {
  Deno.symlinkSync(target, path);
  // chown(2) would follow it.
  const { success } = new Deno.Command("chown", { args: ["-h", String(uid), path] }).outputSync();
  assert(success);
}

const cases: Readonly<Record<string, Case>> = {
  "that is not there": { make() {}, cache: "c" },
  "that is not there, nor the folders before it": { make() {}, cache: "a/b/c" },
  "of the user": { make: (at) => folder(`${at}/c`), cache: "c" },
  "that a link of the user leads to": {
    make: (at) => {
      folder(`${at}/other`);
      Deno.symlinkSync("other", `${at}/c`);
    },
    cache: "c",
  },
  "beyond a link of the user": {
    make: (at) => {
      folder(`${at}/other/c`);
      Deno.symlinkSync(`${at}/other`, `${at}/link`);
    },
    cache: "link/c",
  },
  "that everybody can write to": {
    make: (at) => folder(`${at}/c`, 0o777),
    cache: "c",
    refused: /\/c can be written to by others/,
  },
  "that its group can write to": {
    make: (at) => folder(`${at}/c`, 0o770),
    cache: "c",
    refused: /\/c can be written to by others/,
  },
  "that everybody can write to, beyond a link": {
    make: (at) => {
      folder(`${at}/other`, 0o777);
      Deno.symlinkSync("other", `${at}/c`);
    },
    cache: "c",
    refused: /\/other can be written to by others/,
  },
  "like /tmp, with the sticky bit": { make: (at) => folder(`${at}/c`, 0o1777), cache: "c" },
  "in a folder like /tmp": { make: (at) => folder(`${at}/t`, 0o1777), cache: "t/c" },
  "whose modules everybody can write to": {
    make: (at) => folder(`${at}/c/js`, 0o777),
    cache: "c",
    refused: /\/c\/js can be written to by others/,
  },
  "whose packages are a link": {
    make: (at) => {
      folder(`${at}/c`);
      Deno.symlinkSync("/", `${at}/c/npm`);
    },
    cache: "c",
    refused: /\/c\/npm is a link/,
  },
  "in a folder that everybody can write to": {
    make: (at) => folder(`${at}/open`, 0o777),
    cache: "open/c",
    warned: /^every user can write to \S+\/open, and so replace the/,
  },
  "that leads in circles": {
    make: (at) => Deno.symlinkSync("c", `${at}/c`),
    cache: "c",
    refused: /\/c leads nowhere/,
  },
  "of another user": {
    make: (at) => folder(`${at}/c`, 0o755, NOBODY),
    cache: "c",
    refused: /\/c belongs to another user \(65534\)/,
    asRoot: true,
  },
  "in a folder of another user": {
    make: (at) => folder(`${at}/home`, 0o755, NOBODY),
    cache: "home/c",
    refused: /\/home belongs to another user \(65534\)/,
    asRoot: true,
  },
  "that a link of another user leads to": {
    make: (at) => {
      folder(`${at}/t/other`);
      linkOf(NOBODY, `${at}/t/other`, `${at}/t/c`);
    },
    cache: "t/c",
    refused: /\/t\/c is a link of another user \(65534\)/,
    asRoot: true,
  },
  "like /tmp, where another user was first": {
    make: (at) => {
      folder(`${at}/c`, 0o1777);
      folder(`${at}/c/graphs`, 0o755, NOBODY);
    },
    cache: "c",
    refused: /\/c\/graphs belongs to another user \(65534\)/,
    asRoot: true,
  },
};
for (const [what, { make, cache, refused, warned, asRoot }] of Object.entries(cases)) {
  const verdict = refused !== undefined ? "refused" : warned !== undefined ? "warned of" : "used";
  Deno.test({
    name: `a cache ${what} is ${verdict}`,
    ignore: Deno.build.os === "windows" || asRoot && !isRoot,
    async fn() {
      await using temporary = new TemporaryFolder();
      make(temporary.path);
      const root = `${temporary.path}/${cache}`;
      const warnings: string[] = [];
      const check = () => checkCacheFolder(root, (message) => warnings.push(message));
      if (refused === undefined) check();
      else assertMatch(assertThrows(check, ConfigError).message, refused);
      assertEquals(warnings.length, warned === undefined ? 0 : 1, warnings.join("\n"));
      if (warned !== undefined) assertMatch(warnings[0], warned);
    },
  });
}

Deno.test("in a cache like /tmp nobody can be the first to make a folder", async () => {
  await using temporary = new TemporaryFolder();
  Deno.chmodSync(temporary.path, 0o1777);
  checkCacheFolder(temporary.path, () => {});
  for (const kind of ["http", "blobs", "js", "apps", "graphs", "npm", "npm-sets"]) {
    assertEquals(Deno.statSync(`${temporary.path}/${kind}`).mode! & 0o777, 0o700, kind);
  }
});

for (const command of ["serve", "cache"]) {
  Deno.test(`gatehouse ${command} does not use a cache that others can write to: exit status 2`, async () => {
    await using lab = new LoaderLab({ "app.js": "export default () => new Response();" });
    folder(lab.cache, 0o777);
    const ended = command === "serve"
      ? await lab.run(lab.path("app.js"))
      : await lab.runCache(lab.path("app.js"));
    assertEquals(ended.code, 2);
    const [complaint] = complaints(ended);
    assertMatch(complaint, /is refused, since code is run from it: .*; name a folder of your own/);
    assertEquals(lab.filesInCache(), []);
  });
}

Deno.test("what is in the cache is its user's alone, whatever the umask, and the lock is not", async () => {
  await using server = new ModuleServer({ "/m.ts": "export const a: string = 'm';" });
  await using lab = new LoaderLab({
    "app.ts": `import { a } from ${JSON.stringify(`${server.origin}/m.ts`)};
      export default () => new Response(a);`,
  });
  // One that was there before, and lets others look.
  folder(lab.cache, 0o755);
  {
    await using gateway = await startGateway([
      lab.path("app.ts"),
      "--workers=1",
      `--lock=${lab.path("lock.json")}`,
      "--allow-import",
    ], {
      env: { GATEHOUSE_CACHE: lab.cache },
      command: ["sh", "-c", 'umask 0; exec "$@"', "sh", ...FROM_SOURCE],
    });
    assertEquals(await ask(gateway), "m");
  }
  const files = lab.filesInCache();
  assert(files.length > 5);
  for (const file of files) {
    const path = `${lab.cache}/${file}`;
    assertEquals(Deno.statSync(path).mode! & 0o077, 0, path);
    const parent = path.slice(0, path.lastIndexOf("/"));
    if (parent !== lab.cache) assertEquals(Deno.statSync(parent).mode! & 0o077, 0, parent);
  }
  assertEquals(Deno.statSync(lab.path("lock.json")).mode! & 0o777, 0o644);
});
