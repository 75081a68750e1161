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
import { ALONE, compareCases, WARM_UP } from "./fleet/compare/cases.ts";
import type { Deed, RealOutcome } from "./fleet/compare/open_load.ts";
import { loadOpenly } from "./fleet/compare/open_load.ts";
import { RealFleet } from "./fleet/compare/real_fleet.ts";
import { COMPARISON_HEAD, comparisonOf } from "./fleet/compare/comparison.ts";
import { simulate } from "./fleet/simulation.ts";
import { markdown } from "./measuring/standings.ts";

const { seconds, only } = commandLine({
  usage: "bench:fleet-compare",
  about:
    `Compares the simulation of bench:fleet with gatehouse dispatch and four handlers, whose apps
wait as long as requests say. Both get the same requests at the same times. Before each case
it is measured what a request takes when it is alone, beyond what its app waits: a quarter of
that is each way between client and dispatcher, and between dispatcher and node. Exits with 1
if any figure is more than 10 % off, and any share more than half a percent.`,
  options: {
    seconds: number(20, "seconds of each case", 2),
    only: text("TEXT", "only cases whose names have this in them"),
  },
});

console.log(`Deno ${Deno.version.deno}, load average ${Deno.loadavg()[0].toFixed(2)}\n`);
let isOff = false;
for (const each of compareCases(seconds * 1_000)) {
  if (only !== undefined && !each.name.includes(only)) continue;
  const { real, aloneMs } = await measured(each);
  const hopMs = aloneMs / 4;
  const { policy, scenario } = each;
  const simulated = simulate({ ...scenario, clientMs: 2 * hopMs, networkMs: hopMs }, policy);
  const { rows, areNear } = comparisonOf({ real, simulated });
  console.log(
    `### ${each.name}\n\n${real.requests} requests; one alone takes ${
      aloneMs.toFixed(2)
    } ms more\n`,
  );
  console.log(`${markdown(COMPARISON_HEAD, rows, "text")}\n`);
  isOff ||= !areNear;
}
if (isOff) Deno.exit(1);

/** What a real fleet does with the requests of a case, and what it adds to one that is alone. */
async function measured(
  { policy, scenario }: CompareCase,
): Promise<{ real: RealOutcome; aloneMs: number }> {
  await using fleet = await RealFleet.start(scenario, policy);
  const { mongrel2s } = fleet;
  const { dispatchers } = scenario;
  await loadOpenly({ ...WARM_UP, dispatchers }, mongrel2s);
  const { overheadMs: aloneMs } = await loadOpenly({ ...ALONE, dispatchers }, mongrel2s);
  const deeds = scenario.failures.flatMap(({ kind, node, atMs, forMs }): Deed[] => [
    { atMs: atMs!, do: () => fleet.befall(kind, node) },
    ...forMs === null ? [] : [{ atMs: atMs! + forMs, do: () => fleet.mend(kind, node) }],
  ]);
  const real = await loadOpenly(scenario, mongrel2s, deeds);
  for (const { kind, node } of scenario.failures) fleet.mend(kind, node);
  return { real, aloneMs };
}
