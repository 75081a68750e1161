import { latin1Of } from "../src/message/latin1.ts";
import { assertEquals } from "./support/assert.ts";

Deno.test("each byte becomes the code unit of its value, in short texts and in long ones", () => {
  const bytes = Uint8Array.from({ length: 1_024 }, (_, i) => i & 0xff);
  const text = String.fromCharCode(...bytes);
  for (const [start, end] of [[0, 0], [0, 1], [125, 132], [126, 160], [0, 256], [3, 1_024]]) {
    assertEquals(latin1Of(bytes, start, end), text.slice(start, end));
    assertEquals(latin1Of(bytes.subarray(start), 0, end - start), text.slice(start, end));
  }
});
