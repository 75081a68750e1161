/**
 * Rates and costs of gatehouse over HTTP, with workers 0, 1 and 2, beside `deno serve` (`deno run` for apps
 * that serve themselves), `node:http` and a bare read/write loop with the same app. `deno task bench:http --help` has the options.
 *
 * @module
 */

import type { Bench, Case } from "./measuring/bench.ts";
import { underLoad } from "./measuring/bench.ts";
import { simply } from "./measuring/contest.ts";
import { freePort } from "./measuring/harness.ts";
import { goals } from "./http/goals.ts";
import { PORT_VARIABLE, scenariosIn, servesItself } from "./http/scenarios.ts";
import type { PeerName, Scenario } from "./http/scenarios.ts";
import { runAlone } from "./main.ts";
import type { Contestant } from "./measuring/processes.ts";

const DENO_SERVE = "deno serve";
const DENO_RUN = "deno run";

const here = (path: string) => new URL(path, import.meta.url).pathname;

/** HTTP/1.1. */
export const httpBench: Bench = {
  name: "HTTP",
  cases: (folder) => Promise.resolve(scenariosIn(folder).map(caseOf)),
};

function caseOf(scenario: Scenario): Case {
  return {
    ...scenario,
    goals: goals[scenario.name],
    peers: [servesItself(scenario.app) ? DENO_RUN : DENO_SERVE, ...scenario.peers],
    peer: (peer, name) => {
      if (peer === DENO_SERVE) return denoServe(name, scenario);
      return peer === DENO_RUN ? denoRun(name, scenario) : script(name, peer as PeerName);
    },
    gatehouse: (name, folder, workers) => gatehouse(name, folder, scenario, workers),
    measure: underLoad(simply(scenario.load)),
  };
}

function gatehouse(name: string, folder: string, { app }: Scenario, workers: number): Contestant {
  const port = freePort();
  const args = [`--workers=${workers}`, `--http=127.0.0.1:${port}`];
  const cli = `${folder}/cli.ts`;
  return {
    name,
    port,
    command: [Deno.execPath(), "run", "-A", "--no-check", cli, here(`./apps/${app}.ts`), ...args],
  };
}

function denoServe(name: string, { app, denoThreads = 1 }: Scenario): Contestant {
  const port = freePort();
  const args = ["-A", "--no-check", "--host=127.0.0.1", `--port=${port}`];
  if (denoThreads > 1) args.push("--parallel");
  const command = [Deno.execPath(), "serve", ...args, here(`./apps/${app}.ts`)];
  return { name, port, command, env: { DENO_JOBS: `${denoThreads}` } };
}

function denoRun(name: string, { app }: Scenario): Contestant {
  const port = freePort();
  const command = [Deno.execPath(), "run", "-A", "--no-check", here(`./apps/${app}.ts`)];
  return { name, port, command, env: { [PORT_VARIABLE]: `${port}` } };
}

function script(name: string, peer: PeerName): Contestant {
  const port = freePort();
  const file = { "node:http": "./peers/node_http.ts", "bare loop": "./peers/bare.ts" }[peer];
  return { name, port, command: [Deno.execPath(), "run", "-A", here(file), String(port)] };
}

if (import.meta.main) await runAlone(httpBench, { task: "bench:http" });
