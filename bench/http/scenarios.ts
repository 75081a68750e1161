/**
 * What the HTTP benches ask of a server.
 *
 * @module
 */

import type { Case } from "../measuring/bench.ts";
import type { Load } from "../measuring/contest.ts";
import { Downloader } from "../loads/download.ts";
import { paced } from "../loads/paced.ts";
import { idealTail, tail } from "../loads/tail.ts";
import { PIPELINE, POST_JSON, POST_LARGE, wrk } from "../loads/wrk.ts";
import type { Contestant } from "../measuring/processes.ts";

/** An app of the folder `apps`. */
export type AppName = "trivial" | "routed" | "hono" | SelfServing;

/** An app that serves itself with `node:http`: it is measured beside `deno run`, which it is for. */
export type SelfServing = "express" | "fastify" | "node_http";

/** A peer beside gatehouse and `deno serve`. */
export type PeerName = "node:http" | "bare loop";

/** A load, and who can take it. */
export interface Scenario extends Pick<Case, "workers" | "remark"> {
  readonly name: string;
  readonly app: AppName;
  /** Peers that can take part. */
  readonly peers: readonly PeerName[];
  /** Threads of `deno serve`, which share its port. Default: 1. */
  readonly denoThreads?: number;
  load(contestant: Contestant, seconds: number): Promise<Load>;
}

/** The port of such an app, in its environment. */
export const PORT_VARIABLE = "BENCH_PORT";

/** Whether an app serves itself. */
export function servesItself(app: AppName): boolean {
  return app === "express" || app === "fastify" || app === "node_http";
}

/** Connections at a time. */
const CONNECTIONS = 32;

/** Length of what is large, in bytes. */
const LARGE_BYTES = 1_048_576;

/** All that is asked. `folder` is temporary, and for what the loads need. */
export function scenariosIn(folder: string): readonly Scenario[] {
  const downloader = new Downloader(folder);
  const large = (name: string, path: string, peers: readonly PeerName[]): Scenario => ({
    name,
    app: "routed",
    peers,
    load: ({ port }, seconds) =>
      downloader.load({ port, path, bytes: LARGE_BYTES, connections: 16, seconds }),
  });
  return [
    saturated("hello", "routed", "/", { peers: ["node:http", "bare loop"] }),
    saturated("hello, trivial app", "trivial", "/"),
    saturated("hello, Hono", "hono", "/"),
    saturated("JSON of 1 KiB", "routed", "/json", { script: POST_JSON, peers: ["node:http"] }),
    saturated("JSON of 1 KiB, Hono", "hono", "/json", { script: POST_JSON }),
    saturated("hello, node:http", "node_http", "/"),
    saturated("hello, Express", "express", "/"),
    saturated("hello, Fastify", "fastify", "/"),
    large("1 MiB of bytes", "/bytes", ["node:http"]),
    large("1 MiB of text", "/text", ["node:http"]),
    large("stream of 64 KiB pieces", "/stream", []),
    saturated("pipelines, 16 deep", "routed", "/", { script: PIPELINE }),
    saturated("upload, counted", "routed", "/count", { script: POST_LARGE, connections: 16 }),
    saturated("upload, hashed", "routed", "/hash", { script: POST_LARGE, connections: 16 }),
    saturated("5 ms of computing", "routed", "/burn?ms=5", { connections: 8 }),
    {
      name: "200 requests a second",
      app: "routed",
      peers: ["node:http"],
      load: ({ port }, seconds) => paced({ port, requestsPerSecond: 200, seconds }),
    },
    ...[200, 400].map(withTail),
  ];
}

/** Samples in which some requests compute for long are not shorter, in seconds: there are few such requests. */
const LEAST_TAIL_SECONDS = 1.5;

/** Some requests compute for long: how long do the others wait? */
function withTail(requestsPerSecond: number): Scenario {
  return {
    name: `${requestsPerSecond} requests a second, 5 % of them 50 ms of computing`,
    app: "routed",
    peers: [],
    workers: [2],
    denoThreads: 2,
    remark: (seconds) => idealTail({ requestsPerSecond, seconds: tailSeconds(seconds) }),
    load: ({ port }, seconds) => tail({ port, requestsPerSecond, seconds: tailSeconds(seconds) }),
  };
}

function tailSeconds(seconds: number): number {
  return Math.max(seconds, LEAST_TAIL_SECONDS);
}

function saturated(
  name: string,
  app: AppName,
  path: string,
  options: { peers?: PeerName[]; script?: string; connections?: number } = {},
): Scenario {
  const { peers = [], script, connections = CONNECTIONS } = options;
  return {
    name,
    app,
    peers,
    load: ({ port }, seconds) => wrk({ port, path, connections, seconds, script }),
  };
}
