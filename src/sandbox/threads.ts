/**
 * Keeps apps from threads that nobody would guard: `Worker` of `node:worker_threads` begins with the app's
 * own code. The global `Worker` begins with the sandbox, and so does what takes the other one's place.
 *
 * @module
 */

import type { NodeProcess } from "./locks.ts";
import { refusal, refuse, replace } from "./locks.ts";

const { process } = globalThis as unknown as { process: NodeProcess };
const { defineProperty } = Object;

/** The class of `node:worker_threads`. */
export type NodeWorkerClass = new (filename: unknown, options: object) => object;

/**
 * Makes the class that apps get in place of `native`. This makes threads with the `workerData` only that
 * `admitted` returns.
 */
export type ThreadMaker = (
  native: NodeWorkerClass,
  admitted: <Data extends object>(workerData: Data) => Data,
) => NodeWorkerClass;

/** The members of `node:worker_threads` that matter here. */
interface WorkerThreads {
  Worker: NodeWorkerClass;
  setEnvironmentData(key: unknown, value: unknown): void;
}

/** Makes the current thread the main one for Node's modules: older runtimes count those of the web, too. */
export function actAsMainThread(): void {
  replace(process.getBuiltinModule("worker_threads")!, "isMainThread", true);
}

/** Gives apps that may do everything the class that `make` makes. */
export function replaceThreads(make: ThreadMaker): void {
  const threads = process.getBuiltinModule("worker_threads") as unknown as WorkerThreads;
  replace(threads, "Worker", make(threads.Worker, (workerData) => workerData));
}

/** Closes `node:worker_threads` to what would make threads, but for what `make` makes. */
export function guardThreads(make: ThreadMaker | null): void {
  const threads = process.getBuiltinModule("worker_threads") as unknown as WorkerThreads;
  const native = threads.Worker;
  let isAdmitted = false;
  // Whoever has the runtime's own class, by its name or from a prototype, cannot use it: the runtime gives
  // each thread a copy of the thread's data, and then of all environment data, of which this is the first.
  // Only who knows the key could remove it. Between the two nothing of an app's runs.
  const copied = {
    get unavailable(): boolean {
      if (!isAdmitted) refuse("Worker of node:worker_threads", "use the global Worker");
      isAdmitted = false;
      return true;
    },
  };
  threads.setEnvironmentData({}, copied);
  const admitted = <Data extends object>(workerData: Data): Data =>
    defineProperty(workerData, "isAdmitted", {
      get: () => isAdmitted = true,
      enumerable: true,
    });
  replace(
    threads,
    "Worker",
    make?.(native, admitted) ?? refusal("Worker of node:worker_threads", "use the global Worker"),
  );
}
