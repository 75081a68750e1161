import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { BufferPool, OutputBuffer } from "../../src/base/buffers.ts";
import { ProtocolError } from "../../src/base/errors.ts";
import {
  beginRecord,
  finishRecord,
  isKnownType,
  isStream,
  RecordReader,
  writeBeginRequest,
  writeEmptyRecord,
  writeEndRequest,
  writeStream,
  writeUnknownType,
} from "../../src/fastcgi/codec/records.ts";
import type { Received } from "../support/fastcgi.ts";
import { concat, parseRecords, record } from "../support/fastcgi.ts";
import { splits } from "../support/parsing.ts";
import { Random } from "../support/random.ts";

/** How the content of a record is read. */
type Way = "take" | "takeAll" | "skip";
/** A record as the reader gave it out; `null` for content that was skipped. */
type Read = [type: number, id: number, contentLength: number, content: number[] | null];

/** Reads `parts`, pushed one after another. Each is wiped afterwards, as a read buffer would be. */
function read(parts: readonly Uint8Array[], way: Way, atMost = Infinity): Read[] {
  const reader = new RecordReader();
  const records: Read[] = [];
  for (const part of parts) {
    const borrowed = part.slice();
    reader.push(borrowed);
    for (;;) {
      if (!reader.inRecord) {
        if (!reader.readHeader()) break;
        reader.checkLength();
        const { type, requestId, contentLength } = reader;
        records.push([type, requestId, contentLength, way === "skip" ? null : []]);
      }
      const content = records.at(-1)![3];
      if (way === "skip") {
        if (!reader.skip()) break;
      } else if (way === "takeAll") {
        if (!reader.takeAll()) break;
        content!.push(...reader.content.subarray(reader.start, reader.end));
      } else {
        const bytes = reader.take(atMost);
        assertEquals(bytes, reader.end - reader.start);
        content!.push(...reader.content.subarray(reader.start, reader.end));
        if (bytes === 0 && reader.inRecord) break;
      }
    }
    assert(!reader.hasUnread, "all that was pushed is read");
    borrowed.fill(0x58);
  }
  assert(reader.betweenRecords, "the last record is complete");
  return records;
}

function expectedOf(records: readonly Received[], way: Way): Read[] {
  return records.map((
    { type, id, content },
  ) => [type, id, content.length, way === "skip" ? null : [...content]]);
}

const EIGHT = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

/** A valid record of each type. */
const ONE_OF_EACH: readonly Uint8Array[] = [
  record(1, 1, EIGHT),
  record(2, 0xffff),
  record(3, 0x0100, EIGHT, 7),
  record(4, 1, "params", 2),
  record(5, 1, "stdin"),
  record(6, 1, "stdout", 255),
  record(7, 1, "stderr", 1),
  record(8, 1, ""),
  record(9, 0, "pairs"),
  record(10, 0, "pairs", 3),
  record(11, 0, EIGHT),
  record(12, 3, "unknown", 1),
  record(0, 0, "unknown"),
  record(255, 0xabcd, ""),
];

Deno.test("records of every type are read alike in every split", () => {
  const bytes = concat(...ONE_OF_EACH);
  const { records } = parseRecords(concat(...ONE_OF_EACH.map(withoutReserved)));
  assertEquals(records.length, ONE_OF_EACH.length);
  for (const way of ["take", "takeAll", "skip"] as const) {
    const expected = expectedOf(records, way);
    assertEquals(read([bytes], way), expected, way);
    for (const parts of splits(bytes)) assertEquals(read(parts, way), expected, way);
  }
  for (const atMost of [1, 3, 7]) {
    for (const parts of splits(bytes)) {
      assertEquals(read(parts, "take", atMost), expectedOf(records, "take"));
    }
  }
});

/** The reserved byte may be anything on the way in; the other parser is stricter than a receiver may be. */
function withoutReserved(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy[7] = 0;
  return copy;
}

Deno.test("each record may have 0 to 255 bytes of padding", () => {
  for (let padding = 0; padding < 256; padding++) {
    const bytes = concat(record(5, 7, "abc", padding), record(5, 7, "", padding), record(9, 0));
    const expected: Read[] = [[5, 7, 3, [97, 98, 99]], [5, 7, 0, []], [9, 0, 0, []]];
    assertEquals(read([bytes], "take"), expected);
    assertEquals(read([bytes], "takeAll"), expected);
    for (const at of [8, 11, 12, 11 + padding, 12 + padding, 18 + padding, 19 + padding]) {
      if (at >= bytes.length) continue;
      assertEquals(read([bytes.subarray(0, at), bytes.subarray(at)], "takeAll"), expected);
    }
  }
});

Deno.test("each record of a stream may have 0 to 65535 bytes of content", () => {
  const random = new Random(1);
  const sizes = [
    0,
    1,
    7,
    8,
    9,
    255,
    256,
    257,
    4_095,
    4_096,
    65_527,
    65_528,
    65_529,
    65_534,
    65_535,
  ];
  for (let i = 0; i < 20; i++) sizes.push(random.below(65_536));
  for (const size of sizes) {
    const content = Uint8Array.from({ length: size }, () => random.below(256));
    const bytes = concat(record(6, 9, content, random.below(256)), record(6, 9, "end"));
    for (const way of ["take", "takeAll"] as const) {
      for (let i = 0; i < 3; i++) {
        const at = random.below(bytes.length);
        const records = read([bytes.subarray(0, at), bytes.subarray(at)], way);
        assertEquals(records.length, 2);
        assertEquals(records[0].slice(0, 3), [6, 9, size]);
        assert(records[0][3]!.every((byte, at) => byte === content[at]));
        assertEquals(records[1], [6, 9, 3, [101, 110, 100]]);
      }
    }
  }
});

Deno.test("a reader that is given random pieces reads the records that were sent", () => {
  const random = new Random(2);
  for (let round = 0; round < 300; round++) {
    const sent = Array.from({ length: 1 + random.below(8) }, () => {
      const size = random.pick([0, 1, 8, random.below(100), random.below(3_000)]);
      const content = Uint8Array.from({ length: size }, () => random.below(256));
      const type = random.pick([4, 5, 6, 7, 8, 9, 10, 12, 200]);
      return withoutReserved(record(type, random.below(65_536), content, random.below(256)));
    });
    const bytes = concat(...sent);
    const parts: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const end = at + 1 + random.below(random.pick([2, 20, 2_000]));
      parts.push(bytes.subarray(at, at = end));
    }
    const way = random.pick(["take", "takeAll", "skip"] as const);
    assertEquals(read(parts, way), expectedOf(parseRecords(bytes).records, way));
  }
});

Deno.test("what is left of a record is told", () => {
  const reader = new RecordReader();
  assert(reader.betweenRecords);
  const bytes = record(5, 1, "abc", 2);
  const betweens: boolean[] = [];
  const withins: boolean[] = [];
  for (const byte of bytes) {
    reader.push(Uint8Array.of(byte));
    if (reader.inRecord || reader.readHeader()) reader.take(Infinity);
    betweens.push(reader.betweenRecords);
    withins.push(reader.inRecord);
  }
  assert(!reader.readHeader());
  assert(reader.betweenRecords);
  assertEquals(withins, [...Array(7).fill(false), true, true, true, ...Array(3).fill(false)]);
  assert(betweens.slice(0, -1).every((between) => !between), String(betweens));
});

Deno.test("what was pushed can be discarded", () => {
  const reader = new RecordReader();
  reader.push(concat(record(9, 0), record(9, 0)));
  assert(reader.readHeader() && reader.takeAll() && reader.hasUnread);
  reader.discard();
  assert(!reader.hasUnread && !reader.readHeader());
});

Deno.test("only a push of `length` bytes is read", () => {
  const reader = new RecordReader();
  const bytes = concat(record(9, 0, "a"), record(9, 0, "b"));
  reader.push(bytes, 9);
  assert(reader.readHeader() && reader.takeAll());
  assert(!reader.hasUnread && !reader.readHeader());
});

Deno.test("records that cannot be are refused, in every split", () => {
  const cases: [string, Uint8Array][] = [
    ["version 0", record(9, 0, "", 0, 0)],
    ["version 2", record(9, 0, "", 0, 2)],
    ["version 255", record(9, 0, "", 0, 255)],
    ["HTTP", new TextEncoder().encode("GET / HTTP/1.1\r\n")],
    ["BEGIN_REQUEST of no bytes", record(1, 1)],
    ["BEGIN_REQUEST of 7 bytes", record(1, 1, EIGHT.subarray(1))],
    ["BEGIN_REQUEST of 9 bytes", record(1, 1, concat(EIGHT, "x"))],
    ["ABORT_REQUEST with content", record(2, 1, "x")],
    ["END_REQUEST of 7 bytes", record(3, 1, EIGHT.subarray(1))],
    ["UNKNOWN_TYPE of 0 bytes", record(11, 0)],
    ["UNKNOWN_TYPE of 65535 bytes", record(11, 0, new Uint8Array(65_535))],
  ];
  for (const [, bytes] of cases) {
    assertThrows(() => read([bytes], "skip"), ProtocolError);
    for (const parts of splits(bytes.subarray(0, 8))) {
      assertThrows(() => read(parts, "skip"), ProtocolError);
    }
    const after = concat(record(9, 0, "x", 1), bytes);
    assertThrows(() => read([after], "takeAll"), ProtocolError);
  }
});

Deno.test("the specification's types of records are known, and five are streams", () => {
  const all = Array.from({ length: 256 }, (_, type) => type);
  assertEquals(all.filter(isKnownType), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  assertEquals(all.filter(isStream), [4, 5, 6, 7, 8]);
});

/** An output whose memory holds the leavings of others, which must not come out. */
function newOutput(): OutputBuffer {
  const pool = new BufferPool();
  for (let bytes = 4_096; bytes <= 1_048_576; bytes *= 2) {
    pool.give(new Uint8Array(bytes).fill(0x5a));
  }
  const out = new OutputBuffer(pool);
  out.append(Uint8Array.of(0x77, 0x78, 0x79));
  return out;
}

/** The records in `out`, all of whose padding is to be zeros. */
function written(out: OutputBuffer): Received[] {
  assertEquals([...out.bytes.subarray(0, 3)], [0x77, 0x78, 0x79]);
  const bytes = out.bytes.slice(3, out.length);
  assertEquals(bytes.length % 8, 0, "records are aligned");
  const { records, rest } = parseRecords(bytes);
  assertEquals(rest.length, 0);
  let at = 0;
  for (const { content } of records) {
    const padding = bytes.subarray(
      at + 8 + content.length,
      at + 8 + content.length + bytes[at + 6],
    );
    assert(padding.every((byte) => byte === 0), "padding is zeros");
    at += 8 + content.length + padding.length;
  }
  return records;
}

Deno.test("records of fixed length are written as the specification lays them out", () => {
  const cases: [string, (out: OutputBuffer) => void, Received][] = [
    ["BEGIN_REQUEST", (out) => writeBeginRequest(out, 0x1234, 3, 1), {
      type: 1,
      id: 0x1234,
      content: Uint8Array.of(0, 3, 1, 0, 0, 0, 0, 0),
    }],
    ["BEGIN_REQUEST of a large role", (out) => writeBeginRequest(out, 1, 0xabcd, 0), {
      type: 1,
      id: 1,
      content: Uint8Array.of(0xab, 0xcd, 0, 0, 0, 0, 0, 0),
    }],
    ["END_REQUEST", (out) => writeEndRequest(out, 0xffff, 0xfedcba98, 3), {
      type: 3,
      id: 0xffff,
      content: Uint8Array.of(0xfe, 0xdc, 0xba, 0x98, 3, 0, 0, 0),
    }],
    ["UNKNOWN_TYPE", (out) => writeUnknownType(out, 200), {
      type: 11,
      id: 0,
      content: Uint8Array.of(200, 0, 0, 0, 0, 0, 0, 0),
    }],
    ["ABORT_REQUEST", (out) => writeEmptyRecord(out, 2, 5), {
      type: 2,
      id: 5,
      content: new Uint8Array(0),
    }],
  ];
  for (const [name, write, expected] of cases) {
    const out = newOutput();
    write(out);
    write(out);
    assertEquals(written(out), [expected, expected], name);
  }
});

const SIZES = [
  0,
  1,
  7,
  8,
  9,
  4_080,
  65_527,
  65_528,
  65_529,
  65_535,
  65_536,
  131_056,
  131_057,
  131_070,
  200_000,
  1_000_000,
];

function randomBytes(random: Random, size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, () => random.below(256));
}

Deno.test("a stream that is written is read back, whatever its length", () => {
  const random = new Random(3);
  for (const size of SIZES) {
    const content = randomBytes(random, size);
    const out = newOutput();
    writeStream(out, 6, 258, content);
    const records = written(out);
    if (size === 0) assertEquals(records, [], "an empty record would end the stream");
    for (const { type, id, content } of records) {
      assertEquals([type, id], [6, 258]);
      assert(content.length > 0);
    }
    assertEquals(concat(...records.map((each) => each.content)), content);
  }
});

Deno.test("what was begun as one record is finished as several if it is too long", () => {
  const random = new Random(4);
  for (const size of SIZES) {
    const content = randomBytes(random, size);
    const out = newOutput();
    const start = beginRecord(out);
    for (let at = 0; at < size;) {
      const end = Math.min(size, at + 1 + random.below(100_000));
      out.append(content.subarray(at, end));
      at = end;
    }
    finishRecord(out, start, 6, 3);
    writeEmptyRecord(out, 6, 3);
    const records = written(out);
    const last = records.pop()!;
    assertEquals([last.type, last.content.length], [6, 0]);
    if (size <= 65_535) assertEquals(records.length, 1);
    for (const { type, id, content } of records) {
      assertEquals([type, id, content.length > 0 || size === 0], [6, 3, true]);
    }
    assertEquals(concat(...records.map((each) => each.content)), content);
  }
});
