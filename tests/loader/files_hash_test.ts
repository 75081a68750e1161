import { FilesHash } from "../../src/base/files_hash.ts";
import { assertEquals, assertNotEquals } from "../support/assert.ts";

async function hashOf(files: readonly Uint8Array[]): Promise<string> {
  const hash = new FilesHash();
  for (const file of files) hash.add(file);
  return await hash.end();
}

Deno.test("files have one hash, which any change of any of them changes", async () => {
  const large = new Uint8Array(3_000_000).fill(1);
  const files = [new Uint8Array(), new Uint8Array([1, 2]), large, new Uint8Array([3])];
  const hash = await hashOf(files);
  assertEquals(await hashOf(files.map((file) => file.slice())), hash);
  const seen = [hash];
  for (const [index, at] of [[1, 0], [1, 1], [2, 0], [2, 1_048_576], [2, 2_999_999], [3, 0]]) {
    const changed = files.map((file) => file.slice());
    changed[index][at]++;
    seen.push(await hashOf(changed));
  }
  seen.push(await hashOf(files.slice(1, 3)), await hashOf(files.toReversed()), await hashOf([]));
  assertEquals(new Set(seen).size, seen.length);
  assertNotEquals(await hashOf([new Uint8Array(1)]), await hashOf([]));
});
