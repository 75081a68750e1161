/**
 * What a hostile byte costs: attacks on gatehouse, and on `deno serve` with the same app.
 *
 *     deno task bench:hostile [--seconds N] [--only TEXT] [--workers N]
 *
 * One server runs at a time, anew for each attack. Printed are the hostile bytes that it took, its CPU
 * time for a megabyte of them, the memory that it grew by, and how long another client waited for its
 * answers meanwhile: the median and the worst.
 *
 * @module
 */

import { commandLine, text, whole } from "./command_line.ts";
import {
  cpuMsOf,
  delay,
  freePort,
  median,
  residentBytesOf,
  startDeno,
  untilAnswered,
} from "./measuring/harness.ts";
import type { Attack } from "./hostile/attacks.ts";
import { attacks } from "./hostile/attacks.ts";

const { seconds, workers, only = "" } = commandLine({
  usage: "bench:hostile",
  about: "Attacks gatehouse and deno serve with the same app: what does a hostile byte cost?",
  options: {
    seconds: whole(3, "seconds of each attack"),
    only: text("TEXT", "only attacks whose names have this in them"),
    workers: whole(1, "gatehouse's workers", 0),
  },
});

const here = (path: string) => new URL(path, import.meta.url).pathname;
const APP = here("./hostile/app.ts");
/** Time between two requests of the client that is no attacker, in milliseconds. */
const PROBE_PAUSE_MS = 20;
const PROBE_TIMEOUT_MS = 10_000;
const MEBIBYTE = 1_048_576;

/** What an attack came to. */
interface Cost {
  readonly bytes: number;
  readonly cpuMs: number;
  readonly grownBytes: number;
  /** Waits of the other client in milliseconds; `Infinity` for an answer that did not come. */
  readonly waitsMs: readonly number[];
}

const folder = await Deno.makeTempDir({ prefix: "gatehouse-bench-" });
const [CERT, KEY] = [`${folder}/cert.pem`, `${folder}/key.pem`];

async function makeCertificate(): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
      ...["-addext", "basicConstraints=critical,CA:FALSE"],
      ...["-keyout", KEY, "-out", CERT],
    ],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

interface Contestant {
  readonly name: string;
  args(port: number, transport: Attack["transport"]): string[];
}

const contestants: readonly Contestant[] = [
  {
    name: "gatehouse",
    args: (port, transport) => [
      ...["run", "-A", "--no-check", here("../cli.ts"), APP, `--workers=${workers}`],
      ...transport === "tls"
        ? [`--https=127.0.0.1:${port}`, `--cert=${CERT}`, `--key=${KEY}`]
        : [`--http=127.0.0.1:${port}`],
    ],
  },
  {
    name: "deno serve",
    args: (port, transport) =>
      transport === "tls"
        ? ["run", "-A", "--no-check", here("./hostile/serve_tls.ts"), String(port), CERT, KEY]
        : ["serve", "-A", "--no-check", "--host=127.0.0.1", `--port=${port}`, APP],
  },
];

async function attacked(contestant: Contestant, attack: Attack): Promise<Cost> {
  const port = freePort();
  await using server = startDeno(contestant.args(port, attack.transport));
  const isTls = attack.transport === "tls";
  const url = `${isTls ? "https://localhost" : "http://127.0.0.1"}:${port}/`;
  using client = Deno.createHttpClient(isTls ? { caCerts: [Deno.readTextFileSync(CERT)] } : {});
  await untilAnswered(url, client);
  await delay(500);

  const rest = residentBytesOf(server.pid);
  let peak = rest;
  const sampling = setInterval(() => peak = Math.max(peak, residentBytesOf(server.pid)), 50);
  const cpuBefore = cpuMsOf(server.pid);
  let bytes = 0;
  const until = performance.now() + seconds * 1000;
  const waits = probe(url, client, until);
  await attack.run({ port, until, count: (sent) => bytes += sent });
  const waitsMs = await waits;
  clearInterval(sampling);
  return { bytes, cpuMs: cpuMsOf(server.pid) - cpuBefore, grownBytes: peak - rest, waitsMs };
}

/** Asks again and again; how long each answer took. */
async function probe(url: string, client: Deno.HttpClient, until: number): Promise<number[]> {
  const waits: number[] = [];
  while (performance.now() < until) {
    const start = performance.now();
    try {
      const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
      await (await fetch(url, { client, signal })).text();
      waits.push(performance.now() - start);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
      waits.push(Infinity);
    }
    await delay(PROBE_PAUSE_MS);
  }
  return waits;
}

function row(cells: readonly string[]): string {
  return cells.map((cell, i) => i === 0 ? cell.padEnd(14) : cell.padStart(12)).join("");
}

try {
  await makeCertificate();
  const named = attacks.filter(({ name }) => name.includes(only));
  for (const attack of named) {
    console.log(`\n${attack.name}`);
    console.log(row(["", "MiB taken", "CPU ms/MiB", "CPU ms", "MiB grown", "wait ms", "worst ms"]));
    for (const contestant of contestants) {
      const { bytes, cpuMs, grownBytes, waitsMs } = await attacked(contestant, attack);
      const figures = [
        (bytes / MEBIBYTE).toFixed(2),
        (cpuMs / bytes * MEBIBYTE).toFixed(1),
        String(cpuMs),
        (grownBytes / MEBIBYTE).toFixed(1),
        median(waitsMs).toFixed(1),
        Math.max(...waitsMs).toFixed(1),
      ];
      console.log(row([contestant.name, ...figures]));
    }
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
