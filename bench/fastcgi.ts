/**
 * Rates of gatehouse over FastCGI beside Go's net/http/fcgi, php-fpm and libfcgi: asked directly, and
 * through nginx. `deno task bench:fastcgi --help` has the options.
 *
 * @module
 */

import type { Bench, Case, Goal } from "./measuring/bench.ts";
import { underLoad } from "./measuring/bench.ts";
import type { PreparedLoad } from "./measuring/contest.ts";
import { simply } from "./measuring/contest.ts";
import { freePort } from "./measuring/harness.ts";
import { FastCgiLoader } from "./loads/fcgi.ts";
import { wrk } from "./loads/wrk.ts";
import { runAlone } from "./main.ts";
import { FastCgiPeers } from "./peers/fcgi.ts";
import type { Contestant } from "./measuring/processes.ts";
import { untilListening } from "./measuring/processes.ts";

const CONNECTIONS = 32;

const here = (path: string) => new URL(path, import.meta.url).pathname;
const SCRIPT = here("./peers/hello.php");
const GO = "Go";

/** FastCGI. */
export const fastCgiBench: Bench = {
  name: "FastCGI",
  async cases(folder) {
    const peers = await FastCgiPeers.make(folder, CONNECTIONS);
    const loader = await FastCgiLoader.make(folder, SCRIPT);
    const make = (
      name: string,
      peerNames: readonly string[],
      prepare: Parameters<typeof underLoad>[0],
      goals: readonly Goal[] = [],
    ): Case => ({
      name,
      peers: peerNames,
      references: peerNames,
      goals,
      peer: (peer, name) => peers.contestant(peer, name),
      gatehouse,
      measure: underLoad(prepare),
    });
    const directly = (connections: number, requestsPerConnection: number) =>
      simply(({ port }, seconds) =>
        loader.load({ port, connections, requestsPerConnection, seconds })
      );
    const throughNginx = (path: string, connections: number) => (all: readonly Contestant[]) =>
      Nginx.before(all, folder, { path, connections });
    return [
      make("direct, 32 connections", [GO, "php-fpm", "libfcgi"], directly(CONNECTIONS, 1), [
        { workers: 1, figure: "rate", reference: GO, atLeast: 4 },
        { workers: 1, figure: "rate", reference: "php-fpm", atLeast: 2 },
        { workers: 1, figure: "rate", reference: "libfcgi", atLeast: 0.6 },
      ]),
      make("multiplexed, 2 connections, 16 at a time", [GO], directly(2, 16)),
      make(
        "through nginx, 32 connections",
        [GO, "php-fpm", "libfcgi"],
        throughNginx("/", CONNECTIONS),
      ),
      make("1 MiB through nginx, 16 connections", [GO], throughNginx("/text", 16), [
        { workers: 1, figure: "rate", reference: GO, atLeast: 1.2 },
      ]),
    ];
  },
};

function gatehouse(name: string, folder: string, workers: number): Contestant {
  const port = freePort();
  const args = [`--workers=${workers}`, `--fastcgi=127.0.0.1:${port}`];
  const [cli, app] = [`${folder}/cli.ts`, here("./apps/routed.ts")];
  return { name, port, command: [Deno.execPath(), "run", "-A", "--no-check", cli, app, ...args] };
}

/** An nginx with a port for each contestant, and a load that goes through it. */
class Nginx implements PreparedLoad {
  readonly pids: readonly number[];
  readonly #child: Deno.ChildProcess;
  readonly #ports: ReadonlyMap<Contestant, number>;
  readonly #asked: { readonly path: string; readonly connections: number };

  private constructor(
    child: Deno.ChildProcess,
    ports: ReadonlyMap<Contestant, number>,
    asked: { readonly path: string; readonly connections: number },
  ) {
    this.#child = child;
    this.pids = [child.pid];
    this.#ports = ports;
    this.#asked = asked;
  }

  /** Starts it. */
  static async before(
    contestants: readonly Contestant[],
    folder: string,
    asked: { readonly path: string; readonly connections: number },
  ): Promise<Nginx> {
    const ports = new Map(contestants.map((contestant) => [contestant, freePort()]));
    const file = `${folder}/nginx.conf`;
    await Deno.writeTextFile(file, configuration(ports, folder));
    const child = new Deno.Command("nginx", {
      args: ["-c", file],
      env: { PATH: `${Deno.env.get("PATH")}:/usr/sbin` },
      stdout: "null",
      stderr: "null",
    }).spawn();
    for (const port of ports.values()) await untilListening({ name: "nginx", port });
    return new Nginx(child, ports, asked);
  }

  put(contestant: Contestant, seconds: number) {
    return wrk({ port: this.#ports.get(contestant)!, seconds, ...this.#asked });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
  }
}

function configuration(ports: ReadonlyMap<Contestant, number>, folder: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
  const servers = [...ports].map(([{ port }, front], i) =>
    `upstream u${i} { server 127.0.0.1:${port}; keepalive ${CONNECTIONS}; }
server { listen 127.0.0.1:${front}; location / {
  fastcgi_pass u${i}; fastcgi_keep_conn on; include /etc/nginx/fastcgi_params;
  fastcgi_param SCRIPT_FILENAME ${SCRIPT}; } }`
  ).join("\n");
  return `${
    Deno.uid() === 0 ? "user root;\n" : ""
  }daemon off; worker_processes 1; pid ${folder}/pid;
error_log ${folder}/error.log;\nevents {}\nhttp { access_log off; keepalive_requests 10000000;
${temporary}\n${servers} }\n`;
}

if (import.meta.main) await runAlone(fastCgiBench, { task: "bench:fastcgi" });
