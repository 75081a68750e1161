import { entityTag } from "../../src/files/file_sender.ts";
import type { ConditionFields } from "../../src/files/conditions.ts";
import { meansThisState, verdictOf } from "../../src/files/conditions.ts";
import { parseHttpDate } from "../../src/message/http_date.ts";
import { assertEquals } from "../support/assert.ts";

const NONE: ConditionFields = {
  ifMatch: "",
  ifNoneMatch: "",
  ifModifiedSince: "",
  ifUnmodifiedSince: "",
  ifRange: "",
};
const MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER = "Sun, 06 Nov 1994 08:49:38 GMT";
const modifiedMs = Date.parse(MODIFIED);
const NOW_MS = Date.UTC(2026, 0, 1);

/** Conditions (section of RFC 9110), the entity tag, and what is decided. */
const CASES: readonly [string, Partial<ConditionFields>, string, string][] = [
  ["13.1.1", { ifMatch: '"a"' }, '"a"', "go on"],
  ["13.1.1", { ifMatch: '"b", "a"' }, '"a"', "go on"],
  ["13.1.1", { ifMatch: '"b" , , "a"' }, '"a"', "go on"],
  ["13.1.1", { ifMatch: "*" }, '"a"', "go on"],
  ["13.1.1", { ifMatch: '"b"' }, '"a"', "failed"],
  ["13.1.1, strong comparison", { ifMatch: 'W/"a"' }, 'W/"a"', "failed"],
  ["13.1.1, strong comparison", { ifMatch: '"a"' }, 'W/"a"', "failed"],
  ["13.1.1, a comma in a tag", { ifMatch: '"b,"' }, '"b,"', "go on"],
  ["13.1.1, a tag in a tag", { ifMatch: '"x, "a""' }, '"a"', "failed"],
  ["13.1.1, malformed", { ifMatch: "a" }, '"a"', "failed"],
  ["13.1.1, malformed", { ifMatch: '"b""a"' }, '"a"', "failed"],
  ["13.1.2", { ifNoneMatch: '"a"' }, '"a"', "not modified"],
  ["13.1.2, weak comparison", { ifNoneMatch: 'W/"a"' }, '"a"', "not modified"],
  ["13.1.2, weak comparison", { ifNoneMatch: '"a"' }, 'W/"a"', "not modified"],
  ["13.1.2", { ifNoneMatch: "*" }, '"a"', "not modified"],
  ["13.1.2", { ifNoneMatch: '"b"' }, '"a"', "go on"],
  ["13.1.2, W is upper case", { ifNoneMatch: 'w/"a"' }, '"a"', "go on"],
  ["13.1.2, malformed", { ifNoneMatch: 'a, "a"' }, '"a"', "go on"],
  ["13.1.3", { ifModifiedSince: MODIFIED }, '"a"', "not modified"],
  ["13.1.3", { ifModifiedSince: AFTER }, '"a"', "not modified"],
  ["13.1.3", { ifModifiedSince: BEFORE }, '"a"', "go on"],
  ["13.1.3, no date", { ifModifiedSince: "yesterday" }, '"a"', "go on"],
  ["13.1.3, no HTTP-date", { ifModifiedSince: "1994-11-06T08:49:37Z" }, '"a"', "go on"],
  [
    "13.1.3, obsolete form",
    { ifModifiedSince: "Sunday, 06-Nov-94 08:49:37 GMT" },
    '"a"',
    "not modified",
  ],
  ["13.1.3, obsolete form", { ifModifiedSince: "Sun Nov  6 08:49:37 1994" }, '"a"', "not modified"],
  ["13.1.4", { ifUnmodifiedSince: MODIFIED }, '"a"', "go on"],
  ["13.1.4", { ifUnmodifiedSince: BEFORE }, '"a"', "failed"],
  ["13.1.4, no date", { ifUnmodifiedSince: "never" }, '"a"', "go on"],
  ["13.2.2, step 1 before 2", { ifMatch: '"a"', ifUnmodifiedSince: BEFORE }, '"a"', "go on"],
  ["13.2.2, step 1 before 3", { ifMatch: '"b"', ifNoneMatch: '"a"' }, '"a"', "failed"],
  ["13.2.2, step 2 before 3", { ifUnmodifiedSince: BEFORE, ifNoneMatch: '"a"' }, '"a"', "failed"],
  ["13.2.2, step 3 before 4", { ifNoneMatch: '"b"', ifModifiedSince: AFTER }, '"a"', "go on"],
  [
    "13.2.2, step 3 before 4",
    { ifNoneMatch: '"a"', ifModifiedSince: BEFORE },
    '"a"',
    "not modified",
  ],
  ["13.2.2, both hold", { ifMatch: '"a"', ifNoneMatch: '"a"' }, '"a"', "not modified"],
];

for (const [section, fields, etag, verdict] of CASES) {
  Deno.test(`RFC 9110 ${section}: ${JSON.stringify(fields)} for ${etag} is "${verdict}"`, () => {
    assertEquals(verdictOf({ ...NONE, ...fields }, { etag, modifiedMs }, NOW_MS), verdict);
  });
}

const IF_RANGE: readonly [string, string, boolean][] = [
  ["", '"a"', true],
  ['"a"', '"a"', true],
  ['"b"', '"a"', false],
  ['W/"a"', 'W/"a"', false],
  ['W/"a"', '"a"', false],
  [MODIFIED, '"a"', true],
  [AFTER, '"a"', false],
  [BEFORE, '"a"', false],
  ["*", '"a"', false],
];

for (const [ifRange, etag, expected] of IF_RANGE) {
  Deno.test(`RFC 9110 13.1.5: If-Range ${ifRange || "absent"} means ${etag}: ${expected}`, () => {
    assertEquals(meansThisState({ ...NONE, ifRange }, { etag, modifiedMs }, NOW_MS), expected);
  });
}

Deno.test("RFC 9110 8.8.2.2: a date of a second ago is no strong validator", () => {
  const fields = { ...NONE, ifRange: MODIFIED };
  assertEquals(meansThisState(fields, { etag: '"a"', modifiedMs }, modifiedMs + 1_000), false);
  assertEquals(meansThisState(fields, { etag: '"a"', modifiedMs }, modifiedMs + 2_000), true);
});

Deno.test("RFC 9110 8.8.1: a tag is weak until the file's clock has moved on", () => {
  const TAGS: readonly [modifiedMs: number, ageMs: number, isWeak: boolean][] = [
    [5_123, 19, true],
    [5_123, 20, false],
    [5_000, 1_999, true],
    [5_000, 2_000, false],
    [5_123, -1, false],
  ];
  for (const [modified, age, isWeak] of TAGS) {
    assertEquals(entityTag(1, modified, "", modified + age).startsWith("W/"), isWeak);
  }
});

Deno.test("codings have tags of their own", () => {
  assertEquals(entityTag(16, 256_001, "br", NOW_MS), '"3e801-10-br"');
  assertEquals(entityTag(16, 256_001, "", NOW_MS), '"3e801-10"');
});

const DATES: readonly [string, number | null][] = [
  [MODIFIED, modifiedMs],
  ["Sunday, 06-Nov-94 08:49:37 GMT", modifiedMs],
  ["Sun Nov  6 08:49:37 1994", modifiedMs],
  ["Sunday, 06-Nov-75 08:49:37 GMT", Date.UTC(2075, 10, 6, 8, 49, 37)],
  ["Sunday, 06-Nov-77 08:49:37 GMT", Date.UTC(1977, 10, 6, 8, 49, 37)],
  ["Sun, 06 Nov 1994 08:49:60 GMT", modifiedMs + 23_000],
  ["Sun, 06 Nov 1994 24:00:00 GMT", null],
  ["Wed, 30 Feb 1994 08:49:37 GMT", null],
  ["Sun, 6 Nov 1994 08:49:37 GMT", null],
  ["Sun, 06 Nov 1994 08:49:37 UTC", null],
  ["sun, 06 nov 1994 08:49:37 GMT", null],
  [" Sun, 06 Nov 1994 08:49:37 GMT", null],
  ["0", null],
  ["", null],
];

for (const [text, ms] of DATES) {
  Deno.test(`RFC 9110 5.6.7: ${JSON.stringify(text)} is ${ms === null ? "no date" : "a date"}`, () => {
    assertEquals(parseHttpDate(text, NOW_MS), ms);
  });
}
