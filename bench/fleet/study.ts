/**
 * A scenario under each policy, and with each value of what is varied.
 *
 * @module
 */

import { meanMsOf } from "./durations.ts";
import type { MovedShares } from "./keys.ts";
import { movedShares } from "./keys.ts";
import type { Outcome } from "./recorder.ts";
import { servedPerSecond } from "./scenario.ts";
import type { PolicyName, Scenario } from "./scenario.ts";
import { simulate } from "./simulation.ts";

/** One simulation. */
export interface Run {
  readonly policy: PolicyName;
  /** The value of what is varied; `null` if nothing is. */
  readonly value: number | null;
  /** The scenario with that value. */
  readonly scenario: Scenario;
  readonly outcome: Outcome;
}

/** All simulations of a scenario, one after the other. */
export function* study(scenario: Scenario): Generator<Run> {
  for (const value of scenario.sweep?.values ?? [null]) {
    const varied = value === null ? scenario : withValue(scenario, value);
    for (const policy of scenario.policies) {
      yield { policy, value, scenario: varied, outcome: simulate(varied, policy) };
    }
  }
}

/** The scenario with one value of what is varied. */
function withValue(scenario: Scenario, value: number): Scenario {
  const { nodes, service, arrivals } = scenario;
  switch (scenario.sweep!.of) {
    case "nodes":
      return { ...scenario, nodes: [{ ...nodes[0], count: value }, ...nodes.slice(1)] };
    case "dispatchers":
      return { ...scenario, dispatchers: value };
    case "load":
    case "perSecond": {
      if (arrivals.kind === "closed") throw new Error("a closed loop has no rate");
      const perSecond = scenario.sweep!.of === "load"
        ? value * servedPerSecond(nodes, meanMsOf(service))
        : value;
      return { ...scenario, arrivals: { ...arrivals, perSecond } };
    }
  }
}

/** What a node more or less moves, with `sticky`. */
export interface Moves extends MovedShares {
  /** How many nodes there are. */
  readonly nodes: number;
}

/** What moves if a node joins those of a scenario, or leaves; `null` without the policy `sticky`. */
export function movesOf({ policies, nodes, keys }: Scenario): Moves | null {
  if (!policies.includes("sticky")) return null;
  const count = nodes.reduce((sum, group) => sum + group.count, 0);
  return { nodes: count, ...movedShares(keys, count) };
}
