import { BufferPool } from "../../src/base/buffers.ts";
import { SMALL_READ_BYTES, TINY_READ_BYTES } from "../../src/net/limits.ts";
import { ReadBuffer } from "../../src/net/read_buffer.ts";
import { assertEquals } from "../support/assert.ts";

Deno.test("a connection waits with a small buffer until its client has sent more at a time", () => {
  const buffer = new ReadBuffer(new BufferPool(), TINY_READ_BYTES);
  const lengths = [buffer.bytes.length];
  const after = (count: number, place: "in a body" | "between bodies") => {
    buffer.adapt(count, place);
    lengths.push(buffer.bytes.length);
  };
  after(100, "between bodies");
  after(100, "in a body");
  after(512, "in a body");
  after(700, "between bodies");
  after(4_096, "in a body");
  after(10_000, "in a body");
  after(65_536, "in a body");
  after(1, "between bodies");
  assertEquals(lengths, [512, 512, 512, 4_096, 4_096, 65_536, 65_536, 65_536, 4_096]);
});

Deno.test("what a connection read into is given back, and used by the next", () => {
  const pool = new BufferPool();
  const first = new ReadBuffer(pool, TINY_READ_BYTES);
  const { bytes } = first;
  first.adapt(512, "between bodies");
  assertEquals(new ReadBuffer(pool, TINY_READ_BYTES).bytes === bytes, true);
  const larger = first.bytes;
  first.release();
  assertEquals(pool.take(4_096) === larger, true);
});

Deno.test("a buffer says which reads leave it as it is", () => {
  const buffer = new ReadBuffer(new BufferPool(), SMALL_READ_BYTES);
  assertEquals([buffer.fits(1), buffer.fits(4_095), buffer.fits(4_096)], [true, true, false]);
  buffer.adapt(4_096, "in a body");
  assertEquals(buffer.fits(1), false);
  buffer.adapt(1, "between bodies");
  assertEquals([buffer.bytes.length, buffer.fits(1)], [4_096, true]);
});
