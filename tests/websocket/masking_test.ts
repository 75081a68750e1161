import { assertEquals } from "../support/assert.ts";
import { applyMask } from "../../src/websocket/codec/masking.ts";
import { someBytes } from "./cases/case.ts";

const KEY = [0x12, 0xff, 0x80, 0x01];
const WORD = 0x12 | (0xff << 8) | (0x80 << 16) | (0x01 << 24);

Deno.test("a mask is put over bytes wherever they lie, in any pieces, and nothing else", () => {
  for (let shift = 0; shift < 8; shift++) {
    // The array itself begins anywhere in its memory.
    const memory = someBytes(700);
    for (const length of [0, 1, 3, 4, 95, 96, 97, 98, 99, 100, 255, 600]) {
      for (const cut of [0, 1, 2, 3, 50, 130]) {
        if (cut > length) continue;
        const bytes = memory.slice().subarray(shift);
        const start = 5;
        const rest = applyMask(bytes, start, start + cut, WORD);
        applyMask(bytes, start + cut, start + length, rest);
        const expected = memory.slice().subarray(shift);
        for (let at = 0; at < length; at++) expected[start + at] ^= KEY[at % 4];
        assertEquals(bytes, expected);
      }
    }
  }
});
