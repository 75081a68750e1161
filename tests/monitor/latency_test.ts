import { assert, assertEquals } from "../support/assert.ts";
import { LatencyWindow, percentiles } from "../../src/monitor/latency.ts";

Deno.test("percentiles are right within 9.1 %", () => {
  const window = new LatencyWindow();
  for (let ms = 1; ms <= 1_000; ms++) window.add(ms);
  const parts = [0.01, 0.5, 0.9, 0.99, 1];
  for (const [index, found] of percentiles([window.counts], parts).entries()) {
    const exact = parts[index] * 1_000;
    assert(found! >= exact && found! <= exact * 1.091, `${parts[index]}: ${found}`);
  }
});

Deno.test("the durations of several processes are taken together", () => {
  const [fast, slow] = [new LatencyWindow(), new LatencyWindow()];
  for (let i = 0; i < 99; i++) fast.add(1);
  slow.add(100);
  const [p50, p99, max] = percentiles([fast.counts, slow.counts], [0.5, 0.99, 1]);
  assert(p50! >= 1 && p50! < 1.1);
  assert(p99! >= 1 && p99! < 1.1);
  assert(max! >= 100 && max! < 110);
});

Deno.test("any duration has a bucket", () => {
  const window = new LatencyWindow();
  const durations = [0, -1, 1e-9, 0.01, 1e9, 1e300, Infinity];
  for (const ms of durations) window.add(ms);
  assertEquals(window.counts.reduce((sum, [, count]) => sum + count, 0), durations.length);
});

Deno.test("without requests there are no percentiles, and odd counts do no harm", () => {
  assertEquals(percentiles([], [0.5, 1]), [null, null]);
  assertEquals(percentiles([new LatencyWindow().counts], [0.5]), [null]);
  assertEquals(percentiles([[[-1, 5], [1e9, 5], [NaN, 5]]], [0.5]), [null]);
});

Deno.test("buckets end at eighths of doublings", () => {
  for (let index = 1; index < 247; index++) {
    const end = 0.01 * 2 ** (index / 8);
    for (const [part, bucket] of [[0.999999, index], [1.000001, index + 1]] as const) {
      const window = new LatencyWindow();
      window.add(end * part);
      assertEquals(window.counts, [[bucket, 1]], `${end} ms`);
    }
  }
});
