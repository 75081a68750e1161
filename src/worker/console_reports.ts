/**
 * What apps print while they work on a request, for the front server's error log.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { format } from "node:util";
import { uncurried } from "../base/captured.ts";
import type { AppTask } from "./task.ts";

/** Takes what was printed. Apps could lay their hands on it: it is all that they would have. */
type Report = (text: string) => void;

const { console } = globalThis;
const { apply } = Reflect;
const { freeze, setPrototypeOf } = Object;
const reports = new AsyncLocalStorage<Report>();
const getReport: (reports: AsyncLocalStorage<Report>) => Report | undefined = uncurried(
  reports.getStore,
);
const runWith: <Result>(
  reports: AsyncLocalStorage<Report>,
  report: Report,
  work: () => Result,
) => Result = uncurried(reports.run) as never;
let isInstalled = false;

/** Calls `work`; what it prints with `console.error` and `console.warn` is reported by `task`, too. */
export function reportingConsole<Result>(task: AppTask, work: () => Result): Result {
  if (!isInstalled) install();
  const report = (text: string) => task.reportFault(text);
  return runWith(reports, freeze(setPrototypeOf(report, null)), work);
}

/** Wraps the two methods, which go on to print as before. */
function install(): void {
  isInstalled = true;
  wrap("error");
  wrap("warn");
}

function wrap(name: "error" | "warn"): void {
  const print = console[name];
  console[name] = (...values: unknown[]) => {
    apply(print, console, values);
    const report = getReport(reports);
    if (report === undefined) return;
    try {
      report(apply(format, null, values));
    } catch {
      // A value that throws when it is looked at: it has been printed, as far as that goes.
    }
  };
}
