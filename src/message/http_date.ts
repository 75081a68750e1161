/**
 * Dates in header fields (RFC 9110 5.6.7).
 *
 * @module
 */

const MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec";
const SHORT_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)";
const LONG_DAY = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day";
const MONTH = "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)";
const TIME = "(\\d\\d):(\\d\\d):(\\d\\d)";
const FIXED = new RegExp(`^${SHORT_DAY}, (\\d\\d) ${MONTH} (\\d{4}) ${TIME} GMT$`);
const RFC850 = new RegExp(`^${LONG_DAY}, (\\d\\d)-${MONTH}-(\\d\\d) ${TIME} GMT$`);
const ASCTIME = new RegExp(`^${SHORT_DAY} ${MONTH} (\\d\\d| \\d) ${TIME} (\\d{4})$`);
/** A year of two digits is not further in the future than this. */
const MAX_YEARS_AHEAD = 50;

/**
 * The time that `text` names in one of the three forms, in ms since 1970; `null` if it is no such date.
 * `nowMs` decides on the century of years of two digits.
 */
export function parseHttpDate(text: string, nowMs: number): number | null {
  let match = FIXED.exec(text);
  if (match !== null) {
    const [, day, month, year, ...time] = match;
    return timeOf(Number(year), month, day, time);
  }
  match = RFC850.exec(text);
  if (match !== null) {
    const [, day, month, year, ...time] = match;
    const thisYear = new Date(nowMs).getUTCFullYear();
    const full = thisYear - thisYear % 100 + Number(year);
    return timeOf(full > thisYear + MAX_YEARS_AHEAD ? full - 100 : full, month, day, time);
  }
  match = ASCTIME.exec(text);
  if (match === null) return null;
  const [, month, day, hours, minutes, seconds, year] = match;
  return timeOf(Number(year), month, day, [hours, minutes, seconds]);
}

/** The time `ms` since 1970 in the form that is to be sent. */
export function formatHttpDate(ms: number): string {
  return new Date(ms).toUTCString();
}

function timeOf(year: number, month: string, day: string, time: readonly string[]): number | null {
  const [hours, minutes, seconds] = time.map(Number);
  const monthIndex = MONTHS.indexOf(month) / 3;
  // There may be a leap second.
  if (hours > 23 || minutes > 59 || seconds > 60) return null;
  const date = new Date(0);
  date.setUTCFullYear(year, monthIndex, Number(day));
  if (date.getUTCMonth() !== monthIndex || date.getUTCDate() !== Number(day)) return null;
  return date.setUTCHours(hours, minutes, seconds, 0);
}
