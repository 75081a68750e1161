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
