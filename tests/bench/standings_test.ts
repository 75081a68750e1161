import { assertEquals, assertMatch } from "../support/assert.ts";
import { inTurns } from "../../bench/measuring/anew.ts";
import type { BenchOptions } from "../../bench/measuring/bench.ts";
import type { Figure, Sample } from "../../bench/measuring/figures.ts";
import { limitText, valueText } from "../../bench/measuring/figures.ts";
import { standingsOf, tableOf } from "../../bench/measuring/standings.ts";

/** The summary of a figure of `own`, beside `other`. */
function summaryOf(figure: Figure, own: readonly number[], other: readonly number[]) {
  const samplesOf = (values: readonly number[]) => values.map((value) => ({ [figure]: value }));
  const results = [
    { name: "own", samples: samplesOf(own) },
    { name: "other", samples: samplesOf(other) },
  ];
  return standingsOf(results, "other")[0].summaries.get(figure)!;
}

Deno.test("ratios are those of neighbouring samples, and not of medians", () => {
  const { value, ratio } = summaryOf("rate", [10, 200, 3_000], [5, 100, 1_500]);
  assertEquals(value, { low: 10, median: 200, high: 3_000 });
  assertEquals(ratio, { low: 2, median: 2, high: 2 });
});

Deno.test("nothing is as much as nothing, and something is more", () => {
  assertEquals(summaryOf("cpuUs", [0, 0], [0, 0]).ratio, { low: 1, median: 1, high: 1 });
  assertEquals(summaryOf("cpuUs", [5], [0]).ratio?.median, Infinity);
  const results = [{ name: "a", samples: [{ cpuUs: 5 }] }, { name: "b", samples: [{ cpuUs: 0 }] }];
  const table = tableOf("### x", standingsOf(results, "b"));
  assertMatch(table, /^\| a +\| +5\.0 \| +∞ \(∞-∞\) \|$/m);
});

Deno.test("what happens at rest is not a ratio, and has quartiles itself", () => {
  assertEquals(summaryOf("restCpuMs", [0, 10], [0, 0]).ratio, null);
  const samples: Sample[] = [{ restCpuMs: 0 }, { restCpuMs: 10 }, { restCpuMs: 20 }];
  const table = tableOf("### x", standingsOf([{ name: "a", samples }], "a"));
  assertMatch(table, /^\| +\| CPU in 5 s of rest, ms \|$/m);
  assertMatch(table, /^\| a +\| +10 \(0-20\) \|$/m);
});

Deno.test("a table has what was measured, and leaves out what one of all has not", () => {
  const results = [
    { name: "a", samples: [{ rate: 1, p50Ms: 2 }] },
    { name: "b", samples: [{ rate: 2 }] },
  ];
  const [, , head, , a, b] = tableOf("### x", standingsOf(results, "b")).split("\n");
  assertMatch(head, /^\| +\| rate \| +ratio \| +p50, ms \|$/);
  assertMatch(a, /^\| a +\| +1 \| 0\.50 \(0\.50-0\.50\) \| +2\.00 \(2\.00-2\.00\) \|$/);
  assertMatch(b, /^\| b +\| +2 \| 1\.00 \(1\.00-1\.00\) \| +\|$/);
});

Deno.test("figures and limits to them are written with their units", () => {
  assertEquals(valueText("rate", 1234.5), "1235/s");
  assertEquals(valueText("lateShare", 0.125), "12.50 %");
  assertEquals(limitText("lateShare", 0.25), "25 %");
  assertEquals(limitText("connectionKiB", 5), "5 KiB");
});

Deno.test("contestants take turns, and the first turn of each counts for nothing", async () => {
  const contestants = ["a", "b"].map((name) => ({ name, port: 1, command: [] }));
  const turns: string[] = [];
  const options: BenchOptions = { rounds: 2, seconds: 1, noise: Infinity };
  const results = await inTurns(contestants, options, ({ name }) => {
    turns.push(name);
    return Promise.resolve({ startMs: turns.length });
  });
  assertEquals(turns.join(""), "ababab");
  assertEquals(results, [
    { name: "a", samples: [{ startMs: 3 }, { startMs: 5 }] },
    { name: "b", samples: [{ startMs: 4 }, { startMs: 6 }] },
  ]);
});
