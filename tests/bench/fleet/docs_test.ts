/** What docs/fleet.md and the help say is true. */

import { assertEquals } from "../../support/assert.ts";
import { codeBlocks } from "../../../scripts/docs/markdown.ts";
import { readPage } from "../../../scripts/docs/pages.ts";
import { readCommandLine, text } from "../../../bench/command_line.ts";
import { parseLocated } from "../../../bench/fleet/located.ts";
import { SCENARIO_OPTIONS, withOptions } from "../../../bench/fleet/options.ts";
import { readScenario } from "../../../bench/fleet/scenario_reader.ts";
import { simulate } from "../../../bench/fleet/simulation.ts";

const PAGE = readPage("docs/fleet.md");
const SPEC = {
  usage: "bench:fleet",
  about: "",
  options: { ...SCENARIO_OPTIONS, json: text("FILE", ""), svg: text("FILE", "") },
  maxArguments: 1,
};
const measured = () => [20];

const blocksOf = (language: string) =>
  codeBlocks(PAGE).filter((block) => block.language === language).map(({ code }) => code);

Deno.test("the scenario in docs/fleet.md can be simulated", () => {
  const [json, ...others] = blocksOf("json");
  assertEquals(others, []);
  const scenario = readScenario(parseLocated(json, "docs/fleet.md"), measured);
  const { requests, ends } = simulate({ ...scenario, durationMs: 4_000 }, scenario.policies[0]);
  if (ends.answered < requests / 2 || requests === 0) throw new Error(JSON.stringify(ends));
});

Deno.test("the commands in docs/fleet.md are understood", () => {
  const [json] = blocksOf("json");
  const commands = blocksOf("sh").flatMap((code) => code.split("\n"))
    .filter((line) => line.startsWith("deno task bench:fleet"));
  if (commands.length < 3) throw new Error("where are they?");
  for (const command of commands) {
    const { given: [file], ...given } = readCommandLine(SPEC, command.split(" ").slice(3))!;
    const written = file === undefined
      ? { place: "the command line", value: new Map() }
      : parseLocated(json, file);
    readScenario(withOptions(written, given), measured);
  }
});

Deno.test("docs/fleet.md has every field of a scenario", () => {
  const json =
    '{ "nodes": [{}], "arrivals": { "load": 1 }, "service": { "kind": "constant", "ms": 1 } }';
  const { pingIntervalMs: _pings, ...fields } = readScenario(parseLocated(json, ""), measured);
  for (const field of [...Object.keys(fields), "pings"]) {
    if (!PAGE.includes(`\`${field}\``)) throw new Error(`${field} is missing`);
  }
});
