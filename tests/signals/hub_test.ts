import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { LocalBus } from "../../src/bus/bus.ts";
import { Hub } from "../../src/signals/hub.ts";
import type { HubLink } from "../../src/signals/hub.ts";
import * as records from "../../src/signals/records.ts";
import type { SignalRecord } from "../../src/signals/records.ts";
import { SIGNAL_LIMITS } from "../../src/signals/limits.ts";
import { LocalSwitchboard, RemoteSwitchboard } from "../../src/signals/switchboard.ts";
import { downChannel, packed, unpacked, upChannel } from "../../src/signals/trunk.ts";
import { MemoryTopicStore } from "../../src/signals/topic_store.ts";

const { signalRecord, readSignalRecord } = records;
const bytes = (text: string) => new TextEncoder().encode(text);
const ticks = async () => {
  for (let i = 0; i < 20; i++) await null;
};

/** A worker as the hub sees it: what it was sent, and how many it wakes. */
class FakeWorker implements HubLink {
  readonly got: SignalRecord[] = [];
  /** What it answers to each delivery; `null` for nothing. */
  wakes: number | null = 1;
  isClogged = false;
  readonly #hub: Hub;

  constructor(hub: Hub) {
    this.#hub = hub;
  }

  send(_workers: readonly number[], record: Uint8Array): boolean {
    if (this.isClogged) return false;
    const read = readSignalRecord(record)!;
    this.got.push(read);
    if (read.kind === records.DELIVER && this.wakes !== null) {
      this.say(records.WOKEN, { id: read.id, number: this.wakes });
    }
    return true;
  }

  say(kind: number, parts: records.RecordParts = {}): boolean {
    return this.#hub.take(this, 1, signalRecord(kind, parts));
  }

  /** Sends a signal, and returns what is answered as far as that has come. */
  async signal(flags: number, id = 1): Promise<number | undefined> {
    this.say(records.SEND, { id, name: "n", flags, payload: bytes("v") });
    await ticks();
    return this.answers(records.SENT).find((each) => each.id === id)?.number;
  }

  answers(kind: number): SignalRecord[] {
    return this.got.filter((each) => each.kind === kind);
  }
}

function labOf(count: number, answerTimeoutMs?: number): { hub: Hub; workers: FakeWorker[] } {
  const hub = new Hub(new MemoryTopicStore(1_000), answerTimeoutMs);
  return { hub, workers: Array.from({ length: count }, () => new FakeWorker(hub)) };
}

Deno.test("a signal for all counts those of every worker that watches it", async () => {
  const { workers: [sender, a, b, other] } = labOf(4);
  a.say(records.WATCH, { name: "n" });
  b.say(records.WATCH, { name: "n" });
  other.say(records.WATCH, { name: "another" });
  a.wakes = 3;
  assertEquals(await sender.signal(records.WAKE_ALL), 4);
  assertEquals(other.got, []);
  b.say(records.UNWATCH, { name: "n" });
  assertEquals(await sender.signal(records.WAKE_ALL, 2), 3);
});

Deno.test("a signal for one is handed on by workers whose waiters have left, and goes round", async () => {
  const { workers: [sender, a, b, c] } = labOf(4);
  for (const each of [a, b, c]) each.say(records.WATCH, { name: "n" });
  a.wakes = 0;
  // It says so, but one is one.
  b.wakes = 7;
  assertEquals(await sender.signal(records.WAKE_ONE), 1);
  assertEquals([a, b, c].map((each) => each.got.length), [1, 1, 0]);
  assertEquals(await sender.signal(records.WAKE_ONE, 2), 1);
  assertEquals(c.got.length, 1);
  for (const each of [a, b, c]) each.wakes = 0;
  assertEquals(await sender.signal(records.WAKE_ONE, 3), 0);
});

Deno.test("a signal waits for a worker's answer, and goes on to the next if that worker ends", async () => {
  const { hub, workers: [sender, a, b] } = labOf(3);
  a.wakes = null;
  for (const each of [a, b]) each.say(records.WATCH, { name: "n" });
  assertEquals(await sender.signal(records.WAKE_ONE), undefined);
  assertEquals(b.got, []);
  hub.detachAll(a);
  await ticks();
  assertEquals(sender.answers(records.SENT)[0].number, 1);
  assertEquals(b.got.length, 1);
  // What comes too late counts for nothing.
  assert(a.say(records.WOKEN, { id: a.got[0].id, number: 5 }));
});

Deno.test("a worker that can take no more is not counted, and one is found elsewhere", async () => {
  const { workers: [sender, a, b] } = labOf(3);
  for (const each of [a, b]) each.say(records.WATCH, { name: "n" });
  a.isClogged = true;
  assertEquals(await sender.signal(records.WAKE_ALL), 1);
  assertEquals(await sender.signal(records.WAKE_ONE, 2), 1);
  assertEquals(b.got.length, 2);
});

Deno.test("a worker that begins again has left nothing behind", async () => {
  const { workers: [sender, a] } = labOf(2);
  a.say(records.WATCH, { name: "n" });
  a.say(records.FOLLOW, { name: "t" });
  a.wakes = null;
  const sent = sender.signal(records.WAKE_ALL);
  a.say(records.RESET);
  assertEquals(await sent, 0);
  assertEquals(await sender.signal(records.WAKE_ALL, 2), 0);
  sender.say(records.PUBLISH, { id: 3, name: "t", payload: bytes("v") });
  await ticks();
  assertEquals(a.answers(records.EVENT), []);
});

Deno.test("an event has its id before its publisher knows, and pages come before later events", async () => {
  const { workers: [publisher, follower] } = labOf(2);
  follower.say(records.FOLLOW, { name: "t" });
  publisher.say(records.PUBLISH, { id: 1, name: "t", payload: bytes("a") });
  follower.say(records.READ, { id: 2, name: "t", event: "0" });
  publisher.say(records.PUBLISH, { id: 3, name: "t", payload: bytes("b") });
  await ticks();
  assertEquals(
    follower.got.map(({ kind, event }) => [kind, event]),
    [[records.EVENT, "1000-1"], [records.PAGE, "1000-1"], [records.EVENT, "1000-2"]],
  );
  assertEquals(publisher.got.map(({ id, event }) => [id, event]), [[1, "1000-1"], [3, "1000-2"]]);
});

Deno.test("calls without an answer are bounded", async () => {
  const { hub, workers: [sender, a] } = labOf(2);
  a.say(records.WATCH, { name: "n" });
  a.wakes = null;
  for (let id = 1; id <= SIGNAL_LIMITS.maxPendingCalls + 1; id++) {
    sender.say(records.SEND, { id, name: "n" });
  }
  await ticks();
  const [{ id, flags }] = sender.answers(records.SENT);
  assertEquals([id, flags], [SIGNAL_LIMITS.maxPendingCalls + 1, records.FAILED]);
  hub.detachAll(a);
});

/** A worker behind a switchboard. */
class FakePort {
  readonly got: number[] = [];
  isClogged = false;

  write(record: Uint8Array): void {
    this.got.push(record[0]);
  }
}

Deno.test("a clogged worker is told once to begin again, and gets no events until it does", async () => {
  const board = new LocalSwitchboard(new Hub(new MemoryTopicStore()));
  const [port, other] = [new FakePort(), new FakePort()];
  const line = board.attach(port);
  const publisher = board.attach(other);
  const publish = () => publisher.take(signalRecord(records.PUBLISH, { id: 1, name: "t" }));
  line.take(signalRecord(records.FOLLOW, { name: "t" }));
  publish();
  port.isClogged = true;
  publish();
  publish();
  port.isClogged = false;
  publish();
  assertEquals(port.got, [records.EVENT, records.RESYNC]);
  line.take(signalRecord(records.RESET));
  line.take(signalRecord(records.FOLLOW, { name: "t" }));
  publish();
  assertEquals(port.got, [records.EVENT, records.RESYNC, records.EVENT]);
  line[Symbol.dispose]();
  publish();
  assertEquals(port.got.length, 3);
  await ticks();
  assertEquals(other.got.length, 6);
});

Deno.test("a worker that does not answer fails the call in the end, and costs no other", async () => {
  const { workers: [sender, a, b] } = labOf(3, 1);
  a.wakes = null;
  for (const each of [a, b]) each.say(records.WATCH, { name: "n" });
  assertEquals(await sender.signal(records.WAKE_ALL), undefined);
  while (sender.answers(records.SENT).length === 0) await new Promise((ok) => setTimeout(ok, 1));
  const [{ flags, payload }] = sender.answers(records.SENT);
  assertEquals(flags, records.FAILED);
  assertMatch(new TextDecoder().decode(payload), /does not answer/);
  assertEquals(b.got.length, 1);
});

Deno.test("a value that is larger than one can be is no record", () => {
  const { workers: [sender] } = labOf(1);
  const { maxValueBytes } = SIGNAL_LIMITS;
  for (const kind of [records.SEND, records.PUBLISH]) {
    const say = (size: number) => sender.say(kind, { name: "n", payload: new Uint8Array(size) });
    assert(say(maxValueBytes));
    assert(!say(maxValueBytes + 1));
  }
});

Deno.test("calls without an answer are bounded in bytes", async () => {
  const { hub, workers: [sender, a] } = labOf(2);
  a.wakes = null;
  a.say(records.WATCH, { name: "n" });
  const payload = new Uint8Array(SIGNAL_LIMITS.maxValueBytes);
  for (let id = 1; id <= 300; id++) sender.say(records.SEND, { id, name: "n", payload });
  await ticks();
  const refused = sender.answers(records.SENT);
  assertEquals([refused[0].id, refused[0].flags], [257, records.FAILED]);
  assertEquals(refused.length, 44);
  hub.detachAll(a);
});

Deno.test("names that only look alike are two", async () => {
  const { workers: [sender, a, b] } = labOf(3);
  a.say(records.WATCH, { name: "n" });
  b.say(records.WATCH, { name: "\ufeffn" });
  b.say(records.UNWATCH, { name: "\ufeffn" });
  a.say(records.UNWATCH, { name: "\ufeffn" });
  assertEquals(await sender.signal(records.WAKE_ALL), 1);
});

Deno.test("a process whose worker has ended says so again, if word of it was lost", () => {
  const bus = new LocalBus();
  const kinds: number[] = [];
  bus.subscribe(upChannel("p"), {
    onMessage: (_, payload) => void kinds.push(unpacked(payload).record[0]),
    onLoss() {},
  });
  using switchboard = new RemoteSwitchboard(bus, "p");
  const line = switchboard.attach({ isClogged: false, write() {} });
  line[Symbol.dispose]();
  assert(line.take(signalRecord(records.WATCH, { name: "n" })), "what comes after its end");
  bus.publish(downChannel("p"), packed([1], signalRecord(records.EVENT, { name: "n" })));
  assertEquals(kinds, [records.DETACH, records.DETACH]);
});
