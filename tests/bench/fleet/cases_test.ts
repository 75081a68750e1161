/** Small cases, whose outcome can be told by hand: what comes when is fixed. */

import { assertEquals } from "../../support/assert.ts";
import type { Outcome } from "../../../bench/fleet/recorder.ts";
import { lossOf } from "../../../bench/fleet/recorder.ts";
import type { PolicyName } from "../../../bench/fleet/scenario.ts";
import { POLICIES } from "../../../bench/fleet/scenario.ts";
import { simulate } from "../../../bench/fleet/simulation.ts";
import { scenarioOf } from "./support.ts";

interface HandCase {
  readonly policy?: PolicyName;
  /** Beside {@linkcode TWO}. */
  readonly fields: Record<string, unknown>;
  /** Times of those that are answered, the shortest first. */
  readonly answeredMs: readonly number[];
  readonly ends?: Partial<Outcome["ends"]>;
  readonly retries?: number;
  readonly lateAnswers?: number;
  readonly givenTo?: readonly number[];
  readonly unanswered?: number;
}

/** Requests come at 100 and 200 ms, to two nodes. Each takes a second. Pings go out at each second. */
const TWO = {
  requests: 2,
  crashNotice: "pings",
  arrivals: { kind: "constant", perSecond: 10 },
  service: { kind: "constant", ms: 1_000 },
  nodes: [{ count: 2 }],
};
const three = { requests: 3 };
const one = { nodes: [{ count: 1 }] };
const failing = (failure: Record<string, unknown>) => ({
  failures: [{ node: 0, atMs: 500, ...failure }],
});

const CASES: Record<string, HandCase> = {
  "a node for each": { fields: {}, answeredMs: [1_000, 1_000], givenTo: [1, 1] },
  "the third waits for the first node that is done": {
    fields: three,
    answeredMs: [1_000, 1_000, 1_800],
    givenTo: [2, 1],
  },
  "a node of two workers takes both": {
    fields: { nodes: [{ workers: 2 }] },
    answeredMs: [1_000, 1_000],
  },
  "what is beyond the workers waits in the node": {
    fields: { nodes: [{ capacity: 2 }] },
    answeredMs: [1_000, 1_900],
  },
  "a faster node takes less": {
    fields: { nodes: [{ speed: 2 }, { speed: 1 }] },
    answeredMs: [500, 1_000],
  },
  "what does not fit in the queue is refused": {
    fields: { ...three, ...one, queue: { max: 1 } },
    answeredMs: [1_000, 1_900],
    ends: { queueFull: 1 },
  },
  "what waits too long is refused": {
    fields: { ...three, ...one, queue: { max: 10, timeoutMs: 950 } },
    answeredMs: [1_000, 1_900],
    ends: { queueTimeout: 1 },
  },
  "the network and the client take their time": {
    fields: { ...one, networkMs: 20, clientMs: 5 },
    // The second is sent when the answer is there, and its node was idle meanwhile.
    answeredMs: [1_045, 1_985],
  },
  "two dispatchers know nothing of each other: one node gets both": {
    // The seed sends one request to each.
    fields: { dispatchers: 2, seed: 3 },
    answeredMs: [1_000, 1_900],
    givenTo: [2, 0],
  },
  "a crash that is noticed by the reset connection": {
    fields: { ...failing({ kind: "crash" }), crashNotice: "reset" },
    answeredMs: [1_000, 2_100],
    retries: 1,
    givenTo: [1, 2],
  },
  "a crash that is noticed by the next ping, which does not arrive": {
    fields: { ...failing({ kind: "crash" }), crashNotice: "send" },
    // At 1 s; the other node is busy until 1.2 s.
    answeredMs: [1_000, 2_100],
    retries: 1,
  },
  "a crash that is noticed by a request, which does not arrive": {
    fields: {
      ...three,
      nodes: [{ count: 2, workers: 2 }],
      ...failing({ kind: "crash", atMs: 250 }),
      crashNotice: "send",
    },
    // The third finds out, and the first comes before it.
    answeredMs: [1_000, 1_200, 1_900],
    retries: 1,
    givenTo: [1, 3],
  },
  // The ping of 0 s was answered, that of 1 s not: this is seen at 2 s.
  "a crash that is noticed by pings": {
    fields: failing({ kind: "crash" }),
    answeredMs: [1_000, 2_900],
    retries: 1,
  },
  "a crash between two pings twice as often": {
    fields: { ...failing({ kind: "crash" }), pings: { intervalMs: 500 } },
    // The ping of 500 ms is answered before the crash of the same moment.
    answeredMs: [1_000, 2_400],
    retries: 1,
  },
  "an unsafe request fails with its node": {
    fields: { ...failing({ kind: "crash" }), safeShare: 0 },
    answeredMs: [1_000],
    ends: { failed: 1 },
  },
  "no request is tried more often than it may be": {
    fields: { ...failing({ kind: "crash" }), maxTries: 1 },
    answeredMs: [1_000],
    ends: { failed: 1 },
  },
  "an answer that has begun is broken": {
    fields: { ...failing({ kind: "crash" }), answerBeginsAt: 0.3 },
    answeredMs: [1_000],
    ends: { broken: 1 },
  },
  "an answer that had not begun is not": {
    fields: { ...failing({ kind: "crash" }), answerBeginsAt: 0.5 },
    answeredMs: [1_000, 2_900],
    retries: 1,
  },
  "without any node, requests wait for ever": {
    fields: { ...one, ...failing({ kind: "crash" }) },
    answeredMs: [],
    retries: 1,
    unanswered: 2,
  },
  "a node that is back serves what has waited for it": {
    // It is another one to the dispatcher; the first try is noticed to be lost at 2 s.
    fields: { ...one, ...failing({ kind: "crash", forMs: 1_000 }) },
    answeredMs: [2_300, 3_400],
    retries: 1,
  },
  "a node that stands still for a moment is late": {
    fields: failing({ kind: "freeze", forMs: 600 }),
    answeredMs: [1_000, 1_600],
    retries: 0,
  },
  "a node that stands still for long loses its request, and its answer counts for nothing": {
    fields: failing({ kind: "freeze", forMs: 3_000 }),
    answeredMs: [1_000, 2_900],
    retries: 1,
    lateAnswers: 1,
  },
  "what had not begun in a node that stands still does not begin when it wakes up": {
    fields: {
      ...three,
      nodes: [{ capacity: 2 }, {}],
      ...failing({ kind: "freeze", forMs: 3_000 }),
    },
    // Two of them were there.
    answeredMs: [1_000, 2_900, 3_700],
    retries: 2,
    lateAnswers: 1,
  },
  "who waits again has as much time as before": {
    fields: {
      ...one,
      queue: { max: 10, timeoutMs: 950 },
      ...failing({ kind: "crash", atMs: 1_120, forMs: 400 }),
      crashNotice: "reset",
    },
    // It had waited until 1.1 s, and could have done so until 1.15 s.
    answeredMs: [1_000, 2_320],
    retries: 1,
  },
  "a node goes on while its link is cut": {
    fields: failing({ kind: "cut", forMs: 300 }),
    answeredMs: [1_000, 1_000],
  },
  "what it answers meanwhile comes when the link is there again": {
    fields: failing({ kind: "cut", forMs: 900 }),
    answeredMs: [1_000, 1_300],
  },
  "and too late, if that takes too long": {
    fields: failing({ kind: "cut", forMs: 3_000 }),
    answeredMs: [1_000, 2_900],
    retries: 1,
    lateAnswers: 1,
  },
  "a node that leaves finishes what it has, and gets nothing more": {
    fields: { ...three, ...failing({ kind: "leave", atMs: 150 }) },
    answeredMs: [1_000, 1_000, 1_900],
    givenTo: [1, 2],
    retries: 0,
  },
  "a node that joins takes what waits": {
    fields: { ...one, failures: [{ kind: "join", atMs: 500 }] },
    answeredMs: [1_000, 1_300],
    givenTo: [1, 1],
  },
  "a node that joins for a while leaves again": {
    fields: { ...three, ...one, failures: [{ kind: "join", atMs: 250, forMs: 20 }] },
    answeredMs: [1_000, 1_050, 1_800],
    givenTo: [2, 1],
  },
  "with sticky keys, requests wait for their node, and others are idle": {
    policy: "sticky",
    fields: { keys: { count: 1 } },
    answeredMs: [1_000, 1_900],
  },
  "each node has its part of the queue": {
    policy: "sticky",
    // Half of three, rounded up.
    fields: { requests: 4, keys: { count: 1 }, queue: { max: 3 } },
    answeredMs: [1_000, 1_900, 2_800],
    ends: { queueFull: 1 },
  },
  "what waits for a node that dies waits for the next one of its key": {
    policy: "sticky",
    fields: {
      ...three,
      keys: { count: 1 },
      crashNotice: "reset",
      failures: [0, 1].map((node) => ({ kind: "crash", node, atMs: 500, forMs: 100 })),
    },
    // At 600 ms, node 0 is back, and gets the first; then node 1, which is the key's, and gets the others.
    answeredMs: [1_400, 1_500, 2_300],
    givenTo: [1, 3],
    retries: 1,
  },
  "what comes during the warm-up is not counted": {
    fields: { warmUpMs: 150 },
    answeredMs: [1_000],
  },
  "requests come until the time is over": {
    fields: { requests: 10, durationMs: 250 },
    answeredMs: [1_000, 1_000],
  },
  "a client asks again when it has thought": {
    fields: {
      requests: 3,
      ...one,
      arrivals: { kind: "closed", clients: 1, think: { kind: "constant", ms: 100 } },
      durationMs: 2_300,
    },
    // At 0.1, 1.2 and 2.3 s.
    answeredMs: [1_000, 1_000, 1_000],
  },
};

for (const [what, hand] of Object.entries(CASES)) {
  Deno.test(`the simulation, by hand: ${what}`, () => {
    const outcome = simulate(scenarioOf({ ...TWO, ...hand.fields }), hand.policy ?? "least-busy");
    assertEquals(timesOf(outcome), hand.answeredMs);
    assertEquals(outcome.ends, {
      answered: hand.answeredMs.length,
      queueFull: 0,
      queueTimeout: 0,
      failed: 0,
      broken: 0,
      ...hand.ends,
    });
    assertEquals(outcome.retries, hand.retries ?? 0);
    assertEquals(outcome.lateAnswers, hand.lateAnswers ?? 0);
    assertEquals(outcome.unanswered, hand.unanswered ?? 0);
    if (hand.givenTo !== undefined) assertEquals(outcome.givenTo, hand.givenTo);
  });
}

/** Each time, to what the histogram tells apart. */
function timesOf({ latency }: Outcome): number[] {
  return [...latency.classes()].flatMap(({ upToUs, count }) =>
    new Array(count).fill(Math.round(Math.min(upToUs, latency.maxUs) / 5_000) * 5)
  );
}

Deno.test("the same seed gives the same outcome, another seed another one", () => {
  for (const policy of POLICIES) {
    const at = (seed: number) =>
      JSON.stringify(simulate(
        scenarioOf({
          seed,
          requests: 5_000,
          nodes: [{ count: 10 }],
          arrivals: { kind: "poisson", load: 0.9 },
          service: { kind: "exponential", meanMs: 10 },
          failures: [{ kind: "crash", meanBetweenMs: 1_000, forMs: 100 }],
        }),
        policy,
      ));
    assertEquals(at(1), at(1));
    if (at(1) === at(2)) throw new Error(`${policy} takes no notice of the seed`);
  }
});

Deno.test("every policy meets the same requests at the same times", () => {
  const scenario = scenarioOf({
    requests: 1_000,
    nodes: [{ count: 5, workers: 1_000 }],
    arrivals: { kind: "poisson", perSecond: 100 },
    service: { kind: "lognormal", medianMs: 10, p99Ms: 100 },
  });
  // Nobody waits, so that all depends on the requests alone.
  const outcomes = POLICIES.map((policy) => simulate(scenario, policy));
  for (const { latency, timeline, durationMs } of outcomes) {
    assertEquals(latency.meanUs, outcomes[0].latency.meanUs);
    assertEquals(timeline, outcomes[0].timeline);
    assertEquals(durationMs, outcomes[0].durationMs);
  }
});

Deno.test("whatever befalls nodes, every request ends once", () => {
  const kinds = ["crash", "freeze", "cut", "leave"];
  for (const policy of POLICIES) {
    const outcome = simulate(
      scenarioOf({
        requests: 50_000,
        nodes: [{ count: 20, workers: 2, capacity: 3 }],
        dispatchers: 3,
        networkMs: 1,
        arrivals: { kind: "poisson", load: 0.9 },
        service: { kind: "exponential", meanMs: 20 },
        pings: { intervalMs: 100 },
        queue: { max: 50, timeoutMs: 200 },
        safeShare: 0.5,
        answerBeginsAt: 0.5,
        failures: kinds.map((kind) => ({ kind, meanBetweenMs: 2_000, forMs: 300 })),
      }),
      policy,
    );
    const { requests, ends, unanswered } = outcome;
    const ended = Object.values(ends).reduce((a, b) => a + b, 0);
    assertEquals(requests, 50_000);
    assertEquals(ended, requests);
    assertEquals(unanswered, 0);
    // Each of them happens, or this would check less than it says.
    for (const [end, count] of Object.entries(ends)) {
      if (count === 0) throw new Error(`with ${policy}, nothing was ${end}`);
    }
    if (outcome.retries === 0 || outcome.lateAnswers === 0) throw new Error("no retries");
    const last = outcome.timeline.reduce((sum, part) => sum + part.answered, 0);
    if (last > ends.answered || lossOf(outcome) <= 0) throw new Error("the sums are wrong");
  }
});
