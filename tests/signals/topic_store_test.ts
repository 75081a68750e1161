import { assert, assertEquals } from "../support/assert.ts";
import { compareEventIds, isEventId } from "../../src/signals/event_ids.ts";
import { SIGNAL_LIMITS } from "../../src/signals/limits.ts";
import { pageEntries, pagePayload } from "../../src/signals/records.ts";
import { MemoryTopicStore } from "../../src/signals/topic_store.ts";

const LIMITS = {
  ...SIGNAL_LIMITS,
  historyMessages: 4,
  historyBytes: 100,
  allHistoryBytes: 150,
  maxTopics: 3,
  pageMessages: 2,
  pageBytes: 50,
};

/** What `store` has of `name` after `after`: sizes of values, and what else it says. */
function read(store: MemoryTopicStore, name: string, after: string): unknown[] {
  const { entries, end, hasGap, hasMore } = store.read(name, after);
  return [entries.map(({ value }) => value.length), end, hasGap, hasMore];
}

Deno.test("a history is read in pages, without loss or repetition", () => {
  const store = new MemoryTopicStore(7, LIMITS);
  for (const size of [1, 2, 3]) store.publish("t", new Uint8Array(size));
  assertEquals(read(store, "t", "0"), [[1, 2], "7-2", false, true]);
  assertEquals(read(store, "t", "7-2"), [[3], "7-3", false, false]);
  assertEquals(read(store, "t", "7-3"), [[], "7-3", false, false]);
  assertEquals(read(store, "t", ""), [[], "7-3", false, false]);
  assertEquals(read(store, "other", ""), [[], "7-3", false, false]);
});

Deno.test("what is no longer kept is a gap, and what was never there is one, too", () => {
  const store = new MemoryTopicStore(7, LIMITS);
  for (let size = 1; size <= 6; size++) store.publish("t", new Uint8Array(size));
  assertEquals(read(store, "t", "7-1"), [[3, 4], "7-4", true, true]);
  assertEquals(read(store, "t", "7-2"), [[3, 4], "7-4", false, true]);
  for (const after of ["6-9", "7-7", "8-0", "x", "-", "1".repeat(65)]) {
    assertEquals(read(store, "t", after), [[3, 4], "7-4", true, true], after);
  }
  assertEquals(read(store, "t", "0"), [[3, 4], "7-4", false, true]);
});

Deno.test("histories are bounded in bytes, each and all", () => {
  const store = new MemoryTopicStore(7, LIMITS);
  store.publish("a", new Uint8Array(60));
  store.publish("a", new Uint8Array(60));
  assertEquals(read(store, "a", "0"), [[60], "7-2", false, false]);
  store.publish("b", new Uint8Array(95));
  assertEquals(read(store, "a", "0"), [[], "7-3", false, false]);
  assertEquals(read(store, "a", "7-1"), [[], "7-3", true, false]);
  // One alone is larger than all may be.
  store.publish("c", new Uint8Array(151));
  assertEquals(read(store, "c", "0"), [[], "7-4", false, false]);
});

Deno.test("the topic that was published to least recently is forgotten first, and said to be gone", () => {
  const store = new MemoryTopicStore(7, LIMITS);
  for (const name of ["a", "b", "c", "a", "d"]) store.publish(name, new Uint8Array(1));
  assertEquals(read(store, "a", "7-1"), [[1], "7-5", false, false]);
  assertEquals(read(store, "b", "7-1"), [[], "7-5", true, false]);
  assertEquals(read(store, "b", "7-2"), [[], "7-5", false, false]);
  store.publish("b", new Uint8Array(2));
  assertEquals(read(store, "b", "7-1"), [[2], "7-6", true, false]);
});

Deno.test("pages survive their way", () => {
  const entries = [{ event: "7-1", value: new Uint8Array([1]) }, {
    event: "",
    value: new Uint8Array(0),
  }];
  assertEquals(pageEntries(pagePayload(entries)), entries);
  const payload = pagePayload(entries);
  for (let end = 0; end < payload.length; end++) {
    assert(pageEntries(payload.subarray(0, end)).length < 2);
  }
});

for (
  const [a, b] of [["0", "0-1"], ["1-2", "1-3"], ["1-9", "1-10"], ["9-9", "10-0"], [
    "99999999999999999999-1",
    "100000000000000000000-0",
  ]]
) {
  Deno.test(`the id ${a} comes before ${b}`, () => {
    assert(compareEventIds(a, b) < 0);
    assert(compareEventIds(b, a) > 0);
    assertEquals(compareEventIds(a, `0${a}`), 0);
    assert(isEventId(a) && isEventId(b));
  });
}

for (const text of ["", "-", "1-", "-1", "1-2-3", " 1", "1\n", "1.5", "٣", "1".repeat(65)]) {
  Deno.test(`${JSON.stringify(text)} is no id`, () => assert(!isEventId(text)));
}

Deno.test("all histories have a bound in events, too, however small they are", () => {
  const store = new MemoryTopicStore(7, { ...LIMITS, allHistoryMessages: 5 });
  for (const name of ["a", "a", "a", "b", "b", "b"]) store.publish(name, new Uint8Array(0));
  assertEquals(read(store, "a", "7-1"), [[], "7-6", true, false]);
  assertEquals(read(store, "b", "7-3"), [[0, 0], "7-5", false, true]);
});

Deno.test("what is kept of an event is its value alone", () => {
  const store = new MemoryTopicStore(7, LIMITS);
  store.publish("t", new Uint8Array(1_000).subarray(5, 7));
  assertEquals(store.read("t", "0").entries[0].value.buffer.byteLength, 2);
});
