import { assert, assertEquals } from "../support/assert.ts";
import { benches, named, NAMES } from "../../bench/benches.ts";
import { coldStartBench } from "../../bench/cold_start.ts";
import { goals } from "../../bench/http/goals.ts";
import { httpBench } from "../../bench/http.ts";
import { memoryBench } from "../../bench/memory.ts";
import { observingBench } from "../../bench/observing.ts";
import type { Bench, BenchOptions, Case } from "../../bench/measuring/bench.ts";
import { headline } from "../../bench/main.ts";

const OPTIONS: BenchOptions = { rounds: 1, seconds: 60, noise: 1 };

/** The cases of benches that compile nothing to have them. */
async function casesOf(bench: Bench): Promise<readonly Case[]> {
  const folder = await Deno.makeTempDir();
  try {
    return await bench.cases(folder, OPTIONS);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const bench of [httpBench, memoryBench, coldStartBench, observingBench]) {
  Deno.test(`each goal of ${bench.name} is one limit, for gatehouse as it is measured`, async () => {
    for (const { name, goals = [], peers, workers = [0, 1, 2] } of await casesOf(bench)) {
      for (const goal of goals) {
        assert(workers.includes(goal.workers), name);
        assert((goal.atLeast === undefined) !== (goal.atMost === undefined), name);
        const { reference = peers[0] } = goal;
        assert(
          [...peers, ...workers.map((each) => `gatehouse, workers ${each}`)].includes(reference),
        );
      }
    }
  });

  Deno.test(`each case of ${bench.name} has a name of its own`, async () => {
    const names = (await casesOf(bench)).map(({ name }) => name);
    assertEquals(new Set(names).size, names.length);
  });
}

Deno.test("goals over HTTP are those of cases that there are", async () => {
  const names = (await casesOf(httpBench)).map(({ name }) => name);
  assertEquals(Object.keys(goals).filter((name) => !names.includes(name)), []);
});

Deno.test("JSON has the same goals through Hono", () => {
  assertEquals(goals["JSON of 1 KiB, Hono"], goals["JSON of 1 KiB"]);
});

Deno.test("memory says how long the load was that its figures are after", async () => {
  const [{ name }] = await casesOf(memoryBench);
  assertEquals(name, "at rest, and after 60 s of load and a rest");
});

Deno.test("a bench is chosen by its name, in any letters", () => {
  assertEquals(named(benches, undefined), benches);
  assertEquals(named(benches, "COLD START"), [coldStartBench]);
  assertEquals(named(benches, "cold"), []);
  assertEquals(
    NAMES,
    "HTTP, FastCGI, Mongrel2, memory, cold start, loading, live, compression, files, observing",
  );
});

Deno.test("figures come with the machine's load, and how they were taken", () => {
  const pattern = /^Deno [\d.]+, \d+ cores, load average [\d.]+, 1 rounds of 60 s$/;
  assert(pattern.test(headline(OPTIONS)), headline(OPTIONS));
});
