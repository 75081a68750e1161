import { assert, assertEquals } from "./support/assert.ts";
import { ByteQueue } from "../src/base/byte_queue.ts";
import { Queue } from "../src/base/queue.ts";
import { Random } from "./support/random.ts";

Deno.test("a queue gives its items in their order, whatever is put in and taken in between", () => {
  const random = new Random(1);
  const queue = new Queue<number>();
  const model: number[] = [];
  for (let step = 0; step < 20_000; step++) {
    // It grows and shrinks in turns.
    if (random.below(10) < (step % 4_000 < 2_000 ? 7 : 3)) {
      queue.push(step);
      model.push(step);
    } else if (random.below(500) === 0) {
      queue.clear();
      model.length = 0;
    } else if (random.below(20) === 0 && model.length > 0) {
      queue.replaceFirst(-step);
      model[0] = -step;
    } else {
      assertEquals(queue.shift(), model.shift());
    }
    if (queue.length !== model.length || queue.first !== model[0]) {
      assertEquals([queue.length, queue.first], [model.length, model[0]]);
    }
  }
});

Deno.test("a queue of bytes gives the bytes that it took, in chunks no larger than asked for", () => {
  const random = new Random(2);
  const queue = new ByteQueue();
  const sizes = [0, 1, 1, 1, 2, 100, 4_095, 4_096, 4_097, 10_000];
  let pushed = 0;
  let shifted = 0;
  const nextByte = (at: number) => (at * 7 + (at >> 8)) & 0xff;
  for (let step = 0; step < 20_000; step++) {
    if (random.below(2) === 0) {
      const chunk = Uint8Array.from({ length: random.pick(sizes) }, (_, i) => nextByte(pushed + i));
      pushed += chunk.length;
      queue.push(chunk);
      // It is a copy that was taken.
      chunk.fill(0);
    } else {
      const maxBytes = random.pick([1, 2, 1_000, 5_000, Infinity]);
      const chunk = queue.shift(maxBytes);
      if (chunk === null) {
        assertEquals(shifted, pushed);
        continue;
      }
      assert(chunk.length > 0 && chunk.length <= maxBytes);
      assert(chunk.every((byte, i) => byte === nextByte(shifted + i)), `from ${shifted} on`);
      shifted += chunk.length;
    }
    assertEquals(queue.length, pushed - shifted);
  }
});

Deno.test("a queue of bytes takes little more memory than the bytes do, however small its chunks", () => {
  const queue = new ByteQueue();
  for (let i = 0; i < 100_000; i++) queue.push(Uint8Array.of(i));
  const buffers = new Set<ArrayBuffer>();
  for (let chunk = queue.shift(); chunk !== null; chunk = queue.shift()) buffers.add(chunk.buffer);
  const bytes = [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 0);
  assert(buffers.size <= 30 && bytes < 120_000, `${bytes} bytes in ${buffers.size} buffers`);
});
