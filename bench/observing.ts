/**
 * What it costs to know what happens: CPU time of a hello with everything on that tells of requests, and with each
 * part of that alone, beside the same gatehouse with nothing on. `deno task bench:observing --help` has the options.
 *
 * @module
 */

import { wrk } from "./loads/wrk.ts";
import { runAlone } from "./main.ts";
import type { Bench, Case } from "./measuring/bench.ts";
import { underLoad } from "./measuring/bench.ts";
import { simply } from "./measuring/contest.ts";
import { freePort } from "./measuring/harness.ts";
import type { Contestant } from "./measuring/processes.ts";

const NOTHING = "nothing on";
const CLI = new URL("../cli.ts", import.meta.url).pathname;
const APP = new URL("./apps/routed.ts", import.meta.url).pathname;
const CONNECTIONS = 32;
/** A hundredth of the requests is traced: who has this rate of them traces no more. */
const TRACING = {
  OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
  OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
  OTEL_TRACES_SAMPLER_ARG: "0.01",
};

const EVERYTHING = "everything on";

/** What is on. */
interface Observing {
  readonly name: string;
  options(folder: string): readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const OBSERVING: readonly Observing[] = [
  {
    name: EVERYTHING,
    options: (folder) => [
      `--access-log=${folder}/access-${crypto.randomUUID()}.log`,
      ...monitored(),
    ],
    env: TRACING,
  },
  {
    name: "an access log",
    options: (folder) => [`--access-log=${folder}/access-${crypto.randomUUID()}.log`],
    env: {},
  },
  { name: "an access log that goes nowhere", options: () => ["--access-log=/dev/null"], env: {} },
  { name: "metrics and the status", options: monitored, env: {} },
  { name: "traces", options: () => [], env: TRACING },
];

function monitored(): string[] {
  const address = `127.0.0.1:${freePort()}`;
  return ["--metrics", "--status", "--health"].map((option) => `${option}=${address}`);
}

/** Observers of requests. */
export const observingBench: Bench = {
  name: "observing",
  cases: (folder) =>
    Promise.resolve(
      OBSERVING.flatMap((observing) =>
        [0, 1, 2].map((workers) => caseOf(observing, workers, folder))
      ),
    ),
};

function caseOf({ name, options, env }: Observing, workers: number, files: string): Case {
  return {
    name: `${name}, workers ${workers}`,
    peers: [NOTHING],
    workers: [workers],
    // The parts say where it goes.
    goals: name === EVERYTHING ? [{ workers, figure: "cpuUs", atMost: 1.05 }] : [],
    peer: (_, name) => gatehouse(name, CLI, workers, [], {}),
    gatehouse: (name, folder) => gatehouse(name, `${folder}/cli.ts`, workers, options(files), env),
    measure: underLoad(
      simply(({ port }, seconds) => wrk({ port, path: "/", connections: CONNECTIONS, seconds })),
    ),
  };
}

function gatehouse(
  name: string,
  cli: string,
  workers: number,
  options: readonly string[],
  env: Readonly<Record<string, string>>,
): Contestant {
  const port = freePort();
  const args = [APP, `--workers=${workers}`, `--http=127.0.0.1:${port}`, ...options];
  return { name, port, command: [Deno.execPath(), "run", "-A", "--no-check", cli, ...args], env };
}

if (import.meta.main) await runAlone(observingBench, { task: "bench:observing" });
