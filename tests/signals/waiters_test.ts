import { assertEquals, assertThrows } from "../support/assert.ts";
import { WAKE_ALL } from "../../src/signals/records.ts";
import { valueBytes } from "../../src/worker/signals/values.ts";
import { Waiters } from "../../src/worker/signals/waiters.ts";
import type { AppTask } from "../../src/worker/task.ts";

const TASK = { watch() {}, unwatch() {} } as unknown as AppTask;

Deno.test("bytes that are no value wake nobody, and harm nobody", async () => {
  const waiters = new Waiters({ onWatch() {} });
  const woken = waiters.wait("n", TASK, {});
  for (const bytes of [[], [9], [2], [2, 255, 15, 99]]) {
    assertEquals(waiters.wake("n", new Uint8Array(bytes), WAKE_ALL), 0, `${bytes}`);
  }
  assertEquals(waiters.wake("n", valueBytes("value"), WAKE_ALL), 1);
  assertEquals(await woken, "value");
});

Deno.test("those that wait for a time each get their own, whoever leaves or is woken before", async () => {
  const waiters = new Waiters({ onWatch() {} });
  const ended: string[] = [];
  const wait = (label: string, name: string, timeoutMs: number, signal?: AbortSignal) =>
    waiters.wait(name, TASK, { timeoutMs, signal }).then(
      (value) => ended.push(`${label}: ${value}`),
      (error) => ended.push(`${label}: ${error.name}`),
    );
  const leaving = new AbortController();
  const all = [
    wait("first of its line", "a", 30, leaving.signal),
    wait("second", "a", 30),
    wait("third", "a", 30),
    wait("between them", "b", 1e12),
    wait("at once", "a", 0),
  ];
  leaving.abort(new DOMException("", "AbortError"));
  assertEquals(waiters.wake("b", valueBytes("woken"), WAKE_ALL), 1);
  await Promise.all(all);
  assertEquals(ended, [
    "first of its line: AbortError",
    "between them: woken",
    "at once: SignalTimeoutError",
    "second: SignalTimeoutError",
    "third: SignalTimeoutError",
  ]);
  // Nobody is left in what they waited in.
  const again = waiters.wait("a", TASK, { timeoutMs: 30 });
  assertEquals(waiters.wake("a", valueBytes(1), WAKE_ALL), 1);
  assertEquals(await again, 1);
});

Deno.test("a time that is no number leaves nothing behind that waits", () => {
  let watching = 0;
  const task = { watch: () => watching++, unwatch: () => watching-- } as unknown as AppTask;
  const waiters = new Waiters({ onWatch() {} });
  for (const timeoutMs of [5n, Object(5n), Symbol("time")]) {
    assertThrows(() => waiters.wait("a", task, { timeoutMs }), TypeError);
    assertEquals(watching, 0);
  }
});
