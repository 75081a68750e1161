/**
 * Keeps apps from threads that nobody would guard: `Worker` of `node:worker_threads` begins with the app's
 * own code. The global `Worker` begins with the sandbox.
 *
 * @module
 */

import type { NodeProcess } from "./locks.ts";
import { refusal, replace } from "./locks.ts";

const { process } = globalThis as unknown as { process: NodeProcess };

/** The members of `node:worker_threads` that matter here. */
interface WorkerThreads {
  Worker: object;
  setEnvironmentData(key: unknown, value: unknown): void;
}

/** Closes `node:worker_threads` to what would make threads. */
export function guardThreads(): void {
  const threads = process.getBuiltinModule("worker_threads") as unknown as WorkerThreads;
  replace(threads, "Worker", refusal("Worker of node:worker_threads", "use the global Worker"));
  // Who imports the class by its name has the runtime's own. That gives each thread a copy of all
  // environment data, and what cannot be copied prevents that. Only who knows the key could remove it;
  // the message has the text of the function.
  const { unavailable } = {
    unavailable: () =>
      "Worker of node:worker_threads is not available to apps: use the global Worker",
  };
  threads.setEnvironmentData({}, unavailable);
}
