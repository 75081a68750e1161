/**
 * A fleet: Mongrel2, two dispatchers, and six handlers on machines of their own (network namespaces),
 * while clients ask all the time, and one thing after the other goes wrong.
 */

import { assert, assertEquals } from "../support/assert.ts";
import { FleetClients } from "../support/fleet_clients.ts";
import type { FleetAnswer } from "../support/fleet_clients.ts";
import { FROM_SOURCE, startGateway } from "../support/gateway.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { Network, networksCannotBe } from "../support/network.ts";
import { isMissing, libzmqIsMissing } from "../support/peers.ts";
import { inFolder } from "../support/processes.ts";
import { eventually } from "../support/zmq.ts";
import { Mongrel2Server } from "./mongrel2_server.ts";

const ignore = libzmqIsMissing() || isMissing("mongrel2") || networksCannotBe();

const HANDLERS = 6;
const CLIENTS = 64;
/** Interval of pings: the dispatchers' default. */
const INTERVAL_MS = 1_000;
/** What a dead handler may cost a request: until it is found out, and what a busy machine adds. */
const MAX_TAKEN_MS = 2 * INTERVAL_MS + 3_000;
/** Time for which clients ask before the first event, and after each. */
const WATCHED_MS = 4_000;

/** An app that says who it is and, of POSTs, writes down that it has them. */
function app(name: string, file: string): string {
  return `export default {
  async fetch(request) {
    const id = new URL(request.url).searchParams.get("id");
    if (request.method === "POST") {
      await request.text();
      await Deno.writeTextFile(${JSON.stringify(file)}, id + "\\n", { append: true });
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
    return new Response(id + " ${name}");
  },
};
`;
}

/** Mongrel2, two dispatchers, and what starts handlers on machines of their own. */
class Fleet implements AsyncDisposable {
  readonly #cleanUp = new AsyncDisposableStack();
  readonly #folder: string;
  #network!: Network;
  #mongrel2!: Mongrel2Server;
  /** Where the dispatchers are. */
  readonly #endpoints: string[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(folder: string, ...options: string[]): Promise<Fleet> {
    const fleet = new Fleet(folder);
    try {
      await fleet.#start(options);
    } catch (error) {
      await fleet[Symbol.asyncDispose]();
      throw error;
    }
    return fleet;
  }

  async #start(options: readonly string[]): Promise<void> {
    this.#network = this.#cleanUp.use(await Network.make(HANDLERS));
    this.#mongrel2 = this.#cleanUp.use(await Mongrel2Server.start());
    for (let i = 0; i < 2; i++) {
      const { send, recv } = this.#mongrel2.handlers.main;
      const args = ["dispatch", `${send},recv=${recv}`, `tcp://${this.#network.address}:0`];
      const dispatcher = this.#cleanUp.use(await startGateway([...args, ...options]));
      const line = await dispatcher.logged(/^listening dispatch\+tcp:/);
      this.#endpoints.push(line.replace("listening ", ""));
    }
  }

  get network(): Network {
    return this.#network;
  }

  /** Port of Mongrel2. */
  get port(): number {
    return this.#mongrel2.port;
  }

  /** Starts a handler in a namespace. */
  async handler(number: number, name = `h${number}`): Promise<GatewayProcess> {
    const path = `${this.#folder}/${name}.ts`;
    await Deno.writeTextFile(path, app(name, `${this.#folder}/${name}.posts`));
    const specs = this.#endpoints.flatMap((endpoint) => ["--mongrel2", `${endpoint},name=${name}`]);
    const handler = this.#cleanUp.use(
      await startGateway(
        [path, ...specs, "--workers", "1", `--app-allow-write=${this.#folder}`],
        { command: [...this.#network.within(number), ...FROM_SOURCE] },
      ),
    );
    for (let i = 0; i < 2; i++) await handler.logged(joined(this.#endpoints[i]));
    return handler;
  }

  /** The POSTs that handlers have written down, as often as they did. */
  async posts(): Promise<number[]> {
    const ids: number[] = [];
    for await (const { name } of Deno.readDir(this.#folder)) {
      if (!name.endsWith(".posts")) continue;
      const text = await Deno.readTextFile(`${this.#folder}/${name}`);
      ids.push(...text.split("\n").filter((line) => line !== "").map(Number));
    }
    return ids;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanUp.disposeAsync();
  }
}

/** What a handler says when the dispatcher at `endpoint` has taken it in. */
function joined(endpoint: string): RegExp {
  const [port] = /:\d+$/.exec(endpoint)!;
  return new RegExp(`is a handler of the dispatcher at .*${port}$`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The answers of requests that were asked between these times. */
function askedBetween(answers: readonly FleetAnswer[], from: number, to: number): FleetAnswer[] {
  return answers.filter(({ askedAt }) => askedAt >= from && askedAt < to);
}

function quantileMs(answers: readonly FleetAnswer[], quantile: number): number {
  const sorted = answers.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * quantile)] ?? NaN;
}

Deno.test({
  name: "a fleet loses no safe request, and answers none twice, whatever becomes of its handlers",
  ignore,
  async fn() {
    await inFolder({}, async (folder) => {
      await using fleet = await Fleet.start(folder);
      const handlers: GatewayProcess[] = [];
      for (let number = 1; number <= HANDLERS; number++) handlers.push(await fleet.handler(number));
      const [killed, paused, _cut, leaving] = handlers;
      await using clients = FleetClients.start(fleet.port, CLIENTS);
      const { answers } = clients;
      const handlersSince = (since: number) =>
        new Set(askedBetween(answers, since, Infinity).map(({ handler }) => handler));
      await eventually(() => handlersSince(0).size === HANDLERS);
      const events: { readonly name: string; readonly at: number }[] = [];
      /** Has something happen, and lets clients ask until two intervals have passed, and then for a while. */
      const happens = async (name: string, act: () => unknown) => {
        events.push({ name, at: performance.now() });
        await act();
        await pause(2 * INTERVAL_MS + WATCHED_MS);
      };
      /** Waits until a handler answers. */
      const answersAgain = async (handler: string) => {
        const since = performance.now();
        await eventually(() => handlersSince(since).has(handler));
      };
      await happens("before", () => {});
      await happens("one is killed", () => killed.kill("SIGKILL"));
      await happens("one stands still", () => paused.kill("SIGSTOP"));
      await happens("it goes on", () => paused.kill("SIGCONT"));
      await answersAgain("h2");
      await happens("a link is cut", () => fleet.network.cut(3));
      await happens("it is mended", () => fleet.network.mend(3));
      await answersAgain("h3");
      await happens("one leaves", () => leaving.kill("SIGTERM"));
      assertEquals((await leaving.status).code, 0);
      await happens("one joins", () => fleet.handler(1, "h7"));
      await answersAgain("h7");
      events.push({ name: "the end", at: performance.now() });
      await clients.stop();

      const figures = events.slice(0, -1).map(({ name, at }, index) => {
        const all = askedBetween(answers, at, events[index + 1].at);
        const later = askedBetween(all, at + 2 * INTERVAL_MS, Infinity);
        const posts = all.filter(({ method }) => method === "POST");
        const lost = posts.filter(({ outcome }) => outcome !== "answered").length;
        return `${name}: ${all.length} requests, the slowest ${
          quantileMs(all, 1 - 1e-9).toFixed()
        } ` +
          `ms; p99 after two intervals ${quantileMs(later, 0.99).toFixed()} ms; ${lost} of ` +
          `${posts.length} POSTs not answered`;
      });
      console.log(figures.join("\n"));

      const safe = answers.filter(({ method }) => method === "GET");
      assertEquals(safe.filter(({ outcome }) => outcome !== "answered"), []);
      assertEquals(clients.surplus, [], "nothing comes that nobody has asked for");
      const unexplained = answers.filter(({ outcome }) => outcome === "wrong");
      assertEquals(unexplained, []);
      // What a handler had that died was given up as soon as that was found out.
      assertEquals(answers.filter(({ tookMs }) => tookMs > MAX_TAKEN_MS), []);
      // After two intervals, and a third for what a busy machine adds, nobody waits for the dead, until
      // the next event may find a request under way.
      for (const [index, { name, at }] of events.slice(0, -1).entries()) {
        const until = events[index + 1].at - INTERVAL_MS;
        const later = askedBetween(answers, at + 3 * INTERVAL_MS, until);
        assert(later.length > 0, name);
        assertEquals(later.filter(({ tookMs }) => tookMs > INTERVAL_MS), [], name);
      }
      const posts = await fleet.posts();
      assertEquals(posts.length, new Set(posts).size, "no POST was handled twice");
      assert(answers.length > 1_000);
    });
  },
});
