import { DeliveryLine, ServerFlow } from "../../src/mongrel2/delivery.ts";
import { assert, assertEquals } from "../support/assert.ts";

/** Bytes that Mongrel2 1.12 lets wait for a client under flow control: one more, and it disconnects him. */
const WINDOW_BYTES = 102_400;
/** Messages that it lets wait for a client without. */
const OUTSTANDING_MESSAGES = 16;

/** A Mongrel2 with flow control, which says what it has delivered to one client. */
class CountingServer {
  readonly flow = new ServerFlow();
  readonly line = new DeliveryLine(this.flow);
  readonly queue: number[] = [];
  now = 1_000;

  get waitingBytes(): number {
    return this.queue.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Sends as much of `waiting` bytes as may be; the bytes that are left. */
  send(waiting: number): number {
    for (;;) {
      const bytes = this.line.room(waiting, this.now);
      if (bytes === 0) return waiting;
      this.line.sent(bytes, this.now);
      this.queue.push(bytes);
      waiting -= bytes;
      assert(this.waitingBytes <= WINDOW_BYTES, `${this.waitingBytes} bytes wait`);
    }
  }

  /** Delivers the oldest message; word of it comes, or gets lost. */
  deliver(word: "told" | "lost"): void {
    const bytes = this.queue.shift()!;
    if (word === "lost") return;
    this.flow.onWord();
    this.line.delivered(bytes, this.now);
  }
}

/** A flow control that is known to be off, or on with `windowBytes`. */
function known(windowBytes?: number): ServerFlow {
  const flow = new ServerFlow();
  if (windowBytes !== undefined) flow.announce(String(windowBytes));
  else flow.state = "off";
  return flow;
}

Deno.test("a response goes out whole, though nothing was said of flow control before", () => {
  const server = new CountingServer();
  let left = server.send(1_000_000);
  while (left > 0) {
    server.deliver("told");
    left = server.send(left);
  }
  assertEquals(server.flow.state, "on");
});

Deno.test("without word, no more waits than flow control would allow, until it is surely off", () => {
  const server = new CountingServer();
  let left = server.send(10_000_000);
  for (let silences = 0; silences < 3; silences++) {
    assertEquals([server.flow.state, server.waitingBytes < WINDOW_BYTES], ["unknown", true]);
    assertEquals(server.line.room(left, server.now), 0);
    // What is delivered without word in all this time.
    server.queue.length = 0;
    server.now += 250;
    if (silences < 2) left = server.send(left);
  }
  assert(server.line.room(left, server.now) > 0);
  assertEquals(server.flow.state, "off");
});

Deno.test("word that comes late turns flow control on again", () => {
  const flow = known();
  flow.onWord();
  const line = new DeliveryLine(flow);
  let sent = 0;
  for (let bytes = line.room(1e6, 0); bytes > 0; bytes = line.room(1e6, 0)) {
    line.sent(bytes, 0);
    sent += bytes;
  }
  assert(sent <= WINDOW_BYTES, `${sent}`);
});

Deno.test("a page goes at once, whatever is known, and whoever else is sent to", () => {
  for (const flow of [new ServerFlow(), known(), known(WINDOW_BYTES)]) {
    // Others are sent a lot.
    for (let i = 0; i < 200; i++) {
      const other = new DeliveryLine(flow);
      for (let bytes = other.room(1e7, 0); bytes > 0; bytes = other.room(1e7, 0)) {
        other.sent(bytes, 0);
      }
    }
    const line = new DeliveryLine(flow);
    let left = 100_000;
    for (let bytes = line.room(left, 0); bytes > 0; bytes = line.room(left, 0)) {
      line.sent(bytes, 0);
      left -= bytes;
    }
    assertEquals(left, 0, flow.state);
  }
});

Deno.test("small messages are not held up by large ones to others, nor by clients that wait", () => {
  const flow = known();
  const download = new DeliveryLine(flow);
  const events = new DeliveryLine(flow);
  let late = 0;
  for (let now = 0; now < 1_000; now++) {
    for (let bytes = download.room(1e7, now); bytes > 0; bytes = download.room(1e7, now)) {
      download.sent(bytes, now);
    }
    if (now % 50 !== 0) continue;
    if (events.room(50, now) === 50) events.sent(50, now);
    else late++;
  }
  assertEquals(late, 0);
});

Deno.test("without flow control, no more messages wait for a client than Mongrel2 keeps", () => {
  for (const size of [1, 4_096, 4_097, 262_144, 1_000_000]) {
    const line = new DeliveryLine(known());
    let sent = 0;
    for (let bytes = line.room(size, 0); bytes > 0; bytes = line.room(size, 0)) {
      line.sent(bytes, 0);
      sent++;
    }
    assert(sent > 1 && sent < OUTSTANDING_MESSAGES, `${sent}`);
    // Time is all that helps.
    assert(line.waitMs(0) > 0 && line.waitMs(0) < 1_000);
    assert(line.room(size, line.waitMs(0)) > 0);
  }
});

/** Time for which a busy machine may keep Mongrel2 from delivering anything, in milliseconds. */
const STALL_MS = 240;

for (const state of ["unknown", "off"] as const) {
  Deno.test(`a Mongrel2 that holds still keeps the client of a stream of events (${state})`, () => {
    const flow = new ServerFlow();
    flow.state = state;
    const line = new DeliveryLine(flow);
    let waiting = 0;
    let held = 0;
    let written = 0;
    let sentAt = 0;
    for (let now = 0; now < 10_000; now++) {
      // It stands still now and again, and then delivers all at once.
      if (now % 600 >= STALL_MS) held = 0;
      waiting += 30;
      written += 30;
      const bytes = line.room(waiting, now);
      if (bytes === 0) {
        const waitMs = line.waitMs(now);
        assert(waitMs > 0 && waitMs <= 40, `${waitMs}`);
        continue;
      }
      line.sent(bytes, now);
      waiting -= bytes;
      held++;
      assert(held <= OUTSTANDING_MESSAGES, `${held} after ${now} ms`);
      assert(now - sentAt < 50, `${now - sentAt} ms`);
      sentAt = now;
    }
    assert(written - waiting > 290_000, `${written - waiting}`);
  });

  Deno.test(`a client that asks one after the other is answered at once (${state})`, () => {
    const flow = new ServerFlow();
    flow.state = state;
    const line = new DeliveryLine(flow);
    for (let i = 0; i < 10_000; i++) {
      line.asksAgain();
      assertEquals(line.room(100, i / 10), 100);
      line.sent(100, i / 10);
    }
  });

  Deno.test(`what a client asked ahead counts, though it looked as if it had its answers (${state})`, () => {
    for (let answered = 0; answered <= OUTSTANDING_MESSAGES; answered++) {
      const flow = new ServerFlow();
      flow.state = state;
      const line = new DeliveryLine(flow);
      let held = 0;
      for (; held < answered; held++) {
        line.asksAgain();
        line.sent(100, held / 10);
      }
      line.asksAhead(2);
      for (let now = 2; now < 2 + STALL_MS; now++) {
        // Its further requests prove nothing any more.
        line.asksAgain();
        for (let bytes = line.room(100, now); bytes > 0; bytes = line.room(100, now)) {
          line.sent(bytes, now);
          held++;
        }
      }
      assert(held <= OUTSTANDING_MESSAGES, `${held} after ${answered}`);
      assert(line.room(100, 1_000) > 0);
    }
  });
}

Deno.test("what a client asked ahead is forgotten with time", () => {
  const line = new DeliveryLine(known());
  for (let i = 0; i < 1_000; i++) {
    line.asksAgain();
    line.sent(100, i / 10);
  }
  line.asksAhead(1_000);
  let sent = 0;
  for (; line.room(100, 1_000) > 0; sent++) line.sent(100, 1_000);
  // All but its last answer, which it has not asked after.
  assertEquals(sent, 3);
});

Deno.test("time does not help where there is word, and word helps at once", () => {
  const line = new DeliveryLine(known(WINDOW_BYTES));
  const sizes: number[] = [];
  for (let bytes = line.room(1e6, 0); bytes > 0; bytes = line.room(1e6, 0)) {
    line.sent(bytes, 0);
    sizes.push(bytes);
  }
  assertEquals(new Set(sizes).size, sizes.length);
  assertEquals([line.waitMs(0), line.room(1e6, 1e9)], [Infinity, 0]);
  line.delivered(sizes[0], 1);
  assertEquals(line.room(1e6, 1), sizes[0]);
});

for (
  const [what, loses] of [
    ["every second word goes to another handler", (i: number) => i % 2 === 0],
    ["most words get lost", (i: number) => i % 5 !== 4],
    ["a whole window's words get lost", (i: number) => i < 6],
  ] as const
) {
  Deno.test(`a response comes to its end though ${what}`, () => {
    const server = new CountingServer();
    server.flow.announce(String(WINDOW_BYTES));
    let left = server.send(1_000_000);
    for (let i = 0; left > 0; i++) {
      assert(i < 10_000, `${left} bytes are left`);
      if (server.queue.length > 0) {
        server.deliver(loses(i) ? "lost" : "told");
      } else {
        server.now += 1_000;
        const bytes = server.line.probe(left, server.now);
        assert(bytes > 0 && bytes < 100, `${bytes}`);
        server.line.sent(bytes, server.now);
        server.queue.push(bytes);
        left -= bytes;
      }
      left = server.send(left);
    }
  });
}

Deno.test("probes never fill the window of a client that does not read", () => {
  const server = new CountingServer();
  server.flow.announce(String(WINDOW_BYTES));
  const left = server.send(1_000_000);
  for (let i = 0; i < 10_000; i++) {
    server.now += 1_000;
    const bytes = server.line.probe(left, server.now);
    if (bytes === 0) continue;
    server.line.sent(bytes, server.now);
    server.queue.push(bytes);
    assert(server.waitingBytes <= WINDOW_BYTES);
  }
});

Deno.test("word of what was not sent from here changes nothing", () => {
  const line = new DeliveryLine(known(WINDOW_BYTES));
  for (let bytes = line.room(1e6, 0); bytes > 0; bytes = line.room(1e6, 0)) line.sent(bytes, 0);
  for (const bytes of [0, 1, -1, 7, WINDOW_BYTES, 1e9, NaN, Infinity]) line.delivered(bytes, 1);
  assertEquals(line.room(1e6, 1), 0);
});

Deno.test("a window is what Mongrel2 says; what is no number, and no window, leaves the usual one", () => {
  for (
    const [said, bytes] of [
      ["102400", WINDOW_BYTES],
      ["50000", 50_000],
      ["1", 1],
      ["", WINDOW_BYTES],
      ["abc", WINDOW_BYTES],
      ["0", WINDOW_BYTES],
      ["-1", WINDOW_BYTES],
      ["1e9", WINDOW_BYTES],
      ["NaN", WINDOW_BYTES],
      ["Infinity", WINDOW_BYTES],
      ["99999999999999999999", WINDOW_BYTES],
    ] as const
  ) {
    const flow = new ServerFlow();
    flow.announce(said);
    assertEquals([flow.state, flow.windowBytes], ["on", bytes], said);
    assert(new DeliveryLine(flow).room(10, 0) > 0, said);
  }
});

Deno.test("who leaves goes on at half the speed that the client was seen to read with", () => {
  const flow = known(WINDOW_BYTES);
  const line = new DeliveryLine(flow);
  // A megabyte a second.
  for (let now = 0; now < 1_000; now += 25) {
    const bytes = line.room(1e6, now);
    line.sent(bytes, now);
    line.delivered(bytes, now + 25);
  }
  flow.isHeard = false;
  let sent = 0;
  for (let now = 1_000; now < 2_000; now += 5) {
    for (let bytes = line.room(1e6, now); bytes > 0; bytes = line.room(1e6, now)) {
      line.sent(bytes, now);
      sent += bytes;
    }
  }
  assert(sent > 500_000 && sent < 900_000, `${sent}`);
});

Deno.test("a download that goes on and on makes progress all the time", () => {
  for (const flow of [new ServerFlow(), known(), known(WINDOW_BYTES)]) {
    // Word goes elsewhere.
    flow.isHeard = false;
    const line = new DeliveryLine(flow);
    for (let now = 1_000; now < 100_000; now += 10) {
      for (let bytes = line.room(1e7, now); bytes > 0; bytes = line.room(1e7, now)) {
        line.sent(bytes, now);
      }
      assert(now - line.progressAt < 1_000, `${flow.state}: ${now - line.progressAt} ms`);
    }
  }
});

Deno.test("a client that reads nothing makes no progress, probes or not", () => {
  const line = new DeliveryLine(known(WINDOW_BYTES));
  for (let now = 1_000; now < 100_000; now += 10) {
    for (let bytes = line.room(1e7, now); bytes > 0; bytes = line.room(1e7, now)) {
      line.sent(bytes, now);
    }
    const probe = line.probe(1e7, now);
    if (probe > 0) line.sent(probe, now);
    assertEquals(line.progressAt, 1_000);
  }
});
