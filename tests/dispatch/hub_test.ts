import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { FakeHandler } from "../support/dispatch_handler.ts";
import { FakeMongrel2 } from "../support/fake_mongrel2.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { eventually } from "../support/zmq.ts";
import { DispatchHub } from "../../src/dispatch/hub.ts";
import type { DispatchLimits } from "../../src/limits/dispatch_limits.ts";
import { DEFAULT_DISPATCH_LIMITS } from "../../src/limits/dispatch_limits.ts";

const ignore = libzmqIsMissing();

interface Scene {
  readonly mongrel2: FakeMongrel2;
  readonly hub: DispatchHub;
  /** A handler that has joined; it ends with the test. */
  handler(name: string, capacity?: number): Promise<FakeHandler>;
  readonly log: string[];
}

function test(
  name: string,
  fn: (scene: Scene) => Promise<void>,
  limits: Partial<DispatchLimits> = {},
): void {
  Deno.test({
    name,
    ignore,
    async fn() {
      await using cleanUp = new AsyncDisposableStack();
      const mongrel2 = cleanUp.use(new FakeMongrel2());
      const log: string[] = [];
      const hub = cleanUp.use(
        new DispatchHub({
          source: { send: mongrel2.send, recv: mongrel2.recv },
          endpoint: "tcp://127.0.0.1:*",
          limits: { ...DEFAULT_DISPATCH_LIMITS, ...limits },
          log: (level, message) => log.push(`${level}: ${message}`),
        }),
      );
      await fn({
        mongrel2,
        hub,
        handler: async (name, capacity) =>
          cleanUp.use(await FakeHandler.joined(hub.endpoint, name, capacity)),
        log,
      });
    },
  });
}

test("requests go to handlers by turns, and their answers to the clients", async (scene) => {
  const { mongrel2 } = scene;
  const handlers = [await scene.handler("one"), await scene.handler("two")];
  for (let i = 0; i < 20; i++) {
    await mongrel2.request(i, `/${i}`);
    const handler = handlers[i % 2];
    const request = await handler.request();
    assertEquals(request.client, `server ${i}`);
    assertEquals(request.path, `/${i}`);
    handler.answer(request, `answer ${i}`);
    const reply = await mongrel2.reply();
    assert(reply.startsWith(`server ${String(i).length}:${i}, HTTP/1.1 200 OK\r\n`), reply);
    assert(reply.endsWith(`answer ${i}`), reply);
  }
  assertEquals(scene.hub.dispatcher.counts.answered, 20);
});

test("many requests at a time are all answered, each once", async (scene) => {
  const { mongrel2 } = scene;
  const handlers = [await scene.handler("one", 400), await scene.handler("two", 400)];
  const count = 1_800;
  for (let i = 0; i < count; i++) await mongrel2.request(i, `/${i}`);
  let isOver = false;
  const serving = handlers.map(async (handler) => {
    while (!isOver) {
      handler.look();
      for (const message of handler.messages.splice(0)) {
        assert(message.kind === "request");
        const text = new TextDecoder().decode(message.payload);
        const [sender, conn, path] = text.split(" ", 3);
        const request = { number: message.request, client: `${sender} ${conn}`, path, text };
        handler.answer(request, path);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  });
  const answered = new Set<string>();
  for (let i = 0; i < count; i++) {
    const reply = await mongrel2.reply();
    const [, conn, path] = /^server \d+:(\d+), .*\/(\d+)$/s.exec(reply) ?? [];
    assertEquals(conn, path, reply);
    answered.add(conn);
  }
  isOver = true;
  await Promise.all(serving);
  assertEquals(answered.size, count);
});

test("what waits for a handler is given to the first that comes", async (scene) => {
  const { mongrel2 } = scene;
  for (let i = 0; i < 5; i++) await mongrel2.request(i, `/${i}`);
  await eventually(() => scene.hub.dispatcher.waitingCount === 5);
  const handler = await scene.handler("late");
  for (let i = 0; i < 5; i++) {
    const request = await handler.request();
    assertEquals(request.client, `server ${i}`);
    handler.answer(request, "");
    await mongrel2.reply();
  }
});

test(
  "what waits too long gets 503 with Retry-After, and its connection is closed",
  async ({ mongrel2 }) => {
    await mongrel2.request(7, "/");
    const reply = await mongrel2.reply();
    assertMatch(reply, /^server 1:7, HTTP\/1.1 503 Service Unavailable\r\n/);
    assertMatch(reply, /\r\nretry-after: 1\r\n/);
    assertMatch(reply, /\r\nconnection: close\r\n/);
    assertEquals(await mongrel2.reply(), "server 1:7, ");
  },
  { queueTimeoutMs: 100 },
);

test("a handler whose connection ends loses its requests to another one", async (scene) => {
  const { mongrel2 } = scene;
  const first = await scene.handler("first");
  await mongrel2.request(1, "/safe");
  await first.request();
  const second = await scene.handler("second");
  await first[Symbol.asyncDispose]();
  const again = await second.request();
  assertEquals([again.client, again.path], ["server 1", "/safe"]);
  second.answer(again, "");
  assertMatch(await mongrel2.reply(), /^server 1:1, HTTP\/1.1 200 OK/);
}, { pingIntervalMs: 500 });

test(
  "a handler that falls silent is found by pings, and is a stranger when it wakes",
  async (scene) => {
    const { mongrel2, hub } = scene;
    const paused = await scene.handler("paused");
    paused.isAwake = false;
    await mongrel2.request(1, "/safe");
    await mongrel2.request(2, "/unsafe", { METHOD: "POST" });
    const requests = [await paused.request(), await paused.request()];
    const replies = [await mongrel2.reply(), await mongrel2.reply()];
    assertMatch(replies[0], /^server 1:2, HTTP\/1.1 502 Bad Gateway\r\n/);
    assertEquals(replies[1], "server 1:2, ");
    assertEquals(hub.dispatcher.counts.missedPings, 1);
    for (const request of requests) paused.answer(request, "late");
    await paused.next("who");
    paused.isAwake = true;
    paused.hello();
    await paused.next("welcome");
    const again = await paused.request();
    assertEquals(again.client, "server 1");
    paused.answer(again, "in time");
    assertMatch(await mongrel2.reply(), /in time$/);
  },
  { pingIntervalMs: 500 },
);

test("a handler that leaves gets no more requests, and finishes what it has", async (scene) => {
  const { mongrel2 } = scene;
  const leaving = await scene.handler("leaving");
  await mongrel2.request(1, "/1");
  const request = await leaving.request();
  leaving.say({ kind: "leave" });
  await leaving.next("left");
  await mongrel2.request(2, "/2");
  await eventually(() => scene.hub.dispatcher.waitingCount === 1);
  leaving.answer(request, "last");
  assertMatch(await mongrel2.reply(), /last$/);
  const next = await scene.handler("next");
  next.answer(await next.request(), "first");
  assertMatch(await mongrel2.reply(), /first$/);
  assertEquals(leaving.messages, []);
});

/** A dispatcher behind that of `scene`. */
function behind(
  { hub, log }: Scene,
  name: string,
  limits: Partial<DispatchLimits> = {},
): DispatchHub {
  return new DispatchHub({
    source: { dispatcher: hub.endpoint, name },
    endpoint: "tcp://127.0.0.1:*",
    limits: { ...DEFAULT_DISPATCH_LIMITS, ...limits },
    log: (level, message) => log.push(`${level}: ${message}`),
  });
}

/** The handlers of `hub` take so many requests. */
function takes(hub: DispatchHub, capacity: number): Promise<boolean> {
  return eventually(() => hub.dispatcher.capacity === capacity);
}

test("a dispatcher is the handler of another one, for all that its own handlers take", async (scene) => {
  const { mongrel2, hub } = scene;
  await using inner = behind(scene, "inner");
  assertEquals(hub.dispatcher.capacity, 0);
  await using one = await FakeHandler.joined(inner.endpoint, "one", 2);
  await takes(hub, 2);
  await using two = await FakeHandler.joined(inner.endpoint, "two", 3);
  await takes(hub, 5);
  for (let i = 0; i < 6; i++) await mongrel2.request(i, `/${i}`);
  await eventually(() => hub.dispatcher.waitingCount === 1);
  await eventually(() => inner.dispatcher.unansweredCount === 5);
  for (let i = 0; i < 5; i++) {
    const handler = i % 2 === 0 && i < 4 ? one : two;
    const request = await handler.request();
    handler.answer(request, `answer to ${request.client}`);
    assertMatch(await mongrel2.reply(), /^server 1:(\d), .*answer to server \1$/s);
  }
  const last = await eventually(() => {
    for (const handler of [one, two]) handler.look();
    return [...one.messages, ...two.messages][0];
  });
  assert(last.kind === "request");
  assert(new TextDecoder().decode(last.payload).startsWith("server 5 "));
});

test(
  "in a row of dispatchers, safe requests outlive a handler, and a dispatcher",
  async (scene) => {
    const { mongrel2, hub } = scene;
    await using first = behind(scene, "first", { pingIntervalMs: 500 });
    await using dying = await FakeHandler.joined(first.endpoint, "dying");
    await takes(hub, 10);
    await mongrel2.request(1, "/safe");
    await dying.request();
    await using next = await FakeHandler.joined(first.endpoint, "next");
    await dying[Symbol.asyncDispose]();
    assertEquals((await next.request()).client, "server 1");
    await using second = behind(scene, "second", { pingIntervalMs: 500 });
    await using last = await FakeHandler.joined(second.endpoint, "last");
    await eventually(() => hub.dispatcher.handlerCount === 2);
    await first[Symbol.asyncDispose]();
    last.answer(await last.request(), "in the end");
    assertMatch(await mongrel2.reply(), /^server 1:1, .*in the end$/s);
  },
  { pingIntervalMs: 500 },
);

test("in a row of dispatchers, frames and notices find their handler, and a close its client", async (scene) => {
  const { mongrel2, hub } = scene;
  await using inner = behind(scene, "inner");
  await using handler = await FakeHandler.joined(inner.endpoint, "one");
  await takes(hub, 10);
  await mongrel2.request(3, "/socket", { METHOD: "WEBSOCKET_HANDSHAKE" });
  const socket = await handler.request();
  handler.reply(socket, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
  assertMatch(await mongrel2.reply(), /101 Switching/);
  await mongrel2.request(3, "/socket", { METHOD: "WEBSOCKET", FLAGS: "0x81" }, "hello");
  const frame = new TextDecoder().decode((await handler.next("notice")).payload);
  assert(frame.endsWith(",5:hello,"), frame);
  const headers = '{"METHOD":"JSON"}';
  await mongrel2.sendRaw(`server 3 @* ${headers.length}:${headers},21:{"type":"disconnect"},`);
  const notice = new TextDecoder().decode((await handler.next("notice")).payload);
  assert(notice.startsWith("server 3 @* "), notice);
  handler.done(socket);
  // A frame of a socket that nobody has: its connection is closed.
  await mongrel2.request(4, "/socket", { METHOD: "WEBSOCKET", FLAGS: "0x81" }, "lost");
  assertEquals(await mongrel2.reply(), "server 1:4, ");
});

test("handlers in a row are told until the end of a dispatcher that WebSockets are to be closed", async (scene) => {
  const { mongrel2, hub } = scene;
  await using inner = behind(scene, "inner");
  await using handler = await FakeHandler.joined(inner.endpoint, "one");
  await takes(hub, 10);
  await mongrel2.request(1, "/socket", { METHOD: "WEBSOCKET_HANDSHAKE" });
  const socket = await handler.request();
  const draining = hub.drain(60_000);
  await handler.next("closing");
  // One that comes late has to hear it, too.
  await using late = await FakeHandler.joined(inner.endpoint, "late");
  await late.next("closing");
  handler.answer(socket, "closed");
  assertEquals(await draining, 0);
});

test("a dispatcher that leaves another one finishes what it has", async (scene) => {
  const { mongrel2, hub } = scene;
  await using inner = behind(scene, "inner");
  await using handler = await FakeHandler.joined(inner.endpoint, "one");
  await takes(hub, 10);
  await mongrel2.request(1, "/");
  const request = await handler.request();
  const draining = inner.drain(60_000);
  await takes(hub, 0);
  await mongrel2.request(2, "/");
  await eventually(() => hub.dispatcher.waitingCount === 1);
  handler.answer(request, "last");
  assertMatch(await mongrel2.reply(), /last$/);
  assertEquals(await draining, 0);
  assertEquals(hub.dispatcher.waitingCount, 1);
});
