/**
 * What came of a study, as text and JSON.
 *
 * @module
 */

import { markdown } from "../measuring/standings.ts";
import { lossOf } from "./recorder.ts";
import type { MovedShare } from "./keys.ts";
import type { Scenario } from "./scenario.ts";
import type { Moves, Run } from "./study.ts";
import { latencyJson } from "../../src/load/result_json.ts";
import { time } from "../../src/load/summary.ts";

/** A table in Markdown, with a line for each run. */
export function tableOf(scenario: Scenario, runs: readonly Run[]): string {
  const { sweep } = scenario;
  const head = [
    ...["policy", ...sweep === null ? [] : [sweep.of]],
    ...["requests", "mean", "p50", "p99", "lost", "503", "502", "retries", "kept", "busiest"],
  ];
  const rows = runs.map(({ policy, value, outcome }) => {
    const { latency, ends, requests, retries, keptShare } = outcome;
    return [
      ...[policy, ...value === null ? [] : [String(value)]],
      String(requests),
      ...[latency.meanUs, latency.percentile(50), latency.percentile(99)].map((us) =>
        latency.count === 0 ? "" : time(us)
      ),
      percent(lossOf(outcome)),
      String(ends.queueFull + ends.queueTimeout),
      String(ends.failed + ends.broken),
      String(retries),
      percent(keptShare),
      busiestOf(outcome.givenTo).toFixed(2),
    ];
  });
  return markdown(head, rows, "numbers");
}

/** What the columns are. */
export const LEGEND =
  `lost: all that were not answered, of them 503: no node had room; 502: the node had died
retries: given to another node; kept: went to the node to which their key's last request went
busiest: requests of the node with the most, beside the mean of all nodes`;

/** How many requests the busiest node was given, beside the mean. */
function busiestOf(givenTo: readonly number[]): number {
  const sum = givenTo.reduce((a, b) => a + b, 0);
  return sum === 0 ? 1 : givenTo.reduce((a, b) => Math.max(a, b)) * givenTo.length / sum;
}

/** What a node more or less moves, in a sentence. */
export function movesText({ nodes, join, leave }: Moves): string {
  const text = ({ ofKeys, ofRequests }: MovedShare) =>
    `${percent(ofKeys)} of the keys, with ${percent(ofRequests)} of the requests`;
  return `sticky: a node that joins ${nodes} moves ${text(join)}; ` +
    `one that leaves, ${text(leave)}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share > 0 && share < 0.001 ? 4 : 2)} %`;
}

/** All of it, as JSON: the same for the same scenario. */
export function jsonOf(scenario: Scenario, runs: readonly Run[], moves: Moves | null): unknown {
  return {
    scenario: withoutDurations(scenario),
    moves,
    runs: runs.map(({ policy, value, outcome }) => {
      const { latency, timeline, ...rest } = outcome;
      return {
        policy,
        ...value === null ? {} : { [scenario.sweep!.of]: value },
        ...rest,
        lostShare: lossOf(outcome),
        latencyMs: latencyJson(latency),
        timeline,
      };
    }),
  };
}

/** Measured durations are in their file. */
function withoutDurations(scenario: Scenario): unknown {
  return JSON.parse(
    JSON.stringify(scenario, (name, value) => name === "durationsMs" ? undefined : value),
  );
}
