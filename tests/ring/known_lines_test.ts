import { assertEquals } from "../support/assert.ts";
import { KnownLines } from "../../src/ring/known_lines.ts";
import { ResponseFields } from "../../src/message/response_fields.ts";
import { BufferPool, OutputBuffer } from "../../src/base/buffers.ts";

const bytes = new Uint8Array(new SharedArrayBuffer(4_096));
const words = new Uint32Array(bytes.buffer);

/** Reads `text` from shared memory as a response's field lines. */
function read(known: KnownLines, text: string): Uint8Array | string {
  for (let i = 0; i < text.length; i++) bytes[64 + i] = text.charCodeAt(i);
  // What comes after them is no part of them.
  bytes[64 + text.length] = Math.random() * 256;
  return known.at(text.length).read(words, bytes, 64, text.length);
}

const latin1 = (lines: Uint8Array | string) =>
  typeof lines === "string" ? lines : String.fromCharCode(...lines);

Deno.test("field lines that come again are known, and are what they were, whatever their length", () => {
  const known = new KnownLines();
  for (let length = 0; length <= 70; length++) {
    const text = "é: ÿ\r\n".repeat(12).slice(0, length);
    assertEquals(latin1(read(known, text)), text);
    assertEquals(read(known, text), text);
  }
});

Deno.test("field lines that differ in any byte are told apart", () => {
  for (let at = 0; at < 23; at++) {
    const known = new KnownLines();
    const one = "x-field: 0123456789ab\r\n";
    const other = one.slice(0, at) + "\x7f" + one.slice(at + 1);
    read(known, one);
    assertEquals(read(known, one), one);
    assertEquals(latin1(read(known, other)), other);
    assertEquals(read(known, other), other);
    assertEquals(latin1(read(known, one)), one);
  }
});

Deno.test("lines that are written are the last of their length", () => {
  const known = new KnownLines();
  for (const text of ["a: 1\r\n", "a: 2\r\n", "a: 2\r\n", "b: 1234567890\r\n"]) {
    const slot = known.at(text.length);
    if (slot.text !== text) slot.set(text);
    assertEquals(latin1(new Uint8Array(slot.words.buffer, 0, text.length)), text);
  }
});

Deno.test("field lines that are appended again say what they said, and are left out as they were", () => {
  const cases = [
    "date: today\r\nx-a: 1\r\n",
    "content-length: 5\r\nx-a: 12\r\n",
    "content-length: 6\r\nx-a: 12\r\n",
    "connection: close\r\n",
    "x-a: 1\r\n",
    "",
  ];
  const append = (fields: ResponseFields, lines: string) => {
    const out = new OutputBuffer(new BufferPool());
    fields.append(out, lines);
    const { hasDate, declaredLength, saysClose } = fields;
    return [latin1(out.bytes.slice(0, out.length)), hasDate, declaredLength, saysClose];
  };
  const fields = new ResponseFields();
  for (let round = 0; round < 4; round++) {
    for (const lines of cases) {
      for (let time = 0; time < 3; time++) {
        assertEquals(append(fields, lines), append(new ResponseFields(), lines), lines);
      }
    }
  }
});
