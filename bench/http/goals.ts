/**
 * What is to be reached over HTTP, beside `deno serve` unless another one is named.
 *
 * @module
 */

import type { Goal } from "../measuring/bench.ts";

const hello: readonly Goal[] = [
  { workers: 0, figure: "rate", atLeast: 0.9 },
  { workers: 0, figure: "cpuUs", atMost: 1.15 },
  { workers: 1, figure: "rate", atLeast: 0.9 },
  { workers: 1, figure: "cpuUs", atMost: 1.5 },
];

/** Apps that serve themselves, beside `deno run`. */
const selfServing: readonly Goal[] = [
  { workers: 0, figure: "rate", atLeast: 1.5 },
  { workers: 1, figure: "rate", atLeast: 1.2 },
  { workers: 2, figure: "rate", atLeast: 1 },
];

/** A value parsed, and sent back. */
const json: readonly Goal[] = [
  { workers: 0, figure: "rate", atLeast: 2.5 },
  { workers: 1, figure: "rate", atLeast: 2 },
];

/** Whole bodies of 1 MiB. */
const large: readonly Goal[] = [
  { workers: 0, figure: "rate", atLeast: 1.6 },
  { workers: 1, figure: "rate", atLeast: 1.4 },
];

/** Some requests take long: the others. */
const tail: readonly Goal[] = [
  { workers: 2, figure: "lateShare", atMost: 0.25 },
  { workers: 2, figure: "p99Ms", atMost: 0.5 },
];

/** Goals by the name of the scenario. */
export const goals: Readonly<Record<string, readonly Goal[]>> = {
  "hello": hello,
  "hello, Hono": hello,
  "hello, node:http": selfServing,
  "hello, Express": selfServing,
  "hello, Fastify": selfServing,
  "JSON of 1 KiB": json,
  "JSON of 1 KiB, Hono": json,
  "1 MiB of bytes": large,
  "1 MiB of text": large,
  "stream of 64 KiB pieces": [{ workers: 1, figure: "rate", atLeast: 1.3 }],
  "pipelines, 16 deep": [{ workers: 1, figure: "rate", atLeast: 4 }],
  "upload, counted": [{ workers: 1, figure: "rate", atLeast: 1.2 }],
  "upload, hashed": [{ workers: 1, figure: "rate", atLeast: 1.2 }],
  "5 ms of computing": [
    { workers: 2, figure: "rate", reference: "gatehouse, workers 1", atLeast: 1.8 },
  ],
  "200 requests a second": [
    { workers: 1, figure: "p50Ms", atMost: 1.5 },
    { workers: 1, figure: "cpuUs", atMost: 2 },
  ],
  "200 requests a second, 5 % of them 50 ms of computing": tail,
  "400 requests a second, 5 % of them 50 ms of computing": tail,
};
