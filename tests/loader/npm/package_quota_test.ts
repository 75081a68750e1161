/** Packages that are installed within a quota. */

import { LoadError } from "../../../src/base/errors.ts";
import { DiskQuota } from "../../../src/loader/files/disk_quota.ts";
import { DEFAULT_UNPACK_LIMITS } from "../../../src/loader/npm/tarball.ts";
import { assertEquals, assertMatch, assertRejects } from "../../support/assert.ts";
import { TestCache } from "../../support/npm_installer.ts";
import { FakeRegistry, gzip, tar } from "../../support/npm_registry.ts";
import type { TarEntry } from "../../support/npm_registry.ts";

const QUOTA_BYTES = 1_048_576;

/** An archive that goes on, and is damaged there. */
async function damaged(entries: readonly TarEntry[]): Promise<Uint8Array<ArrayBuffer>> {
  const whole = tar(entries);
  whole.fill(1, whole.length - 1024);
  return await gzip(whole);
}

const MANY: readonly TarEntry[] = Array.from(
  { length: 300 },
  (_, at) => ({ name: `package/${at}` }),
);
const LARGE: readonly TarEntry[] = [{ name: "package/a", content: "a".repeat(QUOTA_BYTES) }];
const EXCEEDED = /^cannot load npm:bomb@1\.0\.0: .* takes more than 1 MiB of the disk; /;

/** What is wrong with a package with this archive, of which no file is left. */
async function refusal(
  tarball: Uint8Array<ArrayBuffer>,
  limits = DEFAULT_UNPACK_LIMITS,
): Promise<string> {
  await using registry = await FakeRegistry.start({ "bomb@1.0.0": { tarball } });
  await using test = await TestCache.make();
  const quota = new DiskQuota(QUOTA_BYTES);
  const installer = test.installer(registry.url, { quota, limits });
  const error = await assertRejects(() => installer.install(["npm:bomb@1"]), LoadError);
  assertEquals(quota.usedBytes, 0);
  return error.message;
}

for (const [name, entries] of Object.entries({ "many files": MANY, "a large file": LARGE })) {
  Deno.test(`npm: an archive of ${name} is unpacked no further than the quota goes`, async () => {
    assertMatch(await refusal(await damaged(entries)), EXCEEDED);
    assertMatch(await refusal(await gzip(tar(entries))), EXCEEDED);
  });
}

Deno.test("npm: what is within the quota, but beyond the limits of an archive, is told so", async () => {
  const limits = { maxUnpackedBytes: QUOTA_BYTES / 2, maxEntries: 100 };
  assertMatch(await refusal(await gzip(tar(LARGE)), limits), /unpacks to more than 524288 bytes$/);
  assertMatch(await refusal(await gzip(tar(MANY)), limits), /holds more than 100 entries$/);
});

Deno.test("npm: packages share a quota, and can use all of it", async () => {
  const content = "a".repeat(400_000);
  await using registry = await FakeRegistry.start({
    "one@1.0.0": { files: { "a.js": content } },
    "two@1.0.0": { files: { "a.js": content } },
    "bomb@1.0.0": { files: { "a.js": content } },
  });
  await using measured = await TestCache.make();
  const quota = new DiskQuota(QUOTA_BYTES);
  await measured.installer(registry.url, { quota }).install(["npm:one@1", "npm:two@1"]);

  await using test = await TestCache.make();
  const tight = new DiskQuota(quota.usedBytes);
  const installer = test.installer(registry.url, { quota: tight });
  await installer.install(["npm:one@1"]);
  await installer.install(["npm:two@1"]);
  assertEquals(tight.leftBytes, 0);
  const error = await assertRejects(() => installer.install(["npm:bomb@1"]), LoadError);
  assertMatch(error.message, /^cannot load npm:bomb@1.* takes more than .* of the disk; /);
});
