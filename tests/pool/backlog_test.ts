import { Backlog } from "../../src/pool/backlog.ts";
import { allocateRing, RingReader, RingWriter } from "../../src/ring/ring.ts";
import { assert, assertEquals } from "../support/assert.ts";

/** A worker's ring, and what the gateway knows of it. Its clock stands still unless it is moved. */
class Lab {
  rings = 0;
  now = 1_000;
  readonly backlog: Backlog;
  readonly #writer: RingWriter;
  readonly #reader: RingReader;
  #id = 0;

  constructor() {
    const buffer = allocateRing(4_096);
    this.#writer = new RingWriter(buffer, () => {});
    this.#reader = new RingReader(buffer, () => this.rings++);
    this.backlog = new Backlog(this.#writer);
  }

  get isBlocked(): boolean {
    return this.backlog.isBlocked(this.now);
  }

  give(): void {
    this.#writer.write(1, 0, ++this.#id, 0, new Uint8Array(32));
    this.backlog.onGiven(this.now);
    this.#writer.publish();
  }

  /** Gives as much of what waits as is admitted; how much that is. */
  giveWaiting(): number {
    let given = 0;
    for (; this.backlog.admits(this.now); given++) this.give();
    return given;
  }

  /** Has the worker read all that is there; `onFrame` is what it does with each request. */
  read(onFrame: (id: number) => void = () => {}): void {
    this.#reader.drain((frame) => onFrame(frame.id));
  }
}

Deno.test("a worker that does not read what it was given is blocked after a while, until it reads", () => {
  const lab = new Lab();
  assert(!lab.isBlocked);
  lab.give();
  assert(!lab.isBlocked, "it has had no time to read it");
  lab.now += 10;
  assert(lab.isBlocked);
  lab.read();
  assert(!lab.isBlocked);
});

Deno.test("a worker whose app does not return is blocked, though it has begun all it was given", () => {
  const lab = new Lab();
  lab.give();
  lab.read(() => {
    lab.now += 50;
    assert(lab.isBlocked);
  });
  assert(!lab.isBlocked);
});

Deno.test("a worker that always has more to read is not blocked as long as it goes on", () => {
  const lab = new Lab();
  lab.give();
  let read = 0;
  lab.read(() => {
    if (read++ === 200) return;
    lab.give();
    lab.now += 0.8;
    assert(!lab.isBlocked, `after ${read} requests`);
  });
});

Deno.test("positions of the ring may wrap around", () => {
  const lab = new Lab();
  for (let i = 0; i < 1_000; i++) {
    lab.give();
    lab.now += 10;
    assert(lab.isBlocked);
    lab.read();
    assert(!lab.isBlocked);
  }
});

Deno.test("what has waited is given one by one to a worker that was blocked, and faster in time", () => {
  const lab = new Lab();
  lab.give();
  lab.now += 10;
  assert(lab.isBlocked);
  assertEquals(lab.giveWaiting(), 0);
  lab.read();
  const given: number[] = [];
  for (let i = 0; i < 40; i++) {
    given.push(lab.giveWaiting());
    lab.read();
  }
  assertEquals(given.slice(0, 3), [1, 1, 1]);
  assertEquals(given, given.toSorted((a, b) => a - b));
  assert(given.at(-1)! > 4);
});

Deno.test("a worker that is awaited rings when it has read, and only then", () => {
  const lab = new Lab();
  lab.give();
  lab.read();
  assertEquals(lab.rings, 0, "nobody waited");
  lab.give();
  assert(lab.backlog.awaitReader());
  lab.read();
  assertEquals(lab.rings, 1);
  assert(!lab.backlog.awaitReader(), "it has read all");
});

Deno.test("a worker that blocks after it has read many requests at once shows it, too", () => {
  const lab = new Lab();
  for (let i = 0; i < 100; i++) {
    lab.give();
    lab.read();
  }
  for (let i = 0; i < 10; i++) {
    lab.now += 1;
    lab.give();
  }
  assert(lab.isBlocked);
});
