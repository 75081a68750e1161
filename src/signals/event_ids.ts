/**
 * Ids of events: two whole numbers, such as `1764540000000-17`, which grow from event to event. Redis has
 * them for its streams; the hub counts for itself.
 *
 * @module
 */

import { charCodeAt } from "../base/captured.ts";
import { SIGNAL_LIMITS } from "./limits.ts";

const ZERO = 0x30;
const NINE = 0x39;
const DASH = 0x2d;
/** More digits than exact numbers have, so that they are compared as text. */
const { maxEventIdBytes } = SIGNAL_LIMITS;

/** What stands for the time before the first event. */
export const BEFORE_ALL = "0";

/** Whether `text` is an id, or {@linkcode BEFORE_ALL}. Clients can send anything. */
export function isEventId(text: string): boolean {
  if (text.length > maxEventIdBytes) return false;
  let dashes = 0;
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const code = charCodeAt(text, i);
    if (code === DASH && digits > 0 && dashes === 0) {
      dashes++;
      digits = 0;
    } else if (code >= ZERO && code <= NINE) {
      digits++;
    } else {
      return false;
    }
  }
  return digits > 0;
}

/** Less than 0 if the id `a` comes before `b`, more if it comes after it, 0 if they are the same. */
export function compareEventIds(a: string, b: string): number {
  const aDash = dashOf(a);
  const bDash = dashOf(b);
  return compareDigits(a, 0, aDash, b, 0, bDash) ||
    compareDigits(a, aDash + 1, a.length, b, bDash + 1, b.length);
}

function dashOf(id: string): number {
  let at = 0;
  while (at < id.length && charCodeAt(id, at) !== DASH) at++;
  return at;
}

function compareDigits(
  a: string,
  aStart: number,
  aEnd: number,
  b: string,
  bStart: number,
  bEnd: number,
): number {
  while (aStart < aEnd && charCodeAt(a, aStart) === ZERO) aStart++;
  while (bStart < bEnd && charCodeAt(b, bStart) === ZERO) bStart++;
  if (aEnd - aStart !== bEnd - bStart) return aEnd - aStart > bEnd - bStart ? 1 : -1;
  while (aStart < aEnd) {
    const difference = charCodeAt(a, aStart++) - charCodeAt(b, bStart++);
    if (difference !== 0) return difference;
  }
  return 0;
}
