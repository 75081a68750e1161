import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { readChunks, writeChunk } from "../../src/ring/chunks.ts";
import { BODY, CHUNKS, MAX_BODY_FRAME_BYTES, readBody, writeBody } from "../../src/ring/frames.ts";
import type { RingReader as Reader } from "../../src/ring/ring.ts";
import { allocateRing, RingError, RingReader, RingWriter } from "../../src/ring/ring.ts";
import { Random } from "../support/random.ts";

const ID = 7;
/** A kind of frames that has nothing to do with bodies. */
const OTHER = 99;

/** What a reader is told: the declared sizes of chunks, as numbers, and the data between them. */
class Told {
  readonly events: (number | number[])[] = [];
  frames = 0;

  readonly onFrame = (frame: Reader): void => {
    this.frames++;
    assertEquals(frame.id, ID);
    if (frame.kind === OTHER) return;
    if (frame.kind === CHUNKS) readChunks(frame, this);
    else this.onBody(readBody(frame));
  };

  onChunk(declaredBytes: number): void {
    this.events.push(declaredBytes);
  }

  onBody(chunk: Uint8Array): void {
    const last = this.events.at(-1);
    if (typeof last === "object") last.push(...chunk);
    else this.events.push([...chunk]);
  }
}

/** A ring of `capacity` bytes whose reader is told to `told`. */
function ringOf(capacity: number) {
  const buffer = allocateRing(capacity);
  const told = new Told();
  const writer = new RingWriter(buffer, () => {});
  const reader = new RingReader(buffer, () => {});
  return { writer, told, read: () => reader.drain(told.onFrame) };
}

Deno.test("chunks come out as they went in, however they share frames", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    // Pieces of this size fit, and the reader is behind most of the time.
    const { writer, told, read } = ringOf(1 << 18);
    const expected: (number | number[])[] = [];
    for (let i = 0; i < 2_000; i++) {
      const declared = random.pick([1, 1, 2, 127, 128, 16_383, 16_384, 2 ** 32, 2 ** 53 - 1]);
      const data = Array.from({ length: 1 + random.below(3) }, () => random.below(256));
      writeChunk(writer, ID, declared, new Uint8Array(data));
      expected.push(declared, [...data]);
      if (random.below(4) === 0) {
        const rest = Array.from({ length: 1 + random.below(100) }, () => random.below(256));
        writeBody(writer, BODY, ID, new Uint8Array(rest));
        (expected.at(-1) as number[]).push(...rest);
      }
      if (random.below(100) === 0) writer.publish();
      if (random.below(300) === 0) read();
    }
    while (told.events.length < expected.length || writer.overflowBytes > 0) {
      writer.publish();
      read();
    }
    assertEquals(told.events, expected);
  }
});

Deno.test("a chunk that is larger than a frame comes whole", () => {
  for (const length of [65_519, 65_520, 65_521, 65_536, 65_537, 200_000]) {
    const { writer, told, read } = ringOf(1 << 20);
    const data = Uint8Array.from({ length }, (_, i) => i * 7);
    writeChunk(writer, ID, length, data);
    writer.publish();
    read();
    assertEquals(told.events[0], length);
    assertEquals(Uint8Array.from(told.events[1] as number[]), data);
  }
});

Deno.test("chunks of a byte take three bytes each, and few frames, in the ring or outside", () => {
  const chunks = 100_000;
  for (const room of ["all", "none"]) {
    const { writer, told, read } = ringOf(1 << 20);
    const filling = room === "all" ? 0 : 2;
    for (let i = 0; i < filling; i++) writer.write(OTHER, 0, ID, 0, new Uint8Array(524_272));
    for (let i = 0; i < chunks; i++) writeChunk(writer, ID, 1, new Uint8Array([i]));
    const waiting = writer.overflowBytes;
    if (room === "all") assertEquals(waiting, 0);
    else assert(waiting >= 3 * chunks && waiting < 3.01 * chunks, `${waiting} bytes wait`);
    while (told.events.length < 2 * chunks) {
      writer.publish();
      read();
    }
    assert(told.frames - filling <= 10, `${told.frames} frames`);
  }
});

Deno.test("what follows a frame that the reader may have seen is another frame", () => {
  const { writer, told, read } = ringOf(1 << 18);
  for (let i = 0; i < 3; i++) {
    writeBody(writer, BODY, ID, new Uint8Array([i]));
    writeBody(writer, BODY, ID, new Uint8Array([i]));
    writer.publish();
  }
  read();
  assertEquals([told.frames, told.events], [3, [[0, 0, 1, 1, 2, 2]]]);
});

Deno.test("data of one request does not end up in a frame of another", () => {
  const buffer = allocateRing(1 << 18);
  const writer = new RingWriter(buffer, () => {});
  const reader = new RingReader(buffer, () => {});
  for (const id of [1, 2, 2, 1, 1]) writeBody(writer, BODY, id, new Uint8Array([id]));
  writeChunk(writer, 1, 5, new Uint8Array([1]));
  writeBody(writer, BODY, 1, new Uint8Array([1]));
  writer.publish();
  const read: [number, number, number][] = [];
  reader.drain(({ kind, id, length }) => read.push([kind, id, length]));
  assertEquals(read, [[BODY, 1, 1], [BODY, 2, 2], [BODY, 1, 2], [CHUNKS, 1, 3], [BODY, 1, 1]]);
});

Deno.test("body data that follows is put into the same frame, but no more than a frame may hold", () => {
  const { writer, told, read } = ringOf(1 << 20);
  for (let i = 0; i < 100; i++) writeBody(writer, BODY, ID, new Uint8Array(1_000));
  writer.publish();
  read();
  assertEquals(told.frames, 2);
  assertEquals((told.events[0] as number[]).length, 100_000);
  assert(1_000 < MAX_BODY_FRAME_BYTES);
});

const broken: Record<string, number[]> = {
  "a piece that is longer than its frame": [1, 9, 1],
  "a piece without its size": [1],
  "a size without its end": [1, 0x80],
  "a size that is too long": [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 1, 1],
};
for (const [name, bytes] of Object.entries(broken)) {
  Deno.test(`a frame of chunks is refused that has ${name}`, () => {
    const { writer, read } = ringOf(1_024);
    writer.write(CHUNKS, 0, ID, 0, new Uint8Array(bytes));
    // What lies beyond is no part of it.
    writer.write(OTHER, 0, ID, 0, new Uint8Array(100).fill(1));
    writer.publish();
    assertThrows(read, RingError);
  });
}

Deno.test("bodies come out as they went in, wherever they lie in memory", () => {
  const source = Uint8Array.from({ length: 70_000 }, (_, i) => i * 31 >>> 3);
  for (const length of [1, 49, 16_376, 16_377, 40_000, 65_536]) {
    const { writer, told, read } = ringOf(1 << 20);
    const expected: number[] = [];
    for (let start = 0; start < 9; start++) {
      const body = source.subarray(start, start + length);
      writeBody(writer, BODY, ID, body);
      // What follows lies elsewhere in the same frame.
      writeBody(writer, BODY, ID, body.subarray(0, 1 + start));
      expected.push(...body, ...body.subarray(0, 1 + start));
    }
    writer.publish();
    read();
    assertEquals(Uint8Array.from(told.events[0] as number[]), Uint8Array.from(expected));
  }
});
