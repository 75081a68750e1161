import { assertEquals } from "../support/assert.ts";
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
