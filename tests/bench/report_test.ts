import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "../support/assert.ts";
import type { Case, Goal } from "../../bench/bench.ts";
import { chart } from "../../bench/chart.ts";
import type { Sample } from "../../bench/contest.ts";
import { isReached, reportTable, rowsOf } from "../../bench/report.ts";
import type { Row } from "../../bench/report.ts";
import { withResults } from "../../bench/results.ts";

const sample = (rate: number, cpuUs: number) => ({ rate, cpuUs, p50Ms: NaN }) as Sample;

/** The rows of a case with these goals: one worker has 1.5 x the rate of a peer, and half its costs. */
function rowsWith(goals: readonly Goal[], references?: readonly string[]): Row[] {
  const measured = { name: "hello", peers: ["a", "b"], references, goals } as unknown as Case;
  const results = [
    { name: "gatehouse, workers 0", samples: [sample(100, 30)] },
    { name: "gatehouse, workers 1", samples: [sample(150, 10)] },
    { name: "a", samples: [sample(100, 20)] },
    { name: "b", samples: [sample(300, 5)] },
    { name: "a again", samples: [sample(100, 20)] },
  ];
  return rowsOf({ bench: "X", measured, results });
}

const lines = (rows: readonly Row[]) =>
  rows.map((row) => `${row.workers} ${row.figure} ${row.reference} ${row.ratio.median}`);

Deno.test("a report has what was measured of gatehouse beside the first peer", () => {
  const expected = ["0 rate a 1", "0 cpuUs a 1.5", "1 rate a 1.5", "1 cpuUs a 0.5"];
  assertEquals(lines(rowsWith([])), expected);
});

Deno.test("a report has rates beside the other references, and no costs", () => {
  const expected = ["0 rate b 0.3333333333333333", "1 rate b 0.5"];
  assertEquals(lines(rowsWith([], ["a", "b"])).slice(4), expected);
});

Deno.test("a goal can be beside any contestant, and is told there alone", () => {
  const goal: Goal = {
    workers: 1,
    figure: "rate",
    reference: "gatehouse, workers 0",
    atLeast: 1.8,
  };
  const rows = rowsWith([goal]).filter((row) => row.goal !== undefined);
  assertEquals(lines(rows), ["1 rate gatehouse, workers 0 1.5"]);
  assertEquals(rows.map(isReached), [false]);
});

Deno.test("a goal is reached by its ratio's median", () => {
  const reached = (goal: Partial<Goal>) =>
    rowsWith([{ workers: 1, figure: "rate", ...goal }]).map(isReached).filter((is) => is !== null);
  assertEquals(reached({ atLeast: 1.5 }), [true]);
  assertEquals(reached({ atLeast: 1.6 }), [false]);
  assertEquals(reached({ figure: "cpuUs", atMost: 0.5 }), [true]);
  assertEquals(reached({ figure: "cpuUs", atMost: 0.4 }), [false]);
});

Deno.test("the table says which goals are reached", () => {
  const table = reportTable(rowsWith([{ workers: 1, figure: "rate", atLeast: 1.2 }]));
  assertMatch(table, /^\| X: hello +\| 1 +\| rate +\| 150\/s +\|.* ≥ 1\.2 +\| reached +\|$/m);
  const widths = new Set(table.split("\n").map((line) => line.length));
  assertEquals(widths.size, 1);
});

Deno.test("the picture has a dot for each ratio, within the scale, and a mark for each goal", () => {
  const rows = rowsWith([{ workers: 1, figure: "rate", atLeast: 1.2 }]);
  const svg = chart("a < b & c", [...rows, {
    ...rows[0],
    ratio: { low: 0, median: 99, high: 99 },
  }]);
  assertStringIncludes(svg, "<title>a &lt; b &amp; c</title>");
  assertEquals(svg.match(/<circle class="workers\d" [^>]*r="3"/g)?.length, 5);
  assertEquals(svg.match(/<path class="goal workers1"/g)?.length, 1);
  assert(!/NaN|Infinity|undefined/.test(svg));
  assertStringIncludes(svg, "prefers-color-scheme: dark");
});

Deno.test("results take the place of those before, and of nothing else", () => {
  const before = "# R\n<!-- deno task bench: start -->\nold\n<!-- deno task bench: end -->\nrest\n";
  const after = withResults(before, "new");
  assertEquals(
    after,
    "# R\n<!-- deno task bench: start -->\n\nnew\n\n<!-- deno task bench: end -->\nrest\n",
  );
  assertEquals(withResults(after, "new"), after);
  assertThrows(() => withResults("# R\n", "new"), Error, "are missing");
});
