/**
 * Compares the simulation of fleets with what a real dispatcher and real handlers do with the same requests, which
 * come at the same times.
 *
 *     deno task bench:fleet-compare [--seconds N] [--only TEXT]
 *
 * @module
 */

import { commandLine, number, text } from "./command_line.ts";
import type { CompareCase } from "./fleet/compare/cases.ts";
import { ALONE, compareCases } from "./fleet/compare/cases.ts";
import type { Deed, RealOutcome } from "./fleet/compare/open_load.ts";
import { loadOpenly } from "./fleet/compare/open_load.ts";
import { RealFleet } from "./fleet/compare/real_fleet.ts";
import { COMPARISON_HEAD, comparisonOf } from "./fleet/compare/comparison.ts";
import type { Scenario } from "./fleet/scenario.ts";
import { simulate } from "./fleet/simulation.ts";
import { markdown } from "./measuring/standings.ts";

const { seconds, only } = commandLine({
  usage: "bench:fleet-compare",
  about:
    `Compares the simulation of bench:fleet with gatehouse dispatch and four handlers, whose apps
wait as long as requests say. Both get the same requests at the same times. What a request
takes when it is alone, beyond what its app waits, is measured first, and is the network of
the simulation. Exits with 1 if any figure is more than 10 % off.`,
  options: {
    seconds: number(15, "seconds of each case", 2),
    only: text("TEXT", "only cases whose names have this in them"),
  },
});

const overheadMs = await measured(ALONE, "least-busy").then((outcome) => outcome.overheadMs);
console.log(
  `Deno ${Deno.version.deno}, load average ${
    Deno.loadavg()[0].toFixed(2)
  }; a request alone takes ` +
    `${overheadMs.toFixed(2)} ms beyond what its app waits\n`,
);
let isOff = false;
for (const each of compareCases(seconds * 1_000)) {
  if (only !== undefined && !each.name.includes(only)) continue;
  const { rows, areNear } = comparisonOf(await compared(each));
  console.log(`### ${each.name}\n\n${markdown(COMPARISON_HEAD, rows, "text")}\n`);
  isOff ||= !areNear;
}
if (isOff) Deno.exit(1);

async function compared({ policy, scenario }: CompareCase) {
  const real = await measured(scenario, policy);
  const simulated = simulate({ ...scenario, networkMs: overheadMs / 2 }, policy);
  return { real, simulated };
}

/** What a real fleet does with the requests of a scenario. */
async function measured(
  scenario: Scenario,
  policy: "least-busy" | "sticky",
): Promise<RealOutcome> {
  await using fleet = await RealFleet.start(scenario, policy);
  const deeds = scenario.failures.map(({ kind, node, atMs }): Deed => ({
    atMs: atMs!,
    do: () => fleet.kill(node!, kind === "crash" ? "SIGKILL" : "SIGSTOP"),
  }));
  const outcome = await loadOpenly(scenario, fleet.mongrel2, deeds);
  // Or it could not be ended as others are.
  for (const { kind, node } of scenario.failures) {
    if (kind === "freeze") fleet.kill(node!, "SIGCONT");
  }
  return outcome;
}
