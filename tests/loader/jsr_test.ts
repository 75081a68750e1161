import { createHash } from "node:crypto";
import { join } from "node:path";
import { LoadError } from "../../src/base/errors.ts";
import type { FetchOptions } from "../../src/loader/fetch/fetcher.ts";
import { JsrResolver, parseJsrSpecifier } from "../../src/loader/npm/jsr.ts";
import type { JsrOptions } from "../../src/loader/npm/jsr.ts";
import { Lock } from "../../src/loader/project/lock.ts";
import { assertEquals, assertMatch, assertRejects, assertThrows } from "../support/assert.ts";
import { environment, TestCache } from "../support/npm_installer.ts";

/** A version of a package. */
interface FakeVersion {
  readonly exports: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  readonly yanked?: boolean;
}

const one = (text: string, yanked = false): FakeVersion => ({
  exports: { ".": "./mod.ts", "./sub": "./src/sub.ts", "./data.json": "./data.json" },
  files: {
    "/mod.ts": `export * from "./src/sub.ts"; // ${text}`,
    "/src/sub.ts": text,
    "/sp ace.ts": "",
  },
  yanked,
});

const PACKAGES: Record<string, Record<string, FakeVersion>> = {
  "@scope/name": {
    "0.9.0": one("0.9.0"),
    "1.0.0": one("1.0.0"),
    "1.1.0": one("1.1.0"),
    "1.2.0": one("1.2.0", true),
    "2.0.0-rc.1": one("2.0.0-rc.1"),
  },
};

/** An imitation of JSR. */
class FakeJsr {
  readonly requests: string[] = [];
  readonly url: string;
  readonly #packages: Record<string, Record<string, FakeVersion>>;
  readonly #stop = new AbortController();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(packages = PACKAGES) {
    this.#packages = structuredClone(packages);
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {}, signal: this.#stop.signal },
      (request) => this.#answer(new URL(request.url)),
    );
    this.url = `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  publish(name: string, version: string, content: FakeVersion): void {
    this.#packages[name] = { ...this.#packages[name], [version]: content };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#server.finished;
  }

  #answer({ pathname }: URL): Response {
    this.requests.push(pathname);
    const [, scope, name, rest, ...path] = decodeURIComponent(pathname).split("/");
    const versions = this.#packages[`${scope}/${name}`] ?? {};
    const missing = () => new Response("404 - Not Found", { status: 404 });
    if (rest === "meta.json") {
      if (Object.keys(versions).length === 0) return missing();
      return Response.json({
        scope: scope.slice(1),
        name,
        latest: "1.1.0",
        versions: Object.fromEntries(
          Object.entries(versions).map((
            [version, { yanked }],
          ) => [version, yanked ? { yanked } : {}]),
        ),
      });
    }
    const version = versions[rest.replace(/_meta\.json$/, "")];
    if (version === undefined) return missing();
    if (rest.endsWith("_meta.json")) {
      const manifest = Object.entries(version.files).map(([file, text]) => {
        const checksum = createHash("sha256").update(text).digest("hex");
        return [file, { size: text.length, checksum: `sha256-${checksum}` }];
      });
      return Response.json({ exports: version.exports, manifest: Object.fromEntries(manifest) });
    }
    const text = version.files[`/${path.join("/")}`];
    return text === undefined
      ? missing()
      : new Response(text, { headers: { "content-type": "text/typescript" } });
  }
}

function resolver(
  test: TestCache,
  jsr: FakeJsr,
  options: JsrOptions = {},
  fetchOptions: Partial<FetchOptions> = {},
): JsrResolver {
  const env = environment({ JSR_URL: jsr.url.slice(0, -1) });
  return new JsrResolver(test.cache, test.fetcher(fetchOptions), { env, ...options });
}

const CASES: readonly (readonly [specifier: string, path: string])[] = [
  ["jsr:@scope/name", "1.1.0/mod.ts"],
  ["jsr:/@scope/name", "1.1.0/mod.ts"],
  ["jsr:@scope/name@1", "1.1.0/mod.ts"],
  ["jsr:@scope/name@^1.0.0/sub", "1.1.0/src/sub.ts"],
  ["jsr:@scope/name@~1.0/data.json", "1.0.0/data.json"],
  ["jsr:@scope/name@<1", "0.9.0/mod.ts"],
  ["jsr:@scope/name@1.2.0", "1.2.0/mod.ts"],
  ["jsr:@scope/name@2.0.0-rc.1", "2.0.0-rc.1/mod.ts"],
  ["jsr:@scope/name@>=2.0.0-rc", "2.0.0-rc.1/mod.ts"],
  ["jsr:@scope/name@%5E1", "1.1.0/mod.ts"],
];

for (const [specifier, path] of CASES) {
  Deno.test(`${specifier} is ${path}`, async () => {
    await using jsr = new FakeJsr();
    await using test = await TestCache.make();
    const { url } = await resolver(test, jsr).resolve(specifier);
    assertEquals(url, `${jsr.url}@scope/name/${path}`);
  });
}

const FAULTS: readonly (readonly [specifier: string, message: string])[] = [
  ["jsr:@scope/none", "cannot load jsr:@scope/none: there is no such package at {url}"],
  [
    "jsr:@scope/name@^1.5",
    'cannot load jsr:@scope/name@^1.5: no version of the package matches "^1.5"; ' +
    "there are 1.0.0, 1.1.0",
  ],
  [
    "jsr:@scope/name@~1.2",
    'cannot load jsr:@scope/name@~1.2: no version of the package matches "~1.2"; ' +
    "there are 1.0.0, 1.1.0",
  ],
  [
    "jsr:@scope/name@1/other",
    'cannot load jsr:@scope/name@1/other: the package @scope/name@1.1.0 has no export "./other"; ' +
    "there are ., ./sub, ./data.json",
  ],
  [
    "jsr:@scope/name@1/toString",
    "cannot load jsr:@scope/name@1/toString: the package @scope/name@1.1.0 has no export " +
    '"./toString"; there are ., ./sub, ./data.json',
  ],
];

for (const [specifier, message] of FAULTS) {
  Deno.test(`${specifier} is refused in one line`, async () => {
    await using jsr = new FakeJsr();
    await using test = await TestCache.make();
    const error = await assertRejects(() => resolver(test, jsr).resolve(specifier), LoadError);
    assertEquals(error.message, message.replace("{url}", jsr.url));
    assertEquals(error.url, specifier);
  });
}

for (
  const specifier of [
    "jsr:",
    "jsr:name",
    "jsr:@scope",
    "jsr:@scope/name@",
    "jsr:@scope/name@latest",
  ]
) {
  Deno.test(`${specifier} is no specifier`, () => {
    const error = assertThrows(() => parseJsrSpecifier(specifier), LoadError);
    assertMatch(error.message, /it should be jsr:@SCOPE\/NAME, /);
  });
}

Deno.test("jsr: what is known serves until it does not, or is to be reloaded", async () => {
  await using jsr = new FakeJsr();
  await using test = await TestCache.make();
  await resolver(test, jsr).resolve("jsr:@scope/name@1");
  assertEquals(jsr.requests, ["/@scope/name/meta.json", "/@scope/name/1.1.0_meta.json"]);
  jsr.requests.length = 0;
  await resolver(test, jsr).resolve("jsr:@scope/name@1");
  assertEquals(jsr.requests, []);
  jsr.publish("@scope/name", "1.3.0", one("1.3.0"));
  jsr.publish("@scope/name", "3.0.0", one("3.0.0"));
  const newer = await resolver(test, jsr).resolve("jsr:@scope/name@3");
  assertEquals(newer.url, `${jsr.url}@scope/name/3.0.0/mod.ts`);
  for (const reload of ["all", ["jsr:"], ["jsr:@scope/name@1"]] as const) {
    jsr.requests.length = 0;
    const { url } = await resolver(test, jsr, { reload }).resolve("jsr:@scope/name@1");
    assertEquals(url, `${jsr.url}@scope/name/1.3.0/mod.ts`);
    assertEquals(jsr.requests[0], "/@scope/name/meta.json");
  }
});

Deno.test("jsr: --cached-only asks nobody", async () => {
  await using jsr = new FakeJsr();
  await using test = await TestCache.make();
  await resolver(test, jsr).resolve("jsr:@scope/name@1");
  jsr.requests.length = 0;
  const offline = resolver(test, jsr, {}, { cachePolicy: "only" });
  assertEquals(
    (await offline.resolve("jsr:@scope/name@1")).url,
    `${jsr.url}@scope/name/1.1.0/mod.ts`,
  );
  const error = await assertRejects(() => offline.resolve("jsr:@scope/name@1.0.0"), LoadError);
  assertMatch(error.message, /^cannot load jsr:@scope\/name@1\.0\.0: .*--cached-only/);
  assertEquals(jsr.requests, []);
});

Deno.test("jsr: each file of a package has a checksum", async () => {
  await using jsr = new FakeJsr();
  await using test = await TestCache.make();
  const own = resolver(test, jsr);
  const folder = `${jsr.url}@scope/name/1.1.0`;
  assertEquals(own.expectedChecksum(`${folder}/mod.ts`), undefined);
  await own.resolve("jsr:@scope/name@1");
  for (const path of ["mod.ts", "src/sub.ts", "sp%20ace.ts", "mod.ts?query#hash"]) {
    const { sha256 } = await test.fetcher().load(`${folder}/${path}`);
    assertEquals(own.expectedChecksum(`${folder}/${path}`), sha256);
    // Also by those who have resolved nothing.
    assertEquals(await resolver(test, jsr).checksumOf(`${folder}/${path}`), sha256);
  }
  for (const url of [`${folder}/none.ts`, `${jsr.url}other.ts`, "https://example.com/mod.ts"]) {
    assertEquals(own.expectedChecksum(url), undefined);
    assertEquals(await own.checksumOf(url), undefined);
  }
});

Deno.test("jsr: a lock pins versions, also yanked ones", async () => {
  await using jsr = new FakeJsr();
  await using test = await TestCache.make();
  const path = join(test.cache.root, "lock.json");
  const lock = await Lock.read(path, "extend");
  await resolver(test, jsr, { lock }).resolve("jsr:@scope/name@1/sub");
  await lock.write();
  const text = Deno.readTextFileSync(path);
  assertEquals(JSON.parse(text).specifiers, { "jsr:@scope/name@1": "1.1.0" });
  jsr.publish("@scope/name", "1.3.0", one("1.3.0"));
  for (const version of ["1.1.0", "1.2.0", "1.3.0"]) {
    Deno.writeTextFileSync(path, text.replace('"1.1.0"', `"${version}"`));
    const frozen = await Lock.read(path, "frozen");
    const { url } = await resolver(test, jsr, { lock: frozen }).resolve("jsr:@scope/name@1");
    assertEquals(url, `${jsr.url}@scope/name/${version}/mod.ts`);
  }
  Deno.writeTextFileSync(path, text.replace('"1.1.0"', '"1.9.0"'));
  const frozen = await Lock.read(path, "frozen");
  await assertRejects(
    () => resolver(test, jsr, { lock: frozen }).resolve("jsr:@scope/name@1"),
    LoadError,
    "pins does not exist",
  );
  await assertRejects(
    () => resolver(test, jsr, { lock: frozen }).resolve("jsr:@scope/name@0.9"),
    LoadError,
    "is out of date",
  );
});
