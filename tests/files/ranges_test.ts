import type { ByteRange } from "../../src/files/ranges.ts";
import { MAX_RANGES, rangesIn } from "../../src/files/ranges.ts";
import { assertEquals } from "../support/assert.ts";

/** Range, size, and the first and last byte of what is sent. */
const CASES: readonly [string, number, readonly [number, number][] | "whole" | "unsatisfiable"][] =
  [
    ["bytes=0-499", 10_000, [[0, 499]]],
    ["bytes=500-999", 10_000, [[500, 999]]],
    ["bytes=-500", 10_000, [[9_500, 9_999]]],
    ["bytes=9500-", 10_000, [[9_500, 9_999]]],
    ["bytes=0-0,-1", 10_000, [[0, 0], [9_999, 9_999]]],
    ["bytes=500-600,601-999", 10_000, [[500, 600], [601, 999]]],
    ["bytes=500-700,601-999", 10_000, [[500, 700], [601, 999]]],
    ["BYTES=0-0", 10, [[0, 0]]],
    ["bytes= 0-0 ,\t2-2, , 4-4,", 10, [[0, 0], [2, 2], [4, 4]]],
    ["bytes=4-4,0-0", 10, [[4, 4], [0, 0]]],
    ["bytes=0-99999999999999999999999999", 10, [[0, 9]]],
    ["bytes=-99999999999999999999999999", 10, [[0, 9]]],
    ["bytes=5-20,30-40", 10, [[5, 9]]],
    ["bytes=10-", 10, "unsatisfiable"],
    ["bytes=99999999999999999999-", 10, "unsatisfiable"],
    ["bytes=-0", 10, "unsatisfiable"],
    ["bytes=0-", 0, "unsatisfiable"],
    ["bytes=-5", 0, "unsatisfiable"],
    ["bytes=20-30,40-50", 10, "unsatisfiable"],
    ["bytes=5-4", 10, "whole"],
    ["bytes=99999999999999999999-99999999999999999998", 10, "whole"],
    ["bytes=", 10, "whole"],
    ["bytes=,", 10, "whole"],
    ["bytes=-", 10, "whole"],
    ["bytes=a-b", 10, "whole"],
    ["bytes=0-1;2-3", 10, "whole"],
    ["bytes=0-1,x", 10, "whole"],
    ["bytes=1", 10, "whole"],
    ["bytes 0-1", 10, "whole"],
    ["bytes =0-1", 10, "whole"],
    ["items=0-1", 10, "whole"],
    ["bytes=+1-2", 10, "whole"],
    ["bytes=0x1-2", 10, "whole"],
    // RFC 9110 14.2 and 17.15: more bytes than there are, and more ranges than anybody needs.
    ["bytes=0-,0-", 10, "whole"],
    ["bytes=0-4,0-4,0-4", 10, "whole"],
    [`bytes=${Array.from({ length: MAX_RANGES }, (_, i) => `${i}-${i}`)}`, 100, [
      ...Array.from({ length: MAX_RANGES }, (_, i): [number, number] => [i, i]),
    ]],
    [`bytes=${Array.from({ length: MAX_RANGES + 1 }, (_, i) => `${i}-${i}`)}`, 100, "whole"],
    [`bytes=${"0-0,".repeat(100_000)}`, 1_000_000, "whole"],
  ];

for (const [value, size, expected] of CASES) {
  Deno.test(`RFC 9110 14.1.2: ${value.slice(0, 60)} of ${size} bytes`, () => {
    const ranges = rangesIn(value, size);
    const told = typeof ranges === "string"
      ? ranges
      : ranges.map(({ start, end }: ByteRange) => [start, end - 1]);
    assertEquals(told, expected as typeof told);
  });
}
