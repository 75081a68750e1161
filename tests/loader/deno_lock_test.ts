import { assert, assertEquals, assertMatch, assertRejects } from "../support/assert.ts";
import { LoadError } from "../../src/base/errors.ts";
import { canonicalRequirement } from "../../src/loader/project/deno_lock.ts";
import { Lock } from "../../src/loader/project/lock.ts";
import { createHash } from "node:crypto";
import { startGateway } from "../support/gateway.ts";
import { jsrPages } from "../support/jsr_pages.ts";
import { inFolder } from "../support/processes.ts";

const A = "a".repeat(64);
const INTEGRITY = `sha512-${"A".repeat(86)}==`;

const V5 = {
  version: "5",
  specifiers: {
    "npm:hono@4": "4.13.19",
    "npm:react-dom@18": "18.3.1_react@18.3.1",
    "jsr:@std/path@1": "1.0.2",
  },
  jsr: { "@std/path@1.0.2": { integrity: A, dependencies: [] } },
  npm: {
    "hono@4.13.19": { integrity: INTEGRITY },
    "@scope/with_line@1.0.0_react@18.3.1": { integrity: INTEGRITY, dependencies: ["react"] },
  },
  redirects: { "https://example.com/a": "https://example.com/b" },
  remote: { "https://example.com/b": A },
  workspace: { dependencies: ["npm:hono@4"] },
};
const V3 = {
  version: "3",
  packages: {
    specifiers: {
      "npm:hono@4": "npm:hono@4.13.19",
      "npm:react-dom@18": "npm:react-dom@18.3.1_react@18.3.1",
      "jsr:@std/path@1": "jsr:@std/path@1.0.2",
    },
    jsr: V5.jsr,
    npm: V5.npm,
  },
  redirects: V5.redirects,
  remote: V5.remote,
};

for (const contents of [V5, { ...V5, version: "4" }, V3]) {
  Deno.test(`Deno's lock file of version ${contents.version} pins what it says, and is left as it is`, () => {
    const text = JSON.stringify(contents);
    return inFolder({ "deno.lock": text }, async (folder) => {
      const path = `${folder}/deno.lock`;
      const lock = await Lock.read(path, "extend");
      for (
        const [requirement, version] of [
          ["npm:hono@4", "4.13.19"],
          ["npm:hono@^4", "4.13.19"],
          ["npm:hono@^4.0.0", "4.13.19"],
          ["npm:hono@5", undefined],
          ["npm:react-dom@^18", "18.3.1"],
          ["jsr:@std/path@^1", "1.0.2"],
        ] as const
      ) assertEquals(lock.specifier(requirement), version, requirement);
      assertEquals(lock.packageIntegrity("hono@4.13.19"), INTEGRITY);
      assertEquals(lock.packageIntegrity("@scope/with_line@1.0.0"), INTEGRITY);
      lock.checkJsrPackage("@std/path@1.0.2", A, () => [["https://jsr.io/a", A]]);
      lock.checkJsrPackage("@std/path@1.0.3", A, () => []);
      const frozenModule = await Lock.read(path, "frozen");
      frozenModule.checkJsrPackage("@std/path@1.0.2", A, () => [["https://jsr.io/a", A]]);
      frozenModule.checkModule("https://jsr.io/a", A);
      const exchanged = await assertRejects(
        // deno-lint-ignore require-await
        async () => lock.checkJsrPackage("@std/path@1.0.2", "b".repeat(64), () => []),
        LoadError,
      );
      assertMatch(exchanged.message, /load jsr:@std\/path@1\.0\.2: its integrity does not match/);
      assertEquals(lock.redirect("https://example.com/a"), "https://example.com/b");
      lock.checkModule("https://example.com/b", A);
      lock.checkModule("https://example.com/new", A);
      lock.pinSpecifier("npm:new@1", "1.0.0");
      await lock.write();
      assertEquals(await Deno.readTextFile(path), text);
      const other = await assertRejects(
        // deno-lint-ignore require-await
        async () => lock.checkModule("https://example.com/b", "b".repeat(64)),
        LoadError,
      );
      assertMatch(other.message, /its content does not match the lock file \S*deno\.lock:/);
      const frozen = await Lock.read(path, "frozen");
      frozen.pinSpecifier("npm:hono@^4", "4.13.19");
      const unknown = await assertRejects(
        // deno-lint-ignore require-await
        async () => frozen.pinSpecifier("npm:new@1", "1.0.0"),
        LoadError,
      );
      assertMatch(
        unknown.message,
        /deno\.lock is out of date: .*update it with deno install/,
      );
    });
  });
}

for (
  const [requirement, same] of [
    ["npm:a@^1", "npm:a@1"],
    ["npm:a@~1.2", "npm:a@1.2"],
    ["npm:a", "npm:a@*"],
    ["npm:@b/a@1.x", "npm:@b/a@1"],
    ["npm:a@>=2.1", "npm:a@>=2.1.0"],
    ["jsr:@b/a@^1.0.0", "jsr:@b/a@1"],
  ]
) {
  Deno.test(`${requirement} and ${same} are one requirement`, () => {
    assertEquals(canonicalRequirement(requirement), canonicalRequirement(same));
  });
}
Deno.test("requirements of other versions and packages are others", () => {
  const all = ["npm:a@1", "npm:a@2", "npm:b@1", "jsr:a@1", "npm:a@latest", "npm:a@next"];
  assertEquals(new Set(all.map(canonicalRequirement)).size, all.length);
  assert(canonicalRequirement("x") === "x");
});

/** Serves pages while `body` runs. */
async function serving(
  pages: Record<string, string>,
  body: (url: string) => Promise<void>,
): Promise<void> {
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const page = pages[new URL(request.url).pathname];
    return page === undefined ? new Response("none", { status: 404 }) : new Response(page);
  });
  await body(`http://127.0.0.1:${server.addr.port}/`);
}

Deno.test("integrities of JSR's packages are those that Deno writes", () =>
  inFolder({
    "deno.json": "{}",
    "app.ts": 'import { a } from "jsr:@s/p@1";\nexport default () => new Response(a);',
  }, (folder) => {
    const pages = jsrPages({ "@s/p@1.0.0": { "/mod.ts": "export const a = 'locked';" } });
    return serving(pages, async (url) => {
      const env = { JSR_URL: url, GATEHOUSE_CACHE: `${folder}/cache`, NO_COLOR: "1" };
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["cache", "--allow-import", "app.ts"],
        cwd: folder,
        env: { ...env, DENO_DIR: `${folder}/deno` },
      }).output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      const text = await Deno.readTextFile(`${folder}/deno.lock`);
      const { jsr } = JSON.parse(text);
      assertEquals(Object.keys(jsr), ["@s/p@1.0.0"]);
      {
        await using gateway = await startGateway([`${folder}/app.ts`, "--workers=1", "--frozen"], {
          env,
        });
        assertEquals(await (await fetch(gateway.url)).text(), "locked");
      }
      // Of another content, with a word of JSR's that fits it.
      Object.assign(pages, jsrPages({ "@s/p@1.0.0": { "/mod.ts": "export const a = 'other';" } }));
      const error = await startGateway([`${folder}/app.ts`, "--workers=1"], {
        env: { ...env, GATEHOUSE_CACHE: `${folder}/other-cache` },
      }).then(() => null, (error) => error);
      assertMatch(
        String(error),
        /jsr:@s\/p@1\.0\.0: its integrity does not match the lock file \S*deno\.lock:/,
      );
    });
  }));

Deno.test("apps of several projects are each compared with the lock of their own", () =>
  serving({ "/lib.js": "export default 1;" }, (url) => {
    const app = `import n from "${url}lib.js";\nexport default () => new Response(String(n));`;
    const lock = (sha256: string) =>
      JSON.stringify({ version: "5", remote: { [`${url}lib.js`]: sha256 } });
    const files = {
      "a/deno.json": "{}",
      "a/app.js": app,
      "a/deno.lock": lock("b2c8e6bb8d4e9d1bd4bbd0b4d3b2b6ac9d5a6c8bd9fbd9e7c8b3f2c4c1a0e0aa"),
      "b/deno.json": "{}",
      "b/app.js": app,
    };
    return inFolder(files, async (folder) => {
      const args = ["a", "b"].map((name) => `--mount=/${name}=${folder}/${name}/app.js`);
      const start = (...options: string[]) =>
        startGateway([...args, "--workers=1", "--allow-import", ...options], {
          env: { GATEHOUSE_CACHE: `${folder}/cache` },
        });
      const refused = async (...options: string[]) =>
        String(await start(...options).then(() => null, (error) => error));
      assertMatch(await refused(), /its content does not match the lock file \S*\/a\/deno\.lock:/);
      assertMatch(await refused("--app-allow-all"), /the lock file \S*\/a\/deno\.lock:/);
      assertMatch(await refused("--frozen"), /--frozen needs .*: .*\/b\/app\.js has none/);
      const sha256 = createHash("sha256").update("export default 1;").digest("hex");
      await Deno.writeTextFile(`${folder}/a/deno.lock`, lock(sha256));
      await Deno.writeTextFile(`${folder}/b/deno.lock`, lock(A));
      assertMatch(await refused("--app-allow-all"), /the lock file \S*\/b\/deno\.lock:/);
      await Deno.writeTextFile(`${folder}/b/deno.lock`, lock(sha256));
      await using gateway = await start("--frozen");
      assertEquals(await (await fetch(`${gateway.url}/b`)).text(), "1");
    });
  }));

Deno.test("apps of several projects each have their own import map, whatever they may do", () =>
  inFolder({
    "a/deno.json": '{ "imports": { "lib": "./one.js" } }',
    "a/one.js": "export default 'a';",
    "a/app.js": 'import lib from "lib"; export default () => new Response(lib);',
    "b/deno.json": '{ "imports": { "lib": "./two.js" } }',
    "b/two.js": "export default 'b';",
    "b/app.js": 'import lib from "lib"; export default () => new Response(lib);',
  }, async (folder) => {
    const args = ["a", "b"].map((name) => `--mount=/${name}=${folder}/${name}/app.js`);
    await using gateway = await startGateway([...args, "--workers=1", "--app-allow-all"]);
    for (const name of ["a", "b"]) {
      assertEquals(await (await fetch(`${gateway.url}/${name}`)).text(), name);
    }
  }));
