/**
 * Waits that have an end.
 *
 * @module
 */

import { timerMs } from "./timers.ts";

/**
 * Waits for `promise`, but no longer than `delayMs` milliseconds; tells whether it was in time. Rejects if it
 * does.
 */
export async function inTime(promise: Promise<unknown>, delayMs: number): Promise<boolean> {
  const { promise: isLate, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), timerMs(delayMs));
  try {
    return await Promise.race([promise.then(() => true), isLate]);
  } finally {
    clearTimeout(timer);
  }
}
