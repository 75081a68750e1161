/** `deno task bench:fleet` as a program. */

import { assertEquals, assertStringIncludes } from "../../support/assert.ts";

const PROGRAM = new URL("../../../bench/fleet.ts", import.meta.url).pathname;
const SCENARIOS = new URL("../../../bench/fleet/scenarios/", import.meta.url).pathname;

async function fleet(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", PROGRAM, ...args],
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

Deno.test("bench:fleet prints a table, and writes JSON and a picture", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { code, out, err } = await fleet(
      ...[`${SCENARIOS}failures.json`, "--duration=8000", "--policies=least-busy,sticky"],
      ...["--sweep=nodes:6,8", `--json=${folder}/fleet.json`, `--svg=${folder}/fleet.svg`],
    );
    assertEquals([code, err], [0, ""]);
    for (
      const line of [
        "| least-busy |     6 |",
        "| sticky     |     8 |",
        "sticky: a node that joins 6 moves",
      ]
    ) {
      assertStringIncludes(out, line);
    }
    const { scenario, runs, moves } = JSON.parse(await Deno.readTextFile(`${folder}/fleet.json`));
    assertEquals(scenario.policies, ["least-busy", "sticky"]);
    assertEquals(moves.nodes, 6);
    assertEquals(
      runs.map(({ policy, nodes }: Record<string, unknown>) => [policy, nodes]),
      [["least-busy", 6], ["sticky", 6], ["least-busy", 8], ["sticky", 8]],
    );
    for (const run of runs) assertEquals(run.latencyMs.count, run.ends.answered);
    const svg = await Deno.readTextFile(`${folder}/fleet.svg`);
    assertEquals(svg.match(/<svg /g)?.length, 3);
    assertEquals(svg.match(/<svg /g)?.length, svg.match(/<\/svg>/g)?.length);
    for (const text of ["least-busy", "sticky", "Slowest of 100 requests (p99)", "Lost"]) {
      assertStringIncludes(svg, text);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("bench:fleet says all that is wrong with a scenario, and exits with 2", async () => {
  const path = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(
      path,
      '{\n"nodes": [{}],\n"arrivals": { "perSecond": 0 },\n"sevice": {}\n}',
    );
    const { code, out, err } = await fleet(path, "--seed=5", "--keys=none:1");
    assertEquals([code, out, err], [2, "", "--keys: there is no none:1; see --help\n"]);
    const again = await fleet(path);
    assertEquals([again.code, again.out], [2, ""]);
    assertEquals(again.err.trim().split("\n"), [
      `${path}:1: service.kind is missing`,
      `${path}:1: service.ms is missing`,
      `${path}:3: arrivals.perSecond takes a number above 0, up to 1000000000, not 0`,
      `${path}:4: there is no sevice; did you mean service?`,
    ]);
  } finally {
    await Deno.remove(path);
  }
});

const WRONG: Record<string, readonly [args: string[], message: string]> = {
  "a file that is not there": [["/nowhere.json"], "cannot read /nowhere.json"],
  "an option that there is not": [["--node=1"], "there is no option --node"],
  "two files": [["a.json", "b.json"], "what is b.json?"],
};

for (const [what, [args, message]] of Object.entries(WRONG)) {
  Deno.test(`bench:fleet exits with 2 for ${what}`, async () => {
    const { code, err } = await fleet(...args);
    assertEquals(code, 2);
    assertStringIncludes(err, message);
  });
}
