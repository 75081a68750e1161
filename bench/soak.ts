/**
 * Endurance: a million requests over HTTP, FastCGI and Mongrel2 at once, while the app is loaded anew a
 * hundred times and twenty workers die. Counts what is lost or wrong, and says what memory, threads and
 * descriptors there are at the start and the end.
 *
 *     deno task bench:soak [OPTIONS], which `--help` tells
 *
 * Killed are the requests that a worker had when it was made to die: they were under way then. Lost are all
 * others that got no answer, and wrong the answers that were not to their request, not of the version that
 * belongs to the generation that they name, or of a generation that another one had taken over from when
 * they were asked for. Exits 1 if any were.
 *
 * @module
 */

import { Mongrel2Server } from "../tests/peers/mongrel2_server.ts";
import type { GatewayProcess } from "../tests/support/gateway.ts";
import { startGateway } from "../tests/support/gateway.ts";
import type { Lane, Question } from "../tests/support/lanes.ts";
import { BrokenAnswer, FastCgiLane, FastCgiLine, HttpLane } from "../tests/support/lanes.ts";
import { isMissing, libzmqIsMissing } from "../tests/support/peers.ts";
import { appSource, GENERATION, until } from "../tests/support/reloading.ts";
import { commandLine, whole } from "./command_line.ts";
import { openDescriptorsOf, residentBytesOf } from "./measuring/harness.ts";

/** Requests before memory is looked at for the first time: by then all code has run. */
const WARM_UP_SHARE = 0.02;
const STREAM_PARTS = 4;
const MAX_UPLOAD_BYTES = 50_000;
const MAX_FAULTS = 20;

const { requests, reloads, deaths, lanes: lanesOfAKind } = commandLine({
  usage: "bench:soak",
  about: "Requests over all protocols, over reloads and deaths of workers: counts what is lost.",
  options: {
    requests: whole(1_000_000, "requests in all"),
    reloads: whole(100, "reloads of the app", 0),
    deaths: whole(20, "workers that die", 0),
    lanes: whole(4, "lanes of each kind"),
  },
});

/** What a kind of lane has seen. */
interface Tally {
  readonly name: string;
  answered: number;
  killed: number;
  lost: number;
  wrong: number;
}

/** What the gateway takes. */
interface Sample {
  readonly at: string;
  readonly residentBytes: number;
  readonly threads: number;
  readonly descriptors: number;
}

/** Lanes that ask without a pause until they are stopped. */
class Soak {
  readonly tallies: Tally[] = [];
  readonly faults: string[] = [];
  readonly #lanes: Lane[] = [];
  readonly #running: Promise<void>[] = [];
  /** Times from when a worker was told to die to when it had, in order. */
  readonly #deaths: [from: number, to: number][] = [];
  /** The last generation that answered anybody. */
  #newest = 0;
  #answered = 0;
  #isStopped = false;

  /** Requests that were answered. */
  get answered(): number {
    return this.#answered;
  }

  add(name: string, lanes: readonly Lane[]): void {
    const tally = { name, answered: 0, killed: 0, lost: 0, wrong: 0 };
    this.tallies.push(tally);
    for (const lane of lanes) {
      this.#lanes.push(lane);
      this.#running.push(this.#run(lane, tally, this.#lanes.length));
    }
  }

  /** Makes a worker die, by a request that it answers so. */
  async kill(target: number): Promise<void> {
    const death: [number, number] = [performance.now(), Infinity];
    this.#deaths.push(death);
    const lane = new HttpLane(target, false);
    try {
      const { status } = await lane.ask({ path: "/crash", body: undefined });
      if (status !== 502) throw new Error(`a worker that was to die has answered ${status}`);
    } finally {
      death[1] = performance.now();
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running);
    for (const lane of this.#lanes) lane.close();
  }

  async #run(lane: Lane, tally: Tally, index: number): Promise<void> {
    for (let turn = index; !this.#isStopped; turn++) {
      const token = crypto.randomUUID();
      const [question, expected] = exchange(turn, token);
      const floor = this.#newest;
      const startedAt = performance.now();
      try {
        const { status, headers, body } = await lane.ask(question);
        const generation = Number(headers.get(GENERATION));
        if (status === 200 && body === expected(generation)) {
          if (generation < floor) {
            this.#fault(tally, "wrong", `${generation} answers what was asked after ${floor} had`);
          } else {
            tally.answered++;
            this.#answered++;
            this.#newest = Math.max(this.#newest, generation);
          }
        } else if (status === 502 && this.#wasKilled(startedAt)) {
          tally.killed++;
        } else {
          this.#fault(
            tally,
            status >= 500 ? "lost" : "wrong",
            `${question.path}: ${status} ${body.slice(0, 200)}`,
          );
        }
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        // Others may share its connection.
        if (!(error instanceof BrokenAnswer)) lane.close();
        if (this.#wasKilled(startedAt)) tally.killed++;
        else this.#fault(tally, "lost", `${question.path}: ${error.message}`);
      }
    }
  }

  /** Whether a worker died while a request was under way that began then, and has ended now. */
  #wasKilled(startedAt: number): boolean {
    const now = performance.now();
    return this.#deaths.some(([from, to]) => startedAt <= to && now >= from);
  }

  #fault(tally: Tally, kind: "lost" | "wrong", text: string): void {
    tally[kind]++;
    if (this.faults.length < MAX_FAULTS) this.faults.push(`${tally.name}: ${kind}: ${text}`);
  }
}

/** One of several questions, and its answer by generation: each version of the app is of the same number. */
function exchange(turn: number, token: string): [Question, (generation: number) => string] {
  switch (turn % 16) {
    case 0: {
      const path = `/stream?parts=${STREAM_PARTS}&ms=0&token=${token}`;
      const lines = (generation: number) =>
        Array.from({ length: STREAM_PARTS }, (_, at) => `${generation} ${token} ${at}\n`).join("");
      return [{ path, body: undefined }, lines];
    }
    case 4: {
      const body = "x".repeat(1 + Math.floor(Math.random() * MAX_UPLOAD_BYTES));
      const path = `/upload?token=${token}`;
      return [{ path, body }, (generation) => `${generation} ${token} ${body.length} false`];
    }
    default: {
      const path = `/?token=${token}`;
      return [{ path, body: undefined }, (generation) => `${generation} ${token}`];
    }
  }
}

function sampleOf(at: string, pid: number): Sample {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return {
    at,
    residentBytes: residentBytesOf(pid),
    threads: Number(/^Threads:\s+(\d+)/m.exec(status)?.[1]),
    descriptors: openDescriptorsOf(pid),
  };
}

/** At once, as deployments do it. */
async function putVersion(folder: string, version: number): Promise<void> {
  await Deno.writeTextFile(`${folder}/app.ts.new`, appSource(version));
  await Deno.rename(`${folder}/app.ts.new`, `${folder}/app.ts`);
}

function portOf(gateway: GatewayProcess, protocol: string): number {
  const line = gateway.log.find((each) => each.startsWith(`listening ${protocol}://`))!;
  return Number(line.split(":").at(-1));
}

function addLanes(soak: Soak, gateway: GatewayProcess, mongrel2: Mongrel2Server | null): void {
  const numbers = Array.from({ length: lanesOfAKind }, (_, index) => index + 1);
  const http = portOf(gateway, "http");
  soak.add("http, kept connections", numbers.map(() => new HttpLane(http, true)));
  soak.add("http, new connections", numbers.map(() => new HttpLane(http, false)));
  const fastcgi = portOf(gateway, "fastcgi");
  const line = () => new FastCgiLine(fastcgi);
  const shared = line();
  soak.add("fastcgi, kept connections", numbers.map(() => new FastCgiLane(line(), 1, true)));
  soak.add("fastcgi, multiplexed", numbers.map((id) => new FastCgiLane(shared, id, true)));
  if (mongrel2 === null) return;
  soak.add("mongrel2, kept connections", numbers.map(() => new HttpLane(mongrel2.port, true)));
  soak.add("mongrel2, new connections", numbers.map(() => new HttpLane(mongrel2.port, false)));
}

/** Reloads and kills, evenly over all requests; samples at the quarters. */
async function run(
  soak: Soak,
  gateway: GatewayProcess,
  folder: string,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  const events: [due: number, act: () => Promise<void>][] = [];
  let generation = 1;
  const reload = async () => {
    await putVersion(folder, ++generation);
    gateway.kill("SIGHUP");
    await gateway.logged(new RegExp(`^generation ${generation} serves$`), { timeoutMs: 60_000 });
    if (generation % 10 === 1) console.error(`${generation - 1} reloads, ${soak.answered} answers`);
  };
  let died = 0;
  const death = /^error: .* (?:died: |has an error that nobody catches; )/;
  const deathCount = () => gateway.log.filter((line) => death.test(line)).length;
  const kill = async () => {
    await soak.kill(portOf(gateway, "http"));
    died++;
    await until("the death is logged", () => deathCount() === died);
  };
  const sample = (at: string) => () => {
    samples.push(sampleOf(at, gateway.pid));
    return Promise.resolve();
  };
  for (let i = 1; i <= reloads; i++) events.push([i / (reloads + 1), reload]);
  for (let i = 1; i <= deaths; i++) events.push([(i - 0.5) / deaths, kill]);
  events.push([WARM_UP_SHARE, sample("start")]);
  for (const quarter of [0.25, 0.5, 0.75]) events.push([quarter, sample(`${quarter * 100} %`)]);
  events.push([1, sample("100 %")]);
  events.sort(([a], [b]) => a - b);
  for (const [due, act] of events) {
    // Faults end it early: what follows from them helps nobody.
    while (soak.answered < due * requests && soak.faults.length < MAX_FAULTS) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (soak.faults.length === MAX_FAULTS) break;
    await act();
  }
  return samples;
}

function print({ tallies, faults }: Soak, samples: readonly Sample[], seconds: number): number {
  const columns = ["answered", "killed", "lost", "wrong"] as const;
  const total: Tally = { name: "all", answered: 0, killed: 0, lost: 0, wrong: 0 };
  for (const tally of tallies) for (const column of columns) total[column] += tally[column];
  const rate = Math.round(total.answered / seconds);
  console.log(
    `${total.answered} answers, ${reloads} reloads and ${deaths} deaths of workers in ` +
      `${seconds.toFixed(0)} s: ${rate} answers/s\n`,
  );
  const width = Math.max(...tallies.map(({ name }) => name.length));
  console.log(["".padEnd(width), ...columns.map((name) => name.padStart(9))].join(" "));
  for (const tally of [...tallies, total]) {
    const counts = columns.map((column) => String(tally[column]).padStart(9));
    console.log([tally.name.padEnd(width), ...counts].join(" "));
  }
  console.log(`\n${"".padEnd(8)}   MiB  threads  descriptors`);
  for (const { at, residentBytes, threads, descriptors } of samples) {
    const mebibytes = (residentBytes / 1_048_576).toFixed(0);
    console.log(
      `${at.padEnd(8)} ${mebibytes.padStart(5)} ${String(threads).padStart(8)} ` +
        String(descriptors).padStart(12),
    );
  }
  for (const fault of faults) console.log(fault);
  return total.lost + total.wrong;
}

const noMongrel2 = isMissing("mongrel2") || isMissing("m2sh") || libzmqIsMissing();
const folder = await Deno.realPath(await Deno.makeTempDir());
let bad: number;
try {
  await putVersion(folder, 1);
  await using mongrel2 = noMongrel2 ? null : await Mongrel2Server.start();
  await using gateway = await startGateway([
    `${folder}/app.ts`,
    "--http=127.0.0.1:0",
    "--fastcgi=127.0.0.1:0",
    ...(mongrel2 === null ? [] : ["--mongrel2", mongrel2.spec()]),
    "--workers=2",
    // With Deno's, a worker that takes the place of a dead one loads what is there by then.
    "--loader=own",
    `--generation-header=${GENERATION}`,
  ], { env: { GATEHOUSE_CACHE: `${folder}/cache` } });
  const soak = new Soak();
  const start = performance.now();
  addLanes(soak, gateway, mongrel2);
  let samples: Sample[] = [];
  try {
    samples = await run(soak, gateway, folder);
  } finally {
    await soak.stop();
  }
  const seconds = (performance.now() - start) / 1_000;
  samples.push(sampleOf("at rest", gateway.pid));
  bad = print(soak, samples, seconds);
} finally {
  await Deno.remove(folder, { recursive: true });
}
if (bad > 0) Deno.exit(1);
