/** What the tests of several processes have in common. */

import { dirname } from "node:path";
import { get, RawClient } from "./raw_client.ts";

/** An app that tells which process it runs in. */
export const PID_APP = `
export default async (request) => {
  const url = new URL(request.url);
  const ms = Number(url.searchParams.get("ms") ?? 0);
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
  if (url.pathname === "/print") {
    for (let i = 0; i < 50; i++) {
      console.error("e".repeat(2000));
      console.log("o".repeat(2000));
    }
  }
  return new Response(String(Deno.pid));
};
`;

/** Calls `body` with a folder that has `files`, and removes it. */
export async function inFolder(
  files: Record<string, string>,
  body: (folder: string) => void | Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) {
      const path = `${folder}/${name}`;
      await Deno.mkdir(dirname(path), { recursive: true });
      await Deno.writeTextFile(path, text);
    }
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The process that answers a request on a connection of its own. */
export async function askPid(port: number, path = "/"): Promise<number> {
  using client = await RawClient.connect(port);
  await client.send(get(path));
  return Number((await client.receive()).body);
}

/** Asks for `path` until `isEnough` holds for the processes that have answered. */
export async function pidsAt(
  port: number,
  isEnough: (pids: Set<number>) => boolean,
  path = "/",
): Promise<Set<number>> {
  const pids = new Set<number>();
  for (let tries = 0; tries < 2_000; tries++) {
    pids.add(await askPid(port, path));
    if (isEnough(pids)) return pids;
  }
  throw new Error(`only these processes have answered: ${[...pids].join(", ")}`);
}

/** Whether a process runs; one that has ended and was not waited for does not. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Waits until `holds` does, for at most so long. */
export async function until(holds: () => boolean, timeoutMs = 90_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`it never came to be: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What clients have seen. */
export interface LoadOutcome {
  answered: number;
  /** Connections that had an answer before, and then failed while a request was on its way, by process. */
  readonly lostHeld: Map<number, number>;
  /** Connections that failed without any answer: they were not accepted. */
  lostNew: number;
  /** Messages of the failures. */
  readonly failures: Set<string>;
}

/** Clients that ask all the time. */
export class Load implements AsyncDisposable {
  readonly outcome: LoadOutcome = {
    answered: 0,
    lostHeld: new Map(),
    lostNew: 0,
    failures: new Set(),
  };
  #running = true;
  readonly #clients: Promise<void>[];

  /** Starts clients that keep their connections, and clients that make one for each request. */
  constructor(connect: () => Promise<Deno.Conn>, keeping: number, fresh: number) {
    this.#clients = [
      ...Array.from({ length: keeping }, () => this.#run(connect, Infinity)),
      ...Array.from({ length: fresh }, () => this.#run(connect, 1)),
    ];
  }

  /** Ends the clients. */
  async stop(): Promise<LoadOutcome> {
    this.#running = false;
    await Promise.all(this.#clients);
    return this.outcome;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(connect: () => Promise<Deno.Conn>, requests: number): Promise<void> {
    const { outcome } = this;
    while (this.#running) {
      let pid = 0;
      try {
        using client = new RawClient(await connect());
        for (let i = 0; i < requests && this.#running; i++) {
          await client.send(get("/"));
          const { body, headers } = await client.receive();
          pid = Number(body);
          outcome.answered++;
          if (headers.get("connection") === "close") break;
        }
      } catch (error) {
        outcome.failures.add(String(error));
        if (pid === 0) outcome.lostNew++;
        else outcome.lostHeld.set(pid, (outcome.lostHeld.get(pid) ?? 0) + 1);
        // Connections that fail at once would leave no time for anything else.
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
  }
}
