/**
 * Plans fleets that are larger than the machines at hand: a simulation of dispatchers, nodes and what befalls them.
 * `deno task bench:fleet --help` has the options, docs/fleet.md what is simulated.
 *
 * @module
 */

import { dirname, isAbsolute, join } from "node:path";
import { commandLine, text } from "./command_line.ts";
import type { Located } from "./fleet/located.ts";
import { parseLocated, ScenarioError } from "./fleet/located.ts";
import { durationsIn } from "./fleet/measured.ts";
import { SCENARIO_OPTIONS, withOptions } from "./fleet/options.ts";
import { picture } from "./fleet/picture.ts";
import { jsonOf, LEGEND, movesText, tableOf } from "./fleet/results.ts";
import type { Scenario } from "./fleet/scenario.ts";
import { readScenario } from "./fleet/scenario_reader.ts";
import { movesOf, study } from "./fleet/study.ts";
import type { Run } from "./fleet/study.ts";

const STANDARD = new URL("./fleet/scenarios/thousand.json", import.meta.url).pathname;

const options = commandLine({
  usage: "bench:fleet [SCENARIO.json]",
  about:
    `Simulates a fleet: what p99, loss and retries are with each policy. The scenario is a file,
or options, or both; without either, it is bench/fleet/scenarios/thousand.json. The same
scenario and seed give the same figures. docs/fleet.md has the format and the model.`,
  options: {
    ...SCENARIO_OPTIONS,
    json: text("FILE", "write all figures there"),
    svg: text("FILE", "draw p99 and loss there"),
  },
  maxArguments: 1,
});

const scenario = scenarioOf(options);
const runs: Run[] = [];
const since = performance.now();
for (const run of study(scenario)) runs.push(run);
const moves = movesOf(scenario);
const seconds = ((performance.now() - since) / 1_000).toFixed(1);
console.log(
  `${scenario.name}: ${runs.length} runs in ${seconds} s\n\n${tableOf(scenario, runs)}\n`,
);
console.log(LEGEND);
if (moves !== null) console.log(movesText(moves));
if (options.json !== undefined) {
  write(options.json, `${JSON.stringify(jsonOf(scenario, runs, moves), null, 2)}\n`);
}
if (options.svg !== undefined) write(options.svg, picture(scenario, runs));

/** The scenario that the command line says; the program ends here if that is wrong. */
function scenarioOf({ given: [file], ...given }: typeof options): Scenario {
  const isGiven = Object.keys(SCENARIO_OPTIONS).some((name) =>
    given[name as keyof typeof given] !== undefined
  );
  const path = file ?? (isGiven ? undefined : STANDARD);
  try {
    const written: Located = path === undefined
      ? { place: "the command line", value: new Map() }
      : parseLocated(textOf(path), path);
    const read = (measured: string) =>
      durationsIn(
        isAbsolute(measured) || given.service !== undefined || path === undefined
          ? measured
          : join(dirname(path), measured),
      );
    return readScenario(withOptions(written, given), read);
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    for (const problem of error.problems) console.error(problem);
    Deno.exit(2);
  }
}

function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new ScenarioError([
      `cannot read ${path}: ${error instanceof Error ? error.message : error}`,
    ]);
  }
}

function write(path: string, content: string): void {
  try {
    Deno.writeTextFileSync(path, content);
  } catch (error) {
    console.error(`cannot write ${path}: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}
