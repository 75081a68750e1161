/**
 * What runs first in a thread of `node:worker_threads`: gives it the services of its loader, then its module
 * and the messages that have come meanwhile.
 *
 * @module
 */

import { nodeProcess } from "../base/runtime_modules.ts";
import { tameUncaught } from "../base/uncaught.ts";
import { evaluateCommonJs } from "./common_js.ts";
import { holdMessages } from "./early_messages.ts";
import { presentInArguments } from "./main_module.ts";
import { installNested } from "./nested_services.ts";
import type { NodeThreadStart } from "./node_threads.ts";

/** The members of `node:worker_threads` that matter here. */
interface WorkerThreads {
  readonly workerData: NodeThreadStart;
}

const process = nodeProcess();

/** What Node calls text that is evaluated. */
const EVALUATED = "[worker eval]";
const threads = process.getBuiltinModule("worker_threads") as WorkerThreads;
const { workerData: start } = threads;

tameUncaught(() => process);
const release = holdMessages(() => false);
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
release();
