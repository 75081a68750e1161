import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { DispatchLab } from "../support/dispatch_lab.ts";
import { StickyPlacement } from "../../src/dispatch/sticky_placement.ts";
import { stickyKey } from "../../src/dispatch/sticky/sticky_key.ts";
import type { Placement } from "../../src/dispatch/placement.ts";

const TIMEOUT_MS = 5_000;
const PING_MS = 1_000;

/** A dispatcher with a timeout. Time passes in steps, at which all handlers answer pings. */
class Lab extends DispatchLab {
  readonly peers: string[] = [];

  constructor(requestTimeoutMs = TIMEOUT_MS, placement?: Placement) {
    super({ requestTimeoutMs, pingIntervalMs: PING_MS }, placement);
  }

  override join(peer: string, capacity = 10, name = peer): void {
    super.join(peer, capacity, name);
    this.peers.push(peer);
  }

  pass(ms: number): void {
    for (const until = this.now + ms; this.now < until;) {
      this.now = Math.min(this.now + PING_MS / 2, until);
      this.dispatcher.tick(this.now);
      for (const peer of this.peers) this.say(peer, { kind: "pong", capacity: 10, generation: 1 });
    }
  }

  /** What handlers were sent but pings, since the last call. */
  taken(): string[] {
    return this.sent.splice(0).filter(({ message }) => message.kind !== "ping")
      .map(({ peer, message }) => `${peer} ${message.kind}`);
  }
}

for (const method of ["GET", "POST"]) {
  Deno.test(`a ${method} whose handler takes too long gets 504, and the handler goes on`, () => {
    const lab = new Lab();
    lab.join("slow");
    lab.join("other");
    const { number, peer } = lab.request(1, method);
    lab.pass(TIMEOUT_MS - 1);
    lab.taken();
    lab.pass(PING_MS);
    assertEquals(lab.taken(), [`${peer} notice`], "it is told that the client has left");
    assertEquals(lab.replies, []);
    lab.done(peer, number);
    assertMatch(lab.replies[0], /^server 1:1, HTTP\/1\.1 504 Gateway Timeout\r\n/);
    assertEquals(lab.replies.slice(1), ["server 1:1, "]);
    assertEquals(lab.dispatcher.capacity, 20);
    assertEquals(lab.taken(), [], "nobody else gets it");
    assertEquals(lab.dispatcher.counts.gatewayTimeout, 1);
    assertEquals(lab.dispatcher.unansweredCount, 0);
  });
}

Deno.test("an answer that comes after a handler was told to give up goes nowhere", () => {
  const lab = new Lab();
  lab.join("slow");
  const { number } = lab.request(1);
  lab.pass(TIMEOUT_MS + PING_MS);
  lab.reply("slow", number, "server 1:1, late");
  lab.done("slow", number);
  assertMatch(lab.replies[0], / 504 /);
  assertEquals(lab.replies.length, 2);
});

Deno.test("without a timeout a handler may take as long as it likes", () => {
  const lab = new Lab(0);
  lab.join("slow");
  const { number } = lab.request(1);
  lab.pass(3_600_000);
  lab.reply("slow", number, "server 1:1, good");
  assertEquals(lab.replies, ["server 1:1, good"]);
});

Deno.test("an answer that has begun may take as long as it likes, as may a WebSocket", () => {
  const lab = new Lab();
  lab.join("a");
  const { number } = lab.request(1);
  lab.message(2, { METHOD: "WEBSOCKET_HANDSHAKE", VERSION: "HTTP/1.1" });
  lab.reply("a", number, "server 1:1, begins");
  lab.reply("a", number + 1, "server 1:2, 101");
  lab.pass(10 * TIMEOUT_MS);
  lab.reply("a", number, "server 1:1, ends");
  assertEquals(lab.replies, ["server 1:1, begins", "server 1:2, 101", "server 1:1, ends"]);
});

Deno.test("the parts of an upload are waited for, and then the answer", () => {
  const lab = new Lab();
  lab.join("a");
  lab.message(1, { METHOD: "POST", VERSION: "HTTP/1.1", UPLOAD_STREAM: "0" });
  const [{ message }] = lab.sent.splice(0).filter(({ message: { kind } }) => kind === "request");
  assert(message.kind === "request");
  for (let i = 0; i < 10; i++) {
    lab.pass(TIMEOUT_MS / 2);
    lab.message(1, { UPLOAD_STREAM: String(i) }, "part");
    // That it wants more is no answer.
    lab.reply("a", message.request, "server 3:X 1, credits");
  }
  assertEquals(lab.dispatcher.counts.overdue, 0);
  lab.pass(TIMEOUT_MS + PING_MS);
  lab.done("a", message.request);
  assertMatch(lab.replies.at(-2)!, / 504 /);
});

Deno.test("requests that wait for one before them have their time from its end on", () => {
  const lab = new Lab();
  lab.join("a");
  const first = lab.request(1);
  const second = lab.request(1);
  lab.pass(TIMEOUT_MS - PING_MS);
  lab.reply("a", first.number, "server 1:1, one");
  lab.pass(2 * TIMEOUT_MS);
  lab.done("a", first.number);
  lab.pass(TIMEOUT_MS - PING_MS);
  assertEquals(lab.dispatcher.counts.overdue, 0);
  lab.pass(2 * PING_MS);
  assertEquals(lab.dispatcher.counts.overdue, 1);
  lab.done("a", second.number);
  // Part of its answer may have been in what was sent before.
  assertEquals(lab.replies, ["server 1:1, one", "server 1:1, "]);
});

Deno.test("a handler that answers pings and nothing else loses its safe requests to others, and gets no more", () => {
  const lab = new Lab();
  lab.join("stuck");
  const safe = lab.request(1);
  const unsafe = lab.request(2, "POST");
  lab.join("good");
  lab.pass(TIMEOUT_MS + 3 * PING_MS);
  assertEquals(lab.dispatcher.capacity, 10);
  const [again] = lab.sent.filter(({ peer, message }) =>
    peer === "good" && message.kind === "request"
  );
  assert(again.message.kind === "request");
  lab.reply("good", again.message.request, "server 1:1, good");
  lab.done("good", again.message.request);
  assertMatch(lab.replies[0], /^server 1:2, HTTP\/1\.1 502 /);
  assertEquals(lab.replies.slice(1), ["server 1:2, ", "server 1:1, good"]);
  for (let conn = 10; conn < 20; conn++) assertEquals(lab.request(conn).peer, "good");
  assertEquals([...lab.dispatcher.handlers].map(({ isAside }) => isAside), [true, false]);
  // Once it has given up what it had, it is one like others.
  lab.reply("stuck", safe.number, "server 1:1, late");
  for (const { number } of [safe, unsafe]) lab.done("stuck", number);
  assertEquals(lab.replies.length, 3);
  assertEquals(lab.dispatcher.capacity, 20);
  assertEquals(lab.request(30).peer, "stuck");
});

Deno.test("a handler that says nothing of a client that has left gets no more", () => {
  const lab = new Lab();
  lab.join("stuck");
  const { number } = lab.request(1);
  lab.dispatcher.onMessage(
    new TextEncoder().encode('server 1 @* 17:{"METHOD":"JSON"},21:{"type":"disconnect"},'),
    lab.now,
  );
  lab.pass(3 * PING_MS);
  assertEquals(lab.dispatcher.capacity, 0);
  lab.done("stuck", number);
  assertEquals(lab.dispatcher.capacity, 10);
});

Deno.test("a handler gets no more of a client that it was told to give up, and is not blamed for it", () => {
  const lab = new Lab();
  lab.join("slow");
  const { number } = lab.request(1);
  lab.pass(TIMEOUT_MS + PING_MS);
  lab.taken();
  lab.message(1, { METHOD: "POST", VERSION: "HTTP/1.1" });
  assertEquals(lab.taken(), []);
  lab.done("slow", number);
  assertMatch(lab.replies[0], / 504 /);
  assertEquals(lab.replies.slice(1), ["server 1:1, "]);
  lab.pass(10 * PING_MS);
  assertEquals(lab.taken(), []);
  assertEquals(lab.dispatcher.capacity, 10);
  assertEquals(lab.dispatcher.unansweredCount, 0);
});

Deno.test("a handler that was not read is not blamed", () => {
  const lab = new Lab();
  lab.join("a");
  const { number } = lab.request(1);
  for (let i = 0; i < 20; i++) {
    lab.dispatcher.excuse(lab.now);
    lab.pass(PING_MS);
  }
  assertEquals(lab.dispatcher.counts.overdue, 0);
  lab.reply("a", number, "server 1:1, good");
  assertEquals(lab.replies, ["server 1:1, good"]);
});

Deno.test("one that dies of what it was told to give up loses it as others do", () => {
  const lab = new Lab();
  lab.join("dying");
  lab.request(1);
  lab.join("good");
  lab.pass(TIMEOUT_MS + PING_MS);
  lab.dispatcher.expel("dying", "it has died", lab.now);
  const [again] = lab.sent.filter(({ peer, message }) =>
    peer === "good" && message.kind === "request"
  );
  assert(again.message.kind === "request");
  lab.reply("good", again.message.request, "server 1:1, good");
  assertEquals(lab.replies, ["server 1:1, good"]);
});

Deno.test("keys of a handler that is set aside belong to another one until it is back", async () => {
  const lab = new Lab(TIMEOUT_MS, new StickyPlacement(await stickyKey({ by: "connection" })));
  for (const peer of ["a", "b"]) lab.join(peer);
  const stuck = lab.request(1);
  lab.pass(TIMEOUT_MS + 3 * PING_MS);
  const other = stuck.peer === "a" ? "b" : "a";
  lab.reply(other, stuck.number + 1, "server 1:1, good");
  lab.done(other, stuck.number + 1);
  assertEquals(lab.replies, ["server 1:1, good"]);
  const next = lab.request(1);
  assertEquals(next.peer, other);
  lab.reply(other, next.number, "server 1:1, good");
  lab.done(other, next.number);
  lab.done(stuck.peer, stuck.number);
  assertEquals(lab.request(1).peer, stuck.peer);
});
