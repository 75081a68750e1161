/** Scenarios of the tests: what is not given is as simple as it can be. */

import { parseLocated } from "../../../bench/fleet/located.ts";
import { durationsIn } from "../../../bench/fleet/measured.ts";
import type { Scenario } from "../../../bench/fleet/scenario.ts";
import { readScenario } from "../../../bench/fleet/scenario_reader.ts";

/** One node, one worker, and nothing that is in the way; `fields` are those of the JSON. */
export function scenarioOf(fields: Record<string, unknown>): Scenario {
  const json = { nodes: [{}], queue: { max: 1_000_000_000 }, ...fields };
  return readScenario(parseLocated(JSON.stringify(json), "test.json"), durationsIn);
}

/** `value` is within `share` of `expected`. */
export function assertNear(value: number, expected: number, share: number, what: string): void {
  if (Math.abs(value - expected) <= share * Math.abs(expected)) return;
  throw new Error(`${what} is ${value}, not ${expected} within ${100 * share} %`);
}

/** `value` is not within `share` of `other`: what was checked tells the two apart. */
export function assertFar(value: number, other: number, share: number, what: string): void {
  if (Math.abs(value - other) > share * Math.abs(other)) return;
  throw new Error(`${what} is ${value}, which could as well be ${other}`);
}
