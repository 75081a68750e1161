/** Dates and languages. */

import type { PackageRow } from "../row.ts";

/** The packages. */
export const DATES: readonly PackageRow[] = [
  ["date-fns@4.4.0", "m.format(new Date(2020, 0, 2), 'yyyy-MM-dd')"],
  ["date-fns@4.4.0/locale", "m.de.code"],
  [
    "luxon@3.7.2",
    "m.DateTime.fromISO('2020-01-02T00:00:00Z', { zone: 'utc' }).plus({ days: 1 }).toISO()",
  ],
  ["moment@2.31.0", "d.utc(0).format()"],
  ["moment-timezone@0.5.48", "d.tz('2020-01-01', 'Europe/Berlin').format()"],
  [
    "temporal-polyfill@0.3.2",
    "m.Temporal.PlainDate.from('2020-01-02').add({ days: 1 }).toString()",
  ],
  ["@js-joda/core@5.7.0", "m.LocalDate.of(2020, 1, 2).plusDays(1).toString()"],
  ["cron-parser@5.10.6", "m.CronExpressionParser.parse('0 0 * * *').stringify()"],
  ["croner@9.1.0", "new m.Cron('0 0 1 1 *', { paused: true }).getPattern()"],
  ["node-cron@4.6.0", "m.validate('* * * * *')"],
  [
    "i18next@25.10.10",
    "await (async () => { await d.init({ lng: 'en', resources: { en: { translation: { a: 'b {{c}}' } } } }); return d.t('a', { c: 1 }); })()",
  ],
  ["@formatjs/intl@3.1.8", "typeof m.createIntl"],
  [
    "intl-messageformat@10.7.18",
    "new (d.default ?? d)('{n, plural, one {# a} other {# b}}', 'en').format({ n: 2 })",
  ],
];
