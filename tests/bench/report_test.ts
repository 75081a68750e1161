import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "../support/assert.ts";
import type { Case, FigureGoal, Goal, RatioGoal } from "../../bench/measuring/bench.ts";
import { chart } from "../../bench/report/chart.ts";
import type { Sample } from "../../bench/measuring/figures.ts";
import { outcomeOf, outcomesText, reportTable, rowsOf } from "../../bench/report/table.ts";
import type { Row } from "../../bench/report/table.ts";
import { withResults } from "../../bench/report/results.ts";

const sample = (rate: number, cpuUs: number): Sample => ({ rate, cpuUs, restCpuMs: 0 });

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

const outcomesOf = (goal: Goal) => rowsWith([goal]).map(outcomeOf).filter((is) => is !== null);

const lines = (rows: readonly Row[]) =>
  rows.map((row) => `${row.workers} ${row.figure} ${row.reference} ${row.summary?.ratio?.median}`);

Deno.test("a report has what was measured of gatehouse beside the first peer", () => {
  const expected = [
    ...["0 rate a 1", "0 cpuUs a 1.5", "0 restCpuMs a undefined"],
    ...["1 rate a 1.5", "1 cpuUs a 0.5", "1 restCpuMs a undefined"],
  ];
  assertEquals(lines(rowsWith([])), expected);
});

Deno.test("beside the other references, a report has what the case is about, and no costs", () => {
  const expected = ["0 rate b 0.3333333333333333", "1 rate b 0.5"];
  assertEquals(lines(rowsWith([], ["a", "b"])).slice(6), expected);
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
  assertEquals(rows.map(outcomeOf), ["missed"]);
});

Deno.test("a goal is reached by its ratio's median", () => {
  const outcomes = (goal: Partial<RatioGoal>) =>
    outcomesOf({ workers: 1, figure: "rate", ...goal });
  assertEquals(outcomes({ atLeast: 1.5 }), ["reached"]);
  assertEquals(outcomes({ atLeast: 1.6 }), ["missed"]);
  assertEquals(outcomes({ figure: "cpuUs", atMost: 0.5 }), ["reached"]);
  assertEquals(outcomes({ figure: "cpuUs", atMost: 0.4 }), ["missed"]);
});

Deno.test("a goal can be for the figure itself, whatever that of the peer is", () => {
  const outcomes = (goal: Partial<FigureGoal>) =>
    outcomesOf({ workers: 1, figure: "cpuUs", of: "figure", ...goal });
  assertEquals(outcomes({ atMost: 10 }), ["reached"]);
  assertEquals(outcomes({ atMost: 9.9 }), ["missed"]);
  assertEquals(outcomes({ figure: "restCpuMs", atMost: 0 }), ["reached"]);
});

Deno.test("a goal that nothing was measured for is told, and is not reached", () => {
  const goals: Goal[] = [
    { workers: 1, figure: "rate", reference: "c", atLeast: 0.1 },
    { workers: 2, figure: "rate", atLeast: 0.1 },
    { workers: 1, figure: "p99Ms", atMost: 9 },
    { workers: 1, figure: "restCpuMs", atMost: 9 },
    { workers: 1, figure: "rate", atLeast: 1.5 },
    { workers: 0, figure: "rate", atLeast: 1.5 },
  ];
  const rows = rowsWith(goals);
  const told = rows.filter((row) => outcomeOf(row) === "not measured");
  assertEquals(lines(told).toSorted(), [
    "1 p99Ms a undefined",
    "1 rate c undefined",
    "1 restCpuMs a undefined",
    "2 rate a undefined",
  ]);
  assertEquals(outcomesText(rows), "1 of 6 goals are reached, 4 not measured.");
  assertMatch(reportTable(told), /\| ratio ≥ 0\.1 +\| not measured \|/);
});

Deno.test("the table says which goals are reached", () => {
  const table = reportTable(rowsWith([{ workers: 1, figure: "rate", atLeast: 1.2 }]));
  assertMatch(
    table,
    /^\| X: hello +\| 1 +\| rate +\| 150\/s \(150-150\) +\|.* ratio ≥ 1\.2 +\| reached +\|$/m,
  );
  const ownGoal: Goal = { workers: 0, figure: "cpuUs", of: "figure", atMost: 25 };
  assertMatch(reportTable(rowsWith([ownGoal])), /\| 30\.0 µs \(30\.0-30\.0\) .* ≤ 25 µs \| missed/);
  const widths = new Set(table.split("\n").map((line) => line.length));
  assertEquals(widths.size, 1);
});

Deno.test("the picture has a dot for each ratio, within the scale, and a mark for each goal", () => {
  const rows = rowsWith([{ workers: 1, figure: "rate", atLeast: 1.2 }]);
  const huge = { low: 0, median: 99, high: Infinity };
  const svg = chart("a < b & c", [...rows, {
    ...rows[0],
    summary: { value: huge, ratio: huge },
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
