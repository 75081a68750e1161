/**
 * Requests at a fixed rate, whatever the server makes of them. Waits count from the time when a request
 * was due, so that a server that stands still is not asked less.
 *
 * @module
 */

import { quantile } from "../measuring/harness.ts";
import type { Load } from "../measuring/contest.ts";

/** What is sent. */
export interface PacedLoad {
  readonly port: number;
  readonly requestsPerSecond: number;
  readonly seconds: number;
  /** The path of the request with that number. Default: `/`. */
  readonly pathOf?: (index: number) => string;
  /**
   * Connections that are there from the beginning. The one that has been idle for the longest time is used
   * next, as with clients that know nothing of each other. Default: as few as possible, the last one next.
   */
  readonly connections?: number;
}

/** How long answers took. */
export interface PacedResult extends Load {
  /** Milliseconds from when each request was due until its answer was there, by number. */
  readonly waitsMs: readonly number[];
}

const encoder = new TextEncoder();

/** @throws {Error} An answer is not 200, or not there within one read. */
export async function paced(load: PacedLoad): Promise<PacedResult> {
  const { port, requestsPerSecond, seconds, pathOf = () => "/", connections = 0 } = load;
  const count = Math.round(requestsPerSecond * seconds);
  const idle: Deno.TcpConn[] = [];
  const waitsMs: number[] = [];
  for (let i = 0; i < connections; i++) {
    idle.push(await Deno.connect({ hostname: "127.0.0.1", port }));
  }
  const start = performance.now();
  const pending: Promise<void>[] = [];
  for (let i = 0; i < count; i++) {
    const dueMs = start + i * 1000 / requestsPerSecond;
    const early = dueMs - performance.now();
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    pending.push(ask(i, dueMs));
  }
  await Promise.all(pending);
  for (const conn of idle) conn.close();
  return { requests: count, seconds, p50Ms: quantile(waitsMs, 0.5), waitsMs };

  async function ask(index: number, dueMs: number): Promise<void> {
    const conn = (connections > 0 ? idle.shift() : idle.pop()) ??
      await Deno.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay(true);
    await conn.write(encoder.encode(`GET ${pathOf(index)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`));
    const buffer = new Uint8Array(4_096);
    const length = await conn.read(buffer);
    const status = new TextDecoder().decode(buffer.subarray(0, length ?? 0)).slice(9, 12);
    if (status !== "200") throw new Error(`request ${index} was answered with '${status}'`);
    waitsMs[index] = performance.now() - dueMs;
    idle.push(conn);
  }
}
