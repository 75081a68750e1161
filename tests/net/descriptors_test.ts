import type { RoomMaker } from "../../src/net/descriptors.ts";
import { Descriptors } from "../../src/net/descriptors.ts";
import { assertEquals } from "../support/assert.ts";

/** An endpoint with connections that have waited since these times. */
class FakeEndpoint implements RoomMaker, Disposable {
  readonly closed: number[] = [];
  rooms = 0;
  readonly #waiting: number[];
  readonly #descriptors: Descriptors;

  constructor(descriptors: Descriptors, ...waiting: number[]) {
    this.#descriptors = descriptors;
    this.#waiting = waiting;
    for (const _since of waiting) descriptors.take();
    descriptors.add(this);
  }

  get spareSince(): number {
    return this.#waiting[0] ?? Infinity;
  }

  closeSpare(): boolean {
    this.closed.push(this.#waiting.shift()!);
    this.#descriptors.give();
    return true;
  }

  onRoom(): void {
    this.rooms++;
  }

  [Symbol.dispose](): void {
    this.#descriptors.delete(this);
  }
}

Deno.test("connections have what others leave of the limit, less what is kept free", () => {
  let open = 30;
  const descriptors = new Descriptors(() => 100, () => open);
  const own = descriptors.room;
  assertEquals(own < 70, true);
  const release = descriptors.keepFree(12);
  assertEquals(descriptors.room, own - 12);
  open += 10;
  descriptors.keepFree(0);
  assertEquals(descriptors.room, own - 22);
  release();
  assertEquals(descriptors.room, own - 10);
  release();
  assertEquals(descriptors.room, own - 10);
});

Deno.test("what connections take themselves is not taken for others'", () => {
  const descriptors = new Descriptors(() => 100, () => 30 + held);
  let held = 0;
  const { room } = descriptors;
  for (; held < room; held++) {
    assertEquals(descriptors.isFull, false);
    descriptors.take();
  }
  assertEquals(descriptors.isFull, true);
  descriptors.keepFree(0);
  assertEquals([descriptors.room, descriptors.isFull], [room, true]);
  descriptors.give();
  assertEquals(descriptors.isFull, false);
});

Deno.test("some connections are admitted however many descriptors others have", () => {
  const descriptors = new Descriptors(() => 64, () => 63);
  descriptors.take();
  assertEquals([descriptors.room > 1, descriptors.isFull], [true, false]);
});

Deno.test("where descriptors cannot be counted, or have no limit, there is room until there is none", () => {
  for (
    const descriptors of [
      new Descriptors(() => Infinity, () => 30),
      new Descriptors(() => 64, () => null),
    ]
  ) {
    for (let i = 0; i < 100; i++) descriptors.take();
    assertEquals([descriptors.room, descriptors.isFull], [Infinity, false]);
    assertEquals(descriptors.onExhausted(), false, "there was nothing to give up");
    assertEquals([descriptors.room, descriptors.isFull], [99, true]);
  }
});

Deno.test("when the system has refused one, fewer are admitted than there were", () => {
  const refused = Object.assign(new Error("too many open files"), { code: "EMFILE" });
  const descriptors = new Descriptors(() => 100, () => {
    throw refused;
  });
  for (let i = 0; i < 40; i++) descriptors.take();
  descriptors.onExhausted();
  assertEquals([descriptors.room < 40, descriptors.isFull], [true, true]);
});

Deno.test("room is made by the connection that has waited longest, of all endpoints", () => {
  const descriptors = new Descriptors(() => 100, () => 30);
  using first = new FakeEndpoint(descriptors, 5, 9);
  using second = new FakeEndpoint(descriptors, 4, 7);
  using none = new FakeEndpoint(descriptors);
  for (let i = 0; i < 4; i++) assertEquals(descriptors.closeSpare(), true);
  assertEquals([first.closed, second.closed, none.closed], [[5, 9], [4, 7], []]);
  assertEquals(descriptors.closeSpare(), false);
  assertEquals(none.rooms, 4, "all are told, since any may wait");
  descriptors.delete(none);
  descriptors.take();
  descriptors.give();
  assertEquals([first.rooms, none.rooms], [5, 4]);
});

Deno.test("when the system has refused one, connections that wait are closed, and then the reserve is given up", () => {
  let open = 30;
  const descriptors = new Descriptors(() => 100, () => open);
  using endpoint = new FakeEndpoint(descriptors, 5, 9);
  open = 100;
  const outcomes: [made: boolean, closed: number][] = [];
  for (let i = 0; i < 12; i++) outcomes.push([descriptors.onExhausted(), endpoint.closed.length]);
  assertEquals(outcomes, [
    [true, 1],
    [true, 2],
    ...Array.from({ length: 8 }, () => [true, 2] as [boolean, number]),
    [false, 2],
    [false, 2],
  ]);
  open = 30;
  descriptors.keepFree(0);
  assertEquals(descriptors.isFull, false);
  open = 100;
  assertEquals(descriptors.onExhausted(), true, "it was taken again when there was room");
});

Deno.test("for the gateway's own work the reserve is given up, if that is enough", () => {
  let open = 50;
  const descriptors = new Descriptors(() => 100, () => open);
  using _endpoint = new FakeEndpoint(descriptors);
  assertEquals(descriptors.makeAvailable(50), true, "there is enough");
  open = 90;
  assertEquals(descriptors.makeAvailable(19), false, "it would not be enough");
  assertEquals(descriptors.countOthers(), 82, "and is kept, then");
  assertEquals(descriptors.makeAvailable(18), true);
  assertEquals(descriptors.countOthers(), 90, "it is given up");
  assertEquals(new Descriptors(() => Infinity, () => 30).makeAvailable(1_000), true);
  assertEquals(
    new Descriptors(() => 64, () => null).makeAvailable(60),
    true,
    "nobody knows better",
  );
});
