import { assert, assertEquals } from "../support/assert.ts";
import type { Exchange, ExchangeHandler } from "../../src/message/exchange.ts";
import { HttpEndpoint } from "../../src/http1/endpoint.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/codec/limits.ts";
import { GatewaySockets } from "../../src/gateway/socket_keeper.ts";
import { AppWorker } from "../../src/pool/app_worker.ts";
import { Hub } from "../../src/signals/hub.ts";
import { LocalSwitchboard } from "../../src/signals/switchboard.ts";
import { MemoryTopicStore } from "../../src/signals/topic_store.ts";
import { urlOf } from "../../src/message/request_url.ts";

const MODULE = new URL("./lying_worker.ts", import.meta.url);

/** What comes of each forgery: the end of its worker, for this reason, or else a response (0: any). */
const outcomes: Record<string, RegExp | number> = {
  "random frames": /rules|gateway's/,
  "every kind for its request": /rules of its ring/,
  "an unknown kind": /unknown kind 200/,
  "a record of signals that is none": /malformed record of signals/,
  "a record of signals of an unknown kind": /malformed record of signals/,
  "a record of signals with a name beyond its end": /malformed record of signals/,
  "a record of signals longer than there may be": /record of signals that is too long/,
  "the end of its signals": /malformed record of signals/,
  "names of signals without end": 200,
  "answers to signals that it was not given": 200,
  "events, and questions for them, without end": 200,
  "a position beyond the ring": /writer of a ring is at an impossible place|beyond its/,
  "a position before the start": /writer of a ring is at an impossible place|beyond its/,
  "a frame longer than the ring": /beyond its ring's end/,
  "a response shorter than it says": /shorter than it says/,
  "an empty response frame": /shorter than it says/,
  "a second response": /second response/,
  "a body before its response": /a body before its response/,
  "an end before its response": /an end before its response/,
  "a body longer than announced": /longer than announced/,
  "a body without credit": /more of a body than there was credit for/,
  "a body of nothing": /0 bytes of a body in one frame/,
  "a body of more than a frame": /65537 bytes of a body in one frame/,
  "a response of more than a frame": /more than a frame/,
  "a body for no request": /for no request/,
  "credit for what never came": /credit for more than has come/,
  "credit for a file that never came": /credit for more than has come/,
  "credit of nothing without end": /useless/,
  "a subscription of what is no socket": /what is no kept socket/,
  "the end of a subscription of what is no socket": /what is no kept socket/,
  "a socket to keep, and nothing of it": /without what to keep of it/,
  "more to keep of a socket than there may be": /more to keep of a socket/,
  "something to keep of a response": /what is no kept socket/,
  "a socket to keep that nobody asked for": 426,
  "a message to a topic that goes on with none": /out of turn/,
  "a message to a topic that ends before its name": /another size than it says/,
  "a message to a topic without a name": /another size than it says/,
  "a longer topic than there may be": /too long a name/,
  "a message to a topic that never ends": /too large a message/,
  "a message to a topic in parts of nothing": /neither full nor the last/,
  "a socket to keep that is no WebSocket": /no WebSocket/,
  "a message to a topic of no app": 200,
  "a failure with an unknown status": /failure with an unknown status/,
  "an interim response with an unknown status": /interim response with an unknown status/,
  "endless interim responses": /endless interim responses/,
  "a larger interim response than there may be": /more field lines than there may be/,
  "more trailers than there may be": /more field lines than there may be/,
  "a reason phrase of more than a line": /malformed reason phrase/,
  "an end of work that nobody asked for": /was not asked for/,
  "a sign of life that nobody asked for": /sign of life that was not asked for/,
  "log lines beyond all limits": /useless/,
  "faults beyond all limits": /useless/,
  "doorbells without end": /rings endlessly/,
  "a bell that never falls silent": /rings endlessly/,
  "a sleep that it does not sleep": /rings endlessly|does not answer its doorbell|useless/,
  "a flood of unknown messages": /message of an unknown kind/,
  "a huge message": /message of an unknown kind/,
  "no message at all": /message of an unknown kind/,
  "a deep message": /message of an unknown kind|cannot be read/,
  "a message with ports": /message of an unknown kind/,
  "word of modules that it did not load": /message of an unknown kind/,
  "a fence that nobody sent": /message of an unknown kind/,
  "more imports than it may wait for": /malformed request for an import/,
  "longer imports than it may wait for": /malformed request for an import/,
  "an import of a type that is none": /malformed request for an import/,
  "a message that is no text where text is due": /the app called $/,
  "a failure that is none": /message of an unknown kind/,
  "imports that are none": /malformed request for an import/,
  "an import with a number": /malformed request for an import/,
  "ready twice": /message of an unknown kind/,
  "a status that is none": 500,
  "field lines with a line end within": 500,
  "field lines that are not": 500,
  "very many field lines": 0,
  "a length beyond numbers": /a malformed length/,
  "a length of no known kind": /a malformed length/,
  "a content-length that lies": 200,
  "transfer-encoding of its own": 200,
  "log lines without end": 200,
  "frames for others": /that never was/,
  "frames for requests that it has answered": 200,
  "frames without end for a request that it has answered": /useless/,
  "frames that never stop": /that never was/,
};

/** An honest worker, and one that lies, which is another one for each lie. */
class Workers implements ExchangeHandler {
  readonly #switchboard = new LocalSwitchboard(new Hub(new MemoryTopicStore()));
  readonly honest = this.#start("honest", (reason) => this.#fault = reason);
  log: string[] = [];
  #liar: AppWorker | null = null;
  #fault: string | null = null;

  handle(exchange: Exchange): void {
    const isHonest = urlOf(exchange.head).endsWith("/honest");
    (isHonest ? this.honest : this.#liar!).handle(exchange);
  }

  /** Calls `body` with what will be the reason for the end of a new liar. */
  async withLiar(body: (death: Promise<string>) => Promise<void>): Promise<void> {
    const death = Promise.withResolvers<string>();
    this.log = [];
    const liar = this.#liar = this.#start("liar", death.resolve);
    try {
      await liar.ready;
      await body(death.promise);
    } finally {
      liar.terminate();
    }
    assertEquals(this.#fault, null, "the honest one lives");
  }

  #start(name: string, onDeath: (reason: string) => void): AppWorker {
    const apps = { mounts: [], faultReports: "none" } as const;
    const owner = {
      // It takes its time.
      supply: () => new Promise<never>(() => {}),
      onDeath: (_: AppWorker, reason: string) => onDeath(reason),
      onRing: () => {},
      onUncaught: () => {},
      onRequestLimit: () => {},
    };
    const options = {
      name,
      apps,
      permissions: "inherit",
      ringBytes: 1_048_576,
      module: MODULE,
      switchboard: this.#switchboard,
    };
    const sockets = new GatewaySockets().keeperFor([""]);
    return new AppWorker(
      { ...options, permissions: "inherit", sockets },
      owner,
      (_, line) => this.log.push(line),
    );
  }
}

Deno.test("a worker that forges what it sends does no harm but to its own requests", async (test) => {
  const workers = new Workers();
  await workers.honest.ready;
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const log = (_: unknown, line: string) => workers.log.push(line);
  const endpoint = new HttpEndpoint(listener, "http", workers, DEFAULT_HTTP_LIMITS, log);
  const client = Deno.createHttpClient({});
  const ask = async (path: string): Promise<[number, string]> => {
    const response = await fetch(`http://127.0.0.1:${port}/${path}`, { client });
    return [response.status, await response.text()];
  };
  try {
    for (const [name, expected] of Object.entries(outcomes)) {
      await test.step(name, () =>
        workers.withLiar(async (death) => {
          const lie = ask(encodeURIComponent(name)).catch(() => [0, "broken off"] as const);
          // While it goes on, others are served.
          for (let i = 0; i < 20; i++) assertEquals(await ask("honest"), [200, "honest"]);
          if (typeof expected !== "number") {
            const reason = await death;
            assert(expected.test(reason), reason);
            const [status] = await lie;
            assert(status === 502 || status === 0 || status === 200, `${status}`);
          } else if (expected > 0) {
            const [status, body] = await lie;
            assertEquals(status, expected);
            assertEquals(/evil|HTTP/.test(body), false);
          }
          assertEquals(await ask("honest"), [200, "honest"]);
          assert(workers.log.length < 1_100, "logs are limited");
        }));
    }
  } finally {
    workers.honest.terminate();
    client.close();
    await endpoint[Symbol.asyncDispose]();
  }
});
