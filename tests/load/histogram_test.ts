import { assert, assertEquals } from "../support/assert.ts";
import { Histogram } from "../../src/load/histogram.ts";

/** A generator of numbers that are the same each time. */
function* numbers(seed: number): Generator<number> {
  for (let state = seed;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

/** The percentile of sorted values, as those who sort find it. */
function exact(sorted: readonly number[], percent: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * percent / 100 - 1e-9) - 1)];
}

Deno.test("histogram tells percentiles as sorting does, to a thousandth", () => {
  const random = numbers(1);
  const values = Array.from(
    { length: 20_000 },
    () => Math.round(Math.exp(random.next().value * 22)),
  );
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  const sorted = values.toSorted((a, b) => a - b);
  for (const percent of [0, 1, 25, 50, 75, 90, 99, 99.9, 99.99, 100]) {
    const told = histogram.percentile(percent);
    const wanted = exact(sorted, percent);
    assert(told >= wanted && told <= wanted * 1.001 + 1, `p${percent}: ${told} for ${wanted}`);
  }
  assertEquals(histogram.minUs, sorted[0]);
  assertEquals(histogram.maxUs, sorted.at(-1));
  assertEquals(histogram.count, values.length);
});

Deno.test("histogram keeps times apart that are below 2 ms, and joins those above", () => {
  const histogram = new Histogram();
  for (let us = 0; us < 5_000; us++) histogram.record(us);
  const classes = [...histogram.classes()];
  assertEquals(classes.slice(0, 2_048).map(({ upToUs }) => upToUs), [...Array(2_048).keys()]);
  assertEquals(classes[2_048], { upToUs: 2_049, count: 2 });
  let before = -1;
  for (const { upToUs } of classes) {
    assert(upToUs > before);
    before = upToUs;
  }
});

Deno.test("histogram takes any number for a time", () => {
  const histogram = new Histogram();
  for (const us of [-5, 0, 0.4, NaN, 2 ** 31, 2 ** 32, Infinity]) histogram.record(us);
  assertEquals(histogram.count, 7);
  assertEquals(histogram.minUs, 0);
  assertEquals(histogram.maxUs, 2 ** 32 - 1);
  assertEquals(histogram.percentile(100), 2 ** 32 - 1);
});

Deno.test("histograms add up", () => {
  const [one, other] = [new Histogram(), new Histogram()];
  one.record(10);
  one.record(30);
  other.record(20, 2);
  other.add(one);
  assertEquals(other.count, 4);
  assertEquals([other.minUs, other.meanUs, other.maxUs], [10, 20, 30]);
  assertEquals([...other.classes()].map(({ count }) => count), [1, 2, 1]);
  other.clear();
  assertEquals([other.count, other.minUs, other.maxUs, other.percentile(50)], [0, 0, 0, 0]);
});

Deno.test("correction adds the requests that a stall has held up", () => {
  const histogram = new Histogram();
  // One connection, a request each 10 ms, and one stall of a second.
  for (let i = 0; i < 900; i++) histogram.record(1_000);
  histogram.record(1_000_000);
  assertEquals(histogram.percentile(99), 1_000);
  const corrected = histogram.corrected(10_000);
  assertEquals(corrected.count, 901 + 99);
  assert(corrected.percentile(99) >= 900_000, String(corrected.percentile(99)));
  assertEquals(histogram.corrected(0).count, 901);
});
