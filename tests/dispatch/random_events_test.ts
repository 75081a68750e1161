/**
 * A dispatcher among handlers that answer, give back, leave, fall silent, die, wake up late and lie, in random
 * order. A model checks what each client gets.
 */

import { assert, assertEquals } from "../support/assert.ts";
import { Random } from "../support/random.ts";
import type {
  DispatcherMessage,
  HandlerMessage,
} from "../../src/dispatch/codec/dispatch_message.ts";
import { DISPATCH_VERSION, handlerParts } from "../../src/dispatch/codec/dispatch_message.ts";
import { MAX_PIPELINED } from "../../src/dispatch/client_desk.ts";
import { Dispatcher } from "../../src/dispatch/dispatcher.ts";
import type { SendOutcome } from "../../src/dispatch/handler_roster.ts";
import { LeastLoadedPlacement } from "../../src/dispatch/placement.ts";
import type { Placement } from "../../src/dispatch/placement.ts";
import { StickyPlacement } from "../../src/dispatch/sticky_placement.ts";
import { stickyKey } from "../../src/dispatch/sticky/sticky_key.ts";
import type { DispatchLimits } from "../../src/limits/dispatch_limits.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const LIMITS: DispatchLimits = {
  pingIntervalMs: 100,
  maxQueue: 20,
  queueTimeoutMs: 700,
  requestTimeoutMs: 400,
  maxHeldBytes: 30_000,
};
const METHODS = ["GET", "GET", "GET", "POST", "PUT", "HEAD"] as const;
const MAX_PARTS = 3;
/** Messages that a handler's connection holds. */
const MAX_IN_PIPE = 12;

/** A request as its client sees it. */
interface Asked {
  readonly id: number;
  readonly method: string;
  readonly isRepeatable: boolean;
  /** Parts of the answer that have come: all of one attempt. */
  parts: number;
  attempt: number | null;
  state: "open" | "answered" | "refused" | "cut";
  /** Handlers that have begun to work on it. */
  begun: number;
  isDone: boolean;
}

/** A client's connection: what it asked, in order. */
class ModelClient {
  readonly conn: number;
  readonly asked: Asked[] = [];
  isClosed = false;
  /** Whether Mongrel2 has said that it has left. */
  hasLeft = false;

  constructor(conn: number) {
    this.conn = conn;
  }

  get open(): Asked[] {
    return this.asked.filter(({ state }) => state === "open");
  }
}

/** A request that a handler works on. */
interface Work {
  readonly number: number;
  readonly conn: number;
  readonly id: number;
  readonly attempt: number;
  sent: number;
  readonly total: number;
}

type Conduct = "well" | "badly";

/** A handler: what is on the way to it, and what it has. */
class ModelHandler {
  readonly peer: string;
  readonly instance: string;
  readonly conduct: Conduct;
  readonly name: string;
  readonly pipe: DispatcherMessage[] = [];
  readonly work: Work[] = [];
  readonly givenBack = new Set<number>();
  /** One that is `stuck` answers pings, and nothing else. */
  state: "up" | "silent" | "stuck" | "dead" | "leaving" = "up";
  isKnown = false;

  constructor(peer: string, name: string, instance: string, conduct: Conduct) {
    this.peer = peer;
    this.name = name;
    this.instance = instance;
    this.conduct = conduct;
  }
}

class World {
  readonly random: Random;
  readonly dispatcher: Dispatcher;
  readonly clients = new Map<number, ModelClient>();
  readonly requests = new Map<number, Asked>();
  readonly handlers = new Map<string, ModelHandler>();
  readonly conduct: Conduct;
  now = 0;
  #nextConn = 0;
  #nextId = 0;
  #nextPeer = 0;

  constructor(seed: number, conduct: Conduct, placement: Placement) {
    this.random = new Random(seed);
    this.conduct = conduct;
    this.dispatcher = new Dispatcher(
      {
        send: (peer, message) => this.#send(peer, message),
        reply: (id, bytes) => this.#onReply(id, decoder.decode(bytes)),
        done: (id) => {
          const asked = this.requests.get(id);
          if (asked === undefined) return;
          assert(!asked.isDone, `request ${id} ends twice`);
          asked.isDone = true;
          if (asked.state !== "open") return;
          // Whoever lies can say so of what it has not answered, to its own clients' cost.
          assertEquals(conduct, "badly", `request ${id} ends without an answer`);
          asked.state = "answered";
        },
        log() {},
      },
      LIMITS,
      placement,
    );
  }

  #send(peer: string, message: DispatcherMessage): SendOutcome {
    const handler = this.handlers.get(peer);
    if (handler === undefined || handler.state === "dead") return "unreachable";
    if (handler.pipe.length >= MAX_IN_PIPE) return "full";
    // The dispatcher may use the bytes for something else from now on.
    handler.pipe.push(
      "payload" in message ? { ...message, payload: message.payload.slice() } : message,
    );
    return "sent";
  }

  /** What reaches a client. */
  #onReply(id: number, text: string): void {
    const [, ids, payload] = /^server \d+:([^,]*), (.*)$/s.exec(text) ?? [];
    assert(ids !== undefined, text);
    const client = this.clients.get(Number(ids));
    assert(client !== undefined, `a reply goes to ${ids}`);
    assert(!client.isClosed, `connection ${ids} gets something after it was closed: ${text}`);
    if (payload === "") {
      client.isClosed = true;
      for (const asked of client.open) asked.state = "cut";
      return;
    }
    const next = client.open[0];
    assert(
      next !== undefined,
      `connection ${ids} gets an answer that it has not asked for: ${text}`,
    );
    if (payload.startsWith("HTTP/1.1 50")) {
      assertEquals(next.parts, 0, "an error comes within an answer");
      assertEquals(next.id, id);
      next.state = "refused";
      return;
    }
    const [, answered, attempt, part, total] = /^(\d+)#(\d+) (\d+)\/(\d+)$/.exec(payload) ?? [];
    if (answered === undefined) {
      assertEquals(payload, "lie");
      // Whoever lies can spoil the answers to its own clients.
      next.parts++;
      next.attempt = -1;
      return;
    }
    if (next.attempt === -1) return;
    assertEquals(Number(answered), next.id, `connection ${ids} gets the answer to another request`);
    assertEquals(Number(part), next.parts + 1, "a part is missing, or comes twice");
    assertEquals(next.attempt ?? Number(attempt), Number(attempt), "two handlers answer it");
    next.attempt = Number(attempt);
    next.parts++;
    if (part === total) next.state = "answered";
  }

  tell(handler: ModelHandler, message: HandlerMessage): void {
    const parts = handlerParts(message).map((part) => part.slice());
    this.dispatcher.onHandlerMessage(handler.peer, parts, this.now);
    for (const part of parts) part.fill(0xee);
  }

  message(text: string, upstream: number): void {
    const bytes = encoder.encode(text);
    this.dispatcher.onMessage(bytes, this.now, upstream);
    bytes.fill(0xee);
  }

  join(): void {
    const { random } = this;
    const peer = `peer${++this.#nextPeer}`;
    const others = [...this.handlers.values()];
    // Now and then one connects anew that is there already, or takes its place.
    const same = others.length > 0 && random.below(4) === 0 ? random.pick(others) : null;
    const name = same?.name ?? `name${random.below(4)}`;
    const instance = same !== null && random.below(2) === 0
      ? same.instance
      : String(this.#nextPeer).padStart(32, "0");
    const handler = new ModelHandler(
      peer,
      name,
      instance,
      this.conduct === "badly" && random.below(3) === 0 ? "badly" : "well",
    );
    this.handlers.set(peer, handler);
    this.hello(handler);
  }

  hello(handler: ModelHandler): void {
    const { name, instance } = handler;
    const capacity = 1 + this.random.below(6);
    const load = { capacity, generation: 1 };
    this.tell(handler, { kind: "hello", version: DISPATCH_VERSION, name, instance, ...load });
  }

  ask(): void {
    const { random } = this;
    const known = [...this.clients.values()].filter(({ isClosed, hasLeft }) =>
      !isClosed && !hasLeft
    );
    const isNew = known.length === 0 || random.below(2) === 0;
    const client = isNew ? new ModelClient(++this.#nextConn) : random.pick(known);
    this.clients.set(client.conn, client);
    const method = random.pick(METHODS);
    const asked: Asked = {
      id: ++this.#nextId,
      method,
      isRepeatable: method !== "POST",
      parts: 0,
      attempt: null,
      state: "open",
      begun: 0,
      isDone: false,
    };
    client.asked.push(asked);
    this.requests.set(asked.id, asked);
    const headers = JSON.stringify({
      METHOD: method,
      VERSION: "HTTP/1.1",
      cookie: `sid=${client.conn % 5}`,
    });
    const body = "b".repeat(random.below(10) === 0 ? 3_000 : 0);
    this.message(
      `server ${client.conn} /${asked.id} ${headers.length}:${headers},${body.length}:${body},`,
      asked.id,
    );
  }

  leaveClient(): void {
    const present = [...this.clients.values()].filter(({ hasLeft }) => !hasLeft);
    if (present.length === 0) return;
    const client = this.random.pick(present);
    client.hasLeft = true;
    client.isClosed = true;
    for (const asked of client.open) asked.state = "cut";
    this.message(
      `server ${client.conn} @* 17:{"METHOD":"JSON"},21:{"type":"disconnect"},`,
      0,
    );
  }

  /** A handler takes what has come to it: some of it. */
  read(handler: ModelHandler): void {
    if (handler.state === "dead" || handler.state === "silent") return;
    const count = 1 + this.random.below(MAX_IN_PIPE);
    for (const message of handler.pipe.splice(0, count)) {
      if (handler.state === "stuck" && message.kind !== "ping") continue;
      switch (message.kind) {
        case "welcome":
          handler.isKnown = true;
          break;
        case "ping":
          this.tell(handler, {
            kind: "pong",
            capacity: 1 + this.random.below(6),
            generation: 1,
          });
          break;
        case "request": {
          if (handler.givenBack.has(message.request)) break;
          const [, conn, path] = decoder.decode(message.payload).split(" ", 3);
          const id = Number(path.slice(1));
          handler.work.push({
            number: message.request,
            conn: Number(conn),
            id,
            attempt: message.request,
            sent: 0,
            total: 1 + this.random.below(MAX_PARTS),
          });
          break;
        }
        case "notice": {
          const [, conn] = decoder.decode(message.payload).split(" ", 2);
          for (const work of [...handler.work]) {
            if (work.conn !== Number(conn)) continue;
            handler.work.splice(handler.work.indexOf(work), 1);
            this.tell(handler, { kind: "done", request: work.number, outcome: "answered" });
          }
          break;
        }
        case "who":
          handler.work.length = 0;
          handler.isKnown = false;
          handler.state = "up";
          this.hello(handler);
          break;
        case "left":
        case "refused":
          break;
      }
    }
  }

  /** A handler goes on with something that it has. */
  work(handler: ModelHandler): void {
    const isWorking = handler.state === "up" || handler.state === "leaving";
    if (!isWorking || handler.work.length === 0) return;
    const { random } = this;
    const any = random.pick(handler.work);
    // The requests of a connection are answered in their order.
    const work = handler.work.find(({ conn }) => conn === any.conn)!;
    const isUntouched = handler.work.every(({ conn, sent }) => conn !== any.conn || sent === 0);
    if (isUntouched && random.below(12) === 0) {
      for (const each of handler.work.filter(({ conn }) => conn === any.conn)) {
        handler.work.splice(handler.work.indexOf(each), 1);
        this.tell(handler, { kind: "done", request: each.number, outcome: "returned" });
      }
      return;
    }
    if (handler.conduct === "badly" && random.below(3) === 0) {
      this.lie(handler, work);
      return;
    }
    const asked = this.requests.get(work.id)!;
    if (work.sent === 0) asked.begun++;
    work.sent++;
    const payload = `server ${String(work.conn).length}:${work.conn}, ` +
      `${work.id}#${work.attempt} ${work.sent}/${work.total}`;
    const isLast = work.sent === work.total;
    // The last reply and the end come as one message, or as two.
    const kind = isLast && random.below(2) === 0 ? "answer" : "reply";
    this.tell(handler, { kind, request: work.number, payload: encoder.encode(payload) });
    if (!isLast) return;
    handler.work.splice(handler.work.indexOf(work), 1);
    if (kind === "answer") return;
    this.tell(handler, { kind: "done", request: work.number, outcome: "answered" });
  }

  /** A handler does what none should. */
  lie(handler: ModelHandler, work: Work): void {
    const { random } = this;
    const other = 1 + random.below(this.#nextConn);
    const lie = (conn: number | string) =>
      encoder.encode(`server ${String(conn).length}:${conn}, lie`);
    const anyNumber = 1 + random.below(this.#nextId * 2);
    switch (random.below(8)) {
      case 0:
        this.tell(handler, { kind: "reply", request: work.number, payload: lie(other) });
        break;
      case 1:
        this.tell(handler, {
          kind: "reply",
          request: work.number,
          payload: lie(`${work.conn} ${other}`),
        });
        break;
      case 2: {
        const kind = random.pick(["reply", "answer"] as const);
        this.tell(handler, { kind, request: anyNumber, payload: lie(other) });
        break;
      }
      case 3:
        this.tell(handler, { kind: "done", request: anyNumber, outcome: "answered" });
        break;
      case 4: {
        // What it gives back by chance, even before it has read it, it does not do: another one may.
        const own = handler.work.findIndex(({ number }) => number === anyNumber);
        if (own >= 0) handler.work.splice(own, 1);
        const isUnread = handler.pipe.some((each) =>
          each.kind === "request" && each.request === anyNumber
        );
        if (isUnread) handler.givenBack.add(anyNumber);
        this.tell(handler, { kind: "done", request: anyNumber, outcome: "returned" });
        break;
      }
      case 5: {
        const parts = [0, 1, 2].slice(random.below(3)).map(() =>
          Uint8Array.from({ length: random.below(12) }, () => random.below(256))
        );
        this.dispatcher.onHandlerMessage(handler.peer, parts, this.now);
        break;
      }
      case 6:
        this.tell(handler, { kind: "leave" });
        break;
      case 7:
        // What it has, it says to have answered.
        handler.work.splice(handler.work.indexOf(work), 1);
        this.tell(handler, { kind: "done", request: work.number, outcome: "answered" });
        break;
    }
  }

  step(): void {
    const { random } = this;
    const handlers = [...this.handlers.values()].filter(({ state }) => state !== "dead");
    const handler = handlers.length === 0 ? null : random.pick(handlers);
    const what = random.below(100);
    if (what < 22) this.ask();
    else if (what < 24) this.leaveClient();
    else if (what < 28 && handlers.length < 6) this.join();
    else if (what < 34) this.advance(random.below(90));
    else if (handler === null) this.join();
    else if (what < 60) this.read(handler);
    else if (what < 95) this.work(handler);
    else if (what < 96) handler.state = "dead";
    else if (what < 97) {
      // What one has lost that is stuck it does not find again.
      if (handler.state !== "stuck") handler.state = random.pick(["silent", "stuck"]);
    } else if (what < 99) {
      if (handler.state === "silent") handler.state = "up";
    } else if (handler.state === "up") {
      handler.state = "leaving";
      this.tell(handler, { kind: "leave" });
    }
    this.check();
  }

  advance(ms: number): void {
    this.now += ms;
    if (this.dispatcher.dueAt <= this.now) this.dispatcher.tick(this.now);
  }

  check(): void {
    const { dispatcher } = this;
    assert(dispatcher.heldBytes >= 0 && dispatcher.heldBytes <= LIMITS.maxHeldBytes);
    assert(dispatcher.waitingCount >= 0);
    const open = [...this.requests.values()].filter(({ isDone }) => !isDone).length;
    assertEquals(dispatcher.unansweredCount, open, "requests are miscounted");
    let inFlight = 0;
    for (const { requests } of dispatcher.handlers) inFlight += requests.size;
    assert(inFlight <= open + this.requests.size);
    for (const asked of this.requests.values()) {
      if (!asked.isRepeatable) assert(asked.begun <= 1, "an unsafe request is begun twice");
    }
  }

  /** Everything comes to its end: whoever is silent or stuck dies, and the others do their work. */
  finish(): void {
    for (const handler of this.handlers.values()) {
      if (handler.state === "silent" || handler.state === "stuck") handler.state = "dead";
    }
    for (let round = 0; round < 4_000 && this.dispatcher.unansweredCount > 0; round++) {
      for (const handler of this.handlers.values()) {
        this.read(handler);
        this.work(handler);
      }
      if (round % 10 === 0) this.advance(50);
    }
    this.check();
  }
}

const placements: Record<string, () => Promise<Placement>> = {
  "least loaded": () => Promise.resolve(new LeastLoadedPlacement()),
  "sticky": async () => new StickyPlacement(await stickyKey({ by: "cookie", name: "sid" })),
};

for (const [placement, make] of Object.entries(placements)) {
  for (const conduct of ["well", "badly"] as const) {
    Deno.test(`whatever happens, each request is answered once or its connection closed (${placement}, handlers behave ${conduct})`, async () => {
      const seen = { answered: 0, refused: 0, cut: 0, open: 0 };
      let overdue = 0;
      for (let seed = 1; seed <= 150; seed++) {
        const world = new World(seed, conduct, await make());
        try {
          for (let i = 0; i < 600; i++) world.step();
          world.finish();
          for (const { state, isDone, id } of world.requests.values()) {
            // A handler that lies may say that a request is answered that is not.
            if (conduct === "well") assert(state !== "open", `request ${id} has no end`);
            assert(isDone, `request ${id} is kept`);
            seen[state]++;
          }
          const { dispatcher } = world;
          overdue += dispatcher.counts.overdue;
          assertEquals(
            [dispatcher.unansweredCount, dispatcher.waitingCount, dispatcher.heldBytes],
            [0, 0, 0],
          );
        } catch (error) {
          throw new Error(`with seed ${seed}: ${error}`, { cause: error });
        }
      }
      // The events were of all kinds.
      assert(overdue > 500);
      for (const state of ["answered", "refused", "cut"] as const) assert(seen[state] > 500, state);
    });
  }
}

Deno.test("a client that asks too far ahead is left", async () => {
  const world = new World(1, "well", await placements["least loaded"]());
  const client = new ModelClient(1);
  world.clients.set(1, client);
  const handler = new ModelHandler("peer", "name", "1".padStart(32, "0"), "well");
  world.handlers.set("peer", handler);
  world.hello(handler);
  const headers = '{"METHOD":"GET","VERSION":"HTTP/1.1"}';
  for (let i = 0; i <= MAX_PIPELINED; i++) {
    assert(!client.isClosed);
    // Its connection has room for all of them.
    handler.pipe.length = 0;
    world.message(`server 1 /${i} ${headers.length}:${headers},0:,`, 0);
  }
  assert(client.isClosed);
  assertEquals(world.dispatcher.unansweredCount, 0);
  assertEquals(world.dispatcher.heldBytes, 0);
});
