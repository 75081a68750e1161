/**
 * Starts of apps that import a package of npm, from the start of the process to the first response, beside
 * `deno serve`: with an empty cache, which is filled from the real registry, and with what that has left. The
 * median is over packages, as users have them: they are spread over the tables of `tests/packages`.
 * `deno task bench:packages --help` has the options.
 *
 * It is not among the benches of `deno task bench`: it takes minutes, and the network.
 *
 * @module
 */

import { importsOf, OLDER_RUNTIME, TABLES } from "../tests/packages/tables.ts";
import type { PackageRow } from "../tests/packages/row.ts";
import { whole } from "./command_line.ts";
import { firstResponse } from "./loads/first_response.ts";
import { bytesBelow } from "./loads/one_run.ts";
import { lineOf, packageStarts, START_FIGURES, worstText } from "./loads/package_starts.ts";
import { EXECUTABLE, runAlone } from "./main.ts";
import type { Bench, Case, Goal } from "./measuring/bench.ts";
import { Executables } from "./measuring/executables.ts";
import { freePort } from "./measuring/harness.ts";
import type { Contestant } from "./measuring/processes.ts";
import { quietly } from "./measuring/processes.ts";

const HELLO = "Hello, world!";
const SERVES = `export default { fetch: () => new Response(${JSON.stringify(HELLO)}) };\n`;

const DENO_SERVE = "deno serve";
/** How many of the worst packages are named. */
const WORST = 5;

const goals: readonly Goal[] = [0, 1].flatMap((workers) =>
  START_FIGURES.map((figure) => ({ workers, figure, atMost: figure === "diskMB" ? 1.2 : 1.5 }))
);

/**
 * Packages of npm.
 *
 * @param onFailure Is told which package could not be measured, and why: the others are.
 */
export function packagesBench(onFailure: (failure: string) => void): Bench {
  return {
    name: "packages",
    cases(folder, { executable, packages = Infinity }) {
      const rows = spread(packages);
      const executables = new Executables(folder, executable);
      const caseOf = (kind: string, program: Program) =>
        packagesCase(`${rows.length} packages, ${kind}`, folder, rows, program, onFailure);
      return Promise.resolve([
        caseOf("executable", async (gatehouse) => [await executables.of(gatehouse)]),
        // Without its lock, Deno would choose gatehouse's own packages again at each start.
        caseOf(
          "source",
          (
            gatehouse,
          ) => [Deno.execPath(), "run", "-A", "--no-check", "--frozen", `${gatehouse}/cli.ts`],
        ),
      ]);
    },
  };
}

/** Gives the program and its first arguments, for the gatehouse in a folder. */
type Program = (gatehouse: string) => readonly string[] | Promise<readonly string[]>;

/** So many packages of the tables, each but once, from all of them; not those that an older runtime has not. */
export function spread(count: number): readonly PackageRow[] {
  const packageOf = ([specifier]: PackageRow) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)![0];
  const rows = Object.values(TABLES).flat().filter(([specifier]) => !(specifier in OLDER_RUNTIME));
  // The first row of each package is the one that stays.
  const all = [...new Map(rows.toReversed().map((row) => [packageOf(row), row])).values()]
    .toReversed();
  const length = Math.min(count, all.length);
  return Array.from({ length }, (_, i) => all[Math.floor(i * all.length / length)]);
}

function packagesCase(
  name: string,
  folder: string,
  rows: readonly PackageRow[],
  program: Program,
  onFailure: (failure: string) => void,
): Case {
  const apps = new Map(rows.map((row) => [row[0], `${importsOf(row)}\nvoid m;\n${SERVES}`]));
  return {
    name,
    goals,
    workers: [0, 1],
    peers: [DENO_SERVE],
    peer(_peer, name) {
      const port = freePort();
      const args = ["-A", "--no-check", "--no-lock", "--host=127.0.0.1", `--port=${port}`];
      return { name, port, command: [Deno.execPath(), "serve", ...args] };
    },
    async gatehouse(name, gatehouse, workers) {
      const port = freePort();
      const args = [`--http=127.0.0.1:${port}`, `--workers=${workers}`];
      return { name, port, command: [...await program(gatehouse), ...args] };
    },
    async measure(contestants, { rounds, noise }) {
      const names = contestants.map(({ name }) => name);
      const start = async (contestant: Contestant, specifier: string, cache: string) => {
        const app = `${cache}.js`;
        await Deno.writeTextFile(app, apps.get(specifier)!);
        const command = [...contestant.command, app];
        return await firstResponse(
          { ...contestant, command, env: placed(contestant, cache) },
          HELLO,
        );
      };
      const found = await packageStarts([...apps.keys()], contestants, rounds, {
        cold: ({ name, ...contestant }, specifier) =>
          quietly({ name: `${specifier}, ${name}`, noise }, async () => {
            // It stays until the end: where many files have just been removed, a file system may take ten
            // times as long to make one (ext4 looks for inodes that were not in use a moment ago).
            const cache = await Deno.makeTempDir({ dir: folder });
            const cost = await start({ name, ...contestant }, specifier, cache);
            return { ...cost, cache, diskMB: await bytesBelow(cache) / 1e6 };
          }),
        warm: (contestant, specifier, cache) =>
          quietly(
            { name: `${specifier}, ${contestant.name}`, noise },
            () => start(contestant, specifier, cache),
          ),
      }, (specifier, samples) => console.log(lineOf(specifier, names, samples)));
      for (const [specifier, reason] of found.failures) {
        const failure = `${specifier}: ${reason}`;
        console.log(`(not measured: ${failure})`);
        onFailure(failure);
      }
      if (found.specifiers.length === 0) {
        throw new Error("there is no package that could be measured");
      }
      const reference = names.find((name) => names.includes(`${name} again`))!;
      for (const own of names.filter((name) => !name.startsWith(reference))) {
        console.log(
          `\nfurthest from ${reference}, ${own}:\n${worstText(found, own, reference, WORST)}`,
        );
      }
      console.log();
      return found.results;
    },
  };
}

/** What makes a program keep what it loads in `cache`. What gatehouse from source is made of stays elsewhere. */
function placed({ name }: Contestant, cache: string): Record<string, string> {
  return {
    NO_COLOR: "1",
    DENO_NO_UPDATE_CHECK: "1",
    ...name.startsWith(DENO_SERVE) ? { DENO_DIR: cache } : { GATEHOUSE_CACHE: cache },
  };
}

if (import.meta.main) {
  const failures: string[] = [];
  await runAlone(packagesBench((failure) => failures.push(failure)), {
    task: "bench:packages",
    about:
      `Of many packages of npm, one after the other, the start of an app that imports it to its first
response: the time and the CPU time with an empty cache, what is on disk then, and, as medians, the time and
the CPU time of the starts after it. The real registry is asked, so that the network is a part of what is
measured. Ratios are those of each package, their medians and quartiles those of all packages; the packages
that are furthest from the reference are named. The exit status is 1 if a package could not be measured.
--only executable, or --only source, measures one of the two.`,
    options: {
      ...EXECUTABLE,
      packages: whole(64, "how many packages, from all tables of tests/packages"),
      rounds: whole(3, "starts after the one with an empty cache"),
    },
  });
  if (failures.length > 0) Deno.exit(1);
}
