/**
 * Says what a shutdown waits for.
 *
 * @module
 */

import { logToStderr } from "../base/log.ts";
import { timerMs } from "../base/timers.ts";

/** What ends sooner is not worth a word, in milliseconds. */
const MOMENT_MS = 200;

/**
 * Says how many requests a shutdown waits for, unless it is over in a moment, or until that is disposed
 * of. A process that runs `alone` ends by a second signal.
 */
export function tellOfWait(
  waitedFor: { readonly unansweredCount: number },
  drainTimeoutMs: number,
  way: "alone" | "supervised",
): Disposable {
  const timer = setTimeout(() => {
    const { unansweredCount: count } = waitedFor;
    if (count === 0) return;
    const requests = count === 1 ? "1 request" : `${count} requests`;
    const end = way === "alone" ? "; a second signal exits at once" : "";
    logToStderr(
      "info",
      `waiting up to ${drainTimeoutMs / 1_000} s for ${requests} in flight${end}`,
    );
  }, timerMs(MOMENT_MS));
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
