/**
 * Rates of gatehouse over FastCGI beside Go's net/http/fcgi, php-fpm and libfcgi: asked directly, by
 * the client library, and through nginx.
 *
 *     deno task bench:fastcgi [--rounds N] [--seconds N] [--only direct|multiplexed|nginx]
 *
 * All servers run at once; rounds are interleaved, and the first one is a warm-up. Printed are the
 * median rate, the CPU time per request of all its processes, and the median of the ratios to each
 * peer in the same round: on a noisy machine, only the ratios mean anything.
 *
 * @module
 */

// @ts-types="../src/types/std_parse_args.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { load } from "./peers/fcgi_load.ts";

const options = parseArgs(Deno.args, { string: ["rounds", "seconds", "only"] });
const rounds = Number(options.rounds ?? 5);
const seconds = Number(options.seconds ?? 2);
const CONNECTIONS = 32;

const here = (path: string) => new URL(path, import.meta.url).pathname;
const SCRIPT = here("./peers/hello.php");
const folder = await Deno.makeTempDir();
const path = `${Deno.env.get("PATH")}:/usr/sbin`;

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function run(program: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, env: { PATH: path } })
    .output();
  if (!success) throw new Error(`${program}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

interface Contestant {
  readonly name: string;
  readonly port: number;
  readonly command: readonly string[];
  /** Whether it takes several requests at a time on a connection. */
  readonly multiplexes: boolean;
}

async function contestants(): Promise<Contestant[]> {
  const names = ["gatehouse --workers 1", "gatehouse --workers 0", "Go", "php-fpm", "libfcgi"];
  const [workers1, workers0, go, php, lib] = names.map(() => freePort());
  const own = ["run", "-A", here("../cli.ts"), here("./peers/app.ts")];
  await run("go", "build", "-o", `${folder}/go`, here("./peers/fcgi_go.go"));
  await run("cc", "-O2", "-o", `${folder}/lib`, here("./peers/fcgi_lib.c"), "-lfcgi", "-lpthread");
  const folders = path.split(":");
  const fpm = folders.flatMap((each) => {
    try {
      return [...Deno.readDirSync(each)].filter(({ name }) => /^php-fpm[\d.]*$/.test(name))
        .map(({ name }) => `${each}/${name}`);
    } catch {
      return [];
    }
  })[0];
  await Deno.writeTextFile(
    `${folder}/fpm.conf`,
    `[global]\nerror_log = ${folder}/fpm.log\ndaemonize = no\n[www]\nlisten = 127.0.0.1:${php}\n` +
      `pm = static\npm.max_children = ${CONNECTIONS}\n${Deno.uid() === 0 ? "user = root\n" : ""}`,
  );
  return [
    {
      name: names[0],
      port: workers1,
      command: [Deno.execPath(), ...own, "--workers=1", `--fastcgi=${workers1}`],
      multiplexes: true,
    },
    {
      name: names[1],
      port: workers0,
      command: [Deno.execPath(), ...own, "--workers=0", `--fastcgi=${workers0}`],
      multiplexes: true,
    },
    { name: "Go", port: go, command: [`${folder}/go`, `127.0.0.1:${go}`], multiplexes: true },
    {
      name: "php-fpm",
      port: php,
      command: [fpm, "-R", "-y", `${folder}/fpm.conf`],
      multiplexes: false,
    },
    {
      name: "libfcgi",
      port: lib,
      command: [`${folder}/lib`, `127.0.0.1:${lib}`, String(CONNECTIONS)],
      multiplexes: false,
    },
  ];
}

/** CPU time of a process and its children, in clock ticks of 10 ms. */
function cpuTicks(pid: number): number {
  let ticks = 0;
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    let fields: string[];
    try {
      fields = Deno.readTextFileSync(`/proc/${name}/stat`).split(") ")[1].split(" ");
    } catch {
      continue;
    }
    const isOurs = Number(name) === pid || Number(fields[1]) === pid;
    if (isOurs) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks;
}

async function untilReady(port: number): Promise<void> {
  for (let i = 0; i < 200; i++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`nobody listens on port ${port}`);
}

/** An nginx with one server for each contestant; returns their ports. */
async function nginxConfig(all: readonly Contestant[]): Promise<{ conf: string; ports: number[] }> {
  const ports = all.map(() => freePort());
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
  const servers = all.map(({ port }, i) =>
    `upstream u${i} { server 127.0.0.1:${port}; keepalive ${CONNECTIONS}; }
server { listen 127.0.0.1:${ports[i]}; location / {
  fastcgi_pass u${i}; fastcgi_keep_conn on; include /etc/nginx/fastcgi_params;
  fastcgi_param SCRIPT_FILENAME ${SCRIPT}; } }`
  ).join("\n");
  const conf = `${folder}/nginx.conf`;
  await Deno.writeTextFile(
    conf,
    `${Deno.uid() === 0 ? "user root;\n" : ""}daemon off; worker_processes 1; pid ${folder}/pid;
error_log ${folder}/error.log;\nevents {}\nhttp { access_log off; keepalive_requests 10000000;
${temporary}\n${servers} }\n`,
  );
  return { conf, ports };
}

async function wrk(port: number): Promise<number> {
  const report = await run(
    "wrk",
    "-t1",
    `-c${CONNECTIONS}`,
    `-d${seconds}s`,
    `http://127.0.0.1:${port}/`,
  );
  if (/Non-2xx|Socket errors/.test(report)) throw new Error(report);
  return Number(/(\d+) requests in/.exec(report)![1]);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

async function compare(
  title: string,
  all: readonly Contestant[],
  pids: readonly number[],
  measure: (contestant: Contestant) => Promise<number>,
): Promise<void> {
  const rates = all.map((): number[] => []);
  const cpu = all.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, contestant] of all.entries()) {
      const before = cpuTicks(pids[i]);
      const requests = await measure(contestant);
      if (round === 0) continue;
      rates[i].push(requests / seconds);
      cpu[i].push((cpuTicks(pids[i]) - before) * 10_000 / requests);
    }
  }
  console.log(`${title}, ${rounds} rounds`);
  const peers = [...all.keys()].filter((i) => !all[i].name.startsWith("gatehouse"));
  for (const [i, { name }] of all.entries()) {
    const ratios = peers.map((peer) => {
      const ratio = median(rates[i].map((rate, round) => rate / rates[peer][round]));
      return `${ratio.toFixed(2)} of ${all[peer].name}`;
    });
    console.log(
      `  ${name.padEnd(24)}${median(rates[i]).toFixed(0).padStart(8)}/s` +
        `${median(cpu[i]).toFixed(1).padStart(9)} µs CPU   ${ratios.join(", ")}`,
    );
  }
}

const all = await contestants();
const { conf, ports } = await nginxConfig(all);
const processes = [...all.map(({ command }) => command), ["nginx", "-c", conf]]
  .map(([program, ...args]) =>
    new Deno.Command(program, { args, env: { PATH: path }, stdout: "null", stderr: "null" }).spawn()
  );
try {
  await Promise.all([...all.map(({ port }) => port), ...ports].map(untilReady));
  const pids = processes.map(({ pid }) => pid);
  const scenarios: Record<string, () => Promise<void>> = {
    direct: () =>
      compare(
        `direct: ${CONNECTIONS} connections, one request at a time on each`,
        all,
        pids,
        ({ port }) =>
          load({
            port,
            script: SCRIPT,
            connections: CONNECTIONS,
            requestsPerConnection: 1,
            seconds,
          }),
      ),
    multiplexed: () => {
      const taking = all.filter(({ multiplexes }) => multiplexes);
      return compare(
        "multiplexed: 2 connections, 16 requests at a time on each",
        taking,
        taking.map((each) => pids[all.indexOf(each)]),
        ({ port }) =>
          load({ port, script: SCRIPT, connections: 2, requestsPerConnection: 16, seconds }),
      );
    },
    nginx: () =>
      compare(
        `through nginx: ${CONNECTIONS} connections`,
        all,
        pids,
        (contestant) => wrk(ports[all.indexOf(contestant)]),
      ),
  };
  for (const [name, measure] of Object.entries(scenarios)) {
    if (options.only === undefined || options.only === name) await measure();
  }
} finally {
  for (const process of processes) {
    process.kill("SIGTERM");
    await process.status;
  }
  await Deno.remove(folder, { recursive: true });
}
