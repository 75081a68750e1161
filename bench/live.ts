/**
 * WebSockets, with workers 0, 1 and 2, beside `deno serve` with the same app and the package `ws` on
 * `node:http` of Deno: memory of sockets that are idle, how soon a broadcast arrives, and how many messages
 * come back. `deno task bench:live --help` has the options.
 *
 * @module
 */

import { together } from "./measuring/anew.ts";
import type { Bench, BenchOptions, Case } from "./measuring/bench.ts";
import { whole } from "./command_line.ts";
import type { Sample } from "./measuring/figures.ts";
import { delay, freePort } from "./measuring/harness.ts";
import { bytesFrame, HeldSockets, textFrame } from "./loads/sockets.ts";
import { runAlone } from "./main.ts";
import { memoryOf } from "./memory.ts";
import type { Contestant, Running } from "./measuring/processes.ts";

const DENO_SERVE = "deno serve";
const WS_PACKAGE = "ws";
const APP = new URL("./apps/sockets.ts", import.meta.url).pathname;
const KEPT_APP = new URL("./apps/published_sockets.ts", import.meta.url).pathname;
const PACKAGE_APP = new URL("./apps/ws_package.ts", import.meta.url).pathname;

const IDLE_SOCKETS = 2_000;
const FIRST_SOCKETS = 50;
const LISTENERS = 5_000;
const BROADCASTS = 5;
const SPEAKERS = 64;
/** Time between two broadcasts, and for memory to settle, in milliseconds. */
const PAUSE_MS = 1_000;
/** Bytes of a server's frame before a short payload. */
const HEADER_BYTES = 2;
/** What is sent back: how it is called, and its frame. */
const MESSAGES: readonly (readonly [string, Uint8Array])[] = [
  ["text of 64 bytes", textFrame("x".repeat(64))],
  ["64 bytes", bytesFrame(new Uint8Array(64))],
  ["text of 64 KiB", textFrame("x".repeat(65_536))],
];

/** Live connections. */
export const liveBench: Bench = {
  name: "live",
  cases(folder) {
    const env = { GATEHOUSE_CACHE: `${folder}/cache` };
    const oneByOne = (
      name: string,
      workers: readonly number[],
      sample: (server: Running, options: BenchOptions) => Promise<Sample>,
      app = APP,
    ): Case => ({
      name,
      workers,
      peers: [DENO_SERVE, WS_PACKAGE],
      references: [DENO_SERVE],
      peer: (peer, name) => peerOf(peer, name),
      gatehouse: (name, folder, workers) => gatehouse(app, name, folder, workers, env),
      measure: (contestants, options) =>
        together(contestants, options, async (running) => {
          const samples: Sample[] = [];
          for (const server of running) samples.push(await sample(server, options));
          return samples;
        }),
    });
    return Promise.resolve([
      oneByOne(`${IDLE_SOCKETS} idle sockets`, [0, 1, 2], idle),
      // Sockets of different workers share no variables: nobody could tell all of them.
      oneByOne(`broadcasts to ${LISTENERS} sockets`, [0, 1], broadcasts),
      oneByOne(`messages to a topic of ${LISTENERS} sockets`, [0, 1, 2], broadcasts, KEPT_APP),
      ...MESSAGES.map(([what, frame]) =>
        oneByOne(
          `${SPEAKERS} clients, each waiting for its message: ${what}`,
          [0, 1, 2],
          (server, options) => echoes(server, frame, options),
        )
      ),
    ]);
  },
};

function peerOf(peer: string, name: string): Contestant {
  const port = freePort();
  const deno = Deno.execPath();
  const command = peer === DENO_SERVE
    ? [deno, "serve", "-A", "--no-check", "--no-lock", "--host=127.0.0.1", `--port=${port}`, APP]
    : [deno, "run", "-A", "--no-check", PACKAGE_APP, String(port)];
  return { name, port, command };
}

function gatehouse(
  app: string,
  name: string,
  folder: string,
  workers: number,
  env: Readonly<Record<string, string>>,
): Contestant {
  const port = freePort();
  const program = [Deno.execPath(), "run", "-A", "--no-check", `${folder}/cli.ts`];
  const args = [app, `--http=127.0.0.1:${port}`, `--workers=${workers}`];
  return { name, port, command: [...program, ...args], env };
}

async function idle(server: Running): Promise<Sample> {
  const { port } = server.contestant;
  using held = new HeldSockets();
  await held.open(port, FIRST_SOCKETS);
  await delay(PAUSE_MS);
  const before = memoryOf(server).ownMiB;
  await held.open(port, IDLE_SOCKETS);
  await delay(PAUSE_MS);
  return { connectionKiB: (memoryOf(server).ownMiB - before) * 1_024 / IDLE_SOCKETS };
}

async function broadcasts(server: Running): Promise<Sample> {
  using held = new HeldSockets();
  await held.open(server.contestant.port, FIRST_SOCKETS);
  await delay(PAUSE_MS);
  const before = memoryOf(server).ownMiB;
  await held.open(server.contestant.port, LISTENERS);
  const frame = textFrame("all");
  const bytes = HEADER_BYTES + "all".length;
  // The first one warms up.
  await held.broadcast(frame, bytes);
  const waits: number[] = [];
  for (let i = 0; i < BROADCASTS; i++) {
    await delay(PAUSE_MS);
    waits.push(...await held.broadcast(frame, bytes));
  }
  waits.sort((a, b) => a - b);
  const at = (share: number) => waits[Math.floor((waits.length - 1) * share)];
  await delay(PAUSE_MS);
  const connectionKiB = (memoryOf(server).ownMiB - before) * 1_024 / LISTENERS;
  return { p50Ms: at(0.5), p99Ms: at(0.99), connectionKiB };
}

async function echoes(
  server: Running,
  frame: Uint8Array,
  { seconds }: BenchOptions,
): Promise<Sample> {
  using held = new HeldSockets();
  await held.open(server.contestant.port, SPEAKERS);
  await held.converse(frame, seconds / 4);
  const cpuBefore = server.cpuSeconds();
  const begun = performance.now();
  const answers = await held.converse(frame, seconds);
  const took = (performance.now() - begun) / 1_000;
  const cpuUs = (server.cpuSeconds() - cpuBefore) * 1e6 / answers;
  return { rate: answers / took, cpuUs };
}

if (import.meta.main) {
  await runAlone(liveBench, {
    task: "bench:live",
    about: `All servers are started anew for each round, and asked one after the other.
The package ws runs on node:http of Deno.`,
    options: { rounds: whole(3, "rounds after the warm-up") },
  });
}
