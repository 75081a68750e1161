import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { FakeDispatcher } from "../support/fake_dispatcher.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { eventually } from "../support/zmq.ts";
import { DispatchLink, newInstance } from "../../src/mongrel2/dispatch_link.ts";
import type { DispatchLinkOwner } from "../../src/mongrel2/dispatch_link.ts";

const ignore = libzmqIsMissing();
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What a link has told its owner. */
interface Told {
  readonly link: DispatchLink;
  readonly events: string[];
  readonly log: string[];
}

function linkTo(endpoint: string, owner: Partial<DispatchLinkOwner> = {}): Told & AsyncDisposable {
  const events: string[] = [];
  const log: string[] = [];
  const link = new DispatchLink({
    endpoint,
    name: "me",
    instance: newInstance(),
    load: { capacity: 8, generation: 1 },
    log: (level, text) => log.push(`${level}: ${text}`),
  }, {
    onRequest: (request, bytes) => events.push(`request ${request} ${decoder.decode(bytes)}`),
    onNotice: (bytes) => events.push(`notice ${decoder.decode(bytes)}`),
    onUp: () => events.push("up"),
    onAwaited: () => events.push("awaited"),
    onClosing: () => events.push("closing"),
    onLost: () => events.push("lost"),
    onRoom: () => events.push("room"),
    ...owner,
  });
  return { link, events, log, [Symbol.asyncDispose]: () => link.close() };
}

function happened({ events }: Told, event: string): Promise<number> {
  return eventually(() => {
    const count = events.filter((each) => each === event).length;
    return count === 0 ? null : count;
  });
}

function test(name: string, fn: (dispatcher: FakeDispatcher) => Promise<void>): void {
  Deno.test({
    name: `a link to a dispatcher ${name}`,
    ignore,
    async fn() {
      await using dispatcher = new FakeDispatcher();
      await fn(dispatcher);
    },
  });
}

test("says who the handler is, and is up when it is welcome", async (dispatcher) => {
  await using told = linkTo(dispatcher.endpoint);
  const { from, message } = await dispatcher.nextOf("hello");
  assertEquals(message, {
    kind: "hello",
    version: 1,
    name: "me",
    instance: message.instance,
    capacity: 8,
    generation: 1,
  });
  assertEquals(told.link.isUp, false);
  await dispatcher.say(from, { kind: "welcome", version: 1, pingIntervalMs: 60_000 });
  await happened(told, "up");
  assertEquals(told.link.isUp, true);
});

test("finds one that comes later", async (dispatcher) => {
  const { endpoint } = dispatcher;
  await dispatcher[Symbol.asyncDispose]();
  await using told = linkTo(endpoint);
  await happened(told, "awaited");
  await using later = new FakeDispatcher(endpoint);
  await later.welcome();
  await happened(told, "up");
  assertEquals(told.events, ["awaited", "up"]);
});

test("takes requests and notices, and sends replies", async (dispatcher) => {
  await using told = linkTo(dispatcher.endpoint);
  const handler = await dispatcher.welcome();
  await dispatcher.say(handler, { kind: "request", request: 7, payload: encoder.encode("a") });
  await dispatcher.say(handler, { kind: "notice", payload: encoder.encode("b") });
  const large = "x".repeat(1_000_000);
  await dispatcher.say(handler, { kind: "request", request: 8, payload: encoder.encode(large) });
  await happened(told, `request 8 ${large}`);
  assertEquals(told.events.slice(0, 3), ["up", "request 7 a", "notice b"]);
  assertEquals(told.link.report.inFlight, 2);
  told.link.reply(8, encoder.encode("one"));
  told.link.reply(7, encoder.encode("two"));
  told.link.done(8, "answered");
  told.link.done(7, "returned");
  const said = [];
  while (said.length < 4) said.push((await dispatcher.next()).message);
  assertEquals(said.map(({ kind }) => kind), ["reply", "reply", "done", "done"]);
  assertEquals(said.slice(2), [
    { kind: "done", request: 8, outcome: "answered" },
    { kind: "done", request: 7, outcome: "returned" },
  ]);
  assertEquals(told.link.report, {
    endpoint: dispatcher.endpoint,
    isUp: true,
    requests: 2,
    inFlight: 0,
    losses: 0,
  });
});

test("answers pings, and says when its load changes", async (dispatcher) => {
  await using told = linkTo(dispatcher.endpoint);
  const handler = await dispatcher.welcome();
  await dispatcher.say(handler, { kind: "ping" });
  assertEquals((await dispatcher.next()).message, { kind: "pong", capacity: 8, generation: 1 });
  told.link.setLoad({ capacity: 8, generation: 1 });
  told.link.setLoad({ capacity: 8, generation: 2 });
  assertEquals((await dispatcher.next()).message, { kind: "pong", capacity: 8, generation: 2 });
});

test("begins anew when the dispatcher does not know it", async (dispatcher) => {
  await using told = linkTo(dispatcher.endpoint);
  const handler = await dispatcher.welcome();
  await dispatcher.say(handler, { kind: "request", request: 1, payload: encoder.encode("a") });
  await happened(told, "request 1 a");
  // One for each of its messages that came too late, and what it was sent before.
  for (let i = 0; i < 3; i++) await dispatcher.say(handler, { kind: "who" });
  await dispatcher.say(handler, { kind: "request", request: 2, payload: encoder.encode("b") });
  await happened(told, "lost");
  told.link.reply(1, encoder.encode("late"));
  told.link.done(1, "answered");
  const { from, message } = await dispatcher.next();
  assertEquals(message.kind, "hello");
  assertEquals(from, handler);
  await dispatcher.say(handler, { kind: "welcome", version: 1, pingIntervalMs: 60_000 });
  await eventually(() => told.link.isUp);
  assertEquals(told.events, ["up", "request 1 a", "lost", "up"]);
  assertEquals(told.link.report.inFlight, 0);
});

test("connects anew to a dispatcher that is silent for three of its intervals", async (dispatcher) => {
  await using told = linkTo(dispatcher.endpoint);
  const handler = await dispatcher.welcome(20);
  await happened(told, "lost");
  const { from } = await dispatcher.nextOf("hello");
  assert(from.toHex() !== handler.toHex(), "it is another connection");
  await dispatcher.say(from, { kind: "welcome", version: 1, pingIntervalMs: 60_000 });
  await eventually(() => told.link.isUp);
  assertEquals(told.events, ["up", "lost", "up"]);
});

test("does not lose a dispatcher that pings", async (dispatcher) => {
  await using told = linkTo(dispatcher.endpoint);
  const handler = await dispatcher.welcome(500);
  for (let i = 0; i < 20; i++) {
    await dispatcher.say(handler, { kind: "ping" });
    await dispatcher.nextOf("pong");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assertEquals(told.events, ["up"]);
});

test("gives up what it has when the dispatcher ends, and finds the next one", async (dispatcher) => {
  await using told = linkTo(dispatcher.endpoint);
  const handler = await dispatcher.welcome();
  await dispatcher.say(handler, { kind: "request", request: 1, payload: encoder.encode("a") });
  await happened(told, "request 1 a");
  await dispatcher[Symbol.asyncDispose]();
  await happened(told, "lost");
  told.link.reply(1, encoder.encode("for the one before"));
  await using next = new FakeDispatcher(dispatcher.endpoint);
  const { message } = await next.next();
  assertEquals(message.kind, "hello");
});

test("leaves when the dispatcher agrees, and finishes after that", async (dispatcher) => {
  await using told = linkTo(dispatcher.endpoint);
  const handler = await dispatcher.welcome();
  await dispatcher.say(handler, { kind: "request", request: 1, payload: encoder.encode("a") });
  await happened(told, "request 1 a");
  let hasLeft = false;
  const leaving = told.link.leave().then(() => hasLeft = true);
  await dispatcher.nextOf("leave");
  await dispatcher.say(handler, { kind: "request", request: 2, payload: encoder.encode("b") });
  await happened(told, "request 2 b");
  assertEquals(hasLeft, false);
  await dispatcher.say(handler, { kind: "left" });
  await leaving;
  await dispatcher.say(handler, { kind: "ping" });
  await dispatcher.nextOf("pong");
  told.link.reply(1, encoder.encode("late"));
  told.link.done(1, "answered");
  assertEquals(await dispatcher.replyText(), "late");
  assertEquals((await dispatcher.next()).message.kind, "done");
});

test("leaves at once if there is no dispatcher", async (dispatcher) => {
  const { endpoint } = dispatcher;
  await dispatcher[Symbol.asyncDispose]();
  await using told = linkTo(endpoint);
  await told.link.leave();
});

test("has left when the dispatcher forgets it meanwhile", async (dispatcher) => {
  await using told = linkTo(dispatcher.endpoint);
  const handler = await dispatcher.welcome();
  await happened(told, "up");
  const leaving = told.link.leave();
  await dispatcher.nextOf("leave");
  await dispatcher.say(handler, { kind: "who" });
  await leaving;
  assertEquals(told.events, ["up", "lost"]);
});

test("sends all that it was given before it closes", async (dispatcher) => {
  const told = linkTo(dispatcher.endpoint);
  const handler = await dispatcher.welcome();
  const count = 3_000;
  await happened(told, "up");
  for (let i = 1; i <= count; i++) told.link.reply(i, new Uint8Array(1_000));
  const closing = told.link.close();
  for (let i = 1; i <= count; i++) {
    assertEquals((await dispatcher.nextOf("reply")).message.request, i);
  }
  await closing;
  assert(handler.length > 0);
});

test("is congested while the dispatcher takes nothing, and says when it does again", async (dispatcher) => {
  await using told = linkTo(dispatcher.endpoint);
  await dispatcher.welcome();
  await happened(told, "up");
  let sent = 0;
  const payload = new Uint8Array(65_536);
  await eventually(() => {
    for (let i = 0; i < 100; i++) told.link.reply(++sent, payload);
    return told.link.isCongested;
  });
  for (let i = 1; i <= sent; i++) {
    assertEquals((await dispatcher.nextOf("reply")).message.request, i);
  }
  await happened(told, "room");
  assertEquals(told.link.isCongested, false);
});

test("tells why it is refused, and asks again", async (dispatcher) => {
  await using told = linkTo(dispatcher.endpoint);
  const { from } = await dispatcher.nextOf("hello");
  await dispatcher.say(from, { kind: "refused", reason: "there are too many handlers" });
  await dispatcher.welcome();
  await happened(told, "up");
  assertEquals(told.log, [
    `warning: mongrel2: the dispatcher at ${dispatcher.endpoint} refuses this handler: there are ` +
    "too many handlers",
  ]);
});

test("does not work with a dispatcher of another version", async (dispatcher) => {
  await using told = linkTo(dispatcher.endpoint);
  const { from } = await dispatcher.nextOf("hello");
  await dispatcher.say(from, { kind: "welcome", version: 2, pingIntervalMs: 60_000 });
  await dispatcher.nextOf("hello");
  assertEquals(told.link.isUp, false);
  assertEquals(told.log, [
    `warning: mongrel2: the dispatcher at ${dispatcher.endpoint} refuses this handler: it speaks ` +
    "version 2 of the protocol, not 1",
  ]);
});

const MALFORMED: Record<string, Uint8Array[]> = {
  "nothing": [new Uint8Array(0)],
  "an unknown kind": [Uint8Array.of(99)],
  "what handlers send": [Uint8Array.of(9)],
  "a request without a message": [new Uint8Array(9).fill(5, 0, 1)],
  "too many parts": Array.from({ length: 1_000 }, () => Uint8Array.of(3)),
  "a number beyond all": [Uint8Array.of(5, ...new Uint8Array(8).fill(255)), Uint8Array.of(1)],
  "a first part that is large": [new Uint8Array(100_000).fill(6), Uint8Array.of(1)],
};
for (const [what, parts] of Object.entries(MALFORMED)) {
  test(`skips ${what}`, async (dispatcher) => {
    await using told = linkTo(dispatcher.endpoint);
    const handler = await dispatcher.welcome();
    await dispatcher.sayParts(handler, parts);
    await dispatcher.say(handler, { kind: "ping" });
    await dispatcher.nextOf("pong");
    assertEquals(told.events, ["up"]);
    assertEquals(told.log.length, 1);
  });
}

test("ends a connection that sends more than it may", async (dispatcher) => {
  const events: string[] = [];
  const link = new DispatchLink({
    endpoint: dispatcher.endpoint,
    name: "me",
    instance: newInstance(),
    load: { capacity: 8, generation: 1 },
    maxMessageBytes: 10_000,
    log: () => {},
  }, {
    onRequest: () => events.push("request"),
    onNotice: () => {},
    onUp: () => events.push("up"),
    onAwaited: () => {},
    onClosing: () => {},
    onLost: () => events.push("lost"),
    onRoom: () => {},
  });
  try {
    const handler = await dispatcher.welcome();
    await eventually(() => events.includes("up"));
    await dispatcher.say(handler, {
      kind: "request",
      request: 1,
      payload: new Uint8Array(10_001),
    });
    await eventually(() => events.includes("lost"));
    assertEquals(events, ["up", "lost"]);
  } finally {
    await link.close();
  }
});

Deno.test({
  name: "a link to a dispatcher refuses what is no name, and what is no endpoint",
  ignore,
  fn() {
    const owner: DispatchLinkOwner = {
      onRequest() {},
      onNotice() {},
      onUp() {},
      onAwaited() {},
      onClosing() {},
      onLost() {},
      onRoom() {},
    };
    const options = {
      endpoint: "tcp://127.0.0.1:1",
      name: "me",
      instance: newInstance(),
      load: { capacity: 8, generation: 1 },
      log: () => {},
    };
    assertThrows(() => new DispatchLink({ ...options, name: "" }, owner), RangeError);
    assertThrows(() => new DispatchLink({ ...options, instance: "00" }, owner), RangeError);
  },
});
