import { assert, assertEquals } from "../support/assert.ts";
import type { Acceptance } from "../../src/message/accepted_coding.ts";
import { acceptanceOf } from "../../src/message/accepted_coding.ts";
import { TermsReader } from "../../src/compression/codec/request_terms.ts";
import { RequestHead } from "../../src/message/exchange.ts";

const OFFERED = ["br", "zstd", "gzip"] as const;

/** What comes of each field value: the coding, and whether what is not encoded is refused. */
const CASES: Record<string, readonly [Acceptance["coding"], "refuses identity"?]> = {
  // RFC 9110 12.5.3, the examples.
  "compress, gzip": ["gzip"],
  "": [null],
  "*": ["br"],
  "compress;q=0.5, gzip;q=1.0": ["gzip"],
  "gzip;q=1.0, identity; q=0.5, *;q=0": ["gzip"],
  // The field is a list (5.6.1), whatever its blanks.
  "gzip,br": ["br"],
  " ,, gzip ,\t,": ["gzip"],
  "GZip": ["gzip"],
  // 8.4.1.3: the same as gzip.
  "x-gzip": ["gzip"],
  "x-gzip;q=0.1, gzip;q=0.9, br;q=0.5": ["br"],
  // 12.4.2: weights.
  "br;q=0.1, gzip;q=0.2": ["gzip"],
  "br;q=0.5, zstd;q=0.501, gzip;q=0.5": ["zstd"],
  "br;q=0.999, gzip;q=1.000": ["gzip"],
  "br; q=1., gzip": ["br"],
  "br ;\tQ=0.4 , gzip;q=0.3": ["br"],
  "br;q=0, zstd;q=0.0, gzip;q=0.000": [null],
  "gzip;q=0": [null],
  // What is malformed does not count.
  "br;q=1.001, gzip;q=0.1": ["gzip"],
  "br;q=2, gzip;q=0.1": ["gzip"],
  "br;q=-1, gzip;q=0.1": ["gzip"],
  "br;q=0.1234, gzip;q=0.1": ["gzip"],
  "br;q=, gzip;q=0.1": ["gzip"],
  "br;level=1, gzip;q=0.1": ["gzip"],
  "br;q=1;q=1, gzip;q=0.1": ["gzip"],
  "br gzip": [null],
  "gzip;": [null],
  // Of several weights, the lowest.
  "br;q=0, br": [null],
  "br, br;q=0, gzip;q=0.1": ["gzip"],
  // The others.
  "*;q=0.5, br;q=0.1": ["zstd"],
  "br;q=0, *": ["zstd"],
  "*;q=0": [null, "refuses identity"],
  "*;q=0, gzip": ["gzip", "refuses identity"],
  "*;q=0, identity": [null],
  "*;q=0, identity;q=0.1, gzip;q=0.1": ["gzip"],
  // What is not encoded: acceptable unless it is refused, and sent if the client likes it better.
  "identity": [null],
  "identity;q=1, gzip;q=0.5": [null],
  "identity;q=0.5, gzip;q=0.5": ["gzip"],
  "identity;q=0.4, gzip;q=0.5": ["gzip"],
  "identity;q=0": [null, "refuses identity"],
  "identity;q=0, gzip;q=0.001": ["gzip", "refuses identity"],
  "deflate, compress": [null],
  "br\u0000": [null],
  // What clients send.
  "gzip, deflate, br, zstd": ["br"],
  "gzip, deflate": ["gzip"],
  "deflate, gzip, br, zstd": ["br"],
};

Deno.test("the coding is the best that both sides have (RFC 9110 12.5.3)", async (test) => {
  for (const [text, [coding, refusal]] of Object.entries(CASES)) {
    await test.step(JSON.stringify(text), () => {
      const expected = { coding, refusesIdentity: refusal !== undefined };
      assertEquals(acceptanceOf(text, OFFERED), expected);
    });
  }
});

Deno.test("the server's favourite comes first where a client likes several as much", () => {
  assertEquals(acceptanceOf("br, gzip, zstd", ["gzip", "br"]).coding, "gzip");
  assertEquals(acceptanceOf("br, zstd", ["gzip"]).coding, null);
  assertEquals(acceptanceOf("*", []).coding, null);
});

Deno.test("thousands of codings take time in proportion to their number", () => {
  const measured = (count: number) => {
    const texts = [
      "gzip,".repeat(count),
      ",".repeat(5 * count),
      "br;q=0.5,".repeat(count),
      `${" ".repeat(5 * count)}x`,
      `br;${"q=0.".repeat(count)}`,
    ];
    const startedMs = performance.now();
    for (const text of texts) for (let i = 0; i < 20; i++) acceptanceOf(text, OFFERED);
    return performance.now() - startedMs;
  };
  measured(1_000);
  const few = Math.min(...[0, 1, 2].map(() => measured(1_000)));
  const many = Math.min(...[0, 1, 2].map(() => measured(16_000)));
  assert(many < few * 16 * 6, `${few} ms, then ${many} ms`);
});

function headOf(fields: string): RequestHead {
  const head = new RequestHead();
  head.block = new TextEncoder().encode(`/${fields}`);
  head.targetEnd = head.fieldsStart = 1;
  head.fieldsEnd = head.block.length;
  return head;
}

Deno.test("the terms of a request are found among its fields", () => {
  const reader = new TermsReader(OFFERED);
  const cases: [string, Acceptance["coding"], string | null][] = [
    ["", null, null],
    ["Host: a\r\n", null, null],
    ["accept-encoding: gzip\r\n", "gzip", null],
    ["Host: a\r\nACCEPT-Encoding:gzip\r\nA: b\r\n", "gzip", null],
    ["Accept-Encoding: zstd;q=0.1\r\nA: b\r\nAccept-Encoding: gzip\r\n", "gzip", null],
    ["Accept-Encodings: gzip\r\nXAccept-Encoding: gzip\r\nAccept: gzip\r\n", null, null],
    ["A: Accept-Encoding: gzip\r\n", null, null],
    ['Accept-Encoding: br\r\nIf-None-Match: W/"a"\r\n', "br", ' W/"a"'],
    ['Accept-Encoding: br\r\nIf-None-Match: "a"\r\n', "br", null],
    ['If-None-Match: W/"a"\r\n', null, null],
  ];
  for (const [fields, coding, weakTags] of cases) {
    for (const _ of ["first", "known"]) {
      const terms = reader.read(headOf(fields));
      assertEquals([terms.acceptance.coding, terms.weakTags], [coding, weakTags], fields);
    }
  }
});
