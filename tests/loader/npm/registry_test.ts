/** What is kept of what registries say about packages. */

import { gunzipSync } from "node:zlib";
import type { ResourceOptions } from "../../../src/loader/fetch/fetcher.ts";
import type { ModuleSource } from "../../../src/loader/names/sources.ts";
import { NpmConfig } from "../../../src/loader/npm/npmrc.ts";
import { NpmRegistries } from "../../../src/loader/npm/registry.ts";
import { environmentOf } from "../../../src/base/surroundings.ts";
import { assertEquals, assertRejects, assertStringIncludes } from "../../support/assert.ts";
import { LoadError } from "../../../src/base/errors.ts";

/** A registry that says one thing at first, and what was kept of it from then on, as a cache does. */
class Source {
  kept: Uint8Array<ArrayBuffer>;
  #isAsked = false;

  constructor(text: string) {
    this.kept = new TextEncoder().encode(text);
  }

  loadResource(url: string, { condense }: ResourceOptions = {}): Promise<ModuleSource> {
    if (!this.#isAsked) this.kept = condense!(this.kept);
    this.#isAsked = true;
    return Promise.resolve({ url, bytes: this.kept, contentType: "", sha256: "" });
  }
}

async function registries(source: Source): Promise<NpmRegistries> {
  return new NpmRegistries(source, await NpmConfig.read(null, environmentOf({})), () => false);
}

const dist = { tarball: "https://registry.test/a.tgz", integrity: "sha512-AA==", shasum: "ab" };
const NEEDED = {
  dependencies: { b: "^1" },
  optionalDependencies: { c: "^1" },
  peerDependencies: { d: "^1" },
  peerDependenciesMeta: { d: { optional: true } },
  bundleDependencies: ["e"],
  bundledDependencies: ["f"],
  os: ["linux"],
  cpu: ["x64"],
  libc: ["glibc"],
};
const SAID = {
  name: "a",
  readme: "# a",
  time: { "1.0.0": "2026-01-01" },
  "dist-tags": { latest: "1.0.0" },
  versions: {
    "1.0.0": {
      ...NEEDED,
      name: "other",
      version: "9.9.9",
      scripts: { install: "make" },
      engines: { node: ">=1" },
      dist: { ...dist, signatures: [{ sig: "x" }], fileCount: 3 },
    },
    "0.9.0": { dist },
  },
};

Deno.test("npm: what is needed of a packument is kept, and means what the whole one means", async () => {
  const source = new Source(JSON.stringify(SAID));
  const first = await (await registries(source)).packument("a");
  const kept = JSON.parse(new TextDecoder().decode(source.kept));
  assertEquals(kept, {
    "dist-tags": SAID["dist-tags"],
    versions: { "1.0.0": { ...NEEDED, dist }, "0.9.0": { dist } },
  });
  const second = await (await registries(source)).packument("a");
  for (const { versions, tags, manifest } of [first, second]) {
    assertEquals([versions, tags], [["1.0.0", "0.9.0"], { latest: "1.0.0" }]);
    assertEquals(manifest("1.0.0"), { ...NEEDED, dist, name: "a", version: "1.0.0" });
  }
});

Deno.test("npm: what is kept of a long packument is compressed, and describes no package if it is cut off", async () => {
  const versions = Object.fromEntries(
    Array.from({ length: 2_000 }, (_, index) => [`1.0.${index}`, { dist }]),
  );
  const source = new Source(JSON.stringify({ versions }));
  await (await registries(source)).packument("a");
  assertEquals(JSON.parse(gunzipSync(source.kept).toString()), { versions });
  assertEquals((await (await registries(source)).packument("a")).versions.length, 2_000);
  source.kept = source.kept.slice(0, -9);
  const error = await assertRejects(
    async () => await (await registries(source)).packument("a"),
    LoadError,
  );
  assertStringIncludes(error.message, "does not describe a package");
});

Deno.test("npm: versions that say nothing of an archive are left out of a packument", async () => {
  const versions =
    `{"1.0.0":{"dist":${JSON.stringify(dist)}},"2.0.0":null,"3.0.0":{},"4.0.0":{"dist":[]},` +
    `"5.0.0":{"dist":{"tarball":"no URL"}},"__proto__":{"dist":{"tarball":1}}}`;
  const source = new Source(`{"versions":${versions}}`);
  for (let i = 0; i < 2; i++) {
    const packument = await (await registries(source)).packument("a");
    assertEquals([packument.versions, packument.tags], [["1.0.0"], {}]);
  }
});

for (
  const text of ["", "{", "null", "[]", '"text"', "{}", '{"versions":[]}', '{"versions":null}']
) {
  Deno.test(`npm: ${JSON.stringify(text)} is not what a registry says about a package`, async () => {
    const source = new Source(text);
    for (let i = 0; i < 2; i++) {
      const error = await assertRejects(async () => {
        await (await registries(source)).packument("a");
      }, LoadError);
      assertStringIncludes(error.message, "does not describe a package");
    }
  });
}
