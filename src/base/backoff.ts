/**
 * How long to wait before what died is started again: longer each time, but not after a healthy life.
 *
 * @module
 */

/** First delay, in milliseconds; doubled each time. */
export const FIRST_RESTART_DELAY_MS = 100;
const MAX_RESTART_DELAY_MS = 30_000;

/** What lived this long, in milliseconds, counts as healthy: the next delay is the first one again. */
export const HEALTHY_AGE_MS = 60_000;

/** The delay after `delayMs`. */
export function doubled(delayMs: number): number {
  return Math.min(delayMs * 2, MAX_RESTART_DELAY_MS);
}
