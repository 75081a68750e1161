/** The comparison of the simulation with a real dispatcher. */

import { assertEquals } from "../../support/assert.ts";
import { libzmqIsMissing } from "../../support/peers.ts";
import { ALONE, compareCases } from "../../../bench/fleet/compare/cases.ts";
import { comparisonOf } from "../../../bench/fleet/compare/comparison.ts";
import type { RealOutcome } from "../../../bench/fleet/compare/open_load.ts";
import { loadOpenly } from "../../../bench/fleet/compare/open_load.ts";
import { RealFleet } from "../../../bench/fleet/compare/real_fleet.ts";
import type { Outcome } from "../../../bench/fleet/recorder.ts";
import { simulate } from "../../../bench/fleet/simulation.ts";
import { Histogram } from "../../../src/load/histogram.ts";

const ignore = libzmqIsMissing();

/** Times of `count` requests, of which 98 in 100 take `ms`, and the others `slowMs`. */
function times(ms: number, slowMs: number, count = 1_000): Histogram {
  const histogram = new Histogram();
  histogram.record(ms * 1_000, count * 0.98);
  histogram.record(slowMs * 1_000, count * 0.02);
  return histogram;
}

const REAL: RealOutcome = {
  requests: 1_250,
  answered: 1_000,
  refused: { 502: 50, 503: 200 },
  closed: 0,
  unanswered: 0,
  latency: times(50, 200),
  answeredBy: [400, 600],
  overheadMs: 1,
};
const SIMULATED: Outcome = {
  requests: 1_250,
  ends: { answered: 1_000, queueFull: 200, queueTimeout: 0, failed: 50, broken: 0 },
  unanswered: 0,
  retries: 0,
  lateAnswers: 0,
  latency: times(50, 200),
  timeline: [],
  keptShare: 1,
  givenTo: [400, 600],
  answeredBy: [400, 600],
  durationMs: 10_000,
};
const ends = (answered: number) => ({ ...SIMULATED.ends, answered });

const OFF: Record<string, readonly [simulated: Partial<Outcome>, off: readonly string[]]> = {
  "nothing": [{}, []],
  "nothing that counts": [
    { latency: times(54, 185), answeredBy: [380, 620] },
    [],
  ],
  "the median, and the mean with it": [{ latency: times(56, 200) }, ["p50", "mean"]],
  "p99": [{ latency: times(50, 230) }, ["p99"]],
  "what is lost": [{ ends: ends(960), answeredBy: [384, 576] }, ["lost"]],
  "what a node gets": [{ answeredBy: [350, 650] }, ["answered by node 0"]],
};

for (const [what, [fields, off]] of Object.entries(OFF)) {
  Deno.test(`a comparison says that the simulation is off in ${what}`, () => {
    const { rows, areNear } = comparisonOf({ real: REAL, simulated: { ...SIMULATED, ...fields } });
    assertEquals(rows.filter((row) => row.at(-1) === "off").map(([figure]) => figure), off);
    assertEquals(areNear, off.length === 0);
  });
}

Deno.test({
  name: "a real dispatcher gets the requests of a scenario, and what becomes of each is counted",
  ignore,
  async fn() {
    const sticky = compareCases(2_000).find(({ policy }) => policy === "sticky")!;
    const scenario = { ...sticky.scenario, warmUpMs: 0 };
    await using fleet = await RealFleet.start(scenario, sticky.policy);
    const real = await loadOpenly(scenario, fleet.mongrel2s);
    assertEquals(real.requests, scenario.requests);
    const { answered, refused, closed, unanswered, latency } = real;
    assertEquals(answered + refused[502] + refused[503], real.requests);
    assertEquals([closed, unanswered, latency.count], [0, 0, answered]);
    // Keys are where the simulation has them.
    if (answered === real.requests) {
      assertEquals(real.answeredBy, simulate(scenario, sticky.policy).answeredBy);
    }
    const alone = await loadOpenly({ ...ALONE, requests: 5 }, fleet.mongrel2s);
    if (alone.answered !== 5 || !(alone.overheadMs > 0)) throw new Error(JSON.stringify(alone));
  },
});
