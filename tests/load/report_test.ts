import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { Histogram } from "../../src/load/histogram.ts";
import { parseProfile } from "../../src/profile/profile.ts";
import { hottestFunctions } from "../../src/load/hot_functions.ts";
import type { GroupResult } from "../../src/load/group_record.ts";
import { plot } from "../../src/load/plots.ts";
import { reportPage } from "../../src/load/report.ts";
import { resultJson } from "../../src/load/result_json.ts";
import type { RunResult } from "../../src/load/run.ts";
import { bar, bulkText, runText, stallsText } from "../../src/load/summary.ts";
import { Timeline } from "../../src/load/timeline.ts";

const HOSTILE = `</title><script>alert(1)</script>"'&\x1b[2J\u202e`;

function resultOf(name: string, cpuMs: number): RunResult {
  const latency = new Histogram();
  const timeline = new Timeline(250);
  for (let i = 0; i < 1_000; i++) {
    latency.record(100 + i * 7);
    timeline.answered(i * 2, 100 + i * 7);
  }
  timeline.failed(1_500 + 500);
  const group: GroupResult = {
    name,
    connections: 8,
    answered: 1_000,
    answeredInTime: 1_000,
    failures: new Map([[HOSTILE, 1]]),
    unsent: 0,
    statuses: new Map([[200, 1_000]]),
    lengths: new Map([[5, 1_000]]),
    bodyBytes: 5_000,
    bytesSent: 1,
    bytesReceived: 1,
    connects: 8,
    repeated: 0,
    latency,
    serviceTime: latency,
    timeline: timeline.finish(2_250),
  };
  return { durationMs: 2_000, partMs: 250, groups: [group], clientCpuMs: cpuMs, serverCpuMs: 900 };
}

const STALL = {
  kind: "silent",
  clients: 2,
  connects: 3,
  refused: 0,
  cutOff: 1,
  held: 2,
  longestMs: 2_000,
} as const;

Deno.test("a report needs nothing else, and runs nothing that came from a server", () => {
  const page = reportPage({
    title: HOSTILE,
    facts: [["app", HOSTILE]],
    runs: [{ name: "", result: resultOf(HOSTILE, 100) }],
    stalls: [STALL],
    hottest: [{ name: HOSTILE, place: HOSTILE, share: 0.5 }],
  });
  assertEquals(
    /<script|<img|<link|<iframe|\son\w+=|javascript:|url\(|@import|https?:/i.test(page),
    false,
  );
  // deno-lint-ignore no-control-regex
  assertEquals(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/.test(page), false);
  assertStringIncludes(page, "default-src 'none'");
  assertStringIncludes(page, "prefers-color-scheme:dark");
  assertStringIncludes(page, "width=device-width");
  assertEquals(page.match(/<figure>/g)?.length, 4);
  assertEquals(page.match(/<svg /g)?.length, page.match(/<\/svg>/g)?.length);
  assertEquals(/NaN|undefined|Infinity/.test(page), false);
});

Deno.test("a client that had too much to do is said to be the bottleneck, everywhere", () => {
  for (const [cpuMs, isBusy] of [[1_900, true], [400, false]] as const) {
    const result = resultOf("GET /", cpuMs);
    const page = reportPage({
      title: "t",
      facts: [],
      runs: [{ name: "", result }],
      stalls: [],
      hottest: [],
    });
    const json = resultJson("saturate", result) as { client: { wasBottleneck: boolean } };
    assertEquals(json.client.wasBottleneck, isBusy);
    assertEquals(page.includes("The client was the bottleneck"), isBusy);
    assertEquals(runText(result, "closed").includes("the client was the bottleneck"), isBusy);
  }
});

Deno.test("results as text have rates, percentiles, failures and lengths", () => {
  const result = resultOf("GET /", 100);
  const text = runText(result, "open");
  for (const part of ["500 requests/s", "p99.9 ", "200: 1000", "5 bytes: 1000", "1: </title>"]) {
    assertStringIncludes(text, part);
  }
  assertStringIncludes(text, "server: 45 % of a core, 900.0 µs for each request");
  assertStringIncludes(
    bulkText(result, 1_001),
    "1000 of 1001 requests answered in 2.00 s, 1 failed",
  );
  assertStringIncludes(stallsText([STALL]), "1 cut off by the server");
  assertEquals([bar(0, 10, 4), bar(5, 10, 4), bar(99, 10, 4)], ["[....]", "[##..]", "[####]"]);
});

Deno.test("a timeline has a part for each moment, also where nothing was answered", () => {
  const timeline = new Timeline(100);
  timeline.answered(10, 5);
  timeline.answered(320, 7);
  timeline.failed(330);
  const parts = timeline.finish(450);
  assertEquals(parts.map(({ atMs, answered, failed, maxUs }) => [atMs, answered, failed, maxUs]), [
    [0, 1, 0, 5],
    [100, 0, 0, 0],
    [200, 0, 0, 0],
    [300, 1, 1, 7],
  ]);
});

Deno.test("plots stay within their bounds, whatever their values are", () => {
  const values = [[], [0], [5], [1, 1e12], [0, 0, 0], [NaN, 3, NaN], [1e-9, 2e-9]];
  for (const ys of values) {
    for (const yScale of ["linear", "log"] as const) {
      const svg = plot({
        title: "t",
        xLabel: "x",
        yScale,
        yText: String,
        series: [{ name: "a", points: ys.map((y, x) => [x, y]) }],
      });
      assertEquals(svg === "", ys.filter((y) => !Number.isNaN(y)).length === 0);
      assertEquals(/NaN|Infinity/.test(svg), false, svg);
      const path = /class="line s0" d="([^"]*)"/.exec(svg)?.[1] ?? "";
      for (const [, x, y] of path.matchAll(/[ML]([-\d.]+) ([-\d.]+)/g)) {
        assert(Number(x) >= 0 && Number(x) <= 420 && Number(y) >= 0 && Number(y) <= 232, path);
      }
    }
  }
});

Deno.test("the hottest functions are those with the most time of their own, in all profiles", () => {
  const node = (id: number, functionName: string, url = "file:///app.ts") => ({
    id,
    callFrame: { functionName, scriptId: "1", url, lineNumber: 9, columnNumber: 0 },
  });
  const profile = parseProfile(JSON.stringify({
    startTime: 0,
    endTime: 6_507,
    nodes: [
      node(1, "(root)", ""),
      node(2, "slow"),
      node(3, "fast"),
      node(4, "(idle)", ""),
      node(5, "post", "node:inspector"),
    ],
    samples: [2, 3, 2, 4, 9, 5],
    timeDeltas: [300, 100, 300, 5_000, 7, 800],
  }));
  assertEquals(hottestFunctions([profile, profile], 1), [
    { name: "slow", place: "file:///app.ts:10", share: 6 / 7 },
  ]);
  assertEquals(hottestFunctions([], 5), []);
});
