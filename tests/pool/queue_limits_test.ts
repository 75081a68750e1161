import { serve } from "gatehouse";
import type { Exchange } from "../../src/message/exchange.ts";
import { NOBODY, RequestHead } from "../../src/message/exchange.ts";
import { Backlog } from "../../src/pool/backlog.ts";
import { Dispatcher } from "../../src/pool/dispatcher.ts";
import type { DispatchedWorker, QueueLimits } from "../../src/pool/dispatcher.ts";
import { assert, assertEquals } from "../support/assert.ts";

const APP = new URL("./blocking_app.ts", import.meta.url);

/** A request, and what became of it. */
class Asked {
  outcome: "waits" | "begun" | number = "waits";
  readonly exchange = {
    head: new RequestHead(),
    receiver: NOBODY,
    fail: (status: number) => this.outcome = status,
  } as unknown as Exchange;

  leave(): void {
    this.exchange.receiver.onAbort("client-gone");
  }
}

/** A worker that reads when it is let. */
class Worker implements DispatchedWorker {
  readonly load = 0;
  isRead = false;
  readonly asked: Asked[] = [];
  readonly backlog: Backlog = new Backlog({
    position: 1,
    isRead: false,
    hasPassed: () => this.isRead,
    awaitReader: () => !this.isRead,
  });

  constructor(all: Asked[]) {
    this.asked = all;
    this.backlog.onGiven(-1_000);
  }

  handle(exchange: Exchange): void {
    this.asked.find((each) => each.exchange === exchange)!.outcome = "begun";
  }
}

/** A dispatcher whose only worker is blocked. */
function blocked(limits: QueueLimits) {
  const all: Asked[] = [];
  const worker = new Worker(all);
  const dispatcher = new Dispatcher<Worker>(1, limits);
  dispatcher.add(worker, null);
  const ask = () => {
    const asked = new Asked();
    all.push(asked);
    assert(dispatcher.dispatch(asked.exchange));
    return asked;
  };
  const release = () => {
    worker.isRead = true;
    dispatcher.handOut();
  };
  return { dispatcher, ask, release, outcomes: () => all.map(({ outcome }) => outcome) };
}

Deno.test("no more requests wait than there may; others are refused at once", () => {
  const { ask, release, outcomes } = blocked({ maxQueue: 2, queueTimeoutMs: 0 });
  for (let i = 0; i < 4; i++) ask();
  assertEquals(outcomes(), ["waits", "waits", 503, 503]);
  release();
  assertEquals(outcomes().slice(0, 1), ["begun"]);
});

Deno.test("who has gone leaves room, however many do", () => {
  const { ask, outcomes } = blocked({ maxQueue: 2, queueTimeoutMs: 0 });
  for (let i = 0; i < 5_000; i++) ask().leave();
  ask();
  ask();
  ask();
  assertEquals(outcomes().slice(-3), ["waits", "waits", 503]);
});

Deno.test("who leaves after being refused leaves no room", () => {
  const { dispatcher, ask, outcomes } = blocked({ maxQueue: 1, queueTimeoutMs: 0 });
  const first = ask();
  for (const each of dispatcher.takeWaiting()) each.fail(503);
  first.leave();
  ask();
  ask();
  assertEquals(outcomes(), [503, "waits", 503]);
});

Deno.test("without a limit, what there is no room for goes to a blocked worker", () => {
  const { dispatcher, ask, outcomes } = blocked({ maxQueue: 0, queueTimeoutMs: 60_000 });
  for (let i = 0; i < 1_026; i++) ask();
  assertEquals(outcomes().slice(1_022), ["waits", "waits", "begun", "begun"]);
  dispatcher.takeWaiting();
});

Deno.test("a request waits for its time and no longer, and the timer ends with the queue", async () => {
  const { dispatcher, ask, outcomes } = blocked({ maxQueue: 0, queueTimeoutMs: 20 });
  ask();
  ask().leave();
  ask();
  while (outcomes().includes("waits") && outcomes()[2] === "waits") {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assertEquals([outcomes()[0], outcomes()[2]], [503, 503]);
  ask();
  dispatcher.takeWaiting();
});

Deno.test("at the end, what comes goes to a worker, bounded or not", () => {
  const { dispatcher, ask, outcomes } = blocked({ maxQueue: 1, queueTimeoutMs: 60_000 });
  ask();
  dispatcher.close();
  ask();
  assertEquals(outcomes(), ["begun", "begun"]);
});

Deno.test("while a worker is blocked, clients are told to come again", async () => {
  const folder = await Deno.makeTempDir();
  await using server = await serve({
    app: APP,
    workers: 1,
    http: "127.0.0.1:0",
    workerLimits: { maxQueue: 2, queueTimeoutMs: 300 },
    log() {},
  });
  const url = `http://127.0.0.1:${(server.addresses[0] as Deno.NetAddr).port}`;
  const ask = async (path: string) => {
    const response = await fetch(`${url}${path}`);
    await response.body?.cancel();
    return [response.status, response.headers.get("retry-after")];
  };
  const blocking = ask(`/block?file=${folder}/end`);
  while (!await Deno.stat(`${folder}/end.begun`).catch(() => null)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  // Of these, two wait in vain, and the others are not even let wait.
  for (const answer of await Promise.all(Array.from({ length: 5 }, () => ask("/?token=a")))) {
    assertEquals(answer, [503, "1"]);
  }
  await Deno.writeTextFile(`${folder}/end`, "");
  assertEquals(await blocking, [200, null]);
  assertEquals(await ask("/?token=b"), [200, null]);
  await server.shutdown();
  await Deno.remove(folder, { recursive: true });
});
