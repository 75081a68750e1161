/**
 * What runs first in a thread of `node:worker_threads`: gives it the services of its loader, then its module
 * and the messages that have come meanwhile.
 *
 * @module
 */

import { uncurried } from "../captured.ts";
import { tameUncaught } from "../uncaught.ts";
import { evaluateCommonJs } from "./common_js.ts";
import { presentInArguments } from "./main_module.ts";
import { installNested } from "./nested_services.ts";
import type { NodeThreadStart } from "./node_threads.ts";

/** The members of `node:worker_threads` that matter here. */
interface WorkerThreads {
  readonly workerData: NodeThreadStart;
}

const { MessageEvent } = globalThis;
const { process } = globalThis as unknown as {
  readonly process: { getBuiltinModule(name: string): unknown };
};
const scope: EventTarget = globalThis;
const { addEventListener, dispatchEvent, removeEventListener } = EventTarget.prototype;
const listen: (
  target: EventTarget,
  type: "message",
  listener: (event: MessageEvent) => void,
) => void = uncurried(addEventListener) as never;
const unlisten: typeof listen = uncurried(removeEventListener) as never;
const dispatch = uncurried(dispatchEvent);
const stopImmediatePropagation = uncurried(Event.prototype.stopImmediatePropagation);

/** What Node calls text that is evaluated. */
const EVALUATED = "[worker eval]";
/** Messages that the module has not heard. */
const early: MessageEvent[] = [];
const threads = process.getBuiltinModule("worker_threads") as WorkerThreads;
const { workerData: start } = threads;

function hold(event: MessageEvent): void {
  stopImmediatePropagation(event);
  early[early.length] = event;
}

tameUncaught();
listen(scope, "message", hold);
Object.defineProperty(threads, "workerData", {
  value: start.workerData,
  writable: true,
  enumerable: true,
  configurable: true,
});
presentInArguments("url" in start.main ? start.main.url : EVALUATED);
const load = installNested(start);
if ("url" in start.main) await load(start.main.url);
else evaluateCommonJs(start.main.code, EVALUATED);
unlisten(scope, "message", hold);
for (let i = 0; i < early.length; i++) {
  const { data, ports } = early[i];
  dispatch(scope, new MessageEvent("message", { data, ports: ports as MessagePort[] }));
}
