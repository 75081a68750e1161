/**
 * What compression costs: rates and CPU time of gatehouse with `--compress`, beside nginx, which compresses the
 * same bytes from a file, `Deno.serve()` with `automaticCompression`, and gatehouse without it. `deno task
 * bench:compression --help` has the options.
 *
 * @module
 */

import { json, text } from "./apps/compressible.ts";
import { wrk } from "./loads/wrk.ts";
import { runAlone } from "./main.ts";
import type { Bench, Case } from "./measuring/bench.ts";
import { underLoad } from "./measuring/bench.ts";
import { simply } from "./measuring/contest.ts";
import { freePort } from "./measuring/harness.ts";
import type { Contestant } from "./measuring/processes.ts";

const NGINX = "nginx";
const DENO = "Deno.serve()";
const PLAIN = "gatehouse, not compressed";

const CLI = new URL("../cli.ts", import.meta.url).pathname;
const APP = new URL("./apps/compressible.ts", import.meta.url).pathname;
const PEER = new URL("./peers/deno_compressing.ts", import.meta.url).pathname;

/** What is asked for. */
interface Asked {
  readonly name: string;
  readonly path: string;
  readonly coding: "gzip" | "br";
  readonly level: number;
  readonly connections: number;
}

const ASKED: readonly Asked[] = [
  { name: "JSON of 16 KiB in gzip", path: "/json", coding: "gzip", level: 6, connections: 16 },
  { name: "JSON of 16 KiB in brotli", path: "/json", coding: "br", level: 4, connections: 16 },
  { name: "text of 1 MiB in gzip", path: "/text", coding: "gzip", level: 6, connections: 8 },
];

/** Compression. */
export const compressionBench: Bench = {
  name: "compression",
  async cases(folder) {
    await Deno.writeTextFile(`${folder}/json`, json);
    await Deno.writeTextFile(`${folder}/text`, text);
    return ASKED.map((asked) => caseOf(asked, folder));
  },
};

function caseOf({ name, path, coding, level, connections }: Asked, files: string): Case {
  const script = `wrk.headers["accept-encoding"] = "${coding}"`;
  // Debian's nginx has no brotli.
  const peers = coding === "gzip" ? [NGINX, DENO, PLAIN] : [DENO, PLAIN];
  return {
    name,
    peers,
    references: peers,
    peer(peer, name) {
      if (peer === NGINX) return nginx(name, files, level);
      return peer === PLAIN ? gatehouse(name, CLI, 1, []) : denoRun(name);
    },
    gatehouse: (name, folder, workers) =>
      gatehouse(name, `${folder}/cli.ts`, workers, [`--compress=${coding}:${level}`]),
    measure: underLoad(
      simply(({ port }, seconds) => wrk({ port, path, connections, seconds, script })),
    ),
  };
}

function gatehouse(
  name: string,
  cli: string,
  workers: number,
  options: readonly string[],
): Contestant {
  const port = freePort();
  const args = [APP, `--workers=${workers}`, `--http=127.0.0.1:${port}`, ...options];
  return { name, port, command: [Deno.execPath(), "run", "-A", "--no-check", cli, ...args] };
}

function denoRun(name: string): Contestant {
  const port = freePort();
  return { name, port, command: [Deno.execPath(), "run", "-A", "--no-check", PEER, String(port)] };
}

/** One process that serves files, and compresses them each time anew. */
function nginx(name: string, folder: string, level: number): Contestant {
  const port = freePort();
  const file = `${folder}/nginx-${port}.conf`;
  Deno.writeTextFileSync(
    file,
    `daemon off; worker_processes 1; pid ${folder}/nginx-${port}.pid; error_log /dev/null;
events {}
http {
  access_log off; keepalive_requests 1000000; default_type application/json;
  gzip on; gzip_comp_level ${level}; gzip_types application/json; gzip_min_length 1024;
  client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  server { listen 127.0.0.1:${port}; root ${folder}; }
}
`,
  );
  return { name, port, command: ["nginx", "-c", file] };
}

if (import.meta.main) await runAlone(compressionBench, { task: "bench:compression" });
