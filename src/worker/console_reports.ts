/**
 * What apps print while they work on a request, for the front server's error log.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { format } from "node:util";
import type { AppTask } from "./task.ts";

const tasks = new AsyncLocalStorage<AppTask>();
let isInstalled = false;

/** Calls `work`; what it prints with `console.error` and `console.warn` is reported by `task`, too. */
export function reportingConsole<Result>(task: AppTask, work: () => Result): Result {
  if (!isInstalled) install();
  return tasks.run(task, work);
}

/** Wraps the two methods, which go on to print as before. */
function install(): void {
  isInstalled = true;
  for (const name of ["error", "warn"] as const) {
    const print = console[name];
    console[name] = (...values: unknown[]) => {
      print.apply(console, values);
      tasks.getStore()?.reportFault(format(...values));
    };
  }
}
