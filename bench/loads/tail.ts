/**
 * Requests at a fixed rate, some of which keep a thread busy for long: how long the others wait.
 *
 * @module
 */

import type { Load } from "../measuring/contest.ts";
import { quantile } from "../measuring/harness.ts";
import { paced } from "./paced.ts";

/** What is sent. */
export interface TailLoad {
  readonly requestsPerSecond: number;
  readonly seconds: number;
}

/** Share of the requests that are long. */
const LONG_SHARE = 0.05;
/** What a long one takes. */
const LONG_MS = 50;
/** What another one takes, about. */
const SHORT_MS = 0.1;
/** Those that wait for longer are late. */
const LATE_MS = 10;
/** Threads that take the requests. */
const THREADS = 2;
const CONNECTIONS = 64;

/** Sends the requests; the figures are those of the short ones. */
export async function tail(load: TailLoad & { readonly port: number }): Promise<Load> {
  const isLong = longOnes(load);
  const pathOf = (index: number) => isLong[index] ? `/burn?ms=${LONG_MS}` : "/";
  const { requests, seconds, waitsMs } = await paced({ ...load, pathOf, connections: CONNECTIONS });
  return { requests, seconds, ...figuresOf(waitsMs, isLong) };
}

/** What the same requests would wait if each went to the first thread that is free, and all else cost nothing. */
export function idealTail(load: TailLoad): string {
  const isLong = longOnes(load);
  const freeAtMs = new Array<number>(THREADS).fill(0);
  const waitsMs = isLong.map((long, index) => {
    const dueMs = index * 1000 / load.requestsPerSecond;
    const first = freeAtMs.indexOf(Math.min(...freeAtMs));
    freeAtMs[first] = Math.max(freeAtMs[first], dueMs) + (long ? LONG_MS : SHORT_MS);
    return freeAtMs[first] - dueMs;
  });
  const { p50Ms, p99Ms, lateShare } = figuresOf(waitsMs, isLong);
  return `one queue before ${THREADS} threads, ideally: p50 ${p50Ms.toFixed(2)} ms, ` +
    `p99 ${p99Ms.toFixed(2)} ms, late (over ${LATE_MS} ms) ${(lateShare * 100).toFixed(2)} %`;
}

/** Which requests are long: by chance, the same ones each time. */
function longOnes({ requestsPerSecond, seconds }: TailLoad): boolean[] {
  let state = 1;
  return Array.from({ length: Math.round(requestsPerSecond * seconds) }, () => {
    // Park and Miller's generator, the multiplier that they came to prefer.
    state = state * 48_271 % 2_147_483_647;
    return state / 2_147_483_647 < LONG_SHARE;
  });
}

function figuresOf(waitsMs: readonly number[], isLong: readonly boolean[]) {
  const short = waitsMs.filter((_, index) => !isLong[index]);
  return {
    p50Ms: quantile(short, 0.5),
    p99Ms: quantile(short, 0.99),
    lateShare: short.filter((waitMs) => waitMs > LATE_MS).length / short.length,
  };
}
