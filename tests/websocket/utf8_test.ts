import { assertEquals } from "../support/assert.ts";
import { Random } from "../support/random.ts";
import { Utf8Validator } from "../../src/websocket/codec/utf8.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

function isText(bytes: Uint8Array): boolean {
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** What the platform's decoder says of `bytes` as the beginning of a text. */
function canBegin(bytes: Uint8Array): boolean {
  const streaming = new TextDecoder("utf-8", { fatal: true });
  try {
    streaming.decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function validate(pieces: readonly Uint8Array[]): { isBeginning: boolean; isText: boolean } {
  const validator = new Utf8Validator();
  const isBeginning = pieces.every((piece) => validator.push(piece, 0, piece.length));
  return { isBeginning, isText: isBeginning && validator.isComplete };
}

Deno.test("all beginnings of up to three bytes are told apart as the platform does", () => {
  const bytes = new Uint8Array(3);
  for (let first = 0x7f; first < 0x100; first++) {
    for (let second = 0; second < 0x100; second++) {
      bytes.set([first, second, 0x80]);
      for (const end of [1, 2, 3]) {
        const part = bytes.subarray(0, end);
        assertEquals(
          validate([part]),
          { isBeginning: canBegin(part), isText: isText(part) },
          `${part}`,
        );
      }
    }
  }
});

Deno.test("each character is text, in one piece, in two, and among many others", () => {
  const padding = new TextEncoder().encode("€".repeat(40));
  for (let code = 0; code <= 0x10ffff; code += code < 0x900 ? 1 : 61) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const bytes = new TextEncoder().encode(String.fromCodePoint(code));
    for (let cut = 0; cut < bytes.length; cut++) {
      const [start, end] = [bytes.subarray(0, cut), bytes.subarray(cut)];
      assertEquals(validate([start, end]).isText, true);
      const amid = [
        new Uint8Array([...padding, ...start]),
        new Uint8Array([...end, ...padding]),
      ];
      assertEquals(validate(amid).isText, true);
      assertEquals(validate(amid.slice(0, 1)), { isBeginning: true, isText: cut === 0 });
    }
  }
});

Deno.test("random bytes are told apart as the platform does, however they are cut", () => {
  const random = new Random(7);
  const snippets = [
    "a",
    "\xc3\xa4",
    "\xe2\x82\xac",
    "\xf0\x9f\x98\x80",
    "\xed",
    "\xf4\x8f",
    "\x80",
    "\xe0\xa0",
    "b".repeat(70),
  ];
  for (let times = 0; times < 8_000; times++) {
    let text = "";
    for (let left = random.below(12); left >= 0; left--) text += random.pick(snippets);
    const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const size = 1 + random.below(random.pick([2, 100, 300]));
      pieces.push(bytes.subarray(at, at + size));
      at += size;
    }
    const expected = { isBeginning: canBegin(bytes), isText: isText(bytes) };
    assertEquals(validate(pieces), expected, `${bytes}`);
    assertEquals(validate([bytes]), expected, `${bytes}`);
  }
});
