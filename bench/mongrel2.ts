/**
 * Rates and costs of gatehouse as a handler of Mongrel2, with workers 0, 1 and 2, beside handlers over
 * pyzmq and over libzmq in C. A load generator is in the place of Mongrel2, so that Mongrel2 itself is
 * not the limit. `deno task bench:mongrel2 --help` has the options.
 *
 * @module
 */

import type { Bench, Case, Goal } from "./measuring/bench.ts";
import { underLoad } from "./measuring/bench.ts";
import type { Load, PreparedLoad } from "./measuring/contest.ts";
import type { Mongrel2Load } from "./loads/mongrel2.ts";
import { runAlone } from "./main.ts";
import type { Contestant } from "./measuring/processes.ts";
import { pythonWithZmq } from "../tests/support/zmq.ts";

const here = (path: string) => new URL(path, import.meta.url).pathname;

/** What is asked for. */
interface Scenario {
  readonly name: string;
  readonly path: string;
  readonly bodyBytes: number;
  readonly clients: number;
  /** The kind of handler that others are compared with. */
  readonly reference: PeerName;
  readonly goals: readonly Goal[];
}

type PeerName = "pyzmq" | "C";

const scenarios: readonly Scenario[] = [
  {
    name: "hello, 32 clients",
    path: "/",
    bodyBytes: 11,
    clients: 32,
    reference: "pyzmq",
    goals: [
      { workers: 1, figure: "rate", reference: "pyzmq", atLeast: 2 },
      { workers: 1, figure: "cpuUs", reference: "pyzmq", atMost: 0.6 },
    ],
  },
  {
    name: "large: 1 MiB, 8 clients",
    path: "/bytes",
    bodyBytes: 1_048_576,
    clients: 8,
    reference: "C",
    goals: [{ workers: 1, figure: "rate", reference: "C", atLeast: 1 }],
  },
];

/** Mongrel2. */
export const mongrel2Bench: Bench = {
  name: "Mongrel2",
  async cases(folder) {
    // It opens libzmq, which the other benches do without.
    const { Mongrel2Load } = await import("./loads/mongrel2.ts");
    const commands = await peers(folder);
    return scenarios.map((scenario) => caseOf(scenario, commands, () => new Mongrel2Load()));
  },
};

/** A handler, and the load that it connects to. */
interface Handler extends Contestant {
  readonly load: Mongrel2Load;
}

function caseOf(
  scenario: Scenario,
  commands: ReadonlyMap<string, readonly string[]>,
  makeLoad: () => Mongrel2Load,
): Case {
  const handler = (name: string, command: (load: Mongrel2Load) => readonly string[]): Handler => {
    const load = makeLoad();
    return { name, port: Number(load.send.split(":").at(-1)), command: command(load), load };
  };
  const { name, goals, reference } = scenario;
  const rest = [...commands.keys()].filter((peer) => peer !== reference);
  return {
    name,
    goals,
    peers: commands.has(reference) ? [reference, ...rest] : rest,
    peer: (peer, name) => handler(name, ({ send, recv }) => [...commands.get(peer)!, send, recv]),
    gatehouse: (name, folder, workers) =>
      handler(name, ({ send, recv }) => [
        ...[Deno.execPath(), "run", "-A", "--no-check", `${folder}/cli.ts`],
        ...[here("./apps/routed.ts"), `--workers=${workers}`],
        ...["--mongrel2", `${send},recv=${recv}`],
      ]),
    measure: underLoad((contestants) =>
      Promise.resolve(new OwnLoads(contestants as readonly Handler[], scenario))
    ),
  };
}

/** The loads that come with handlers. */
class OwnLoads implements PreparedLoad {
  readonly #handlers: readonly Handler[];
  readonly #scenario: Scenario;

  constructor(handlers: readonly Handler[], scenario: Scenario) {
    this.#handlers = handlers;
    this.#scenario = scenario;
  }

  untilReady(contestant: Contestant): Promise<void> {
    return (contestant as Handler).load.untilAnswered();
  }

  put(contestant: Contestant, seconds: number): Promise<Load> {
    const { path, bodyBytes, clients } = this.#scenario;
    const { load } = contestant as Handler;
    return Promise.resolve(load.run({ path, bodyBytes, clients, seconds }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const { load } of this.#handlers) load[Symbol.dispose]();
    return Promise.resolve();
  }
}

/** Handlers that are no gateways, as far as there is what they need. */
async function peers(folder: string): Promise<Map<PeerName, readonly string[]>> {
  const found = new Map<PeerName, readonly string[]>();
  const python = pythonWithZmq();
  if (python !== null) found.set("pyzmq", [python, here("./peers/mongrel2_handler.py")]);
  const program = `${folder}/handler`;
  if (await compiled(here("./peers/mongrel2_handler.c"), program)) found.set("C", [program]);
  return found;
}

async function compiled(source: string, program: string): Promise<boolean> {
  try {
    const { success, stderr } = await new Deno.Command("cc", {
      args: ["-O2", "-o", program, source, "-l:libzmq.so.5"],
    }).output();
    if (success) return true;
    console.error(`SKIPPED: the handler in C: ${new TextDecoder().decode(stderr)}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.error("SKIPPED: the handler in C: there is no compiler `cc`");
  }
  return false;
}

if (import.meta.main) await runAlone(mongrel2Bench, { task: "bench:mongrel2" });
