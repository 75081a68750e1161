import { createRequire } from "node:module";
import { join } from "node:path";
import { LoadError } from "../../../src/base/errors.ts";
import { Lock } from "../../../src/loader/project/lock.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "../../support/assert.ts";
import { environment, TestCache, treeOf } from "../../support/npm_installer.ts";
import { FakeRegistry, plain } from "../../support/npm_registry.ts";
import type { FakePackages } from "../../support/npm_registry.ts";

const PACKAGES: FakePackages = {
  "app@1.0.0": {
    json: { dependencies: { dep: "^1", "@s/scoped": "1" }, main: "lib/main.js" },
    files: {
      "lib/main.js": "module.exports = [require('dep'), require('@s/scoped')].join();",
      "bin/run": "#!/usr/bin/env node",
    },
  },
  "dep@1.0.0": plain(),
  "dep@1.1.0": plain(),
  "@s/scoped@1.0.0": plain(),
  "other@1.0.0": plain({ dependencies: { dep: "1" } }),
  "newer@1.0.0": plain({ dependencies: { dep: "1.1.0" } }),
};

Deno.test("npm: require() finds packages from any file of a set", async () => {
  await using registry = await FakeRegistry.start(PACKAGES);
  await using test = await TestCache.make();
  const set = await test.installer(registry.url).install(["npm:app@1"]);
  const { path, format } = set.resolve("npm:app@1");
  assertEquals(format, "commonjs");
  assert(set.has(path));
  const require = createRequire(path);
  for (const name of ["dep", "@s/scoped"]) {
    const found = require.resolve(name);
    assertEquals(set.packageOf(found)?.name, name);
    assertEquals(set.resolveFrom(name, path).path, found);
  }
  assertEquals(set.packageOf("/elsewhere/index.js"), null);
});

Deno.test("npm: a specifier means what it means in the folder of each file, however often it is asked", async () => {
  const kept = "export const kept = 1;";
  await using registry = await FakeRegistry.start({
    "one@1.0.0": {
      json: { type: "module", exports: "./a.js", dependencies: { dep: "1.0" } },
      files: { "a.js": kept, "part.js": kept, "deep/a.js": kept, "deep/part.js": kept },
    },
    "two@1.0.0": {
      json: { type: "module", exports: "./a.js", dependencies: { dep: "1.1" } },
      files: { "a.js": kept },
    },
    "dep@1.0.0": plain(),
    "dep@1.1.0": plain(),
  });
  await using test = await TestCache.make();
  const set = await test.installer(registry.url).install(["npm:one", "npm:two"]);
  const one = set.resolve("npm:one").path;
  const two = set.resolve("npm:two").path;
  const meanings: readonly [specifier: string, importer: string, found: RegExp][] = [
    ["./part.js", one, /one\/part\.js$/],
    ["./part.js", join(one, "../part.js"), /one\/part\.js$/],
    ["./part.js", join(one, "../deep/a.js"), /one\/deep\/part\.js$/],
    ["dep", one, /dep@1\.0\.0_/],
    ["dep", join(one, "../deep/a.js"), /dep@1\.0\.0_/],
    ["dep", two, /dep@1\.1\.0_/],
  ];
  for (let time = 0; time < 2; time++) {
    for (const [specifier, importer, found] of meanings) {
      assertMatch(set.resolveFrom(specifier, importer).path.replaceAll("\\", "/"), found);
    }
    const message = (importer: string) => {
      try {
        return set.resolveFrom("./part.js", importer).path;
      } catch (error) {
        return (error as LoadError).message;
      }
    };
    assertMatch(message(two), /\(imported by npm:two@1\.0\.0\/a\.js\)$/);
    assertMatch(message(join(two, "../b.js")), /\(imported by npm:two@1\.0\.0\/b\.js\)$/);
  }
});

Deno.test("npm: a second start asks nobody, and gets the same set", async () => {
  await using test = await TestCache.make();
  let url: string, root: string;
  {
    await using registry = await FakeRegistry.start(PACKAGES);
    url = registry.url;
    ({ root } = await test.installer(url).install(["npm:app", "npm:dep@1.0"]));
  }
  // The registry is gone.
  const set = await test.installer(url).install(["npm:dep@1.0", "npm:app", "npm:app"]);
  assertEquals(set.root, root);
  assertEquals(Object.fromEntries(set.requirements), { "app@*": "1.0.0", "dep@1.0": "1.0.0" });
});

Deno.test("npm: what is known of packages serves other requirements, until it does not", async () => {
  await using registry = await FakeRegistry.start(PACKAGES);
  await using test = await TestCache.make();
  await test.installer(registry.url).install(["npm:dep@1"]);
  await registry.publish({ "dep@2.0.0": plain(), "dep@1.2.0": plain() });
  registry.requests.length = 0;
  const same = await test.installer(registry.url).install(["npm:dep@^1.1"]);
  assertEquals(treeOf(same, ["npm:dep@^1.1"]), ["dep@1.1.0"]);
  assertEquals(registry.requests, []);
  const newer = await test.installer(registry.url).install(["npm:dep@2"]);
  assertEquals(treeOf(newer, ["npm:dep@2"]), ["dep@2.0.0"]);
  assertEquals(registry.requests, ["/dep", "/dep/-/2.0.0.tgz"]);
});

for (
  const { reload, version } of [
    { reload: "all", version: "1.2.0" },
    { reload: ["npm:"], version: "1.2.0" },
    { reload: ["npm:dep"], version: "1.2.0" },
    { reload: ["npm:dep@1"], version: "1.2.0" },
    { reload: ["npm:other", "jsr:"], version: "1.1.0" },
  ] as const
) {
  Deno.test(`npm: --reload=${reload} gets ${version}`, async () => {
    await using registry = await FakeRegistry.start(PACKAGES);
    await using test = await TestCache.make();
    await test.installer(registry.url).install(["npm:dep@1"]);
    await registry.publish({ "dep@1.2.0": plain() });
    const set = await test.installer(registry.url, { reload }).install(["npm:dep@1"]);
    assertEquals(treeOf(set, ["npm:dep@1"]), [`dep@${version}`]);
  });
}

Deno.test("npm: --cached-only asks nobody", async () => {
  await using registry = await FakeRegistry.start(PACKAGES);
  await using test = await TestCache.make();
  await test.installer(registry.url).install(["npm:dep@1"]);
  registry.requests.length = 0;
  const offline = test.installer(registry.url, {}, { cachePolicy: "only" });
  const set = await offline.install(["npm:dep@^1.0.0"]);
  assertEquals(treeOf(set, ["npm:dep@^1.0.0"]), ["dep@1.1.0"]);
  const error = await assertRejects(() => offline.install(["npm:app"]), LoadError);
  assertMatch(error.message, /^cannot load npm:app: .*--cached-only/);
  const version = await assertRejects(() => offline.install(["npm:dep@1.0.0"]), LoadError);
  assertMatch(version.message, /^cannot load npm:dep@1\.0\.0: its archive .*--cached-only/);
  assertEquals(registry.requests, []);
});

Deno.test("npm: packages that are added leave all that is there as it is", async () => {
  await using registry = await FakeRegistry.start(PACKAGES);
  await using test = await TestCache.make();
  const first = await test.installer(registry.url).install(["npm:app@1", "npm:dep@1.0.0"]);
  const before = first.resolve("npm:app@1");
  const dep = first.resolveFrom("dep", before.path);
  // Both in a process of their own, as it were.
  const second = await test.installer(registry.url).install(
    ["npm:app@1", "npm:dep@1.0.0", "npm:newer"],
    first.root,
  );
  assertEquals(second.root, first.root);
  assertEquals(second.resolve("npm:app@1"), before);
  assertEquals(second.resolveFrom("dep", before.path), dep);
  assertEquals(treeOf(second, ["npm:app@1", "npm:newer"]), [
    "app@1.0.0(@s/scoped@1.0.0 dep@1.0.0)",
    "newer@1.0.0(dep@1.1.0)",
  ]);
  const third = await test.installer(registry.url).install(
    ["npm:app@1", "npm:dep@1.0.0", "npm:newer", "npm:other"],
    first.root,
  );
  assertEquals(third.root, first.root);
  assertEquals(treeOf(third, ["npm:newer", "npm:app@1"]), [
    "newer@1.0.0(dep@1.1.0)",
    "app@1.0.0(@s/scoped@1.0.0 dep@1.0.0)",
  ]);
});

Deno.test("npm: a package that is added meets the peers that are there", async () => {
  await using registry = await FakeRegistry.start({
    "react@18.0.0": plain(),
    "react@19.0.0": plain(),
    "dom@1.0.0": plain({ peerDependencies: { react: ">=18" } }),
    "kit@1.0.0": plain({ dependencies: { dom: "1" }, peerDependencies: { react: ">=18" } }),
  });
  await using test = await TestCache.make();
  const wanted = ["npm:react@18", "npm:dom"];
  const first = await test.installer(registry.url).install(wanted);
  const second = await test.installer(registry.url).install([...wanted, "npm:kit"], first.root);
  assertEquals(treeOf(second, ["npm:kit"]), ["kit@1.0.0(dom@1.0.0(react@18.0.0) react@18.0.0)"]);
  const kit = second.resolve("npm:kit");
  assertEquals(second.resolveFrom("dom", kit.path), first.resolve("npm:dom"));
});

Deno.test("npm: damage is noticed, and made good", async () => {
  await using registry = await FakeRegistry.start(PACKAGES);
  await using test = await TestCache.make();
  const wanted = ["npm:app@1"];
  const { path } = (await test.installer(registry.url).install(wanted)).resolve("npm:app@1");
  const text = Deno.readTextFileSync(path);
  const damages: (() => void)[] = [
    () => Deno.writeTextFileSync(path, ""),
    () => Deno.removeSync(path),
    () => Deno.removeSync(join(path, "..", ".."), { recursive: true }),
    () => Deno.removeSync(join(test.cache.root, "npm"), { recursive: true }),
    () => Deno.removeSync(join(test.cache.root, "npm-sets"), { recursive: true }),
    () => Deno.removeSync(join(test.cache.root, "js"), { recursive: true }),
  ];
  for (const damage of damages) {
    damage();
    const set = await test.installer(registry.url).install(wanted);
    assertEquals(set.resolve("npm:app@1").path, path);
    assertEquals(Deno.readTextFileSync(path), text);
  }
});

Deno.test("npm: several installers can work at the same time", async () => {
  await using registry = await FakeRegistry.start(PACKAGES);
  await using test = await TestCache.make();
  const wanted = ["npm:app@1", "npm:other@1"];
  const sets = await Promise.all(
    Array.from({ length: 8 }, () => test.installer(registry.url).install(wanted)),
  );
  assertEquals(new Set(sets.map(({ root }) => root)).size, 1);
  assertEquals(treeOf(sets[7], wanted), [
    "app@1.0.0(@s/scoped@1.0.0 dep@1.1.0)",
    "other@1.0.0(dep@1.1.0)",
  ]);
  for (const folder of ["npm", "npm-sets"]) {
    assertEquals(temporaryIn(join(test.cache.root, folder)), []);
  }
});

function temporaryIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    if (name.startsWith(".tmp-")) return [join(folder, name)];
    return isDirectory ? temporaryIn(join(folder, name)) : [];
  });
}

const WRONG_ARCHIVES: readonly {
  readonly name: string;
  readonly dist: Readonly<Record<string, unknown>>;
  readonly message: RegExp;
}[] = [
  {
    name: "has another hash than the registry says",
    dist: { integrity: "sha512-AAAA" },
    message: /its archive \S+\/wrong\/-\/1\.0\.0\.tgz has the hash sha512-/,
  },
  {
    name: "has another checksum, where that is all there is",
    dist: { integrity: undefined, shasum: "0".repeat(40) },
    message: /has the hash sha1-/,
  },
  {
    name: "has the weaker hash but not the stronger one",
    dist: { integrity: "sha1-AAAA sha512-BBBB" },
    message: /has the hash sha512-.*, but the registry says sha512-BBBB/,
  },
  {
    name: "has no hash at all",
    dist: { integrity: undefined, shasum: undefined },
    message: /the registry has no hash to check \S+\.tgz against/,
  },
  {
    name: "is missing",
    dist: { tarball: "http://127.0.0.1:1/wrong.tgz" },
    message: /its archive http:\/\/127\.0\.0\.1:1\/wrong\.tgz cannot be fetched: \S/,
  },
];

for (const { name, dist, message } of WRONG_ARCHIVES) {
  Deno.test(`npm: a package whose archive ${name} is refused, and not kept`, async () => {
    await using registry = await FakeRegistry.start({ "wrong@1.0.0": { ...plain(), dist } });
    await using test = await TestCache.make();
    const error = await assertRejects(
      () => test.installer(registry.url).install(["npm:wrong@1"]),
      LoadError,
    );
    assertMatch(error.message, /^cannot load npm:wrong@1\.0\.0: [^\n]+$/);
    assertMatch(error.message, message);
    const { kinds } = await test.cache.info();
    assertEquals(kinds.npm.entries, 0);
    assertEquals(kinds["npm-sets"].entries, 0);
  });
}

Deno.test("npm: a checksum will do where there is no integrity", async () => {
  const dist = { integrity: undefined };
  await using registry = await FakeRegistry.start({ "old@1.0.0": { ...plain(), dist } });
  await using test = await TestCache.make();
  const set = await test.installer(registry.url).install(["npm:old"]);
  assertEquals(treeOf(set, ["npm:old"]), ["old@1.0.0"]);
});

Deno.test("npm: a lock pins versions and integrities", async () => {
  await using registry = await FakeRegistry.start(PACKAGES);
  await using first = await TestCache.make();
  const path = join(first.cache.root, "lock.json");
  const lock = await Lock.read(path, "extend");
  await first.installer(registry.url, { lock }).install(["npm:app@1", "npm:dep@1"]);
  await lock.write();
  const text = Deno.readTextFileSync(path);
  assertEquals(JSON.parse(text).specifiers, { "npm:app@1": "1.0.0", "npm:dep@1": "1.1.0" });
  assertEquals(Object.keys(JSON.parse(text).packages), [
    "@s/scoped@1.0.0",
    "app@1.0.0",
    "dep@1.1.0",
  ]);

  await registry.publish({ "dep@1.2.0": plain(), "@s/scoped@1.3.0": plain() });
  await using second = await TestCache.make();
  const frozen = await Lock.read(path, "frozen");
  const set = await second.installer(registry.url, { lock: frozen })
    .install(["npm:app@1", "npm:dep@1"]);
  assertEquals(treeOf(set, ["npm:app@1", "npm:dep@1"]), [
    "app@1.0.0(@s/scoped@1.0.0 dep@1.1.0)",
    "dep@1.1.0",
  ]);
  const unknown = await assertRejects(
    () => second.installer(registry.url, { lock: frozen }).install(["npm:other"]),
    LoadError,
  );
  assertMatch(unknown.message, /^cannot load npm:other@1\.0\.0: the lock file .* is out of date/);

  // What was installed before does not get around another lock.
  Deno.writeTextFileSync(path, text.replace('"npm:dep@1": "1.1.0"', '"npm:dep@1": "1.0.0"'));
  const other = await Lock.read(path, "extend");
  const older = await second.installer(registry.url, { lock: other })
    .install(["npm:app@1", "npm:dep@1"]);
  assertEquals(treeOf(older, ["npm:dep@1"]), ["dep@1.0.0"]);
  Deno.writeTextFileSync(
    path,
    text.replace(/"dep@1.1.0": "sha512-..../, '"dep@1.1.0": "sha512-AAAA'),
  );
  const wrong = await Lock.read(path, "extend");
  const error = await assertRejects(
    () => second.installer(registry.url, { lock: wrong }).install(["npm:app@1", "npm:dep@1"]),
    LoadError,
  );
  assertMatch(error.message, /^cannot load npm:dep@1\.1\.0: its integrity does not match the lock/);
});

Deno.test("npm: CommonJS files that import dynamically are rewritten, others are not", async () => {
  const source = "exports.load = () => import('x');";
  await using registry = await FakeRegistry.start({
    "a@1.0.0": {
      files: {
        "index.js": source,
        "b.cjs": source,
        "c.mjs": source,
        "syntax.js": `${source.slice(0, 0)}export const load = () => import('x');`,
        "without.js": "exports.important = 1;",
        "esm/package.json": '{"type":"module"}',
        "esm/index.js": source,
        "esm/deep/index.cjs": source,
        "data.json": '"import(1)"',
      },
    },
  });
  await using test = await TestCache.make();
  const seen: string[] = [];
  const rewriter = {
    version: "1",
    rewrite: (text: string, filename: string) => {
      seen.push(filename);
      return text.replace("import(", "$import(");
    },
  };
  const set = await test.installer(registry.url, { rewriter }).install(["npm:a"]);
  assertEquals(seen.sort(), ["b.cjs", "esm/deep/index.cjs", "index.js"]);
  const { path } = set.resolve("npm:a");
  assertEquals(Deno.readTextFileSync(path), "exports.load = () => $import('x');");
  // Another rewriter makes another set; the same one uses what there is.
  await test.installer(registry.url, { rewriter }).install(["npm:a"]);
  assertEquals(seen.length, 3);
  const other = { ...rewriter, version: "2" };
  const again = await test.installer(registry.url, { rewriter: other }).install(["npm:a"]);
  assert(again.root !== set.root);
});

Deno.test("npm: a token is for its registry alone", async () => {
  const authorization = "Bearer secret";
  await using stranger = await FakeRegistry.start({});
  const elsewhere = `${stranger.url}moved`;
  await using registry = await FakeRegistry.start(
    {
      "@my/a@1.0.0": plain({ dependencies: { plain: "1" } }),
      "@my/moved@1.0.0": plain(),
      "@my/afar@1.0.0": { ...plain(), dist: { tarball: `${stranger.url}afar.tgz` } },
    },
    {
      base: "/private/",
      authorization,
      intercept: ({ url }) => url.includes("moved") ? Response.redirect(elsewhere, 302) : undefined,
    },
  );
  await using open = await FakeRegistry.start({ "plain@1.0.0": plain() });
  await using test = await TestCache.make();
  const host = new URL(registry.url).host;
  await Deno.writeTextFile(
    join(test.cache.root, ".npmrc"),
    `@my:registry=${registry.url}\n//${host}/private/:_authToken=\${TOKEN}\n`,
  );
  const env = environment({ NPM_CONFIG_REGISTRY: open.url, TOKEN: "secret" });
  const options = { env, npmrcDir: test.cache.root };
  const set = await test.installer("", options).install(["npm:@my/a"]);
  assertEquals(treeOf(set, ["npm:@my/a"]), ["@my/a@1.0.0(plain@1.0.0)"]);
  assertEquals(registry.requests, ["/private/@my/a", "/private/@my/a/-/1.0.0.tgz"]);
  assertEquals(registry.authorizations, [authorization, authorization]);
  assertEquals(open.authorizations, [null, null]);
  await assertRejects(() => test.installer("", options).install(["npm:@my/moved"]), LoadError);
  await assertRejects(() => test.installer("", options).install(["npm:@my/afar"]), LoadError);
  assertEquals(stranger.requests, ["/moved", "/afar.tgz"]);
  assertEquals(stranger.authorizations, [null, null]);
  const noToken = environment({ NPM_CONFIG_REGISTRY: open.url });
  const refused = await assertRejects(
    () => test.installer("", { ...options, env: noToken, reload: "all" }).install(["npm:@my/a"]),
    LoadError,
  );
  assertMatch(refused.message, /^cannot load npm:@my\/a: the registry \S+ refuses access \(401\)/);
});

Deno.test("npm: a registry that is none is named", async () => {
  await using server = await FakeRegistry.start({}, {
    intercept: () => new Response("<html>Welcome</html>"),
  });
  await using test = await TestCache.make();
  const error = await assertRejects(
    () => test.installer(server.url).install(["npm:a"]),
    LoadError,
  );
  assertMatch(
    error.message,
    /^cannot load npm:a: \S+\/a does not describe a package/,
  );
});

const UNRESOLVABLE: readonly { specifier: string; from?: string; message: string }[] = [
  { specifier: "npm:other@1", message: "cannot load npm:other@1: the package is not installed" },
  {
    specifier: "npm:app@1/lib/none.js",
    message: "cannot load npm:app@1.0.0/lib/none.js: it has no file ./lib/none.js",
  },
  {
    specifier: "npm:app@1/lib/main",
    message: "cannot load npm:app@1.0.0/lib/main: it has no file ./lib/main; did you mean " +
      "./lib/main.js?",
  },
  {
    specifier: "npm:app@1/lib",
    message: "cannot load npm:app@1.0.0/lib: ./lib is a folder",
  },
  {
    specifier: "./none.js",
    from: "npm:app@1",
    message: "cannot load ./none.js: it has no file ./none.js (imported by " +
      "npm:app@1.0.0/lib/main.js)",
  },
  {
    specifier: "dep/none",
    from: "npm:app@1",
    message: "cannot load npm:dep@1.1.0/none: it has no file ./none (imported by " +
      "npm:app@1.0.0/lib/main.js)",
  },
  {
    specifier: "node:none",
    from: "npm:app@1",
    message: "cannot load node:none: there is no builtin module node:none (imported by " +
      "npm:app@1.0.0/lib/main.js)",
  },
  {
    specifier: "#none",
    from: "npm:app@1",
    message: 'cannot load #none: its "imports" do not define #none (imported by ' +
      "npm:app@1.0.0/lib/main.js)",
  },
];

Deno.test("npm: what cannot be resolved is said in one line", async () => {
  await using registry = await FakeRegistry.start(PACKAGES);
  await using test = await TestCache.make();
  const set = await test.installer(registry.url).install(["npm:app@1"]);
  for (const { specifier, from, message } of UNRESOLVABLE) {
    const error = await assertRejects(
      // deno-lint-ignore require-await
      async () =>
        from === undefined
          ? set.resolve(specifier)
          : set.resolveFrom(specifier, set.resolve(from).path),
      LoadError,
    );
    assertEquals(error.message, message);
  }
});
