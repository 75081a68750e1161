import { assert, assertEquals, assertStrictEquals, assertThrows } from "../support/assert.ts";
import { BufferPool, OutputBuffer } from "../../src/base/buffers.ts";
import { ProtocolError } from "../../src/base/errors.ts";
import {
  decodePairs,
  decodeText,
  encodePairs as encodeRecord,
  PairReader,
  writePair,
} from "../../src/message/pairs.ts";
import { concat, encodePairs, latin1, pair, parsePairs } from "../support/fastcgi.ts";
import { bytesOf } from "../support/parsing.ts";
import { Random } from "../support/random.ts";

/** What the reader finds in `bytes`, which stand somewhere in a larger buffer. */
function read(bytes: Uint8Array): [string, string][] {
  const around = concat("\x05\x05before", bytes, "\x01\x01after");
  const reader = new PairReader(around, 8, 8 + bytes.length);
  const pairs: [string, string][] = [];
  while (reader.next()) {
    const { nameStart, nameEnd, valueEnd } = reader;
    pairs.push([
      latin1(reader.bytes.subarray(nameStart, nameEnd)),
      latin1(reader.bytes.subarray(nameEnd, valueEnd)),
    ]);
  }
  assertEquals(reader.next(), false, "the end stays the end");
  return pairs;
}

Deno.test("names and values have lengths of 1 or 4 bytes", () => {
  const lengths = [0, 1, 126, 127, 128, 129, 255, 256, 65_535, 65_536, 100_000];
  for (const nameLength of lengths) {
    for (const valueLength of lengths) {
      const expected: [string, string] = ["n".repeat(nameLength), "v".repeat(valueLength)];
      const after: [string, string] = ["A", "after"];
      for (const long of [false, true]) {
        const bytes = concat(pair(...expected, long), pair(...after));
        assertEquals(read(bytes), [expected, after]);
      }
    }
  }
});

Deno.test("the specification's four combinations of lengths are told apart", () => {
  const cases: [number[], number[]][] = [
    [[3], [2]],
    [[3], [0x80, 0, 0, 2]],
    [[0x80, 0, 0, 3], [2]],
    [[0x80, 0, 0, 3], [0x80, 0, 0, 2]],
  ];
  for (const [name, value] of cases) {
    assertEquals(read(concat(Uint8Array.from([...name, ...value]), "abcde")), [["abc", "de"]]);
  }
});

Deno.test("pairs that are cut off are refused, wherever", () => {
  const whole = concat(pair("A", "1"), pair("LONG", "x".repeat(200)), pair("B", "", true));
  const ends = new Set([0, 4, 4 + 1 + 4 + 4 + 200, whole.length]);
  for (let end = 0; end <= whole.length; end++) {
    const bytes = whole.subarray(0, end);
    if (ends.has(end)) {
      read(bytes);
      decodePairs(bytes);
    } else {
      assertThrows(() => read(bytes), ProtocolError);
      assertThrows(() => decodePairs(bytes), ProtocolError);
      const around = concat("....", whole);
      assertThrows(() => decodePairs(around, 4, 4 + end), ProtocolError);
    }
  }
});

Deno.test("lengths beyond the end are refused, however large", () => {
  const cases: number[][] = [
    [1],
    [0x80],
    [0x80, 0, 0],
    [0x80, 0, 0, 0],
    [0, 1],
    [1, 0],
    [127, 0, 65],
    [0xff, 0xff, 0xff, 0xff, 0],
    [0, 0xff, 0xff, 0xff, 0xff],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 65],
    [0xc0, 0, 0, 0, 0xc0, 0, 0, 0, 65],
  ];
  for (const bytes of cases) {
    assertThrows(() => read(Uint8Array.from(bytes)), ProtocolError);
  }
});

Deno.test("of pairs of the same name the last one counts", () => {
  const bytes = encodePairs([["A", "1"], ["B", "2"], ["A", "3"]]);
  assertEquals({ ...decodePairs(bytes) }, { A: "3", B: "2" });
});

Deno.test("no name means anything to the object", () => {
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "", "__defineGetter__"];
  const pairs = decodePairs(encodePairs(names.map((name) => [name, "value"])));
  assertStrictEquals(Object.getPrototypeOf(pairs), null);
  assertEquals(Object.keys(pairs).sort(), names.sort());
  for (const name of names) assertStrictEquals(pairs[name], "value");
  const none = decodePairs(new Uint8Array(0));
  for (const name of names) assert(!(name in none), name);
});

Deno.test("text is UTF-8 if it can be, and else its bytes", () => {
  const cases: [string, string][] = [
    ["", ""],
    ["plain", "plain"],
    ["\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "ä€😀"],

    ["\xe4", "ä"],
    ["a\xff\xfe", "aÿþ"],
    ["\xc3\xa4\xe4", "Ã¤ä"],
    ["\xed\xa0\x80", "\xed\xa0\x80"],
    ["\0\x01\x7f", "\0\x01\x7f"],
  ];
  for (const [bytes, text] of cases) {
    const around = bytesOf(`\xff${bytes}\xff`);
    assertEquals(decodeText(around, 1, 1 + bytes.length), text, JSON.stringify(bytes));
    const pairs = decodePairs(pair(bytesOf(bytes), bytesOf(bytes)));
    assertEquals(pairs[text], text);
  }
});

Deno.test("a byte order mark at the start of a value is kept", () => {
  assertEquals(decodeText(bytesOf("\xef\xbb\xbfx"), 0, 4), "\ufeffx");
});

Deno.test("text in shared memory is decoded like any other", () => {
  const shared = new Uint8Array(new SharedArrayBuffer(64));
  const bytes = pair("NAME", "ä€");
  shared.set(bytes);
  assertEquals(decodePairs(shared, 0, bytes.length).NAME, "ä€");
});

Deno.test("pairs that are written are read back", () => {
  const random = new Random(5);
  for (let round = 0; round < 200; round++) {
    const out = new OutputBuffer(new BufferPool());
    const pairs = Array.from({ length: random.below(20) }, (): [string, string] => [
      random.text(random.pick([0, 1, 60, 126, 127, 128, 129, 300]), "ABC_ä"),
      random.text(random.pick([0, 1, 60, 126, 127, 128, 129, 5_000]), "xyz ä€"),
    ]);
    for (const [name, value] of pairs) writePair(out, name, value);
    const bytes = out.bytes.slice(0, out.length);
    const utf8 = (text: string) => latin1(new TextEncoder().encode(text));
    assertEquals(parsePairs(bytes), pairs.map(([name, value]) => [utf8(name), utf8(value)]));
    assertEquals(bytes, encodePairs(pairs), "lengths take no more bytes than they need");
    const record = Object.fromEntries(pairs);
    assertEquals({ ...decodePairs(bytes) }, record);
    assertEquals(encodeRecord(record), encodePairs(record));
  }
});

Deno.test("random bytes are pairs, or refused; nothing else comes of them", () => {
  const random = new Random(6);
  for (let round = 0; round < 20_000; round++) {
    const bytes = Uint8Array.from(
      { length: random.below(40) },
      () => random.pick([0, 1, 2, 3, 0x80, random.below(256)]),
    );
    try {
      const pairs = read(bytes);
      assertEquals(pairs, parsePairs(bytes));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }
});
