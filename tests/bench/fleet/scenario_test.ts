/** What users write, and what they are told of it. */

import { assertEquals, assertStringIncludes, assertThrows } from "../../support/assert.ts";
import { parseLocated, ScenarioError } from "../../../bench/fleet/located.ts";
import { withOptions } from "../../../bench/fleet/options.ts";
import type { Scenario } from "../../../bench/fleet/scenario.ts";
import { readScenario } from "../../../bench/fleet/scenario_reader.ts";

const measured = (path: string) => {
  if (path === "there.log") return [1, 2, 3];
  throw new Error("it is not there");
};

const read = (json: string, given: Parameters<typeof withOptions>[1] = {}): Scenario =>
  readScenario(withOptions(parseLocated(json, "fleet.json"), given), measured);

const problemsOf = (json: string, given: Parameters<typeof withOptions>[1] = {}) =>
  assertThrows(() => read(json, given), ScenarioError).problems;

const STANDARD = {
  name: "fleet",
  seed: 1,
  requests: 1_000_000,
  durationMs: null,
  warmUpMs: 0,
  arrivals: { kind: "poisson", perSecond: 100 },
  service: { kind: "constant", ms: 10 },
  nodes: [{ count: 1, workers: 1, capacity: 1, speed: 1 }],
  dispatchers: 1,
  policies: ["round-robin", "random", "two-choices", "least-busy", "sticky"],
  queue: { max: 1_024, timeoutMs: null },
  networkMs: 0,
  clientMs: 0,
  pingIntervalMs: 1_000,
  crashNotice: "send",
  safeShare: 1,
  maxTries: 3,
  answerBeginsAt: 1,
  keys: { kind: "uniform", count: 10_000 },
  failures: [],
  sweep: null,
};
const LEAST = `{
  // What has no default.
  "nodes": [{}],
  "arrivals": { "perSecond": 100 },
  "service": { "kind": "constant", "ms": 10 }
}`;

Deno.test("a scenario has a default for all that it need not say", () => {
  assertEquals<unknown>(read(LEAST), STANDARD);
});

Deno.test("every field of a scenario is read", () => {
  const once = { atMs: null, meanBetweenMs: null, forMs: null, node: null, count: 1 };
  assertEquals<unknown>(
    read(JSON.stringify({
      name: "all",
      seed: 9,
      requests: 5,
      durationMs: 6,
      warmUpMs: 7,
      arrivals: { kind: "closed", clients: 8, think: { kind: "exponential", meanMs: 9 } },
      service: { kind: "lognormal", medianMs: 10, p99Ms: 11 },
      nodes: [{ count: 2, workers: 3, capacity: 4, speed: 5 }, { workers: 6 }],
      dispatchers: 2,
      policies: ["sticky", "random"],
      queue: { max: 0, timeoutMs: 12 },
      networkMs: 13,
      clientMs: 14,
      pings: { intervalMs: 15 },
      crashNotice: "reset",
      safeShare: 0.5,
      maxTries: 2,
      answerBeginsAt: 0.25,
      keys: { kind: "zipf", count: 16, exponent: 0.5 },
      failures: [
        { kind: "crash", node: 2, atMs: 0, forMs: 5 },
        { kind: "freeze", meanBetweenMs: 6 },
        { kind: "join", count: 7, atMs: 8 },
      ],
      sweep: { of: "nodes", values: [1, 2] },
    })),
    {
      name: "all",
      seed: 9,
      requests: 5,
      durationMs: 6,
      warmUpMs: 7,
      arrivals: { kind: "closed", clients: 8, think: { kind: "exponential", meanMs: 9 } },
      service: { kind: "lognormal", medianMs: 10, p99Ms: 11 },
      nodes: [
        { count: 2, workers: 3, capacity: 4, speed: 5 },
        { count: 1, workers: 6, capacity: 6, speed: 1 },
      ],
      dispatchers: 2,
      policies: ["sticky", "random"],
      queue: { max: 0, timeoutMs: 12 },
      networkMs: 13,
      clientMs: 14,
      pingIntervalMs: 15,
      crashNotice: "reset",
      safeShare: 0.5,
      maxTries: 2,
      answerBeginsAt: 0.25,
      keys: { kind: "zipf", count: 16, exponent: 0.5 },
      failures: [
        { ...once, kind: "crash", node: 2, atMs: 0, forMs: 5 },
        { ...once, kind: "freeze", meanBetweenMs: 6 },
        { ...once, kind: "join", count: 7, atMs: 8 },
      ],
      sweep: { of: "nodes", values: [1, 2] },
    },
  );
});

const WITH: Record<string, readonly [field: string, read: unknown]> = {
  "load is a rate": [
    '"arrivals": { "kind": "constant", "load": 0.5 }, "nodes": [{ "count": 2, "workers": 3, "speed": 2 }]',
    {
      arrivals: { kind: "constant", perSecond: 600 },
      nodes: [{ count: 2, workers: 3, capacity: 3, speed: 2 }],
    },
  ],
  "two kinds of requests": [
    '"service": { "kind": "bimodal", "shortMs": 0, "longMs": 2, "longShare": 0.1 }',
    { service: { kind: "bimodal", shortMs: 0, longMs: 2, longShare: 0.1 } },
  ],
  "a file": [
    '"service": { "kind": "measured", "file": "there.log" }',
    { service: { kind: "measured", file: "there.log", durationsMs: [1, 2, 3] } },
  ],
  "a time alone": ['"durationMs": 5', { requests: null, durationMs: 5 }],
  "null for a default": ['"queue": null, "durationMs": null', {}],
};

for (const [what, [fields, expected]] of Object.entries(WITH)) {
  Deno.test(`a scenario has ${what}`, () => {
    const standard = JSON.parse(LEAST.replace(/\/\/.*/, ""));
    const json = JSON.stringify({ ...standard, ...JSON.parse(`{${fields}}`) });
    assertEquals<unknown>(read(json), { ...STANDARD, ...expected as object });
  });
}

const OPTIONS: Record<string, readonly [Parameters<typeof withOptions>[1], unknown]> = {
  "the fleet": [
    { nodes: 4, workers: 2, capacity: 3, dispatchers: 2 },
    { nodes: [{ count: 4, workers: 2, capacity: 3, speed: 1 }], dispatchers: 2 },
  ],
  "a rate": [{ rate: 7 }, { arrivals: { kind: "poisson", perSecond: 7 } }],
  "a load": [{ load: 0.5 }, { arrivals: { kind: "poisson", perSecond: 50 } }],
  "clients": [
    { clients: 3 },
    { arrivals: { kind: "closed", clients: 3, think: { kind: "constant", ms: 0 } } },
  ],
  "a service": [
    { service: "lognormal:5,50.5" },
    { service: { kind: "lognormal", medianMs: 5, p99Ms: 50.5 } },
  ],
  "a file": [
    { service: "measured:there.log" },
    { service: { kind: "measured", file: "there.log", durationsMs: [1, 2, 3] } },
  ],
  "keys": [{ keys: "zipf:100,0.9" }, { keys: { kind: "zipf", count: 100, exponent: 0.9 } }],
  "policies": [{ policies: "sticky,random" }, { policies: ["sticky", "random"] }],
  "the queue": [
    { "max-queue": 0, "queue-timeout": 5 },
    { queue: { max: 0, timeoutMs: 5 } },
  ],
  "times": [
    { network: 0.5, "ping-interval": 100, "warm-up": 10, seed: 0 },
    { networkMs: 0.5, pingIntervalMs: 100, warmUpMs: 10, seed: 0 },
  ],
  "a number of requests": [{ requests: 10 }, { requests: 10 }],
  "a time": [{ duration: 10 }, { requests: null, durationMs: 10 }],
  "a sweep": [{ sweep: "nodes:1,2" }, { sweep: { of: "nodes", values: [1, 2] } }],
  "failures": [
    { failures: "crash@5000+2000,join@1x2,freeze~60000+500.5" },
    {
      failures: [
        { kind: "crash", atMs: 5_000, meanBetweenMs: null, forMs: 2_000, node: null, count: 1 },
        { kind: "join", atMs: 1, meanBetweenMs: null, forMs: null, node: null, count: 2 },
        { kind: "freeze", atMs: null, meanBetweenMs: 60_000, forMs: 500.5, node: null, count: 1 },
      ],
    },
  ],
};

for (const [what, [given, expected]] of Object.entries(OPTIONS)) {
  Deno.test(`options override the file's part about ${what}`, () => {
    assertEquals<unknown>(read(LEAST, given), { ...STANDARD, ...expected as object });
  });
}

Deno.test("a file is not needed where the options say enough", () => {
  const nothing = { place: "the command line", value: new Map() };
  const given = { nodes: 1, rate: 100, service: "constant:10" };
  assertEquals<unknown>(readScenario(withOptions(nothing, given), measured), STANDARD);
});

Deno.test("an option for nodes is about the first group, and leaves the others", () => {
  const json = LEAST.replace("[{}]", '[{ "count": 2, "speed": 3 }, { "count": 4 }]');
  assertEquals(read(json, { nodes: 9 }).nodes.map(({ count, speed }) => [count, speed]), [[9, 3], [
    4,
    1,
  ]]);
});

const WRONG: Record<string, readonly [json: string, problems: readonly string[]]> = {
  "nothing": ["", ["fleet.json:1: there is no JSON"]],
  "no object": ["[1]", ["fleet.json:1: a scenario takes an object, not a list"]],
  "no fields": ["{}", [
    "fleet.json:1: nodes is missing",
    "fleet.json:1: service.kind is missing",
    "fleet.json:1: service.ms is missing",
    "fleet.json:1: arrivals.perSecond is missing",
  ]],
  "wrong numbers, each in its line": [
    LEAST.replace("{}", '{ "count": 0,\n"workers": 1.5,\n"capacity": "4",\n"speed": -1 }'),
    [
      "fleet.json:3: nodes[0].count takes a whole number from 1 to 10000, not 0",
      "fleet.json:4: nodes[0].workers takes a whole number from 1 to 1000000000, not 1.5",
      'fleet.json:5: nodes[0].capacity takes a whole number from 1 to 1000000000, not "4"',
      "fleet.json:6: nodes[0].speed takes a number above 0, up to 1000000000, not -1",
    ],
  ],
  "names that are not known": [
    LEAST.replace('"nodes"', '"polices": ["random"], "queue": { "mx": 1 }, "nodes"'),
    [
      "fleet.json:3: there is no queue.mx; did you mean max?",
      "fleet.json:3: there is no polices; did you mean policies?",
    ],
  ],
  "a policy that is not known": [
    LEAST.replace('"nodes"', '"policies": ["least-bsy"], "nodes"'),
    [
      'fleet.json:3: policies[0] takes "round-robin", "random", "two-choices", "least-busy", "sticky", ' +
      'not "least-bsy"; did you mean least-busy?',
    ],
  ],
  "a policy twice": [
    LEAST.replace('"nodes"', '"policies": ["random", "random"], "nodes"'),
    ["fleet.json:1: a policy is there twice"],
  ],
  "load and rate": [
    LEAST.replace('"perSecond"', '"load": 1, "perSecond"'),
    ["fleet.json:4: arrivals have load or perSecond, not both"],
  ],
  "failures without a time, and of a node that is not there": [
    LEAST.replace(
      '"nodes"',
      '"failures": [{ "kind": "crash" },\n{ "kind": "cut", "node": 1, "atMs": 1 },\n' +
        '{ "kind": "join", "meanBetweenMs": 1 },\n{ "kind": "cut", "node": 0, "atMs": 1, "count": 2 },\n' +
        '{ "kind": "cut", "meanBetweenMs": 1, "count": 2 }], "nodes"',
    ).replace("[{}]", "[{}]"),
    [
      "fleet.json:3: failures[0] takes either atMs or meanBetweenMs",
      "fleet.json:5: failures[2]: nodes join at a time, and get the next numbers",
      "fleet.json:6: failures[3] takes either node or count",
      "fleet.json:7: failures[4]: meanBetweenMs is that of each node, so that there is no count",
    ],
  ],
  "a failure of a node that is not there": [
    LEAST.replace('"nodes"', '"failures": [{ "kind": "cut", "node": 1, "atMs": 1 }], "nodes"'),
    ["fleet.json:1: there is no node 1 for a cut: the last one is 0"],
  ],
  "more nodes than there can be": [
    LEAST.replace("[{}]", '[{ "count": 6000 }, { "count": 6000 }]'),
    ["fleet.json:1: there can be 10000 nodes, not 12000"],
  ],
  "a file that is not there": [
    LEAST.replace('{ "kind": "constant", "ms": 10 }', '{ "kind": "measured", "file": "x" }'),
    ["fleet.json:5: cannot read x: it is not there"],
  ],
  "a rate for a closed loop": [
    LEAST.replace('"perSecond": 100', '"kind": "closed", "clients": 1')
      .replace('"nodes"', '"sweep": { "of": "load", "values": [1] }, "nodes"'),
    ['fleet.json:1: a closed loop has no rate: sweep.of cannot be "load"'],
  ],
  "a load of requests that take no time": [
    LEAST.replace('"ms": 10', '"ms": 0').replace('"perSecond"', '"load"'),
    ["fleet.json:1: a load needs requests that take time: their service is 0"],
  ],
  "a loop that time does not end": [
    LEAST.replace('"ms": 10', '"ms": 0').replace(
      '"perSecond": 100',
      '"kind": "closed", "clients": 1',
    )
      .replace('"nodes"', '"durationMs": 5, "nodes"'),
    ["fleet.json:1: a closed loop needs requests that take time, or a number of them"],
  ],
  "a sweep of half a node": [
    LEAST.replace('"nodes"', '"sweep": { "of": "nodes", "values": [1.5] }, "nodes"'),
    ["fleet.json:3: sweep.values[0] takes a whole number from 1 to 10000, not 1.5"],
  ],
  "an empty list": [
    LEAST.replace("[{}]", "[]"),
    ["fleet.json:3: nodes takes a list that is not empty, not an empty list"],
  ],
  "a name twice": [
    LEAST.replace('"nodes"', '"seed": 1, "seed": 2, "nodes"'),
    ['fleet.json:3: "seed" is there twice'],
  ],
  "no JSON": [
    LEAST.replace("100", "1 + 2"),
    ["fleet.json:4: that is no JSON"],
  ],
};

for (const [what, [json, problems]] of Object.entries(WRONG)) {
  Deno.test(`a scenario is refused that has ${what}`, () => {
    assertEquals(problemsOf(json), problems);
  });
}

const WRONG_OPTIONS: Record<string, readonly [Parameters<typeof withOptions>[1], string]> = {
  "a kind": [{ service: "constnt:5" }, "--service: there is no constnt:5"],
  "too few numbers": [{ service: "lognormal:5" }, "--service: there is no lognormal:5"],
  "a number": [
    { keys: "uniform:many" },
    '--keys: keys.count takes a whole number from 1 to 10000000, not "many"',
  ],
  "a failure": [{ failures: "crash" }, '--failures: "crash" is not like crash@5000+2000x3'],
  "its kind": [
    { failures: "crsh@5" },
    '--failures: failures[0].kind takes "crash", "freeze", "cut", "leave", "join", not "crsh"; did you ' +
    "mean crash?",
  ],
  "a policy": [{ policies: "" }, "--policies: policies[0] takes"],
  "a sweep": [
    { sweep: "load:" },
    '--sweep: sweep.values[0] takes a number above 0, up to 1000000000, not ""',
  ],
  "both a rate and a load": [
    { rate: 1, load: 1 },
    "arrivals have load or perSecond, not both",
  ],
};

for (const [what, [given, problem]] of Object.entries(WRONG_OPTIONS)) {
  Deno.test(`an option is refused whose text is wrong: ${what}`, () => {
    assertStringIncludes(problemsOf(LEAST, given).join("\n"), problem);
  });
}

Deno.test("no text that is cut off, or has a byte too many, is taken for another scenario", () => {
  const known = JSON.stringify(STANDARD);
  for (let at = 0; at < LEAST.length; at++) {
    for (const json of [LEAST.slice(0, at), `${LEAST.slice(0, at)}\0${LEAST.slice(at)}`]) {
      try {
        assertEquals(JSON.stringify(read(json)), known);
      } catch (error) {
        if (!(error instanceof ScenarioError)) throw error;
      }
    }
  }
});
