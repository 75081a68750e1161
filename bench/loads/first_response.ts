/**
 * What it takes from the start of a process to its first response.
 *
 * @module
 */

import { delay } from "../measuring/harness.ts";
import { Running } from "../measuring/processes.ts";
import type { Contestant } from "../measuring/processes.ts";

const TIMEOUT_MS = 30_000;
/** How often a port is tried. */
const PAUSE_MS = 2;

const REQUEST = new TextEncoder().encode(
  "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
);

/** What a first response has taken. */
export interface StartCost {
  /** Time, in milliseconds. */
  readonly startMs: number;
  /** CPU time of the process, its ended threads included, in milliseconds. */
  readonly cpuMs: number;
}

/**
 * Starts a server, waits for a response that has `expected` in it, and ends it.
 *
 * @throws {Error} It ends, or does not answer in time.
 */
export async function firstResponse(
  contestant: Contestant,
  expected: string,
): Promise<StartCost> {
  const since = performance.now();
  await using server = new Running(contestant, "piped");
  const log = server.errorText();
  let isRunning = true;
  server.ended.then(() => isRunning = false);
  while (isRunning && performance.now() - since < TIMEOUT_MS) {
    if (await answers(contestant.port, expected)) {
      const startMs = performance.now() - since;
      // Of threads that have ended, only the coarse figure knows.
      return { startMs, cpuMs: Math.max(server.threadsCpuMs(), server.cpuSeconds() * 1_000) };
    }
    await delay(PAUSE_MS);
  }
  const { name } = contestant;
  if (isRunning) throw new Error(`${name} does not answer in time`);
  throw new Error(`${name} has ended: ${(await log).trim().split("\n").at(-1)}`);
}

/** Whether the app answers at `port`. */
async function answers(port: number, expected: string): Promise<boolean> {
  let connection: Deno.TcpConn;
  try {
    connection = await Deno.connect({ hostname: "127.0.0.1", port });
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
  try {
    await connection.write(REQUEST);
    const text = await new Response(connection.readable).text();
    if (!text.includes(expected)) throw new Error(`not the response that was expected: ${text}`);
    return true;
  } catch (error) {
    // A listener that is not served yet, say.
    if (error instanceof Deno.errors.ConnectionReset) return false;
    throw error;
  }
}
