import { assertEquals, assertRejects } from "../support/assert.ts";
import { AppTask } from "../../src/worker/task.ts";
import { CheckedExchange, headOf } from "../support/checked_exchange.ts";
import { IDLE_OWNER } from "../support/task_owner.ts";

const WHOLE = { status: 200, fieldLines: "", body: "whole" };

Deno.test("a client that sends no more may get its response, and the app learns that", async () => {
  const exchange = new CheckedExchange(headOf("/"));
  const task = new AppTask(exchange, IDLE_OWNER);
  task.onAbort("client-half-closed");
  const { completed } = task;
  assertEquals(exchange.reportSent, true);
  task.respondPlain(WHOLE);
  task.onSent();
  await completed;
});

Deno.test("a client that sends no more, and then leaves, does not get its response", async () => {
  const task = new AppTask(new CheckedExchange(headOf("/")), IDLE_OWNER);
  task.onAbort("client-half-closed");
  const { completed } = task;
  task.onAbort("client-gone");
  await assertRejects(() => completed, Deno.errors.Interrupted, "client-gone");
});

Deno.test("a response that fails is not sent to a client that sends no more, whenever the app asks", async (t) => {
  for (const when of ["before", "after"] as const) {
    await t.step(`${when} it fails`, async () => {
      const task = new AppTask(new CheckedExchange(headOf("/")), IDLE_OWNER);
      task.onAbort("client-half-closed");
      const early = when === "before" ? task.completed : null;
      task.fail(500);
      await assertRejects(() => early ?? task.completed, Deno.errors.Interrupted, "not sent");
    });
  }
});

Deno.test("what a client's leaving ends fails as the request's signal does, so that it counts as no fault", () => {
  for (const asked of ["before", "after"]) {
    const task = new AppTask(new CheckedExchange(headOf("/")), IDLE_OWNER);
    if (asked === "before") task.signal;
    const reasons: unknown[] = [];
    task.watch({ onLeft: (reason) => reasons.push(reason), onEnded() {} });
    task.onAbort("client-half-closed");
    assertEquals(reasons.length, 1);
    assertEquals(reasons[0] === task.signal.reason, true);
    assertEquals(task.wasAbortedWith(reasons[0]), true);
  }
});
