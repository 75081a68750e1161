/**
 * Scenarios as users write them: in a JSON file, by options, or both.
 *
 * @module
 */

import { servedPerSecond } from "./scenario.ts";
import type {
  ArrivalSpec,
  DurationSpec,
  FailureSpec,
  KeySpec,
  NodeGroup,
  Scenario,
  Sweep,
} from "./scenario.ts";
import { CRASH_NOTICES, FAILURES, MAX_NODES, POLICIES, SWEEPS } from "./scenario.ts";
import { meanMsOf } from "./durations.ts";
import type { Located, Range } from "./located.ts";
import { choiceOf, FieldReader, numberOf, ScenarioError } from "./located.ts";

/** Gives the durations in a file, in milliseconds; the path is as it was written. */
export type DurationFile = (path: string) => readonly number[];

const ARRIVAL_KINDS = ["poisson", "constant", "closed"] as const;
const DURATION_KINDS = ["constant", "exponential", "lognormal", "bimodal", "measured"] as const;
const KEY_KINDS = ["uniform", "zipf"] as const;

/** A time in milliseconds: up to some weeks. */
const MOMENT: Range = { least: 0, most: 1e10 };
const SPAN: Range = { above: 0, most: 1e10 };
const SHARE: Range = { least: 0, most: 1 };
const COUNT: Range = { least: 1, most: 1e9, isWhole: true };
const RATE: Range = { above: 0, most: 1e9 };
/** Keys are counted one by one. */
const KEYS: Range = { least: 1, most: 10_000_000, isWhole: true };
const DEFAULT_REQUESTS = 1_000_000;

/**
 * The scenario that is written so. Load is a rate by the time it is read: of all workers, as long as a request takes
 * on the average.
 *
 * @throws {ScenarioError} Something is wrong: all of it is told, with its place.
 */
export function readScenario(located: Located, durationsIn: DurationFile): Scenario {
  const problems: string[] = [];
  const fields = new FieldReader(located, "", problems);
  // All that is missing is not worth a word then.
  if (problems.length > 0) throw new ScenarioError(problems);
  const nodes = fields.list("nodes", (part, path) => readNodes(part, path, problems));
  const service = readDuration(fields.object("service"), durationsIn);
  const arrivals = readArrivals(fields.object("arrivals"), nodes, service, durationsIn);
  const durationMs = fields.number("durationMs", SPAN, null);
  const requests = fields.number("requests", COUNT, durationMs === null ? DEFAULT_REQUESTS : null);
  const queue = fields.object("queue");
  const pings = fields.object("pings");
  const scenario: Scenario = {
    name: fields.text("name", "fleet"),
    seed: fields.number("seed", { least: 0, most: 2 ** 32 - 1, isWhole: true }, 1),
    requests,
    durationMs,
    warmUpMs: fields.number("warmUpMs", MOMENT, 0),
    arrivals,
    service,
    nodes,
    dispatchers: fields.number("dispatchers", { ...COUNT, most: 100 }, 1),
    policies: fields.list(
      "policies",
      (part, path) => choiceOf(part, path, POLICIES, problems),
      POLICIES,
    ),
    queue: {
      max: queue.number("max", { least: 0, most: 1e9, isWhole: true }, 1_024),
      timeoutMs: queue.number("timeoutMs", SPAN, null),
    },
    networkMs: fields.number("networkMs", MOMENT, 0),
    clientMs: fields.number("clientMs", MOMENT, 0),
    pingIntervalMs: pings.number("intervalMs", SPAN, 1_000),
    crashNotice: fields.choice("crashNotice", CRASH_NOTICES, "send"),
    safeShare: fields.number("safeShare", SHARE, 1),
    maxTries: fields.number("maxTries", COUNT, 3),
    answerBeginsAt: fields.number("answerBeginsAt", SHARE, 1),
    keys: readKeys(fields.get("keys"), problems),
    failures: fields.list("failures", (part, path) => readFailure(part, path, problems), []),
    sweep: readSweep(fields.get("sweep"), problems),
  };
  queue.end();
  pings.end();
  checkTogether(scenario, fields);
  fields.end();
  if (problems.length > 0) throw new ScenarioError(problems);
  return scenario;
}

function readNodes(located: Located, path: string, problems: string[]): NodeGroup {
  const fields = new FieldReader(located, path, problems);
  const count = fields.number("count", { ...COUNT, most: MAX_NODES }, 1);
  const workers = fields.number("workers", COUNT, 1);
  const capacity = fields.number("capacity", COUNT, workers);
  const speed = fields.number("speed", RATE, 1);
  fields.end();
  return { count, workers, capacity, speed };
}

function readArrivals(
  fields: FieldReader,
  nodes: readonly NodeGroup[],
  service: DurationSpec,
  durationsIn: DurationFile,
): ArrivalSpec {
  const kind = fields.choice("kind", ARRIVAL_KINDS, "poisson");
  if (kind === "closed") {
    const clients = fields.number("clients", COUNT);
    const think: DurationSpec = fields.get("think") === undefined
      ? { kind: "constant", ms: 0 }
      : readDuration(fields.object("think"), durationsIn);
    fields.end();
    return { kind, clients, think };
  }
  const load = fields.number("load", RATE, null);
  const rate = fields.number("perSecond", RATE, load === null ? undefined : null);
  if (load !== null && rate !== null) fields.problem("arrivals have load or perSecond, not both");
  fields.end();
  return { kind, perSecond: rate ?? load! * servedPerSecond(nodes, meanMsOf(service)) };
}

function readDuration(fields: FieldReader, durationsIn: DurationFile): DurationSpec {
  const spec = durationOf(fields, durationsIn);
  fields.end();
  return spec;
}

function durationOf(fields: FieldReader, durationsIn: DurationFile): DurationSpec {
  const kind = fields.choice("kind", DURATION_KINDS);
  switch (kind) {
    case "constant":
      return { kind, ms: fields.number("ms", MOMENT) };
    case "exponential":
      return { kind, meanMs: fields.number("meanMs", SPAN) };
    case "lognormal": {
      const medianMs = fields.number("medianMs", SPAN);
      return { kind, medianMs, p99Ms: fields.number("p99Ms", { least: medianMs, most: 1e10 }) };
    }
    case "bimodal":
      return {
        kind,
        shortMs: fields.number("shortMs", MOMENT),
        longMs: fields.number("longMs", SPAN),
        longShare: fields.number("longShare", SHARE),
      };
    case "measured": {
      const file = fields.text("file");
      let durationsMs: readonly number[] = [];
      try {
        if (file !== "") durationsMs = durationsIn(file);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        fields.problem(`cannot read ${file}: ${error.message}`);
      }
      return { kind, file, durationsMs: durationsMs.length > 0 ? durationsMs : [1] };
    }
  }
}

function readKeys(located: Located | undefined, problems: string[]): KeySpec {
  if (located === undefined) return { kind: "uniform", count: 10_000 };
  const fields = new FieldReader(located, "keys", problems);
  const kind = fields.choice("kind", KEY_KINDS, "uniform");
  const count = fields.number("count", KEYS, 10_000);
  const spec: KeySpec = kind === "uniform"
    ? { kind, count }
    : { kind, count, exponent: fields.number("exponent", { least: 0, most: 10 }, 1) };
  fields.end();
  return spec;
}

function readFailure(located: Located, path: string, problems: string[]): FailureSpec {
  const fields = new FieldReader(located, path, problems);
  const kind = fields.choice("kind", FAILURES);
  const atMs = fields.number("atMs", MOMENT, null);
  const meanBetweenMs = fields.number("meanBetweenMs", SPAN, null);
  const forMs = fields.number("forMs", SPAN, null);
  const node = fields.number("node", { least: 0, most: MAX_NODES - 1, isWhole: true }, null);
  const count = fields.number("count", { ...COUNT, most: MAX_NODES }, 1);
  if ((atMs === null) === (meanBetweenMs === null)) {
    fields.problem(`${path} takes either atMs or meanBetweenMs`);
  }
  if (kind === "join" && (node !== null || meanBetweenMs !== null)) {
    fields.problem(`${path}: nodes join at a time, and get the next numbers`);
  }
  if (node !== null && count > 1) fields.problem(`${path} takes either node or count`);
  if (meanBetweenMs !== null && count > 1) {
    fields.problem(`${path}: meanBetweenMs is that of each node, so that there is no count`);
  }
  fields.end();
  return { kind, atMs, meanBetweenMs, forMs, node, count };
}

function readSweep(located: Located | undefined, problems: string[]): Sweep | null {
  if (located === undefined) return null;
  const fields = new FieldReader(located, "sweep", problems);
  const of = fields.choice("of", SWEEPS);
  const range: Range = of === "load" || of === "perSecond"
    ? RATE
    : { ...COUNT, most: of === "nodes" ? MAX_NODES : 100 };
  const values = fields.list("values", (part, path) => numberOf(part, path, range, problems));
  fields.end();
  return { of, values };
}

/** What is right by itself, and wrong together. */
function checkTogether(scenario: Scenario, fields: FieldReader): void {
  const { nodes, failures, arrivals, sweep, policies, service, requests } = scenario;
  if (meanMsOf(service) === 0) {
    if (
      arrivals.kind !== "closed" && !Number.isFinite(arrivals.perSecond) || sweep?.of === "load"
    ) {
      fields.problem("a load needs requests that take time: their service is 0");
    } else if (arrivals.kind === "closed" && requests === null) {
      fields.problem("a closed loop needs requests that take time, or a number of them");
    }
  }
  const present = nodes.reduce((sum, { count }) => sum + count, 0);
  const joining = failures.reduce((sum, { kind, count }) => sum + (kind === "join" ? count : 0), 0);
  if (present + joining > MAX_NODES) {
    fields.problem(`there can be ${MAX_NODES} nodes, not ${present + joining}`);
  }
  for (const { kind, node } of failures) {
    if (node === null || node < present + joining) continue;
    fields.problem(
      `there is no node ${node} for a ${kind}: the last one is ${present + joining - 1}`,
    );
  }
  if (arrivals.kind === "closed" && (sweep?.of === "load" || sweep?.of === "perSecond")) {
    fields.problem(`a closed loop has no rate: sweep.of cannot be "${sweep.of}"`);
  }
  if (new Set(policies).size < policies.length) fields.problem("a policy is there twice");
}
