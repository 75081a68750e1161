/**
 * Times as people write them: `2026-12-01T01:50:14Z`, `01/Dec/2026:01:50:14 +0000`, `now`, `-1 hour`, `2d`.
 *
 * @module
 */

import { ConfigError } from "../base/errors.ts";
import { commonTime } from "./line_reader.ts";

const AGO = /^-?\s*(\d{1,9}(?:\.\d{1,6})?)\s*([a-z]+)(?:\s+ago)?$/i;
/** The units, by their first names. */
const UNITS_MS: readonly (readonly [names: RegExp, ms: number])[] = [
  [/^(?:s|secs?|seconds?)$/i, 1_000],
  [/^(?:m|mins?|minutes?)$/i, 60_000],
  [/^(?:h|hours?)$/i, 3_600_000],
  [/^(?:d|days?)$/i, 86_400_000],
  [/^(?:w|weeks?)$/i, 604_800_000],
];
/** A time of day without its zone, or a day: it is in UTC, as lines are. */
const WITHOUT_ZONE = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?$/;

/**
 * The time that `text` says, in milliseconds since 1970; a span is one before `nowMs`. `name` is how the user wrote
 * the option.
 *
 * @throws {ConfigError} if it says none
 */
export function parseTime(text: string, nowMs: number, name: string): number {
  const trimmed = text.trim();
  if (/^now$/i.test(trimmed)) return nowMs;
  const ago = AGO.exec(trimmed);
  if (ago !== null) {
    const unit = UNITS_MS.find(([names]) => names.test(ago[2]));
    if (unit !== undefined) return nowMs - Number(ago[1]) * unit[1];
  }
  const common = commonTime(trimmed);
  if (common !== undefined) return common;
  const hasDate = /^\d{4}-\d{2}-\d{2}/.test(trimmed);
  const iso = WITHOUT_ZONE.test(trimmed)
    ? Date.parse(trimmed.length === 10 ? trimmed : `${trimmed.replace(" ", "T")}Z`)
    : hasDate
    ? Date.parse(trimmed)
    : NaN;
  if (!Number.isNaN(iso)) return iso;
  throw new ConfigError(
    `${name} takes a time such as 2026-12-01T01:50:14Z, or a span before now such as 30s, "1 hour" or 2d, ` +
      `not ${JSON.stringify(text)}`,
  );
}
