import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { concatenated } from "../../src/base/bytes.ts";
import {
  BINARY,
  CLOSE,
  FAULT,
  LAST,
  OPENED,
  recordOf,
  SocketRecordError,
  SocketRecordReader,
  TEXT,
} from "../../src/message/socket_records.ts";
import { someBytes } from "./cases/case.ts";

/** What a reader finds in `pieces`: messages put together, each as its kind and its bytes. */
function readRecords(pieces: Iterable<Uint8Array>): string[] {
  const reader = new SocketRecordReader();
  const seen: string[] = [];
  let message: number[] = [];
  for (const piece of pieces) {
    const borrowed = piece.slice();
    reader.push(borrowed, {
      onPart(kind, part, isLast) {
        message.push(...part);
        if (!isLast) return;
        seen.push(`${kind} ${message}`);
        message = [];
      },
      onRecord: (kind, payload) => seen.push(`whole ${kind} ${payload}`),
    });
    borrowed.fill(0x58);
  }
  return seen;
}

const RECORDS = [
  recordOf(OPENED, new Uint8Array(0)),
  recordOf(TEXT | LAST, new Uint8Array([1, 2, 3])),
  recordOf(BINARY, new Uint8Array([4, 5])),
  recordOf(BINARY, new Uint8Array(0)),
  recordOf(BINARY | LAST, new Uint8Array([6])),
  recordOf(TEXT | LAST, new Uint8Array(0)),
  recordOf(FAULT, new Uint8Array([7])),
  recordOf(CLOSE, new Uint8Array([3, 232])),
];
const EXPECTED = [
  `whole ${OPENED} `,
  `${TEXT} 1,2,3`,
  `${BINARY} 4,5,6`,
  `${TEXT} `,
  `whole ${FAULT} 7`,
  `whole ${CLOSE} 3,232`,
];

Deno.test("socket records are found in any split", () => {
  const bytes = concatenated(RECORDS);
  assertEquals(readRecords([bytes]), EXPECTED);
  assertEquals(readRecords([...bytes].map((byte) => new Uint8Array([byte]))), EXPECTED);
  for (let at = 1; at < bytes.length; at++) {
    assertEquals(readRecords([bytes.subarray(0, at), bytes.subarray(at)]), EXPECTED, `${at}`);
  }
});

Deno.test("a large record passes in pieces, of which nothing is kept", () => {
  const payload = someBytes(100_000);
  const record = recordOf(BINARY | LAST, payload);
  const reader = new SocketRecordReader();
  const sizes: number[] = [];
  for (let at = 0; at < record.length; at += 30_000) {
    reader.push(record.subarray(at, at + 30_000), {
      onPart: (_, part) => sizes.push(part.length),
      onRecord: () => assert(false),
    });
  }
  assertEquals(sizes, [29_995, 30_000, 30_000, 10_005]);
});

const MALFORMED: [name: string, bytes: number[]][] = [
  ["the kind 0", [0, 0, 0, 0, 0]],
  ["a kind beyond the last", [7, 0, 0, 0, 0]],
  ["other bits", [0x41, 0, 0, 0, 0]],
  ["a close record that is the last", [CLOSE | LAST, 0, 0, 0, 0]],
  ["a close record without end", [CLOSE, 255, 255, 255, 255]],
  ["a fault that is too long", [FAULT, 1, 16, 0, 0]],
];
for (const [name, bytes] of MALFORMED) {
  Deno.test(`what is no socket record is refused: ${name}`, () => {
    assertThrows(() => readRecords([new Uint8Array(bytes)]), SocketRecordError);
    const singly = bytes.map((byte) => new Uint8Array([byte]));
    assertThrows(() => readRecords(singly), SocketRecordError);
  });
}
