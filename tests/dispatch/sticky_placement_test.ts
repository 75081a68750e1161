import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { Dispatcher } from "../../src/dispatch/dispatcher.ts";
import type { DispatchLimits } from "../../src/limits/dispatch_limits.ts";
import { DEFAULT_DISPATCH_LIMITS } from "../../src/limits/dispatch_limits.ts";
import { DISPATCH_VERSION, handlerParts } from "../../src/dispatch/codec/dispatch_message.ts";
import type {
  DispatcherMessage,
  HandlerMessage,
} from "../../src/dispatch/codec/dispatch_message.ts";
import { StickyPlacement } from "../../src/dispatch/sticky_placement.ts";
import { stickyKey } from "../../src/dispatch/sticky/sticky_key.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A request that a handler was given. */
interface Given {
  readonly peer: string;
  readonly number: number;
  readonly conn: string;
}

/** A dispatcher that sticks by a cookie, and what it has said. */
class Lab {
  readonly given: Given[] = [];
  readonly replies: string[] = [];
  readonly dispatcher: Dispatcher;
  /** Peers whose sockets take nothing. */
  readonly full = new Set<string>();
  now = 0;
  #instances = 0;

  constructor(placement: StickyPlacement, limits: Partial<DispatchLimits> = {}) {
    this.dispatcher = new Dispatcher(
      {
        send: (peer, message) => {
          if (this.full.has(peer)) return "full";
          this.#take(peer, message);
          return "sent";
        },
        reply: (_number, bytes) => this.replies.push(decoder.decode(bytes)),
        done() {},
        log() {},
      },
      { ...DEFAULT_DISPATCH_LIMITS, ...limits },
      placement,
    );
  }

  static async make(limits: Partial<DispatchLimits> = {}): Promise<Lab> {
    return new Lab(new StickyPlacement(await stickyKey({ by: "cookie", name: "sid" })), limits);
  }

  #take(peer: string, message: DispatcherMessage): void {
    if (message.kind !== "request") return;
    const [, conn] = decoder.decode(message.payload).split(" ", 2);
    this.given.push({ peer, number: message.request, conn });
  }

  say(peer: string, message: HandlerMessage): void {
    this.dispatcher.onHandlerMessage(peer, handlerParts(message), this.now);
  }

  join(peer: string, capacity = 1_000, name = peer): void {
    const instance = String(++this.#instances).padStart(32, "0");
    const load = { capacity, generation: 1 };
    this.say(peer, { kind: "hello", version: DISPATCH_VERSION, instance, name, ...load });
  }

  /** Has all handlers but those that are named answer pings until these are taken for dead. */
  kill(...peers: readonly string[]): void {
    for (let i = 0; i < 3; i++) {
      this.now += DEFAULT_DISPATCH_LIMITS.pingIntervalMs;
      this.dispatcher.tick(this.now);
      for (const { peer, capacity } of [...this.dispatcher.handlers]) {
        if (!peers.includes(peer)) this.say(peer, { kind: "pong", capacity, generation: 1 });
      }
    }
  }

  request(conn: number, sid: string, method = "GET"): void {
    const headers = JSON.stringify({ METHOD: method, VERSION: "HTTP/1.1", cookie: `sid=${sid}` });
    const text = `server ${conn} / ${headers.length}:${headers},0:,`;
    this.dispatcher.onMessage(encoder.encode(text), this.now);
  }

  answer({ peer, number, conn }: Given): void {
    const payload = encoder.encode(`server ${conn.length}:${conn}, HTTP/1.1 200 OK\r\n\r\n`);
    this.say(peer, { kind: "reply", request: number, payload });
    this.say(peer, { kind: "done", request: number, outcome: "answered" });
  }

  /** Who is given a request of this key, which is answered at once. */
  ownerOf(sid: string): string | undefined {
    const before = this.given.length;
    this.request(900_000 + before, sid);
    const given = this.given[before];
    if (given !== undefined) this.answer(given);
    return given?.peer;
  }

  owners(count: number): (string | undefined)[] {
    return Array.from({ length: count }, (_, i) => this.ownerOf(`user-${i}`));
  }
}

/** A key that belongs to `peer`. */
function keyOf(lab: Lab, peer: string): string {
  for (let i = 0; i < 1_000; i++) if (lab.ownerOf(`k${i}`) === peer) return `k${i}`;
  throw new Error("no key belongs there");
}

Deno.test("requests with one cookie go to one handler, whatever connection they come over", async () => {
  const lab = await Lab.make();
  for (const peer of ["a", "b", "c"]) lab.join(peer);
  const first = lab.owners(60);
  assertEquals(new Set(first), new Set(["a", "b", "c"]));
  assertEquals(lab.owners(60), first);
});

Deno.test("dispatchers agree, in whatever order the handlers have come, and wherever from", async () => {
  const [one, other] = [await Lab.make(), await Lab.make()];
  for (const name of ["a", "b", "c", "d"]) one.join(name, 10, name);
  for (const name of ["c", "d", "b", "a"]) other.join(`peer-of-${name}`, 10, name);
  const owners = other.owners(60).map((owner) => owner?.replace("peer-of-", ""));
  assertEquals(owners, one.owners(60));
});

Deno.test("a handler that comes takes its part of the keys, and one that leaves gives them back", async () => {
  const lab = await Lab.make();
  for (const peer of ["a", "b", "c"]) lab.join(peer);
  const before = lab.owners(200);
  lab.join("d");
  const during = lab.owners(200);
  const moved = during.filter((owner, i) => owner !== before[i]);
  assertEquals(new Set(moved), new Set(["d"]));
  assert(moved.length > 20 && moved.length < 90, String(moved.length));
  lab.say("d", { kind: "leave" });
  assertEquals(lab.owners(200), before);
});

Deno.test("what sticks to a busy handler waits for it, and keeps nobody else waiting", async () => {
  const lab = await Lab.make();
  for (const peer of ["a", "b"]) lab.join(peer, 2);
  const [mine, theirs] = [keyOf(lab, "a"), keyOf(lab, "b")];
  lab.given.length = 0;
  for (let conn = 0; conn < 5; conn++) lab.request(conn, mine);
  assertEquals(lab.given.map(({ peer, conn }) => peer + conn), ["a0", "a1"]);
  assertEquals(lab.dispatcher.waitingCount, 3);
  lab.request(9, theirs);
  assertEquals(lab.given.at(-1)!.peer, "b");
  lab.answer(lab.given[0]);
  lab.answer(lab.given[1]);
  assertEquals(lab.given.slice(3).map(({ peer, conn }) => peer + conn), ["a2", "a3"]);
});

Deno.test("one handler's clients take no more than its part of the queue", async () => {
  const lab = await Lab.make({ maxQueue: 8 });
  for (const [peer, capacity] of [["a", 1], ["b", 3]] as const) lab.join(peer, capacity);
  const [mine, theirs] = [keyOf(lab, "a"), keyOf(lab, "b")];
  lab.replies.length = 0;
  for (let conn = 0; conn < 4; conn++) lab.request(conn, mine);
  // One is under way, two wait, and there is no room for the last.
  assertMatch(lab.replies[0], /^server 1:3, HTTP\/1.1 503 /);
  assertEquals(lab.dispatcher.waitingCount, 2);
  for (let conn = 10; conn < 19; conn++) lab.request(conn, theirs);
  assertEquals(lab.dispatcher.waitingCount, 8);
  assertEquals(lab.replies.length, 2);
});

Deno.test("who waits for too long gets 503, whoever it waits for", async () => {
  const lab = await Lab.make({ queueTimeoutMs: 100 });
  for (const peer of ["a", "b"]) lab.join(peer, 1);
  const keys = [keyOf(lab, "a"), keyOf(lab, "b")];
  for (const [i, key] of keys.entries()) {
    lab.request(2 * i, key);
    lab.request(2 * i + 1, key);
  }
  lab.replies.length = 0;
  assertEquals(lab.dispatcher.dueAt <= 100, true);
  lab.now = 100;
  lab.dispatcher.tick(100);
  const refused = lab.replies.filter((reply) => reply.includes(" 503 "));
  assertEquals(refused.map((reply) => reply.slice(0, 10)).sort(), ["server 1:1", "server 1:3"]);
  assertEquals(lab.dispatcher.waitingCount, 0);
});

Deno.test("what waits while there is no handler goes where it belongs once they come", async () => {
  const lab = await Lab.make();
  lab.request(1, "x");
  lab.request(2, "y");
  assertEquals(lab.dispatcher.waitingCount, 2);
  lab.join("a", 1);
  assertEquals(lab.given.map(({ peer, conn }) => peer + conn), ["a1"]);
  lab.join("b", 1_000_000);
  assertEquals(lab.given.at(-1)!.peer, "b");
});

Deno.test("what waits for a handler that leaves, or dies, goes to the next, in its order", async () => {
  for (const end of ["leave", "death"] as const) {
    const lab = await Lab.make();
    lab.join("a", 1);
    const key = keyOf(lab, "a");
    lab.given.length = 0;
    for (let conn = 0; conn < 4; conn++) lab.request(conn, key);
    lab.join("b", 1);
    if (end === "leave") lab.say("a", { kind: "leave" });
    else lab.kill("a");
    while (lab.dispatcher.waitingCount > 0) lab.answer(lab.given.at(-1)!);
    const at = lab.given.map(({ peer, conn }) => peer + conn);
    const again = end === "leave" ? [] : ["b0"];
    assertEquals(at, ["a0", ...again, "b1", "b2", "b3"], end);
  }
});

Deno.test("of two handlers with one name the newer one has the keys, and the older one when it leaves", async () => {
  const lab = await Lab.make();
  lab.join("a1", 10, "a");
  lab.join("b");
  const before = lab.owners(40);
  lab.join("a2", 10, "a");
  const renamed = (to: string) => before.map((owner) => owner === "a1" ? to : owner);
  assertEquals(lab.owners(40), renamed("a2"));
  lab.say("a2", { kind: "leave" });
  assertEquals(lab.owners(40), renamed("a1"));
});

Deno.test("what waits for an older handler waits for the newer one of its name", async () => {
  const lab = await Lab.make();
  lab.join("a1", 1, "a");
  for (let conn = 0; conn < 3; conn++) lab.request(conn, "x");
  lab.join("a2", 5, "a");
  assertEquals(lab.given.map(({ peer, conn }) => peer + conn), ["a10", "a21", "a22"]);
});

Deno.test("a handler whose socket is full keeps its keys", async () => {
  const lab = await Lab.make();
  for (const peer of ["a", "b"]) lab.join(peer);
  const key = keyOf(lab, "a");
  lab.full.add("a");
  lab.request(1, key);
  lab.request(2, key);
  assertEquals(lab.dispatcher.waitingCount, 2);
  lab.full.delete("a");
  lab.now = 20;
  lab.dispatcher.tick(20);
  assertEquals(lab.given.slice(-2).map(({ peer, conn }) => peer + conn), ["a1", "a2"]);
});

Deno.test("pipelined requests stay with the handler of the first, whatever their cookies", async () => {
  const lab = await Lab.make();
  for (const peer of ["a", "b"]) lab.join(peer);
  const [mine, theirs] = [keyOf(lab, "a"), keyOf(lab, "b")];
  lab.given.length = 0;
  lab.request(1, mine);
  lab.request(1, theirs);
  assertEquals(lab.given.map(({ peer }) => peer), ["a", "a"]);
  for (const given of lab.given.splice(0)) lab.answer(given);
  lab.request(1, theirs);
  assertEquals(lab.given.map(({ peer }) => peer), ["b"]);
});

Deno.test("a client that leaves while it waits is forgotten", async () => {
  const lab = await Lab.make();
  lab.join("a", 1);
  for (let conn = 0; conn < 4; conn++) lab.request(conn, "x");
  const gone = 'server 2 @* 17:{"METHOD":"JSON"},21:{"type":"disconnect"},';
  lab.dispatcher.onMessage(encoder.encode(gone), lab.now);
  assertEquals(lab.dispatcher.waitingCount, 2);
  while (lab.dispatcher.unansweredCount > 0) lab.answer(lab.given.at(-1)!);
  assertEquals(lab.given.map(({ conn }) => conn), ["0", "1", "3"]);
});
