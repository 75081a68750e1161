/**
 * What is compared with a real dispatcher: small fleets, whose apps wait.
 *
 * @module
 */

import type { FailureKind, FailureSpec, Scenario } from "../scenario.ts";

/** A fleet that is simulated, and real. */
export interface CompareCase {
  readonly name: string;
  readonly policy: "least-busy" | "sticky";
  readonly scenario: Scenario;
}

const NODES = 4;
const CAPACITY = 5;
const MEAN_MS = 50;
const WARM_UP_MS = 1_000;

/**
 * Times of an exponential distribution, whole ones, as timers are: both draw from the same ones.
 */
const DURATIONS_MS: readonly number[] = Array.from(
  { length: 1_000 },
  (_, at) => Math.max(1, Math.round(-MEAN_MS * Math.log(1 - (at + 0.5) / 1_000))),
);

/** A fleet that was not asked for anything else. */
function scenarioOf(load: number, durationMs: number, fields: Partial<Scenario> = {}): Scenario {
  const perSecond = load * NODES * CAPACITY * 1_000 / MEAN_MS;
  return {
    name: "",
    seed: 1,
    requests: Math.round(perSecond * durationMs / 1_000),
    durationMs: null,
    warmUpMs: WARM_UP_MS,
    arrivals: { kind: "poisson", perSecond },
    service: { kind: "measured", file: "", durationsMs: DURATIONS_MS },
    nodes: [{ count: NODES, workers: CAPACITY, capacity: CAPACITY, speed: 1 }],
    dispatchers: 1,
    policies: ["least-busy"],
    queue: { max: 1_024, timeoutMs: 30_000 },
    networkMs: 0,
    clientMs: 0,
    pingIntervalMs: 500,
    crashNotice: "send",
    safeShare: 1,
    maxTries: 3,
    answerBeginsAt: 1,
    keys: { kind: "uniform", count: 10_000 },
    failures: [],
    sweep: null,
    ...fields,
  };
}

/** All cases, each of which takes this time. */
export function compareCases(durationMs: number): CompareCase[] {
  const failure = (kind: FailureKind, forMs: number | null): FailureSpec => ({
    kind,
    atMs: durationMs * 0.4,
    meanBetweenMs: null,
    forMs,
    node: 1,
    count: 1,
  });
  return [
    { name: "30 % load", policy: "least-busy", scenario: scenarioOf(0.3, durationMs) },
    { name: "80 % load", policy: "least-busy", scenario: scenarioOf(0.8, durationMs) },
    {
      name: "130 % load, 20 may wait 200 ms",
      policy: "least-busy",
      scenario: scenarioOf(1.3, durationMs, { queue: { max: 20, timeoutMs: 200 } }),
    },
    {
      name: "60 % load, 20 % unsafe, a handler killed",
      policy: "least-busy",
      scenario: scenarioOf(0.6, durationMs, { safeShare: 0.8, failures: [failure("crash", null)] }),
    },
    {
      name: "50 % load, a handler stopped for good",
      policy: "least-busy",
      scenario: scenarioOf(0.5, durationMs, { failures: [failure("freeze", null)] }),
    },
    {
      name: "50 % load, a link cut for a while",
      policy: "least-busy",
      scenario: scenarioOf(0.5, durationMs, { failures: [failure("cut", durationMs * 0.2)] }),
    },
    {
      name: "60 % load, a handler leaves",
      policy: "least-busy",
      scenario: scenarioOf(0.6, durationMs, { failures: [failure("leave", null)] }),
    },
    {
      name: "80 % load, a handler joins",
      policy: "least-busy",
      scenario: scenarioOf(0.8, durationMs, {
        failures: [{ ...failure("join", null), node: null }],
      }),
    },
    {
      name: "60 % load, two dispatchers",
      policy: "least-busy",
      scenario: scenarioOf(0.6, durationMs, {
        dispatchers: 2,
        // A handler that takes six at a time says to each of two dispatchers that it takes three.
        nodes: [{ count: NODES, workers: 6, capacity: 3, speed: 1 }],
      }),
    },
    {
      name: "60 % load, sticky, 200 keys",
      policy: "sticky",
      scenario: scenarioOf(0.6, durationMs, {
        keys: { kind: "zipf", count: 200, exponent: 0.5 },
        queue: { max: 200, timeoutMs: 1_000 },
      }),
    },
  ];
}

/** What a fleet is asked before it is measured, so that its code is compiled. */
export const WARM_UP: Scenario = scenarioOf(0.5, 2_000);

/** What a request takes beyond its service, if it is alone, is measured by this. */
export const ALONE: Scenario = {
  ...scenarioOf(0, 0),
  arrivals: { kind: "constant", perSecond: 16 },
  requests: 50,
  warmUpMs: 0,
  service: { kind: "constant", ms: MEAN_MS },
};
