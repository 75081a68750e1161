import { assert, assertEquals } from "../support/assert.ts";
import type { GatewayProcess } from "../support/gateway.ts";
import { startGateway } from "../support/gateway.ts";
import { isMissing } from "../support/peers.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { Mongrel2Server } from "./mongrel2_server.ts";

const APP = new URL("../fixtures/app.ts", import.meta.url).pathname;
const POLLS = 500;
const PAUSE_MS = 20;
const FAST_REQUESTS = 10;
const HANDOVERS = 10;
const CLIENTS = 8;
/** One in so many requests of a client is slow. */
const SLOW_EVERY = 10;
const SLOW_MS = 300;
/** Time after which one is taken for lost that others are compared with, in milliseconds. */
const LOST_MS = 20_000;
/** Requests that are answered by each new gateway before the next takes its place. */
const ANSWERS_PER_HANDOVER = 200;

const ignore = isMissing("mongrel2");

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function startHandler(server: Mongrel2Server, ...args: string[]): Promise<GatewayProcess> {
  return startGateway([APP, "--mongrel2", server.spec(), ...args]);
}

async function text(response: Response | Promise<Response>): Promise<string> {
  return await (await response).text();
}

/** Whether `condition` comes true in due time. */
async function becomes(condition: () => boolean | Promise<boolean>): Promise<boolean> {
  for (let poll = 0; poll < POLLS; poll++) {
    if (await condition()) return true;
    await sleep(PAUSE_MS);
  }
  return false;
}

/** Whether a gateway exits with 0 in due time. */
async function exitsWell(gateway: GatewayProcess): Promise<boolean> {
  let code: number | undefined;
  gateway.status.then((status) => code = status.code);
  await becomes(() => code !== undefined);
  return code === 0;
}

/** Whether requests are answered in due time, each on a connection of its own. */
function isServed(server: Mongrel2Server): Promise<boolean> {
  return becomes(async () => {
    try {
      return await text(fetch(`${server.url}/`, { signal: AbortSignal.timeout(1_000) })) ===
        "hello";
    } catch {
      return false;
    }
  });
}

Deno.test({
  name: "with two workers behind Mongrel2, fast requests finish while a slow one is worked on",
  ignore,
  async fn() {
    await using server = await Mongrel2Server.start();
    await using _gateway = await startHandler(server, "--workers=2");
    // At once where the slow one only waits; one by one where it keeps its worker from all else.
    for (const [slow, together] of [["/slow?ms=5000", FAST_REQUESTS], ["/spin?ms=5000", 1]]) {
      let isSlowDone = false;
      const slowly = text(fetch(`${server.url}${slow}`)).then((body) => {
        isSlowDone = true;
        return body;
      });
      // It gets to its worker first.
      await sleep(PAUSE_MS * 10);
      for (let done = 0; done < FAST_REQUESTS; done += Number(together)) {
        const fast = await Promise.all(
          Array.from({ length: Number(together) }, () => text(fetch(`${server.url}/`))),
        );
        assertEquals(new Set(fast), new Set(["hello"]));
      }
      assert(!isSlowDone, `${slow}`);
      assert(["slow", "spun"].includes(await slowly));
    }
  },
});

Deno.test({
  name: "two gateways that are the same handler of a Mongrel2 share its requests",
  ignore,
  async fn() {
    await using server = await Mongrel2Server.start();
    await using _first = await startHandler(server, "--workers=1");
    await using _second = await startHandler(server, "--workers=1");
    const workers = new Map<string, number>();
    for (let i = 0; i < 40; i++) {
      const worker = await text(fetch(`${server.url}/worker`));
      workers.set(worker, (workers.get(worker) ?? 0) + 1);
    }
    assertEquals(workers.size, 2);
    assert([...workers.values()].every((count) => count >= 10), [...workers.values()].join());
  },
});

Deno.test({
  name: "routes can have different handlers, one gateway can be several, and serve HTTP beside",
  ignore,
  async fn() {
    await using server = await Mongrel2Server.start({
      routes: { "/": "main", "/path/": "other", "/worker": "third" },
    });
    await using _main = await startHandler(server, "--workers=1");
    await using both = await startGateway([
      ...[APP, "--workers=1", "--http", "127.0.0.1:0"],
      ...["--mongrel2", server.spec("other"), "--mongrel2", server.spec("third")],
    ]);
    assertEquals(await text(fetch(`${server.url}/`)), "hello");
    const { env } = await (await fetch(`${server.url}/path/x`)).json();
    assertEquals([env.PATTERN, env.PATH], ["/path/", "/path/x"]);
    assertEquals((await (await fetch(`${both.url}/path/x`)).json()).env.PATTERN, undefined);
    assertEquals(
      await text(fetch(`${both.url}/worker`)),
      await text(fetch(`${server.url}/worker`)),
    );
    both.kill("SIGTERM");
    assert(await exitsWell(both));
  },
});

Deno.test({
  name:
    "SIGINT and SIGTERM end a handler of Mongrel2, idle or busy, once its requests are answered",
  ignore,
  async fn() {
    await using server = await Mongrel2Server.start();
    {
      await using idle = await startHandler(server, "--workers=1");
      assertEquals(await text(fetch(`${server.url}/`)), "hello");
      idle.kill("SIGINT");
      assert(await exitsWell(idle), idle.log.join("\n"));
    }
    await using busy = await startHandler(server, "--workers=1");
    const slow = Array.from({ length: 20 }, () => text(fetch(`${server.url}/slow?ms=1000`)));
    const stream = text(fetch(`${server.url}/stream?count=50&ms=20`));
    assert(
      await becomes(async () =>
        (await (await fetch(`${server.url}/tally`)).json()).active === slow.length
      ),
    );
    busy.kill("SIGTERM");
    assertEquals(new Set(await Promise.all(slow)), new Set(["slow"]));
    assertEquals((await stream).split("\n").length, 51);
    assert(await exitsWell(busy), busy.log.join("\n"));
  },
});

Deno.test({
  name: "signals end a handler of a Mongrel2 that is not there, or has gone",
  ignore,
  async fn() {
    await using server = await Mongrel2Server.prepare();
    await using never = await startHandler(server, "--workers=1");
    never.kill("SIGINT");
    assert(await exitsWell(never), never.log.join("\n"));
    await server.start();
    await using gateway = await startHandler(server, "--workers=1");
    assert(await isServed(server));
    await server.stop("SIGKILL");
    gateway.kill("SIGTERM");
    assert(await exitsWell(gateway), gateway.log.join("\n"));
  },
});

Deno.test({
  name: "a Mongrel2 that starts after its handler, and one that starts again, is served",
  ignore,
  async fn() {
    await using server = await Mongrel2Server.prepare();
    await using gateway = await startHandler(server, "--workers=1");
    const waits = () => gateway.log.filter((line) => line.includes("waiting for Mongrel2"));
    assertEquals(waits(), [
      `warning: mongrel2: waiting for Mongrel2, which is not at ${server.handlers.main.recv} yet`,
    ]);
    await server.start();
    assert(await isServed(server), gateway.log.join("\n"));
    for (const signal of ["SIGINT", "SIGKILL", "SIGTERM"] as const) {
      await server.stop(signal);
      await server.start();
      assert(await isServed(server), `${signal}\n${gateway.log.join("\n")}`);
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => text(fetch(`${server.url}/`))),
      );
      assertEquals(new Set(answers), new Set(["hello"]));
    }
    assertEquals(waits().length, 1);
  },
});

Deno.test({
  name:
    "what Mongrel2's clients asked before it was killed does not disturb those after its restart",
  ignore,
  async fn() {
    await using server = await Mongrel2Server.start();
    await using _gateway = await startHandler(server, "--workers=1");
    const connect = () =>
      Promise.all(Array.from({ length: CLIENTS }, () => RawClient.connect(server.port)));
    const before = await connect();
    for (const [i, client] of before.entries()) {
      await client.send(get(i % 2 === 0 ? "/hang" : "/slow?ms=6000"));
    }
    assert(
      await becomes(async () =>
        (await (await fetch(`${server.url}/tally`)).json()).active === CLIENTS / 2
      ),
    );
    await server.stop("SIGKILL");
    for (const client of before) client[Symbol.dispose]();
    await server.start();
    // The numbers of connections begin again, so that these have those of the ones before.
    const after = await connect();
    const answers: (string | undefined)[] = after.map(() => undefined);
    const receiving = after.map(async (client, i) => {
      await client.send(get(`/late?n=${i}&ms=1000`));
      answers[i] = await client.receive().then(({ body }) => body, String);
    });
    await becomes(() => !answers.includes(undefined));
    for (const client of after) client[Symbol.dispose]();
    await Promise.all(receiving);
    for (const [i, answer] of answers.entries()) {
      assert(answer?.includes(`/late?n=${i}&`), `client ${i} of ${CLIENTS}: ${answer}`);
    }
  },
});

Deno.test({
  name: "handovers of Mongrel2's handler lose no more requests than libzmq lets no handler keep",
  ignore,
  async fn() {
    await using server = await Mongrel2Server.start();
    let gateway = await startHandler(server, "--workers=1");
    const retired: GatewayProcess[] = [];
    try {
      let sent = 0;
      let answered = 0;
      let lost = 0;
      const faults: string[] = [];
      /** Requests that were not answered yet. */
      const pending = new Set<AbortController>();
      let isOver = false;
      const clients = Array.from({ length: CLIENTS }, async (_, number) => {
        for (let i = 0; !isOver; i++) {
          const tag = `${number}-${i}`;
          const ms = i % SLOW_EVERY === number ? SLOW_MS : 0;
          const waiting = new AbortController();
          pending.add(waiting);
          sent++;
          try {
            const response = await fetch(`${server.url}/late?ms=${ms}`, {
              headers: { "x-tag": tag },
              signal: waiting.signal,
            });
            const body = await response.text();
            if (response.status === 200 && JSON.parse(body).tag === tag) answered++;
            else faults.push(`${tag}: ${response.status} ${body}`);
          } catch (error) {
            if (waiting.signal.aborted) lost++;
            else faults.push(`${tag} (${ms} ms): ${error}, in ${retired.length}`);
          }
          pending.delete(waiting);
        }
      });
      /** Gives up what gets no answer, though one that was asked later, and takes longer, has it. */
      const giveUpLost = async () => {
        const before = [...pending];
        while (lost <= HANDOVERS && !await isAnswered(`${server.url}/late?ms=${SLOW_MS * 3}`)) {
          lost++;
        }
        for (const each of before) if (pending.has(each)) each.abort();
      };
      const isAnswered = async (url: string) => {
        sent++;
        try {
          const response = await fetch(url, { signal: AbortSignal.timeout(LOST_MS) });
          await response.body?.cancel();
          assertEquals(response.status, 200);
          return true;
        } catch (error) {
          if (error instanceof DOMException && error.name === "TimeoutError") return false;
          throw error;
        }
      };
      for (let i = 0; i < HANDOVERS; i++) {
        const goal = answered + ANSWERS_PER_HANDOVER;
        await becomes(() => answered >= goal);
        const next = await startHandler(server, "--workers=1");
        gateway.kill("SIGTERM");
        retired.push(gateway);
        gateway = next;
        assert(await exitsWell(retired.at(-1)!), retired.at(-1)!.log.join("\n"));
        await giveUpLost();
      }
      isOver = true;
      await giveUpLost();
      await Promise.all(clients);
      assertEquals(faults, []);
      assert(sent > HANDOVERS * ANSWERS_PER_HANDOVER, `${sent}`);
      // See docs/mongrel2.md, "Handovers".
      assert(lost <= HANDOVERS, `${lost} of ${sent} requests were lost`);
    } finally {
      for (const each of [...retired, gateway]) await each[Symbol.asyncDispose]();
    }
  },
});
