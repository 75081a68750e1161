/**
 * Keeps apps from unguarded threads: `Worker` of `node:worker_threads` begins with the app's own
 * code. The global `Worker` begins with the sandbox, and so does what takes the other one's place.
 *
 * @module
 */

import type { NodeProcess } from "./locks.ts";
import { lock, refusal, refuse, replace } from "./locks.ts";

const { process } = globalThis as unknown as { process: NodeProcess };
const { defineProperty } = Object;
const { construct } = Reflect;

/** The class of `node:worker_threads`. */
export type NodeWorkerClass = {
  readonly prototype: object;
  new (filename: unknown, options: object): object;
};

/** Makes a thread of the runtime's class, as an object of the class `target`. */
export type MakeThread = (
  url: URL,
  options: { readonly workerData: object },
  target: (...args: never[]) => unknown,
) => object;

/** Makes the class that apps get in place of the runtime's own, whose threads `make` makes. */
export type ThreadMaker = (make: MakeThread) => NodeWorkerClass;

/** The members of `node:worker_threads` that matter here. */
interface WorkerThreads {
  Worker: NodeWorkerClass;
  setEnvironmentData(key: unknown, value: unknown): void;
}

/** Makes the current thread the main one for Node's modules: older runtimes count those of the web, too. */
export function actAsMainThread(): void {
  replace(process.getBuiltinModule("worker_threads")!, "isMainThread", true);
}

/** Gives apps that may do everything the class that `makeClass` makes. */
export function replaceThreads(makeClass: ThreadMaker): void {
  const threads = process.getBuiltinModule("worker_threads") as unknown as WorkerThreads;
  const native = threads.Worker;
  install(threads, makeClass((url, options, target) => construct(native, [url, options], target)));
}

/** Closes `node:worker_threads` to what would make threads, but for the class that `makeClass` makes. */
export function guardThreads(makeClass: ThreadMaker | null): void {
  const threads = process.getBuiltinModule("worker_threads") as unknown as WorkerThreads;
  const native = threads.Worker;
  let isAdmitted = false;
  // The runtime's own class, for example imported by its name, is useless: the runtime gives each
  // thread a copy of the thread's data, and then of all environment data, of which this is the
  // first. It can only be removed with the key. Between the two nothing of an app's runs.
  const copied = {
    get unavailable(): boolean {
      if (!isAdmitted) refuse("Worker of node:worker_threads", "use the global Worker");
      isAdmitted = false;
      return true;
    },
  };
  threads.setEnvironmentData({}, copied);
  if (makeClass === null) {
    const unavailable = refusal("Worker of node:worker_threads", "use the global Worker");
    replace(threads, "Worker", unavailable);
    return;
  }
  const make: MakeThread = (url, options, target) => {
    defineProperty(options.workerData, "isAdmitted", {
      get: () => isAdmitted = true,
      enumerable: true,
    });
    try {
      return construct(native, [url, options], target);
    } finally {
      isAdmitted = false;
    }
  };
  install(threads, makeClass(make));
}

function install(threads: WorkerThreads, made: NodeWorkerClass): void {
  defineProperty(made, "prototype", { value: threads.Worker.prototype });
  lock(threads.Worker.prototype, "constructor", made);
  replace(threads, "Worker", made);
}
