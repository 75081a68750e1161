/**
 * The simulation beside what queueing theory knows in closed form. Services take 10 ms on the average. Each outcome has
 * to be near its own formula, and further from those of its neighbours: a check that any of them passes checks nothing.
 */

import type { Outcome } from "../../../bench/fleet/recorder.ts";
import { lossOf } from "../../../bench/fleet/recorder.ts";
import type { PolicyName } from "../../../bench/fleet/scenario.ts";
import { simulate } from "../../../bench/fleet/simulation.ts";
import { assertFar, assertNear, scenarioOf } from "./support.ts";

const MS = 10;
const TOLERANCE = 0.025;

/** What is compared, of an outcome. */
const FIGURES = {
  "mean": ({ latency }: Outcome) => latency.meanUs / 1_000,
  "p50": ({ latency }: Outcome) => latency.percentile(50) / 1_000,
  "p99": ({ latency }: Outcome) => latency.percentile(99) / 1_000,
  "loss": lossOf,
  "rate": ({ ends, durationMs }: Outcome) => ends.answered * 1_000 / durationMs,
};

interface TheoryCase {
  readonly policy?: PolicyName;
  readonly fields: Record<string, unknown>;
  readonly expected: Partial<Record<keyof typeof FIGURES, number>>;
  /** What neighbouring models would give. */
  readonly others?: Partial<Record<keyof typeof FIGURES, readonly number[]>>;
}

const exponential = { kind: "exponential", meanMs: MS };
const constant = { kind: "constant", ms: MS };
const bimodal = { kind: "bimodal", shortMs: 5, longMs: 55, longShare: 0.1 };
/** Poisson arrivals that keep workers busy for this share of the time. */
const at = (load: number) => ({ kind: "poisson", load });
const requests = 500_000;
const warmUpMs = 20_000;
const some = { requests, warmUpMs };

/** Without a bound, and with waits in the nodes. */
const unbounded = { capacity: 1_000_000 };

const CASES: Record<string, TheoryCase> = {
  "M/M/1": {
    fields: { ...some, service: exponential, arrivals: at(0.7) },
    expected: {
      mean: MS / (1 - 0.7),
      p50: MS * Math.LN2 / (1 - 0.7),
      p99: MS * Math.log(100) / (1 - 0.7),
    },
    others: { mean: [waitMD1(0.7) + MS, MS + waitOf(MS * MS * 2.5, 0.7)] },
  },
  "M/M/1, with a queue in the node instead": {
    fields: { ...some, nodes: [unbounded], service: exponential, arrivals: at(0.7) },
    expected: { mean: MS / (1 - 0.7), p99: MS * Math.log(100) / (1 - 0.7) },
  },
  "M/M/1, twice as fast": {
    fields: { ...some, nodes: [{ speed: 2 }], service: exponential, arrivals: at(0.7) },
    expected: { mean: MS / 2 / (1 - 0.7) },
    others: { mean: [MS / (1 - 0.7)] },
  },
  "M/D/1": {
    fields: { ...some, service: constant, arrivals: at(0.7) },
    expected: { mean: MS + waitMD1(0.7) },
    others: { mean: [MS / (1 - 0.7), MS] },
  },
  "M/G/1 (Pollaczek and Khinchine), two kinds of requests": {
    fields: { ...some, service: bimodal, arrivals: at(0.7) },
    expected: { mean: MS + waitOf(0.9 * 25 + 0.1 * 3_025, 0.7) },
    others: { mean: [MS / (1 - 0.7), MS + waitMD1(0.7)] },
  },
  "M/M/10 (Erlang C), ten nodes with a queue before them": {
    fields: { ...some, nodes: [{ count: 10 }], service: exponential, arrivals: at(0.8) },
    policy: "least-busy",
    expected: { mean: MS + waitMMc(10, 0.8), p99: quantileMMc(10, 0.8, 0.99) },
    others: { mean: [MS / (1 - 0.8), MS, MS + waitMMc(8, 0.8)] },
  },
  "M/M/10 (Erlang C), one node of ten workers": {
    fields: { ...some, nodes: [{ workers: 10 }], service: exponential, arrivals: at(0.8) },
    expected: { mean: MS + waitMMc(10, 0.8), p99: quantileMMc(10, 0.8, 0.99) },
  },
  "M/M/5/5 (Erlang B), without a queue": {
    fields: {
      ...some,
      nodes: [{ workers: 5 }],
      service: exponential,
      arrivals: at(0.8),
      queue: { max: 0 },
    },
    expected: { loss: erlangB(5, 4), mean: MS },
    others: { loss: [erlangB(4, 4), erlangB(6, 4)] },
  },
  "M/M/1/K, with a bounded queue": {
    // Six in all: five wait.
    fields: { ...some, service: exponential, arrivals: at(0.9), queue: { max: 5 } },
    expected: { loss: lossMM1K(0.9, 6) },
    others: { loss: [lossMM1K(0.9, 5), lossMM1K(0.9, 7)] },
  },
  "M/M/1+D, whose requests wait no longer than 30 ms": {
    fields: {
      ...some,
      service: exponential,
      arrivals: at(0.9),
      queue: { max: 1_000_000, timeoutMs: 30 },
    },
    expected: { loss: lossMM1D(0.9, 3) },
    others: { loss: [lossMM1D(0.9, 2.8), lossMM1D(0.9, 3.2)] },
  },
  "ten M/M/1, chosen at random": {
    fields: {
      ...some,
      nodes: [{ ...unbounded, count: 10 }],
      service: exponential,
      arrivals: at(0.7),
    },
    policy: "random",
    expected: { mean: MS / (1 - 0.7) },
    others: { mean: [sojournErlangM1(2, 0.7), MS + waitMMc(10, 0.7)] },
  },
  "E10/M/1, ten nodes one after the other": {
    fields: {
      ...some,
      nodes: [{ ...unbounded, count: 10 }],
      service: exponential,
      arrivals: at(0.7),
    },
    policy: "round-robin",
    expected: { mean: sojournErlangM1(10, 0.7) },
    others: { mean: [MS / (1 - 0.7), sojournErlangM1(5, 0.7), MS + waitMMc(10, 0.7)] },
  },
  "two choices of 500 nodes (Mitzenmacher)": {
    fields: {
      ...some,
      nodes: [{ ...unbounded, count: 500 }],
      service: exponential,
      arrivals: at(0.9),
      warmUpMs: 1_000,
    },
    policy: "two-choices",
    expected: { mean: sojournOfChoices(2, 0.9), p99: quantileOfChoices(2, 0.9, 0.99) },
    others: { mean: [MS / (1 - 0.9), sojournOfChoices(3, 0.9), sojournOfChoices(1.8, 0.9)] },
  },
  "sticky, with as many keys as there can be": {
    fields: {
      ...some,
      nodes: [{ ...unbounded, count: 4 }],
      service: exponential,
      arrivals: at(0.7),
      keys: { kind: "uniform", count: 1_000_000 },
    },
    policy: "sticky",
    expected: { mean: MS / (1 - 0.7) },
    others: { mean: [sojournErlangM1(4, 0.7), MS + waitMMc(4, 0.7)] },
  },
  "a closed loop of 12 clients (mean value analysis)": {
    fields: {
      requests,
      service: exponential,
      arrivals: { kind: "closed", clients: 12, think: { kind: "exponential", meanMs: 100 } },
    },
    expected: closedLoop(12, 100),
    others: { mean: [closedLoop(11, 100).mean, closedLoop(13, 100).mean] },
  },
};

for (const [what, { policy = "least-busy", fields, expected, others }] of Object.entries(CASES)) {
  Deno.test(`the simulation agrees with the formula: ${what}`, () => {
    const outcome = simulate(scenarioOf(fields), policy);
    for (const [name, figure] of Object.entries(expected)) {
      const value = FIGURES[name as keyof typeof FIGURES](outcome);
      assertNear(value, figure, TOLERANCE, name);
      for (const other of others?.[name as keyof typeof FIGURES] ?? []) {
        assertFar(value, other, TOLERANCE, name);
      }
    }
  });
}

Deno.test("nodes that crash fail as many unsafe requests as formulas say, and safe ones go to others", () => {
  const meanBetweenMs = 1_000;
  const scenario = scenarioOf({
    requests: 300_000,
    nodes: [{ count: 20, workers: 100 }],
    service: { kind: "constant", ms: 100 },
    arrivals: { kind: "poisson", perSecond: 20 },
    failures: [{ kind: "crash", meanBetweenMs, forMs: 50 }],
    crashNotice: "reset",
    maxTries: 1_000,
  });
  // A request lives through 100 ms with the chance of e^-0.1.
  const unsafe = simulate({ ...scenario, safeShare: 0 }, "random");
  assertNear(unsafe.ends.failed / unsafe.requests, 1 - Math.exp(-0.1), TOLERANCE, "502");
  const safe = simulate(scenario, "random");
  assertNear(safe.retries / safe.requests, Math.exp(0.1) - 1, TOLERANCE, "retries of each request");
  assertNear(safe.ends.answered, safe.requests, 0, "answers");
});

/** The mean wait of M/G/1, for the second moment of the service. */
function waitOf(secondMoment: number, load: number): number {
  return load / MS * secondMoment / (2 * (1 - load));
}

function waitMD1(load: number): number {
  return waitOf(MS * MS, load);
}

function erlangB(servers: number, offered: number): number {
  let loss = 1;
  for (let n = 1; n <= servers; n++) loss = offered * loss / (n + offered * loss);
  return loss;
}

/** The chance of having to wait. */
function erlangC(servers: number, load: number): number {
  const loss = erlangB(servers, servers * load);
  return loss / (1 - load * (1 - loss));
}

function waitMMc(servers: number, load: number): number {
  return erlangC(servers, load) * MS / (servers * (1 - load));
}

function quantileMMc(servers: number, load: number, part: number): number {
  const waits = erlangC(servers, load);
  const [serve, free] = [1 / MS, servers * (1 - load) / MS];
  return quantile(part, (ms) =>
    (1 - waits) * Math.exp(-serve * ms) +
    waits * (free * Math.exp(-serve * ms) - serve * Math.exp(-free * ms)) / (free - serve));
}

/** The time that is longer with the chance of 1 - `part`. */
function quantile(part: number, longer: (ms: number) => number): number {
  let [low, high] = [0, 1_000 * MS];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (longer(middle) > 1 - part) low = middle;
    else high = middle;
  }
  return low;
}

function lossMM1K(load: number, room: number): number {
  return (1 - load) * load ** room / (1 - load ** (room + 1));
}

/** Of those whose wait would be longer than `patience` mean services (by level crossings). */
function lossMM1D(load: number, patience: number): number {
  const beyond = Math.exp(-(1 - load) * patience);
  return load * (1 - load) * beyond / (1 - load * load * beyond);
}

/** Mean time in E_k/M/1: arrivals in `stages`. */
function sojournErlangM1(stages: number, load: number): number {
  let waits = 0.5;
  for (let i = 0; i < 1_000; i++) {
    waits = (stages * load / (stages * load + 1 - waits)) ** stages;
  }
  return MS / (1 - waits);
}

/** The share of the nodes that have at least `count` requests, if the least busy of `choices` is taken. */
function shareOfChoices(choices: number, load: number, count: number): number {
  return load ** ((choices ** count - 1) / (choices - 1));
}

function sojournOfChoices(choices: number, load: number): number {
  let sum = 0;
  for (let n = 1; n < 60; n++) sum += shareOfChoices(choices, load, n);
  return MS * sum / load;
}

function quantileOfChoices(choices: number, load: number, part: number): number {
  return quantile(part, (ms) => {
    let longer = 0;
    for (let found = 0; found < 20; found++) {
      const chance = shareOfChoices(choices, load, found) ** choices -
        shareOfChoices(choices, load, found + 1) ** choices;
      longer += chance * longerThan(found + 1, ms);
    }
    return longer;
  });
}

/** The chance that so many services take longer together. */
function longerThan(services: number, ms: number): number {
  let [sum, term] = [0, Math.exp(-ms / MS)];
  for (let n = 1; n <= services; n++) {
    sum += term;
    term *= ms / MS / n;
  }
  return sum;
}

function closedLoop(clients: number, thinkMs: number): { mean: number; rate: number } {
  let [found, mean, rate] = [0, 0, 0];
  for (let n = 1; n <= clients; n++) {
    mean = MS * (1 + found);
    rate = n / (mean + thinkMs);
    found = rate * mean;
  }
  return { mean, rate: rate * 1_000 };
}
