/**
 * What the platform's timers can do.
 *
 * @module
 */

const { min } = Math;

/**
 * Longest time that a timer can be set to, in milliseconds: almost 25 days. A timer that is set to
 * more fires at once.
 */
export const MAX_TIMER_MS = 2_147_483_647;

/** A time to set a timer to: `delayMs`, which may be any, or the longest that there is. */
export function timerMs(delayMs: number): number {
  return min(delayMs, MAX_TIMER_MS);
}
