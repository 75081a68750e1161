/**
 * Uncaught errors: the runtime prints them, and ends the thread. What it prints is made to be read
 * only, as all that the log has.
 *
 * @module
 */

import { forLog } from "./log.ts";
import type { NodeProcess } from "./runtime_modules.ts";

const { Error, String } = globalThis;
const scope = globalThis;

const { reportError, addEventListener, dispatchEvent, ErrorEvent, PromiseRejectionEvent } = scope;

/**
 * Makes what is printed of uncaught errors of this thread harmless. Listeners of apps are called as
 * before, and may prevent it; for those that listen by way of `node:process`, which is asked for when there is an
 * error, nothing is changed. Called before there are any. What `take` says it has taken is not printed, and does
 * not end the thread.
 */
export function tameUncaught(
  process: () => Pick<NodeProcess, "listenerCount">,
  take: (thrown: unknown) => boolean = () => false,
): void {
  /** The event that is on its way, which this has sent itself. */
  let own: Event | null = null;
  let isReporting = false;

  /** Lets other listeners see `copy` instead of `event`; what they do not prevent is reported as text. */
  const pass = (event: Event, copy: Event, thrown: unknown): void => {
    event.stopImmediatePropagation();
    event.preventDefault();
    own = copy;
    const isPrevented = !dispatchEvent.call(scope, copy);
    own = null;
    if (isPrevented || take(thrown)) return;
    isReporting = true;
    reportError(withoutFrames(forLog(thrownText(thrown))));
    isReporting = false;
  };

  addEventListener.call(
    scope,
    "error",
    ((event: ErrorEvent) => {
      if (event === own) return;
      if (isReporting) {
        event.stopImmediatePropagation();
      } else if (process().listenerCount("uncaughtException") === 0) {
        const { message, filename, lineno, colno, error } = event;
        const init = { cancelable: true, message, filename, lineno, colno, error };
        pass(event, new ErrorEvent("error", init), error);
      }
    }) as EventListener,
  );

  addEventListener.call(
    scope,
    "unhandledrejection",
    ((event: PromiseRejectionEvent) => {
      if (event === own || process().listenerCount("unhandledRejection") > 0) return;
      const { promise, reason } = event;
      const init = { cancelable: true, promise, reason };
      pass(event, new PromiseRejectionEvent("unhandledrejection", init), reason);
    }) as EventListener,
  );
}

function thrownText(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `uncaught ${typeof thrown}: ${String(thrown)}`;
  return thrown.stack || `${thrown.name}: ${thrown.message}`;
}

/** An error whose message says where another one came from; its own place is not shown. */
function withoutFrames(text: string): Error {
  const { stackTraceLimit } = Error as unknown as { stackTraceLimit: number };
  (Error as unknown as { stackTraceLimit: number }).stackTraceLimit = 0;
  // The name stands once more before the message.
  const [, message] = /^Error: (.*)$/s.exec(text) ?? [undefined, text];
  const error = new Error(message);
  (Error as unknown as { stackTraceLimit: number }).stackTraceLimit = stackTraceLimit;
  return error;
}
