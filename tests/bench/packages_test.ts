import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { lineOf, packageStarts, START_FIGURES } from "../../bench/loads/package_starts.ts";
import { worstText } from "../../bench/loads/package_starts.ts";
import type { Starter } from "../../bench/loads/package_starts.ts";
import type { Sample } from "../../bench/measuring/figures.ts";
import { packagesBench, spread } from "../../bench/packages.ts";
import { TABLES } from "../packages/tables.ts";

const NAMES = ["own", "other"];
const CONTESTANTS = NAMES.map((name) => ({ name, port: 1, command: [name] }));

/** Times of the starts of a contestant with a package: the first one, and the others in order. */
type Times = Readonly<Record<string, readonly [cold: number, ...warm: number[]]>>;

/** Starts that take these times, by contestant and package; a package of which there is nothing fails. */
function starterOf(times: Times, log: string[] = []): Starter {
  const cost = (key: string, index: number) => {
    if (!(key in times)) throw new Error(`no ${key}`);
    const startMs = times[key][index];
    return { startMs, cpuMs: startMs * 2 };
  };
  const starts = new Map<string, number>();
  return {
    cold: ({ name }, specifier) => {
      log.push(`cold ${name} ${specifier}`);
      return Promise.resolve().then(() => ({
        ...cost(`${name} ${specifier}`, 0),
        cache: `${name}'s`,
        diskMB: 3,
      }));
    },
    warm: ({ name }, specifier, cache) => {
      log.push(`warm ${name} ${specifier} ${cache}`);
      const key = `${name} ${specifier}`;
      starts.set(key, (starts.get(key) ?? 0) + 1);
      return Promise.resolve(cost(key, starts.get(key)!));
    },
  };
}

const noReport = () => {};

Deno.test("contestants start in turns, each with what it has put into its own cache", async () => {
  const log: string[] = [];
  const starter = starterOf({ "own a": [1, 1, 1], "other a": [1, 1, 1] }, log);
  await packageStarts(["a"], CONTESTANTS, 2, starter, noReport);
  assertEquals(log, [
    "cold own a",
    "cold other a",
    "warm own a own's",
    "warm other a other's",
    "warm own a own's",
    "warm other a other's",
  ]);
});

Deno.test("a package is a sample: its first start, and the median of the others", async () => {
  const starter = starterOf({ "own a": [9, 3, 1, 2], "other a": [5, 5, 5, 5] });
  const reported: Record<string, readonly Sample[]> = {};
  const { results } = await packageStarts(["a"], CONTESTANTS, 3, starter, (specifier, samples) => {
    reported[specifier] = samples;
  });
  const own = { coldMs: 9, coldCpuMs: 18, diskMB: 3, warmMs: 2, warmCpuMs: 4 };
  const other = { coldMs: 5, coldCpuMs: 10, diskMB: 3, warmMs: 5, warmCpuMs: 10 };
  assertEquals(results, [{ name: "own", samples: [own] }, { name: "other", samples: [other] }]);
  assertEquals(reported, { a: [own, other] });
  assertEquals(lineOf("a", NAMES, reported.a), "a: own 9 18 3.0 2 4, other 5 10 3.0 5 10");
});

Deno.test("a package that one contestant cannot start is a sample of none, and told of", async () => {
  const starter = starterOf({
    "own a": [1, 1],
    "other a": [1, 1],
    "own b": [1, 1],
    "own c": [2, 2],
    "other c": [2, 2],
  });
  const { specifiers, results, failures } = await packageStarts(
    ["a", "b", "c"],
    CONTESTANTS,
    1,
    starter,
    noReport,
  );
  assertEquals(specifiers, ["a", "c"]);
  assertEquals(results.map(({ samples }) => samples.map(({ coldMs }) => coldMs)), [[1, 2], [1, 2]]);
  assertEquals([...failures], [["b", "no other b"]]);
});

Deno.test("the packages that are furthest from the reference are named, for each figure", async () => {
  const starter = starterOf({
    "own a": [2, 8],
    "other a": [1, 1],
    "own b": [9, 1],
    "other b": [3, 1],
    "own c": [1, 1],
    "other c": [1, 1],
  });
  const found = await packageStarts(["a", "b", "c"], CONTESTANTS, 1, starter, noReport);
  const lines = worstText(found, "own", "other", 2).split("\n");
  assertEquals(lines.length, START_FIGURES.length);
  assertEquals(lines[0], "cold start, ms: b 3.00, a 2.00");
  assertEquals(lines[3], "warm start, ms: a 8.00, b 1.00");
});

Deno.test("packages are chosen from all tables, and each but once", () => {
  const chosen = spread(64).map(([specifier]) => specifier);
  assertEquals(new Set(chosen).size, 64);
  for (const [name, table] of Object.entries(TABLES)) {
    assert(table.some(([specifier]) => chosen.includes(specifier)), name);
  }
  const all = spread(Infinity).map(([specifier]) => specifier);
  assertEquals(all.filter((each) => each.startsWith("hono@")), ["hono@4.13.19"]);
  assert(all.includes("chalk@5.6.2") && all.includes("chalk@4.1.2"));
  assertEquals(spread(1).length, 1);
});

Deno.test("executable and source are cases of their own, with a goal for each figure", async () => {
  const bench = packagesBench(noReport);
  const cases = await bench.cases("/nowhere", { rounds: 1, seconds: 1, noise: 1, packages: 3 });
  assertEquals(cases.map(({ name }) => name), ["3 packages, executable", "3 packages, source"]);
  for (const { goals = [], workers } of cases) {
    assertEquals(workers, [0, 1]);
    assertEquals(goals.length, 2 * START_FIGURES.length);
  }
});

Deno.test("bench:packages says how many packages it takes", async () => {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "bench/packages.ts", "--help"],
  }).output();
  assert(success);
  assertMatch(new TextDecoder().decode(stdout), /--packages N +how many packages.*\(64\)/);
});
