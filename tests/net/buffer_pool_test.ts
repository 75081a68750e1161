import { BufferPool } from "../../src/base/buffers.ts";
import { assert, assertEquals } from "../support/assert.ts";

const LARGE_BYTES = 65_536;

function taken(pool: BufferPool, count: number): Uint8Array[] {
  return Array.from({ length: count }, () => pool.take(LARGE_BYTES));
}

function isFree({ buffer }: Uint8Array): boolean {
  return (buffer as ArrayBuffer).detached;
}

Deno.test("a large buffer for which a pool has no place is freed at once", () => {
  const pool = new BufferPool(LARGE_BYTES);
  const [first, second] = taken(pool, 2);
  pool.give(first);
  pool.give(second);
  assertEquals([isFree(first), isFree(second)], [false, true]);
  assertEquals(pool.take(LARGE_BYTES), first);
});

Deno.test("buffers that nobody needs are freed little by little, and those in use stay", () => {
  const pool = new BufferPool();
  const buffers = taken(pool, 32);
  for (const buffer of buffers) pool.give(buffer);
  const left = () => buffers.filter((buffer) => !isFree(buffer)).length;
  // Until now, all of them were needed.
  pool.trim();
  assertEquals(left(), 32);
  const counts = Array.from({ length: 12 }, () => {
    for (const buffer of taken(pool, 4)) pool.give(buffer);
    pool.trim();
    return left();
  });
  assert(counts[0] < 32 && counts[0] >= 16, `${counts}`);
  assertEquals(counts.at(-1), 4);
});

Deno.test("a pool can be cut down to a size, the largest buffers first", () => {
  const pool = new BufferPool();
  const small = pool.take(4_096);
  const buffers = taken(pool, 8);
  for (const buffer of [small, ...buffers]) pool.give(buffer);
  pool.trimTo(2 * LARGE_BYTES);
  assertEquals(buffers.filter((buffer) => !isFree(buffer)).length, 1);
  assertEquals(pool.take(4_096), small);
  pool.trimTo(0);
  assertEquals(buffers.filter((buffer) => !isFree(buffer)).length, 0);
  assertEquals(pool.take(LARGE_BYTES).length, LARGE_BYTES);
});

Deno.test("the smallest buffers share memory, and none of it twice", () => {
  const pool = new BufferPool();
  const buffers = Array.from({ length: 100 }, () => pool.take(512));
  buffers.forEach((buffer, i) => buffer.fill(i));
  for (const [i, buffer] of buffers.entries()) {
    assertEquals(buffer.length, 512);
    assert(buffer.every((byte) => byte === i));
  }
  assert(new Set(buffers.map(({ buffer }) => buffer)).size <= 4);
});
