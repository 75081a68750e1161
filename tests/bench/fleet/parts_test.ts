/** What the simulation is made of. */

import { assertEquals, assertThrows } from "../../support/assert.ts";
import { Agenda } from "../../../bench/fleet/agenda.ts";
import { durationSource, meanMsOf } from "../../../bench/fleet/durations.ts";
import { keyShares, KeySource, movedShares } from "../../../bench/fleet/keys.ts";
import { durationsIn } from "../../../bench/fleet/measured.ts";
import { RandomStream } from "../../../bench/fleet/random.ts";
import type { DurationSpec, KeySpec } from "../../../bench/fleet/scenario.ts";
import { simulate } from "../../../bench/fleet/simulation.ts";
import { study } from "../../../bench/fleet/study.ts";
import { Random } from "../../support/random.ts";
import { assertFar, assertNear, scenarioOf } from "./support.ts";

Deno.test("an agenda lets happen what is due, in the order of the times, then of the plans", () => {
  const agenda = new Agenda();
  const random = new Random(7);
  const happened: (readonly [timeMs: number, plan: number])[] = [];
  let plans = 0;
  const plan = (timeMs: number, more: number) => {
    const number = plans++;
    agenda.at(timeMs, {
      happen: () => {
        assertEquals(agenda.nowMs, timeMs);
        happened.push([timeMs, number]);
        for (let i = 0; i < more; i++) plan(agenda.nowMs + random.below(3), 0);
      },
    });
  };
  for (let i = 0; i < 5_000; i++) plan(random.below(500), random.below(3));
  agenda.run();
  assertEquals(agenda.length, 0);
  assertEquals(happened.length, plans);
  const sorted = happened.toSorted(([a, first], [b, second]) => a - b || first - second);
  assertEquals(happened, sorted);
});

Deno.test("what is planned for a time that is over happens now", () => {
  const agenda = new Agenda();
  const times: number[] = [];
  agenda.at(10, {
    happen: () => agenda.at(5, { happen: () => times.push(agenda.nowMs) }),
  });
  agenda.run();
  assertEquals(times, [10]);
});

const DURATIONS: Record<string, DurationSpec> = {
  constant: { kind: "constant", ms: 7 },
  exponential: { kind: "exponential", meanMs: 7 },
  lognormal: { kind: "lognormal", medianMs: 7, p99Ms: 70 },
  bimodal: { kind: "bimodal", shortMs: 1, longMs: 50, longShare: 0.2 },
  measured: { kind: "measured", file: "", durationsMs: [1, 2, 3, 10] },
};
/** The median, and what 99 % are not above. */
const QUANTILES: Record<string, readonly [p50: number, p99: number]> = {
  constant: [7, 7],
  exponential: [7 * Math.LN2, 7 * Math.log(100)],
  lognormal: [7, 70],
  bimodal: [1, 50],
};

for (const [kind, spec] of Object.entries(DURATIONS)) {
  Deno.test(`durations are distributed as they say: ${kind}`, () => {
    const next = durationSource(spec, new RandomStream(5, 0));
    const drawn = Array.from({ length: 200_000 }, next).sort((a, b) => a - b);
    assertNear(drawn.reduce((a, b) => a + b) / drawn.length, meanMsOf(spec), 0.015, "the mean");
    if (kind in QUANTILES) {
      assertNear(drawn[100_000], QUANTILES[kind][0], 0.02, "the median");
      assertNear(drawn[198_000], QUANTILES[kind][1], 0.02, "p99");
    }
  });
}

Deno.test("two streams of random numbers have nothing in common, whatever tells them apart", () => {
  const streams = [[1, 1], [1, 2], [2, 1], [0, 0], [0, 1]].map(([seed, purpose]) => {
    const stream = new RandomStream(seed, purpose);
    return Array.from({ length: 20_000 }, () => stream.unit() - 0.5);
  });
  for (const [i, a] of streams.entries()) {
    const mean = a.reduce((sum, each) => sum + each, 0) / a.length;
    if (Math.abs(mean) > 0.01) throw new Error(`the mean is ${mean + 0.5}`);
    for (const b of streams.slice(i + 1)) {
      // The deviation of a correlation is 0.007.
      const correlation = a.reduce((sum, each, at) => sum + 12 * each * b[at], 0) / a.length;
      if (Math.abs(correlation) > 0.035) throw new Error(`the correlation is ${correlation}`);
    }
  }
});

const KEYS: Record<string, KeySpec> = {
  uniform: { kind: "uniform", count: 50 },
  zipf: { kind: "zipf", count: 50, exponent: 1.2 },
};

for (const [kind, spec] of Object.entries(KEYS)) {
  Deno.test(`keys have their shares of the requests: ${kind}`, () => {
    const source = new KeySource(spec, new RandomStream(1, 0));
    const counts = new Array(spec.count).fill(0);
    const draws = 500_000;
    for (let i = 0; i < draws; i++) counts[source.next()]++;
    for (const [key, share] of keyShares(spec).entries()) {
      // Five deviations of what is counted.
      assertNear(counts[key], share * draws, 5 / Math.sqrt(share * draws), `key ${key}`);
    }
  });
}

for (const nodes of [1, 4, 20, 100]) {
  Deno.test(`a node more than ${nodes}, or one less, moves its share of the keys`, () => {
    const count = 100_000;
    const { join, leave } = movedShares({ kind: "uniform", count }, nodes);
    for (const [share, expected] of [[join.ofKeys, 1 / (nodes + 1)], [leave.ofKeys, 1 / nodes]]) {
      assertNear(share, expected, 5 / Math.sqrt(expected * count), "the share");
    }
    // A hash by the remainder moves nearly all.
    if (nodes > 1) assertFar(join.ofKeys, 1 - 1 / (nodes + 1), 0.2, "the share");
  });
}

Deno.test("keys stay with their nodes, but for those that a node takes along", () => {
  const stays = (failures: unknown[]) =>
    simulate(
      scenarioOf({
        requests: 200_000,
        nodes: [{ count: 10, workers: 1_000 }],
        arrivals: { kind: "constant", perSecond: 1_000 },
        service: { kind: "constant", ms: 1 },
        keys: { kind: "uniform", count: 2_000 },
        failures,
      }),
      "sticky",
    );
  assertEquals(stays([]).keptShare, 1);
  // One request of each key that has moved: a tenth goes with a node, an eleventh comes to one.
  for (const [failure, share] of [["leave", 1 / 10], ["join", 1 / 11]] as const) {
    const { keptShare } = stays([{ kind: failure, atMs: 100_000 }]);
    assertNear((1 - keptShare) * 198_000, share * 2_000, 0.2, failure);
  }
  // There and back.
  const { keptShare } = stays([{ kind: "leave", atMs: 50_000, forMs: 50_000 }]);
  assertNear((1 - keptShare) * 198_000, 2 / 10 * 2_000, 0.2, "there and back");
});

Deno.test("the busiest of many nodes has more than its share with sticky keys, and not one after the other", () => {
  const scenario = scenarioOf({
    requests: 50_000,
    nodes: [{ count: 10, workers: 1_000 }],
    arrivals: { kind: "constant", perSecond: 1_000 },
    service: { kind: "constant", ms: 1 },
    keys: { kind: "zipf", count: 1_000, exponent: 1 },
  });
  assertEquals(simulate(scenario, "round-robin").givenTo, new Array(10).fill(5_000));
  const most = Math.max(...simulate(scenario, "sticky").givenTo);
  if (most < 6_500) throw new Error(`no node has more than ${most}`);
});

Deno.test("a study has a run for each policy and value", () => {
  const scenario = scenarioOf({
    requests: 2_000,
    nodes: [{ count: 2 }, { count: 3 }],
    arrivals: { load: 0.5 },
    service: { kind: "constant", ms: 10 },
    policies: ["round-robin", "least-busy"],
  });
  const runsOf = (of: "load" | "nodes" | "dispatchers" | "perSecond", values: number[]) =>
    [...study({ ...scenario, sweep: { of, values } })].map(({ policy, value, scenario }) => ({
      policy,
      value,
      nodes: scenario.nodes.map(({ count }) => count),
      dispatchers: scenario.dispatchers,
      rate: scenario.arrivals.kind === "closed" ? 0 : scenario.arrivals.perSecond,
    }));
  const usual = { nodes: [2, 3], dispatchers: 1, rate: 250 };
  const both = (value: number, fields: object) =>
    scenario.policies.map((policy) => ({ policy, value, ...usual, ...fields }));
  assertEquals(runsOf("load", [0.1, 0.9]), [
    ...both(0.1, { rate: 50 }),
    ...both(0.9, { rate: 450 }),
  ]);
  assertEquals(runsOf("perSecond", [7]), both(7, { rate: 7 }));
  assertEquals(runsOf("nodes", [10]), both(10, { nodes: [10, 3] }));
  assertEquals(runsOf("dispatchers", [3]), both(3, { dispatchers: 3 }));
  assertEquals([...study(scenario)].map(({ value }) => value), [null, null]);
});

Deno.test("durations are read from an access log, without what requests waited for a worker", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(
      path,
      [
        '{"time":"2026-12-01T08:00:00.000Z","status":200,"durationMs":12.5}',
        '{"status":200,"durationMs":30,"queuedMs":20}',
        '{"status":200,"durationMs":1,"queuedMs":"2"}',
        '{"status":200}',
        "{broken",
        '::1 - - [01/Dec/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 5 0.250',
        '::1 - - [01/Dec/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 5',
        "7.25",
        "",
        "8",
      ].join("\n"),
    );
    assertEquals(durationsIn(path), [12.5, 10, 1, 250, 7.25, 8]);
    await Deno.writeTextFile(path, "nothing\n");
    assertThrows(() => durationsIn(path), Error, "no line has a duration");
    await Deno.writeTextFile(path, "5\n".repeat(300_000));
    assertEquals(durationsIn(path).length, 200_000);
  } finally {
    await Deno.remove(path);
  }
});
