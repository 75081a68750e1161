/**
 * Requests without a pause over all protocols, while the apps are loaded anew: counts what is lost,
 * and what is answered wrongly.
 */

import type { Target } from "./fastcgi.ts";
import { startGateway } from "./gateway.ts";
import type { GatewayProcess } from "./gateway.ts";
import type { Lane, Question } from "./lanes.ts";
import { FastCgiLane, FastCgiLine, HttpLane } from "./lanes.ts";
import { appSource, GENERATION, until } from "./reloading.ts";

/** Ways to the gateway. */
export type Protocol = "http" | "fastcgi" | "mongrel2";

/** What a kind of lane has seen. */
export interface Tally {
  /** Protocol, kind of socket, and how connections are used. */
  readonly name: string;
  /** Requests that were answered as they should be. */
  requests: number;
  /** Those of them that were answered in a stream. */
  streams: number;
  /** Streams that ended, whole, when a later generation had answered already. */
  outlasting: number;
  /** Connections that could not be made. */
  refused: number;
  /** Connections that ended before the answer did. */
  reset: number;
  /** Answers that were not to their request, not of one generation, or of one that was over. */
  wrong: number;
}

/** What came of it. */
export interface LoadReport {
  readonly reloads: number;
  readonly tallies: readonly Tally[];
  /** The first faults, in words. */
  readonly faults: readonly string[];
  /** The gateway's log. */
  readonly log: readonly string[];
}

/** What is done. */
export interface LoadOptions {
  readonly loader: "own" | "native";
  readonly protocols: readonly Exclude<Protocol, "mongrel2">[];
  /** A Mongrel2 that the gateway is to be a handler of. */
  readonly mongrel2?: { readonly spec: string; readonly port: number };
  readonly reloads: number;
  /** Lanes of each kind. */
  readonly lanes: number;
  readonly onReload?: (count: number) => void;
}

const MAX_FAULTS = 20;
const STREAM_PARTS = 10;
const STREAM_PAUSE_MS = 25;

/** Keeps the gateway busy while it loads its app `reloads` times, in a new version each time. */
export async function reloadUnderLoad(options: LoadOptions): Promise<LoadReport> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await putVersion(folder, 1);
    const { protocols, mongrel2, loader } = options;
    const unix = { http: `${folder}/http.sock`, fastcgi: `${folder}/fastcgi.sock` };
    const args = protocols.flatMap((protocol) => [
      `--${protocol}=127.0.0.1:0`,
      `--${protocol}=unix:${unix[protocol]}`,
    ]);
    if (mongrel2 !== undefined) args.push(`--mongrel2=${mongrel2.spec}`);
    await using gateway = await startGateway([
      `${folder}/app.ts`,
      ...args,
      "--workers=2",
      `--loader=${loader}`,
      `--generation-header=${GENERATION}`,
    ], { env: { GATEHOUSE_CACHE: `${folder}/cache` } });
    const load = new Load();
    for (const protocol of protocols) {
      const port = Number(
        gateway.log.find((line) => line.startsWith(`listening ${protocol}://127`))!.split(":").at(
          -1,
        ),
      );
      addLanes(load, protocol, "TCP", port, options.lanes);
      addLanes(load, protocol, "unix", { path: unix[protocol] }, options.lanes);
    }
    if (mongrel2 !== undefined) addLanes(load, "mongrel2", "TCP", mongrel2.port, options.lanes);
    try {
      await reloadAll(gateway, folder, load, options);
    } finally {
      await load.stop();
    }
    const { tallies, faults } = load;
    return { reloads: options.reloads, tallies, faults, log: gateway.log };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function reloadAll(
  gateway: GatewayProcess,
  folder: string,
  load: Load,
  { reloads, onReload }: LoadOptions,
): Promise<void> {
  await until("every lane is answered", () => load.hasEveryLaneSeen(1));
  for (let generation = 2; generation <= reloads + 1; generation++) {
    await putVersion(folder, generation);
    gateway.kill("SIGHUP");
    await gateway.logged(new RegExp(`^generation ${generation} serves$`));
    await until(
      `every lane is answered by generation ${generation}`,
      () => load.hasEveryLaneSeen(generation),
    );
    onReload?.(generation - 1);
  }
}

/** At once, as deployments do it. */
async function putVersion(folder: string, version: number): Promise<void> {
  await Deno.writeTextFile(`${folder}/app.ts.new`, appSource(version));
  await Deno.rename(`${folder}/app.ts.new`, `${folder}/app.ts`);
}

function addLanes(
  load: Load,
  protocol: Protocol,
  socket: string,
  target: Target,
  count: number,
): void {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const name = (use: string) => `${protocol} ${socket}, ${use}`;
  if (protocol !== "fastcgi") {
    load.add(name("kept connections"), numbers.map(() => new HttpLane(target, true)));
    load.add(name("new connections"), numbers.map(() => new HttpLane(target, false)));
    return;
  }
  const own = () => new FastCgiLine(target);
  const shared = own();
  load.add(name("kept connections"), numbers.map(() => new FastCgiLane(own(), 1, true)));
  load.add(name("multiplexed"), numbers.map((id) => new FastCgiLane(shared, id, true)));
  load.add(name("new connections"), numbers.map(() => new FastCgiLane(own(), 1, false)));
}

/** Lanes that ask without a pause, and what they see. */
class Load {
  readonly tallies: Tally[] = [];
  readonly faults: string[] = [];
  readonly #lanes: Lane[] = [];
  readonly #running: Promise<void>[] = [];
  /** The last generation that answered each lane. */
  readonly #seen: number[] = [];
  /** The last generation that answered anybody. */
  #newest = 0;
  #stopped = false;

  /** Begins to ask over `lanes`. */
  add(name: string, lanes: readonly Lane[]): void {
    const tally = {
      name,
      requests: 0,
      streams: 0,
      outlasting: 0,
      refused: 0,
      reset: 0,
      wrong: 0,
    };
    this.tallies.push(tally);
    for (const lane of lanes) {
      this.#lanes.push(lane);
      this.#seen.push(0);
      this.#running.push(this.#run(lane, tally, this.#seen.length - 1));
    }
  }

  /** Whether this generation, or a later one, has answered in each lane; at once if there are faults. */
  hasEveryLaneSeen(generation: number): boolean {
    return this.faults.length > 0 || this.#seen.every((seen) => seen >= generation);
  }

  /** Lets the lanes have their last answers. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
    for (const lane of this.#lanes) lane.close();
  }

  async #run(lane: Lane, tally: Tally, index: number): Promise<void> {
    for (let count = 0; !this.#stopped; count++) {
      const token = crypto.randomUUID();
      const floor = this.#newest;
      try {
        const [question, expected] = exchange(count + index, token);
        const answer = await lane.ask(question);
        const generation = Number(answer.headers.get(GENERATION));
        const isRight = answer.status === 200 && Number.isInteger(generation) &&
          answer.body === expected(generation);
        if (!isRight) {
          this.#fault(tally, "wrong", `${question.path}: ${JSON.stringify(answer)}`);
        } else if (generation < floor) {
          this.#fault(tally, "wrong", `${generation} answers what was asked after ${floor} had`);
        } else {
          tally.requests++;
          this.#seen[index] = generation;
          if (question.path.startsWith("/stream")) {
            tally.streams++;
            if (generation < this.#newest) tally.outlasting++;
          }
          this.#newest = Math.max(this.#newest, generation);
        }
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        const kind = error instanceof Deno.errors.ConnectionRefused ? "refused" : "reset";
        this.#fault(tally, kind, error.message);
        lane.close();
        // Whoever refuses at once is not to be asked without end.
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  #fault(tally: Tally, kind: "refused" | "reset" | "wrong", text: string): void {
    tally[kind]++;
    if (this.faults.length < MAX_FAULTS) this.faults.push(`${tally.name}: ${kind}: ${text}`);
  }
}

/** One of several questions, and its answer by generation: each version of the app is of the same number. */
function exchange(count: number, token: string): [Question, (generation: number) => string] {
  switch (count % 4) {
    case 0: {
      const path = `/stream?parts=${STREAM_PARTS}&ms=${STREAM_PAUSE_MS}&token=${token}`;
      const lines = (generation: number) =>
        Array.from({ length: STREAM_PARTS }, (_, at) => `${generation} ${token} ${at}\n`).join("");
      return [{ path, body: undefined }, lines];
    }
    case 1: {
      const body = "x".repeat(1 + Math.floor(Math.random() * 20_000));
      const path = `/upload?token=${token}`;
      return [{ path, body }, (generation) => `${generation} ${token} ${body.length} false`];
    }
    default:
      return [
        { path: `/?token=${token}`, body: undefined },
        (generation) => `${generation} ${token}`,
      ];
  }
}
