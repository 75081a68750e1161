import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { FakeHandler } from "../support/dispatch_handler.ts";
import { DispatchLab as Lab } from "../support/dispatch_lab.ts";
import { FakeMongrel2 } from "../support/fake_mongrel2.ts";
import { libzmqIsMissing } from "../support/peers.ts";
import { eventually } from "../support/zmq.ts";
import { MAX_HANDLERS } from "../../src/dispatch/handler_roster.ts";
import { DispatchHub } from "../../src/dispatch/hub.ts";
import { DISPATCH_VERSION, handlerParts } from "../../src/dispatch/codec/dispatch_message.ts";
import { MAX_CAPACITY } from "../../src/dispatch/codec/limits.ts";
import { DEFAULT_DISPATCH_LIMITS } from "../../src/limits/dispatch_limits.ts";

const ignore = libzmqIsMissing();

const forged: Record<string, string> = {
  "another client's connection": "server 1:2, evil",
  "its own connection and another one": "server 3:1 2, evil",
  "another one and its own": "server 3:2 1, evil",
  "a connection whose number begins so": "server 2:11, evil",
  "a length that is too large": "server 3:1, evil",
  "a length with a zero before it": "server 01:1, evil",
  "no length": "server :1, evil",
  "another server": "sever 1:1, evil",
  "a server whose name begins so": "server2 1:1, evil",
  "no blank after the connections": "server 1:1,evil",
  "a request to Mongrel2 about another client": "server 3:X 2, evil",
  "a request to Mongrel2 about two": "server 5:X 1 2, evil",
  "two requests to Mongrel2": "server 5:X X 1, evil",
  "no connection": "server 0:, evil",
  "less than a head": "serv",
  "nothing": "",
};
for (const [what, reply] of Object.entries(forged)) {
  Deno.test(`a reply to ${what} goes nowhere`, () => {
    const lab = new Lab();
    lab.join("a");
    const { number } = lab.request(1);
    lab.request(2);
    lab.reply("a", number, reply);
    assertEquals(lab.replies, []);
    assertEquals(lab.dispatcher.counts.misdirected, 1);
    lab.reply("a", number, "server 1:1, good");
    assertEquals(lab.replies, ["server 1:1, good"]);
  });
}

Deno.test("a handler can neither answer nor end what another one has", () => {
  const lab = new Lab();
  lab.join("a");
  lab.join("b");
  const mine = lab.request(1);
  const evil = mine.peer === "a" ? "b" : "a";
  lab.reply(evil, mine.number, "server 1:1, evil");
  for (const outcome of ["answered", "returned"] as const) {
    lab.say(evil, { kind: "done", request: mine.number, outcome });
  }
  assertEquals(lab.replies, []);
  assertEquals(lab.dispatcher.unansweredCount, 1);
  lab.reply(mine.peer, mine.number, "server 1:1, good");
  assertEquals(lab.replies, ["server 1:1, good"]);
});

Deno.test("a stranger's answers go nowhere, and it is told that it is one", () => {
  const lab = new Lab();
  lab.join("a");
  const { number } = lab.request(1);
  lab.sent.length = 0;
  lab.reply("stranger", number, "server 1:1, evil");
  lab.say("stranger", { kind: "done", request: number, outcome: "answered" });
  lab.say("stranger", { kind: "leave" });
  assertEquals(lab.replies, []);
  assertEquals(lab.sent.map(({ message }) => message.kind), ["who", "who", "who"]);
});

Deno.test("a handler that says LEAVE again and again, and reads nothing, takes no memory", () => {
  const lab = new Lab();
  lab.join("a");
  lab.outcome = "full";
  for (let i = 0; i < 10_000; i++) lab.say("a", { kind: "leave" });
  const [handler] = lab.dispatcher.handlers;
  assertEquals(handler.waitingCount, 1);
});

Deno.test("a handler that begins anew again and again is one, and the log stays short", () => {
  const lab = new Lab();
  for (let i = 0; i < 10_000; i++) lab.join("a", 10, `name-${i}`);
  assertEquals(lab.dispatcher.handlerCount, 1);
  assert(lab.log.length <= 50, `${lab.log.length} lines`);
});

Deno.test("there are no more handlers than so many, and the log stays short", () => {
  const lab = new Lab();
  for (let i = 0; i < MAX_HANDLERS + 5_000; i++) lab.join(`peer-${i}`);
  assertEquals(lab.dispatcher.handlerCount, MAX_HANDLERS);
  assertEquals(lab.sent.at(-1)!.message.kind, "refused");
  assert(lab.log.length <= 50, `${lab.log.length} lines`);
});

Deno.test("whoever takes all places gives them to handlers from elsewhere, as long as it has answered nothing", () => {
  const lab = new Lab();
  lab.origin = "evil";
  for (let i = 0; i < MAX_HANDLERS; i++) lab.join(`evil-${i}`);
  lab.origin = "good";
  for (let i = 0; i < 10; i++) lab.join(`good-${i}`);
  const names = () => Array.from(lab.dispatcher.handlers, ({ name }) => name);
  assertEquals(names().filter((name) => name.startsWith("good")).length, 10);
  assertEquals(lab.dispatcher.handlerCount, MAX_HANDLERS);
  const refused = () => lab.sent.filter(({ message }) => message.kind === "refused");
  assertEquals(
    refused().map(({ peer }) => peer),
    Array.from({ length: 10 }, (_, i) => `evil-${i}`),
  );
  // Those who say that they are there again do not get it back.
  lab.origin = "evil";
  lab.join("evil-0");
  assertEquals(refused().at(-1)?.peer, "evil-0");
  assertEquals(names().filter((name) => name.startsWith("good")).length, 10);
});

Deno.test("nobody gives its place to one that is not let in", () => {
  const lab = new Lab();
  for (let i = 0; i < MAX_HANDLERS; i++) lab.join(`peer-${i}`);
  lab.origin = "elsewhere";
  lab.refusal = "its key is admitted no more";
  lab.join("revoked");
  const { peer, message } = lab.sent.at(-1)!;
  assert(message.kind === "refused");
  assertEquals([peer, message.reason], ["revoked", lab.refusal]);
  assertEquals(lab.dispatcher.handlerCount, MAX_HANDLERS);
  assert([...lab.dispatcher.handlers].every(({ isGone }) => !isGone));
});

Deno.test("a handler that has answered keeps its place", () => {
  const lab = new Lab();
  for (let i = 0; i < MAX_HANDLERS; i++) lab.join(`one-${i}`, 1);
  for (let conn = 0; conn < MAX_HANDLERS; conn++) {
    const { number, peer } = lab.request(conn);
    const id = String(conn);
    lab.reply(peer, number, `server ${id.length}:${id}, good`);
    lab.done(peer, number);
  }
  lab.origin = "other";
  lab.join("two");
  assertEquals(lab.sent.at(-1)!.message.kind, "refused");
});

Deno.test("a handler that says it takes everything, and dies of it, costs no safe request", () => {
  const lab = new Lab();
  lab.join("greedy", MAX_CAPACITY);
  for (let conn = 0; conn < 500; conn++) lab.request(conn, conn % 2 === 0 ? "GET" : "POST");
  lab.join("honest", 1_000);
  for (let i = 0; i < 3; i++) {
    lab.now += DEFAULT_DISPATCH_LIMITS.pingIntervalMs;
    lab.dispatcher.tick(lab.now);
    lab.say("honest", { kind: "pong", capacity: 1_000, generation: 1 });
  }
  const again = lab.sent.filter(({ peer, message }) =>
    peer === "honest" && message.kind === "request"
  );
  assertEquals(again.length, 250);
  assertEquals(lab.replies.filter((reply) => reply.includes(" 502 ")).length, 250);
});

Deno.test("requests that a handler returns for ever are given up", () => {
  const lab = new Lab();
  lab.join("a");
  let { number } = lab.request(1);
  for (let i = 0; lab.dispatcher.unansweredCount > 0; i++) {
    assert(i < 10);
    lab.say("a", { kind: "done", request: number, outcome: "returned" });
    const last = lab.sent.at(-1)!.message;
    if (last.kind === "request") number = last.request;
  }
  assertMatch(lab.replies[0], /^server 1:1, HTTP\/1\.1 502 /);
});

function withHub(
  name: string,
  fn: (hub: DispatchHub, mongrel2: FakeMongrel2) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore,
    async fn() {
      await using mongrel2 = new FakeMongrel2();
      await using hub = new DispatchHub({
        source: { send: mongrel2.send, recv: mongrel2.recv },
        endpoint: "tcp://127.0.0.1:*",
        limits: DEFAULT_DISPATCH_LIMITS,
        log() {},
      });
      await fn(hub, mongrel2);
    },
  });
}

/** That an honest handler gets requests, and its answers arrive. */
async function assertServes(hub: DispatchHub, mongrel2: FakeMongrel2): Promise<void> {
  await using honest = await FakeHandler.joined(hub.endpoint, "honest");
  await mongrel2.request(77, "/");
  honest.answer(await honest.request(), "good");
  assertMatch(await mongrel2.reply(), /^server 2:77, HTTP\/1\.1 200 OK.*good$/s);
}

const JUNK: Record<string, readonly Uint8Array[]> = {
  "an empty part": [new Uint8Array()],
  "many parts": Array.from({ length: 5_000 }, () => new Uint8Array(10)),
  "a large first part": [new Uint8Array(500_000)],
  "a part that is too large": [Uint8Array.of(7), new Uint8Array(524_289)],
  "a HELLO that is cut short": [Uint8Array.of(1, DISPATCH_VERSION, 0, 0)],
  "a delimiter as REQ has it": [new Uint8Array(), Uint8Array.of(9)],
};
for (const [what, parts] of Object.entries(JUNK)) {
  withHub(`a message with ${what} changes nothing for others`, async (hub, mongrel2) => {
    await using evil = new FakeHandler(hub.endpoint, "evil");
    for (let i = 0; i < 5; i++) evil.sayRaw(parts);
    await assertServes(hub, mongrel2);
    await using good = await FakeHandler.joined(hub.endpoint, "good");
    assert(good.messages.length === 0);
    assertEquals(
      hub.dispatcher.counts.malformedOfHandlers > 0,
      what !== "a part that is too large",
    );
  });
}

withHub("a handler that floods the dispatcher leaves others their turns", async (hub, mongrel2) => {
  await using evil = new FakeHandler(hub.endpoint, "evil");
  const junk = handlerParts({ kind: "reply", request: 1, payload: new Uint8Array(100_000) });
  let isOver = false;
  const flooding = (async () => {
    while (!isOver) {
      try {
        for (let i = 0; i < 50; i++) evil.sayRaw(junk);
      } catch {
        // There is no room at the moment.
      }
      evil.look();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  await eventually(() => hub.dispatcher.counts.strangers > 500);
  for (let i = 0; i < 3; i++) await assertServes(hub, mongrel2);
  isOver = true;
  await flooding;
});
