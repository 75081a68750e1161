import { assert, assertEquals } from "../support/assert.ts";
import { until } from "../support/processes.ts";
import type { Bus, BusListener, BusOrigin } from "../../src/bus/bus.ts";
import { LocalBus } from "../../src/bus/bus.ts";
import { MAX_QUEUED_BYTES } from "../../src/bus/bus_peer.ts";
import { busRecord, SUBSCRIBE } from "../../src/bus/bus_records.ts";
import { ProcessBus } from "../../src/bus/process_bus.ts";
import { Relay } from "../../src/bus/relay.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const MEBIBYTE = new Uint8Array(1_048_576);

/** Keeps what it is told. */
class Notes implements BusListener {
  readonly all: string[] = [];
  bytes = 0;

  onMessage(channel: string, payload: Uint8Array, origin: BusOrigin): void {
    this.bytes += payload.length;
    this.all.push(
      `${channel}: ${payload.length > 99 ? "much" : decoder.decode(payload)} ${origin}`,
    );
  }

  onLoss(): void {
    this.all.push("loss");
  }
}

function say(bus: Bus, channel: string, text: string): boolean {
  return bus.publish(channel, encoder.encode(text));
}

/** Two ends of a connection. */
async function connected(): Promise<[Deno.Conn, Deno.Conn]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  return await Promise.all([listener.accept(), Deno.connect({ hostname: "127.0.0.1", port })]);
}

/** A relay with processes, and what it was told of them. */
class Lab implements Disposable {
  readonly relay = new Relay();
  readonly ends: (string | null)[] = [];
  /** What the relay has of its processes. */
  readonly members: Disposable[] = [];
  readonly #all = new DisposableStack();

  /** Connects a process by hand. */
  async conn(): Promise<Deno.Conn> {
    const [own, theirs] = await connected();
    const onEnd = (fault: string | null) => void this.ends.push(fault);
    this.members.push(this.#all.use(this.relay.admit(own, new Uint8Array(0), { onEnd })));
    return theirs;
  }

  /** Connects a process that listens to what begins with `prefix`. */
  async process(prefix: string): Promise<{ bus: ProcessBus; notes: Notes }> {
    const bus = this.#all.use(new ProcessBus(await this.conn()));
    const notes = new Notes();
    const ready = new Notes();
    bus.subscribe(prefix, notes);
    // What the relay knows after this, it knows of what came before.
    const probe = bus.subscribe("ready", ready);
    await until(() => say(this.relay, "ready", "") && ready.all.length > 0);
    probe[Symbol.dispose]();
    return { bus, notes };
  }

  [Symbol.dispose](): void {
    this.#all.dispose();
  }
}

Deno.test("the bus of one process gives messages to those who want them, as long as they do", () => {
  const bus = new LocalBus();
  const [all, news] = [new Notes(), new Notes()];
  bus.subscribe("", all);
  const subscription = bus.subscribe("news/", news);
  assert(say(bus, "news/a", "1"));
  say(bus, "other", "2");
  subscription[Symbol.dispose]();
  say(bus, "news/a", "3");
  assertEquals(news.all, ["news/a: 1 here"]);
  assertEquals(all.all, ["news/a: 1 here", "other: 2 here", "news/a: 3 here"]);
});

Deno.test("a message reaches every process that wants it, once, and in order", async () => {
  using lab = new Lab();
  const [one, two, other] = await Promise.all(["a", "a", "b"].map((prefix) => lab.process(prefix)));
  const supervisor = new Notes();
  lab.relay.subscribe("a", supervisor);
  for (let i = 0; i < 1_000; i++) say(one.bus, "a/x", String(i));
  say(one.bus, "b", "end");
  await until(() => two.notes.all.length === 1_000 && other.notes.all.length > 0);
  const numbers = Array.from({ length: 1_000 }, (_, i) => i);
  assertEquals(one.notes.all, numbers.map((i) => `a/x: ${i} here`));
  assertEquals(two.notes.all, numbers.map((i) => `a/x: ${i} elsewhere`));
  assertEquals(supervisor.all, two.notes.all);
  assertEquals(other.notes.all, ["b: end elsewhere"]);
  say(lab.relay, "a/y", "from the supervisor");
  await until(() => one.notes.all.length > 1_000 && two.notes.all.length > 1_000);
});

Deno.test("a process that unsubscribes gets no more, once its last subscription is gone", async () => {
  using lab = new Lab();
  const one = await lab.process("b");
  const two = await lab.process("b");
  const [first, second] = [new Notes(), new Notes()];
  const subscriptions = [one.bus.subscribe("a", first), one.bus.subscribe("a", second)];
  subscriptions[0][Symbol.dispose]();
  subscriptions[0][Symbol.dispose]();
  await until(() => say(two.bus, "a", "") && second.all.length > 0);
  subscriptions[1][Symbol.dispose]();
  const count = second.all.length;
  say(two.bus, "a", "");
  say(two.bus, "b", "end");
  await until(() => one.notes.all.length === 1);
  assertEquals([first.all.length, second.all.length], [0, count]);
});

Deno.test("a process that does not read holds nobody up, and its queue is bounded", async () => {
  using lab = new Lab();
  const one = await lab.process("a");
  const two = await lab.process("a");
  using stuck = await lab.conn();
  await stuck.write(busRecord(SUBSCRIBE, "a")!);
  const mebibytes = 3 * MAX_QUEUED_BYTES / MEBIBYTE.length;
  for (let sent = 0; sent < mebibytes;) {
    if (!one.bus.publish("a", MEBIBYTE)) throw new Error("there was room");
    const count = ++sent;
    // The others are to keep up.
    await until(() => two.notes.all.length === count);
  }
  assert(!two.notes.all.includes("loss"));
  // Its queue is full: the supervisor is told so.
  assert(!lab.relay.publish("a", MEBIBYTE));
  // When it reads again, it learns that it has missed something.
  const slow = new ProcessBus(stuck);
  using _slow = slow;
  const notes = new Notes();
  slow.subscribe("a", notes);
  await until(() => notes.all.includes("loss"));
  assert(notes.bytes <= MAX_QUEUED_BYTES + 8 * MEBIBYTE.length);
});

Deno.test("a publisher whose own queue is full is told so, and the others learn of the loss", async () => {
  using lab = new Lab();
  const one = await lab.process("b");
  const two = await lab.process("a");
  let isSent = true;
  // Nothing is sent before this turn has ended.
  for (let i = 0; i <= MAX_QUEUED_BYTES / MEBIBYTE.length; i++) {
    isSent = one.bus.publish("a", MEBIBYTE);
  }
  assert(!isSent);
  await until(() => two.notes.all.at(-1) === "loss");
  assert(say(one.bus, "a", "again"));
  await until(() => two.notes.all.at(-1) === "a: again elsewhere");
});

for (const sent of ["no record at all: much too long", "\x03\0\0\0\x09\0\0"]) {
  Deno.test(`a process that says ${JSON.stringify(sent)} is parted with, and no other`, async () => {
    using lab = new Lab();
    const [one, two] = [await lab.process("a"), await lab.process("a")];
    using stranger = await lab.conn();
    await stranger.write(encoder.encode(sent));
    await until(() => lab.ends.length === 1);
    assert(typeof lab.ends[0] === "string");
    say(one.bus, "a", "still here");
    await until(() => two.notes.all.length === 1);
  });
}

Deno.test("a process that subscribes without end is parted with", async () => {
  using lab = new Lab();
  using greedy = await lab.conn();
  const drained = greedy.read(new Uint8Array(1)).catch(() => null);
  for (let i = 0; i < 2_000 && lab.ends.length === 0; i++) {
    await greedy.write(busRecord(SUBSCRIBE, `${i}`)!).catch(() => {});
  }
  await until(() => lab.ends.length === 1);
  assertEquals(lab.ends, ["too many subscriptions"]);
  assertEquals(await drained, null);
});

Deno.test("a process that has ended is forgotten; one whose relay has ended is told of the loss", async () => {
  using lab = new Lab();
  const [one, two] = [await lab.process("a"), await lab.process("a")];
  two.bus[Symbol.dispose]();
  await until(() => lab.ends.length === 1);
  assertEquals(lab.ends, [null]);
  assert(lab.relay.publish("a", new Uint8Array(MAX_QUEUED_BYTES / 4)));
  await until(() => one.notes.all.length === 1);
  lab.members[0][Symbol.dispose]();
  await until(() => one.notes.all.includes("loss"));
  assert(!say(one.bus, "a", "alone"));
  assertEquals(one.notes.all.at(-1), "a: alone here");
});
