/**
 * Files: what a file of 1 GiB takes, how many small ones are sent, and what slow clients take of memory; from a
 * folder, and by `context.sendFile()` with workers 0, 1 and 2; beside `deno serve` with the stream of a file, and
 * nginx without `sendfile`. `deno task bench:files --help` has the options.
 *
 * @module
 */

import { together } from "./measuring/anew.ts";
import type { Bench, BenchOptions, Case, Goal } from "./measuring/bench.ts";
import { whole } from "./command_line.ts";
import type { Sample } from "./measuring/figures.ts";
import { delay, freePort } from "./measuring/harness.ts";
import { HeldConnections } from "./loads/held.ts";
import { wrk } from "./loads/wrk.ts";
import { runAlone } from "./main.ts";
import { memoryOf } from "./memory.ts";
import type { Contestant, Running } from "./measuring/processes.ts";

const DENO_SERVE = "deno serve";
const NGINX = "nginx";
const FOLDER_APP = "a folder";
const SENT_FILE = "context.sendFile()";

const MEBIBYTE = 1_048_576;
const LARGE_MIB = 1_024;
const SMALL_BYTES = 1_024;
const DOWNLOADS = 3;
const CONNECTIONS = 32;
const SLOW_CLIENTS = 1_000;
const SETTLE_MS = 2_000;

/** What a sample is taken of. */
type Measure = (server: Running, options: BenchOptions) => Promise<Sample>;

/** Files. */
export const filesBench: Bench = {
  name: "files",
  async cases(folder) {
    const root = `${folder}/files`;
    await makeFiles(root);
    const made = (how: string, what: string, measure: Measure, goals: readonly Goal[]): Case => ({
      name: `${what}, ${how}`,
      peers: [DENO_SERVE, NGINX],
      references: [DENO_SERVE, NGINX],
      // A folder needs no worker, and has none.
      workers: how === FOLDER_APP ? [0] : [0, 1, 2],
      goals: how === FOLDER_APP ? goals.filter(({ workers }) => workers === 0) : goals,
      peer: (peer, name) => peer === NGINX ? nginx(name, folder, root) : denoServe(name, root),
      gatehouse: (name, own, workers) => gatehouse(name, own, how, workers, folder, root),
      measure: (contestants, options) =>
        together(contestants, options, async (running) => {
          const samples: Sample[] = [];
          for (const server of running) samples.push(await measure(server, options));
          return samples;
        }),
    });
    return [FOLDER_APP, SENT_FILE].flatMap((how) => [
      made(how, `a file of ${LARGE_MIB} MiB`, large, LARGE_GOALS),
      made(how, `files of ${SMALL_BYTES} bytes`, small, []),
      made(how, `${SLOW_CLIENTS} slow clients of a file of ${LARGE_MIB} MiB`, slow, []),
    ]);
  },
};

const LARGE_GOALS: readonly Goal[] = [0, 1].flatMap((workers): Goal[] => [
  { workers, figure: "cpuMs", atMost: 0.8, reference: DENO_SERVE },
  { workers, figure: "cpuMs", atMost: 1.5, reference: NGINX },
]);

async function makeFiles(root: string): Promise<void> {
  await Deno.mkdir(root, { recursive: true });
  await Deno.writeTextFile(`${root}/index.html`, "Hello World");
  await Deno.writeFile(`${root}/small`, new Uint8Array(SMALL_BYTES));
  using file = await Deno.open(`${root}/large`, { write: true, create: true });
  const piece = crypto.getRandomValues(new Uint8Array(65_536));
  for (let i = 0; i < LARGE_MIB * 16; i++) await file.write(piece);
}

function denoServe(name: string, root: string): Contestant {
  const port = freePort();
  const args = ["-A", "--no-check", "--no-lock", "--host=127.0.0.1", `--port=${port}`];
  const app = new URL("./apps/files.ts", import.meta.url).pathname;
  const command = [Deno.execPath(), "serve", ...args, app];
  return { name, port, command, env: { FILES_ROOT: root } };
}

function nginx(name: string, folder: string, root: string): Contestant {
  const port = freePort();
  const own = `${folder}/nginx-${port}`;
  Deno.mkdirSync(own);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${own}/${kind};`).join(" ");
  Deno.writeTextFileSync(
    `${own}/conf`,
    `${Deno.uid() === 0 ? "user root;" : ""} daemon off; worker_processes 1; pid ${own}/pid;
error_log ${own}/error.log; events { worker_connections 4096; }
http { access_log off; sendfile off; ${temporary}
server { listen 127.0.0.1:${port}; root ${root}; } }`,
  );
  const env = { PATH: `${Deno.env.get("PATH")}:/usr/sbin` };
  return { name, port, command: ["nginx", "-c", `${own}/conf`, "-e", `${own}/error.log`], env };
}

function gatehouse(
  name: string,
  own: string,
  how: string,
  workers: number,
  folder: string,
  root: string,
): Contestant {
  const port = freePort();
  const app = new URL("./apps/send_file.ts", import.meta.url).pathname;
  const what = how === FOLDER_APP
    ? ["serve", root]
    // Apps on the gateway's own thread may read everything.
    : [app, `--workers=${workers}`, ...workers > 0 ? [`--app-allow-read=${root}`] : []];
  const program = [Deno.execPath(), "run", "-A", "--no-check", `${own}/cli.ts`];
  const env = { FILES_ROOT: root, GATEHOUSE_CACHE: `${folder}/cache` };
  return { name, port, command: [...program, ...what, `--http=127.0.0.1:${port}`], env };
}

/** CPU time and time that the large file takes. */
async function large(server: Running): Promise<Sample> {
  const { port } = server.contestant;
  await download(port);
  const cpuBefore = server.cpuSeconds();
  const begun = performance.now();
  for (let i = 0; i < DOWNLOADS; i++) await download(port);
  return {
    cpuMs: (server.cpuSeconds() - cpuBefore) * 1_000 / DOWNLOADS,
    wallMs: (performance.now() - begun) / DOWNLOADS,
  };
}

/** Has curl fetch the file: it takes it as fast as it comes. */
async function download(port: number): Promise<void> {
  const { success, stdout } = await new Deno.Command("curl", {
    args: ["-sSf", "-o", "/dev/null", "-w", "%{size_download}", `http://127.0.0.1:${port}/large`],
    stderr: "inherit",
  }).output();
  const bytes = Number(new TextDecoder().decode(stdout));
  if (!success || bytes !== LARGE_MIB * MEBIBYTE) throw new Error(`the file has ${bytes} bytes`);
}

async function small(server: Running, { seconds }: BenchOptions): Promise<Sample> {
  const { port } = server.contestant;
  const load = { port, path: "/small", connections: CONNECTIONS };
  await wrk({ ...load, seconds: 1 });
  const cpuBefore = server.cpuSeconds();
  const { requests, seconds: took } = await wrk({ ...load, seconds });
  const cpuUs = (server.cpuSeconds() - cpuBefore) * 1e6 / requests;
  return { rate: requests / took, cpuUs };
}

/** What clients take of memory that ask for the file, and read nothing. */
async function slow(server: Running): Promise<Sample> {
  const { port } = server.contestant;
  const ask = "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n";
  {
    using first = new HeldConnections();
    for (let i = 0; i < 50; i++) await first.open(port, ask);
    await delay(SETTLE_MS);
  }
  await delay(SETTLE_MS);
  const before = memoryOf(server).ownMiB;
  using held = new HeldConnections();
  for (let i = 0; i < SLOW_CLIENTS; i++) await held.open(port, ask);
  await delay(SETTLE_MS);
  return { grownMiB: memoryOf(server).ownMiB - before };
}

if (import.meta.main) {
  await runAlone(filesBench, {
    task: "bench:files",
    about: "All servers are started anew for each round, and asked one after the other.",
    options: { rounds: whole(3, "rounds after the warm-up") },
  });
}
