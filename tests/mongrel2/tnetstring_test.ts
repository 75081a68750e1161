import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { bytesOf } from "../support/parsing.ts";
import { Random } from "../support/random.ts";
import { ProtocolError } from "../../src/base/errors.ts";
import { latin1Text } from "../../src/message/fields.ts";
import {
  formatTnetstring,
  parseTnetstring,
  readNetstring,
} from "../../src/mongrel2/codec/tnetstring.ts";
import type { TnetValue } from "../../src/mongrel2/codec/tnetstring.ts";

/** What `text`, whose code units are bytes, says; all of it. */
function parse(text: string): TnetValue {
  const bytes = bytesOf(text);
  const { value, next } = parseTnetstring(bytes);
  assertEquals(next, bytes.length);
  return value;
}

/** An object without a prototype, as dictionaries are. */
function dictionary(entries: Record<string, TnetValue>): TnetValue {
  return Object.assign(Object.create(null), entries);
}

const values: Record<string, [string, TnetValue]> = {
  "an empty string": ["0:,", bytesOf("")],
  "a string": ["5:hello,", bytesOf("hello")],
  "a string of any bytes": ["7:\0\xff:,]}~,", bytesOf("\0\xff:,]}~")],
  "a string that looks like another": ["4:1:a,,", bytesOf("1:a,")],
  "zero": ["1:0#", 0],
  "a number": ["5:12345#", 12_345],
  "a negative number": ["3:-17#", -17],
  "the largest number": ["16:9007199254740991#", Number.MAX_SAFE_INTEGER],
  "a fraction": ["4:2.25^", 2.25],
  "a negative fraction": ["4:-0.5^", -0.5],
  "a number too large to be exact": ["5:1e+21^", 1e21],
  "a small number": ["6:1.5e-9^", 1.5e-9],
  "true": ["4:true!", true],
  "false": ["5:false!", false],
  "null": ["0:~", null],
  "an empty list": ["0:]", []],
  "a list": ["8:1:1#1:a,]", [1, bytesOf("a")]],
  "an empty dictionary": ["0:}", dictionary({})],
  "a dictionary": ["8:1:a,1:1#}", dictionary({ a: 1 })],
  "a dictionary with an empty key": ["6:0:,0:~}", dictionary({ "": null })],
  "a dictionary with a key of bytes": ["12:2:\xc3\xa9,4:true!}", dictionary({ "\xc3\xa9": true })],
  "values within values": [
    "44:4:list,26:1:1#0:]12:1:x,5:false!}0:~]1:n,0:~}",
    dictionary({ list: [1, [], dictionary({ x: false }), null], n: null }),
  ],
};
for (const [what, [text, value]] of Object.entries(values)) {
  Deno.test(`${what} is read and written`, () => {
    assertEquals(parse(text), value);
    assertEquals(latin1Text(formatTnetstring(value), 0, text.length), text);
  });
}

const others: [string, TnetValue][] = [
  ["1:7^", 7],
  ["3:007#", 7],
  ["3:1E2^", 100],
  ["2:-0#", -0],
  ["16:1:a,1:1#1:a,1:2#}", dictionary({ a: 2 })],
];
for (const [text, value] of others) {
  Deno.test(`${text} is read, though never written`, () => assertEquals(parse(text), value));
}

Deno.test("texts are written in UTF-8, as values and as keys each byte of theirs", () => {
  const written = formatTnetstring("é€");
  assertEquals(written, new Uint8Array([0x35, 0x3a, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0x2c]));
});

Deno.test("keys of dictionaries can be those of any object", () => {
  const text = "9:__proto__,1:1#8:toString,0:}11:constructor,0:~";
  const value = parse(`${text.length}:${text}}`) as Record<string, TnetValue>;
  assertEquals(Object.keys(value), ["__proto__", "toString", "constructor"]);
  assertEquals(value["__proto__"], 1);
  assertEquals(Object.getPrototypeOf(value), null);
  assertEquals(parse(`1:a,`) instanceof Uint8Array, true);
});

Deno.test("a value is read where it begins, up to its limit", () => {
  const bytes = bytesOf("junk1:a,3:abc#2:17#rest");
  assertEquals(parseTnetstring(bytes, 4), { value: bytesOf("a"), next: 8 });
  assertEquals(parseTnetstring(bytes, 14), { value: 17, next: 19 });
  assertEquals(parseTnetstring(bytes, 14, 19), { value: 17, next: 19 });
  for (let limit = 14; limit < 19; limit++) {
    assertThrows(() => parseTnetstring(bytes, 14, limit), ProtocolError);
  }
  assertEquals(readNetstring(bytes, 8, bytes.length), { start: 10, end: 13, tag: 0x23 });
  assertThrows(() => readNetstring(bytes, bytes.length, bytes.length), ProtocolError);
});

Deno.test("strings are views of the bytes that they were read from", () => {
  const bytes = bytesOf("6:3:abc,]");
  const [view] = parseTnetstring(bytes).value as Uint8Array[];
  bytes[4] = 0x58;
  assertEquals(view, bytesOf("Xbc"));
});

const malformed: Record<string, string[]> = {
  "no length": [
    "",
    ":",
    ":,",
    "a:,",
    "-1:a,",
    "+1:a,",
    " 1:a,",
    "1 :a,",
    "0x1:a,",
    "1.0:a,",
    "1;a,",
  ],
  "leading zeros": ["01:a,", "00:,", "000000001:a,"],
  "a length that is too great": [
    "2:a,",
    "1:a",
    "999999999:a,",
    "1000000000:a,",
    "99999999999999999999:,",
  ],
  "an unknown tag": ["0:;", "0: ", "0:\0", "1:a\n", "1:a0", "0:{", "0:[", "0:\xff"],
  "a malformed number": [
    "0:#",
    "1:-#",
    "1:a#",
    "2:1 #",
    "3:1.0#",
    "2:+1#",
    "3:1e2#",
    "17:12345678901234567#",
  ],
  "a malformed fraction": [
    "0:^",
    "2:1.^",
    "2:.5^",
    "3:NaN^",
    "8:Infinity^",
    "2:1e^",
    "2:+1^",
    "3:0x1^",
    "5:1e309^",
    "6:-1e421^",
  ],
  "a malformed boolean": ["0:!", "1:1!", "4:True!", "5:true !"],
  "a null with a value": ["1:a~", "4:null~"],
  "a list with a malformed value": ["1:a]", "3:1:a]", "4:1:a;]", "5:1:a,x]", "4:2:a,]"],
  "a dictionary with a malformed key": [
    "4:1:1#}",
    "7:1:1#0:~}",
    "6:0:~0:~}",
    "1:a}",
    "7:01:a,0:~}",
  ],
  "a dictionary with a key and no value": ["4:1:a,}", "11:1:a,0:~1:b,}"],
  "a value that is longer than what it is in": ["4:9:a,]10:xxxxxxxxxx", "8:1:a,9:b,}10:xxxxxxxxxx"],
};
for (const [what, texts] of Object.entries(malformed)) {
  Deno.test(`${what} is refused`, () => {
    for (const text of texts) {
      const error = assertThrows(
        () => parseTnetstring(bytesOf(text)),
        ProtocolError,
        "a tnetstring",
      );
      assertEquals([text, error.status], [text, 400]);
    }
  });
}

/** `text` within so many lists. */
function nested(text: string, lists: number): string {
  for (let i = 0; i < lists; i++) text = `${text.length}:${text}]`;
  return text;
}

Deno.test("32 values can be within each other, and no more", () => {
  assertEquals(String(parse(nested("1:7#", 32))), "7");
  assertThrows(() => parse(nested("1:7#", 33)), ProtocolError, "is too deep");
  let dictionaries = "0:~";
  for (let i = 0; i < 33; i++) dictionaries = `${dictionaries.length + 4}:1:k,${dictionaries}}`;
  assertThrows(() => parse(dictionaries), ProtocolError, "is too deep");
  assertThrows(() => parse(nested("", 20_000)), ProtocolError, "is too deep");
});

Deno.test("a length may have nine digits", () => {
  const bytes = new Uint8Array(100_000_012).fill(0x61);
  bytes.set(bytesOf("100000000:"));
  bytes[100_000_010] = 0x2c;
  assertEquals(readNetstring(bytes, 0, bytes.length), { start: 10, end: 100_000_010, tag: 0x2c });
  assertThrows(() => readNetstring(bytes, 0, 100_000_010), ProtocolError);
});

/** Any value; its texts are bytes. */
function randomValue(random: Random, depth: number): TnetValue {
  const bytes = () => Uint8Array.from({ length: random.below(20) }, () => random.below(256));
  switch (random.below(depth > 0 ? 9 : 7)) {
    case 0:
      return null;
    case 1:
      return random.below(2) === 0;
    case 2:
      return Math.floor((random.next() - 0.5) * 10 ** random.below(17)) || 0;
    case 3:
      return (random.next() - 0.5) * 10 ** (random.below(600) - 300);
    case 4:
    case 5:
    case 6:
      return bytes();
    case 7:
      return Array.from({ length: random.below(5) }, () => randomValue(random, depth - 1));
    default:
      return dictionary(Object.fromEntries(
        Array.from({ length: random.below(5) }, () => {
          const key = bytes();
          return [latin1Text(key, 0, key.length), randomValue(random, depth - 1)];
        }),
      ));
  }
}

Deno.test("any value that is written is read again as it was", () => {
  const random = new Random(3);
  for (let round = 0; round < 3_000; round++) {
    const value = randomValue(random, 4);
    const bytes = formatTnetstring(value);
    assertEquals(parseTnetstring(bytes), { value, next: bytes.length });
  }
});

/** Whether `bytes` are read; fails if anything but a protocol's error says that they are not. */
function isRead(bytes: Uint8Array): boolean {
  try {
    const { next } = parseTnetstring(bytes);
    assert(next <= bytes.length);
    return true;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    assertEquals(error.status, 400);
    return false;
  }
}

Deno.test("a value that is cut off anywhere is refused", () => {
  const random = new Random(4);
  for (let round = 0; round < 300; round++) {
    const bytes = formatTnetstring(randomValue(random, 3));
    for (let end = 0; end < bytes.length; end++) assert(!isRead(bytes.subarray(0, end)));
  }
});

Deno.test("a value with any byte changed is read as another or refused", () => {
  const random = new Random(5);
  const whole = formatTnetstring(
    dictionary({
      a: [1, -2.5, true, null, bytesOf("text")],
      b: dictionary({ c: bytesOf("\xff") }),
    }),
  );
  for (let at = 0; at < whole.length; at++) {
    for (let byte = 0; byte < 256; byte++) {
      const changed = whole.slice();
      changed[at] = byte;
      isRead(changed);
    }
  }
  for (let round = 0; round < 5_000; round++) {
    const bytes = formatTnetstring(randomValue(random, 3));
    for (let i = random.below(4); i >= 0; i--) {
      bytes[random.below(bytes.length)] =
        bytesOf(random.pick([..."0123456789:,#^!~]}-.e\0\xff"]))[0];
    }
    isRead(bytes);
  }
});
