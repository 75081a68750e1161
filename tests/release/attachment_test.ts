import { attach } from "../../scripts/compile/attachment.ts";
import { attachmentEnd, readIndex } from "../../src/base/embedded_files.ts";
import { assertEquals } from "../support/assert.ts";

/** What stands for an executable: a runtime, and its own part, which ends with the length of that. */
function executable(ownPart: string): Uint8Array {
  const encoder = new TextEncoder();
  const part = new Uint8Array([...encoder.encode(ownPart), ...new Uint8Array(16)]);
  new DataView(part.buffer).setBigUint64(part.length - 8, BigInt(part.length), true);
  return new Uint8Array([...encoder.encode("the runtime"), ...part]);
}

async function inFile(bytes: Uint8Array, body: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, bytes, { mode: 0o755 });
    await body(path);
  } finally {
    await Deno.remove(path);
  }
}

const FILES = new Map([
  ["one", new TextEncoder().encode("first")],
  ["empty", new Uint8Array()],
  ["two", new TextEncoder().encode("second")],
]);

Deno.test("files are attached to an executable before the runtime's own part, which stays the last", () =>
  inFile(executable("d3n0l4nd modules"), async (path) => {
    const before = await Deno.readFile(path);
    assertEquals(await attach(path, FILES), true);
    const after = await Deno.readFile(path);
    const own = before.subarray(11);
    assertEquals(after.subarray(0, 11), before.subarray(0, 11));
    assertEquals(after.subarray(-own.length), own);
    using file = Deno.openSync(path);
    const index = readIndex(file)!;
    const texts = Object.entries(index).map(([name, [at, length]]) =>
      [name, new TextDecoder().decode(after.subarray(at, at + length))] as const
    );
    assertEquals(texts, [["one", "first"], ["empty", ""], ["two", "second"]]);
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o755);
  }));

Deno.test("nothing is attached to what is no executable of a known form", async () => {
  for (const bytes of [executable("another format"), new Uint8Array(3), new Uint8Array(64)]) {
    await inFile(bytes, async (path) => {
      assertEquals(await attach(path, FILES), false);
      assertEquals(await Deno.readFile(path), bytes);
    });
  }
});

Deno.test("an executable that nothing is attached to has no index", () =>
  inFile(executable("d3n0l4nd modules"), (path) => {
    using file = Deno.openSync(path);
    assertEquals(readIndex(file), null);
    assertEquals(attachmentEnd(file), 11);
    return Promise.resolve();
  }));
