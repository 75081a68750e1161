import { assertEquals } from "../support/assert.ts";
import { ResponsePlans } from "../../src/compression/codec/response_plan.ts";
import type { CompressionSettings } from "../../src/compression/codec/settings.ts";
import {
  DEFAULT_COMPRESSION,
  DEFAULT_TYPES,
  isAmong,
  isTypePattern,
} from "../../src/compression/codec/settings.ts";

const TEXT = "content-type: text/plain\r\n";
const VARY = "vary: Accept-Encoding\r\n";
const CODED = "content-encoding: br\r\n";

/** Field lines, and those of the response that is compressed and that is not; `null` if it never is. */
const CASES: Record<string, readonly [string, coded: string | null, plain: string]> = {
  "a text varies": [TEXT, `${CODED}${TEXT}${VARY}`, `${TEXT}${VARY}`],
  "nothing is said of the type": ["a: b\r\n", null, "a: b\r\n"],
  "a type that is not worth it": [
    "Content-Type: image/png\r\n",
    null,
    "Content-Type: image/png\r\n",
  ],
  "parameters and case of the type do not matter": [
    "Content-Type:Text/HTML ; charset=utf-8\r\n",
    `${CODED}Content-Type:Text/HTML ; charset=utf-8\r\n${VARY}`,
    `Content-Type:Text/HTML ; charset=utf-8\r\n${VARY}`,
  ],
  "an event stream": [
    "content-type: text/event-stream\r\n",
    null,
    "content-type: text/event-stream\r\n",
  ],
  "a length is that of what is not encoded (RFC 9110 8.6)": [
    `${TEXT}Content-Length: 5\r\n`,
    `${CODED}${TEXT}${VARY}`,
    `${TEXT}Content-Length: 5\r\n${VARY}`,
  ],
  "ranges are of what is not encoded (RFC 9110 14.3)": [
    `Accept-Ranges: bytes\r\n${TEXT}`,
    `${CODED}${TEXT}${VARY}`,
    `Accept-Ranges: bytes\r\n${TEXT}${VARY}`,
  ],
  "a strong entity tag is of other bytes (RFC 9110 8.8.3)": [
    `ETag: "a"\r\n${TEXT}`,
    `${CODED}${TEXT}${VARY}etag: W/"a"\r\n`,
    `ETag: "a"\r\n${TEXT}${VARY}`,
  ],
  "a weak entity tag stays": [
    `ETag: W/"a"\r\n${TEXT}`,
    `${CODED}${TEXT}${VARY}ETag: W/"a"\r\n`,
    `ETag: W/"a"\r\n${TEXT}${VARY}`,
  ],
  "what varies anyway is not told again (RFC 9110 12.5.5)": [
    `${TEXT}Vary: Cookie, ACCEPT-encoding\r\n`,
    `${CODED}${TEXT}Vary: Cookie, ACCEPT-encoding\r\n`,
    `${TEXT}Vary: Cookie, ACCEPT-encoding\r\n`,
  ],
  "what varies with everything does so": [
    `${TEXT}Vary: *\r\n`,
    `${CODED}${TEXT}Vary: *\r\n`,
    `${TEXT}Vary: *\r\n`,
  ],
  "what varies otherwise varies more": [
    `${TEXT}Vary: Cookie\r\n`,
    `${CODED}${TEXT}Vary: Cookie\r\n${VARY}`,
    `${TEXT}Vary: Cookie\r\n${VARY}`,
  ],
  "what is encoded is not encoded twice (RFC 9110 8.4)": [
    `Content-Encoding: gzip\r\n${TEXT}`,
    null,
    `Content-Encoding: gzip\r\n${TEXT}`,
  ],
  "an app opts out with a coding that is none (RFC 9110 8.4.1)": [
    `Content-Encoding: Identity\r\n${TEXT}`,
    null,
    TEXT,
  ],
  "what is not to be transformed is not (RFC 9110 7.7)": [
    `${TEXT}Cache-Control: max-age=1, No-Transform\r\n`,
    null,
    `${TEXT}Cache-Control: max-age=1, No-Transform\r\n`,
  ],
  "part of something stays part of it, and varies as that does (RFC 9110 15.3.7)": [
    `${TEXT}Content-Range: bytes 0-1/5\r\n`,
    null,
    `${TEXT}Content-Range: bytes 0-1/5\r\n${VARY}`,
  ],
  "a digest is of these bytes (RFC 9530 2)": [
    `${TEXT}Content-Digest: sha-256=:a:\r\n`,
    null,
    `${TEXT}Content-Digest: sha-256=:a:\r\n`,
  ],
  "a digest of the representation, too (RFC 9530 3)": [
    `${TEXT}repr-digest: sha-256=:a:\r\n`,
    null,
    `${TEXT}repr-digest: sha-256=:a:\r\n`,
  ],
  "what is malformed is left for others to refuse": [
    `${TEXT}broken\r\nno end`,
    `${CODED}${TEXT}broken\r\nno end${VARY}`,
    `${TEXT}broken\r\nno end${VARY}`,
  ],
};

Deno.test("of field lines it is decided whether a response is compressed", async (test) => {
  const plans = new ResponsePlans(DEFAULT_COMPRESSION);
  for (const [name, [lines, coded, plain]] of Object.entries(CASES)) {
    await test.step(name, () => {
      for (const _ of ["first", "known"]) {
        const plan = plans.planOf(lines);
        assertEquals(plan.isEligible, coded !== null);
        assertEquals(plan.plain, plain);
        if (coded !== null) assertEquals(plan.coded("br"), coded);
      }
    });
  }
});

Deno.test("event streams are compressed if they are asked for by name", () => {
  const lines = "content-type: text/event-stream\r\n";
  const isEligible = (types: CompressionSettings["types"]) =>
    new ResponsePlans({ ...DEFAULT_COMPRESSION, types }).planOf(lines).isEligible;
  assertEquals(isEligible(["text/*"]), false);
  assertEquals(isEligible(["text/*", "text/event-stream"]), true);
});

Deno.test("a type is one of a list", () => {
  const cases: [string, boolean][] = [
    ["text/css", true],
    ["text/event-stream", false],
    ["application/json", true],
    ["application/problem+json", true],
    ["image/svg+xml", true],
    ["application/jsonx", false],
    ["image/png", false],
    ["video/mp4", false],
    ["application/octet-stream", false],
    ["application/zip", false],
    ["font/woff2", false],
    ["text", false],
    ["", false],
  ];
  for (const [type, expected] of cases) assertEquals(isAmong(DEFAULT_TYPES, type), expected, type);
});

Deno.test("patterns of types are types, or all of a kind", () => {
  for (const pattern of [...DEFAULT_TYPES, "a/b", "*+x", "a/*", "text/event-stream"]) {
    assertEquals(isTypePattern(pattern), true, pattern);
  }
  for (const pattern of ["", "*", "*/*", "a", "a/", "/b", "a/b/c", "a/b*", "A/b", "a b/c", "*+"]) {
    assertEquals(isTypePattern(pattern), false, pattern);
  }
});
