import { assertEquals, assertThrows } from "./support/assert.ts";
import { Random } from "./support/random.ts";
import { formatZ85, parseZ85 } from "../src/base/z85.ts";

// The first is the specification's.
const pairs: readonly (readonly [string, string])[] = [
  ["864fd26fb559f75b", "HelloWorld"],
  ["", ""],
  ["00000000", "00000"],
  ["ffffffff", "%nSc0"],
  [
    "8e0bdd697628b91d8f245587ee95c5b04d48963f79259877b49cd9063aead3b7",
    "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6",
  ],
];
for (const [hex, text] of pairs) {
  Deno.test(`the bytes ${hex.slice(0, 16)} and the text ${text.slice(0, 10)} in Z85 are the same`, () => {
    assertEquals(formatZ85(Uint8Array.fromHex(hex)), text);
    assertEquals(parseZ85(text)?.toHex(), hex);
  });
}

for (
  const text of ["abcd", "abcdef", '"0000', "0000,", "0 000", "%nSc1", "#####", "ä0000", "0000\0"]
) {
  Deno.test(`${JSON.stringify(text)} is not Z85`, () => assertEquals(parseZ85(text), null));
}

Deno.test("bytes that are no multiple of four have no text", () => {
  assertThrows(() => formatZ85(new Uint8Array(5)), RangeError);
});

Deno.test("any bytes are the same again after their text in Z85", () => {
  const random = new Random(85);
  for (let i = 0; i < 500; i++) {
    const bytes = Uint8Array.from({ length: 4 * random.below(20) }, () => random.below(256));
    assertEquals(parseZ85(formatZ85(bytes)), bytes);
  }
});
