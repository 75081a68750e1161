/**
 * The time of day that goes on evenly, whoever sets the system's clock: for what is compared and subtracted.
 *
 * @module
 */

/** Milliseconds since 1970, as of the clock when this process was started. */
export function evenEpochMs(): number {
  return performance.timeOrigin + performance.now();
}
