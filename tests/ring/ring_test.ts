import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { allocateRing, RingError, RingReader, RingWriter } from "../../src/ring/ring.ts";
import { Random } from "../support/random.ts";

/** A frame's payload: bytes that follow from its id. */
function payloadOf(id: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (id + i) & 0xff);
}

function nothing(): void {}

Deno.test("frames come out as they went in, whatever their sizes, around the ring's end", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    const buffer = allocateRing(1024);
    const writer = new RingWriter(buffer, nothing);
    const reader = new RingReader(buffer, nothing);
    const read: [number, number, number, number, Uint8Array][] = [];
    let written = 0;
    for (let round = 0; round < 500; round++) {
      for (let i = random.below(4); i > 0; i--) {
        const length = random.below(random.pick([8, 60, writer.maxPayloadBytes + 1]));
        writer.write(
          1 + written % 200,
          written % 7,
          written,
          written * 3,
          payloadOf(written, length),
        );
        written++;
      }
      writer.publish();
      if (random.below(3) > 0) {
        reader.drain(({ kind, flags, id, value, bytes, at, length }) =>
          read.push([kind, flags, id, value, bytes.slice(at, at + length)])
        );
      }
    }
    while (read.length < written) {
      writer.publish();
      reader.drain(({ kind, flags, id, value, bytes, at, length }) =>
        read.push([kind, flags, id, value, bytes.slice(at, at + length)])
      );
    }
    assertEquals(writer.overflowBytes, 0);
    read.forEach(([kind, flags, id, value, payload], i) => {
      assertEquals([kind, flags, id, value], [1 + i % 200, i % 7, i, i * 3]);
      assertEquals(payload, payloadOf(i, payload.length));
    });
  }
});

Deno.test("two threads exchange frames through small rings that are full most of the time", async () => {
  const worker = new Worker(new URL("./echo_worker.ts", import.meta.url), { type: "module" });
  const failed = Promise.withResolvers<never>();
  worker.onerror = (event) => {
    event.preventDefault();
    failed.reject(new Error(event.message));
  };
  const outgoing = allocateRing(4096);
  const incoming = allocateRing(4096);
  const ring = () => worker.postMessage(0);
  const writer = new RingWriter(outgoing, ring);
  const reader = new RingReader(incoming, ring);
  const random = new Random(7);
  const total = 30_000;
  let sent = 0;
  let received = 0;
  const done = Promise.withResolvers<void>();
  const lengths: number[] = [];
  const send = () => {
    for (let i = 1 + random.below(40); i > 0 && sent < total; i--) {
      const length = random.below(random.pick([16, 300, 2_000]));
      lengths.push(length);
      writer.write(1, 0, sent, sent, payloadOf(sent, length));
      sent++;
    }
    writer.publish();
  };
  worker.onmessage = (event) => {
    if (event.data === "started") return send();
    reader.drain((frame) => {
      assertEquals(frame.id, received);
      assertEquals(frame.length, lengths[received]);
      for (let i = 0; i < frame.length; i++) {
        if (frame.bytes[frame.at + i] !== ((received + i) & 0xff)) {
          done.reject(new Error(`frame ${received} came back changed`));
        }
      }
      received++;
    });
    writer.publish();
    if (received === total) done.resolve();
    else if (sent - received < 200) send();
  };
  worker.postMessage({ incoming: outgoing, outgoing: incoming });
  const timer = setTimeout(
    () => done.reject(new Error(`stuck: ${sent} frames sent, ${received} received`)),
    60_000,
  );
  try {
    await Promise.race([done.promise, failed.promise]);
  } finally {
    clearTimeout(timer);
    worker.terminate();
  }
  assertEquals(received, total);
});

Deno.test("the doorbell rings only when the reader sleeps", () => {
  const buffer = allocateRing(1024);
  let rings = 0;
  const writer = new RingWriter(buffer, () => rings++);
  const reader = new RingReader(buffer, nothing);
  for (let i = 0; i < 5; i++) {
    writer.write(1, 0, i, 0, payloadOf(i, 8));
    writer.publish();
  }
  assertEquals(rings, 1, "the reader was asleep once");
  let seen = 0;
  reader.drain(() => {
    if (++seen > 5) return;
    writer.write(1, 0, 9, 0, payloadOf(9, 8));
    writer.publish();
  });
  assertEquals(rings, 1, "a reader that reads is not woken");
  assertEquals(seen, 10, "and sees what is written meanwhile");
  writer.write(1, 0, 10, 0, payloadOf(10, 8));
  writer.publish();
  assertEquals(rings, 2);
});

Deno.test("a writer without room is rung when there is some", () => {
  const buffer = allocateRing(1024);
  let rings = 0;
  const writer = new RingWriter(buffer, nothing);
  const reader = new RingReader(buffer, () => rings++);
  for (let i = 0; i < 10; i++) writer.write(1, 0, i, 0, payloadOf(i, 200));
  writer.publish();
  assert(writer.overflowBytes > 0);
  let seen = 0;
  reader.drain(() => seen++);
  assertEquals(rings, 1);
  while (writer.overflowBytes > 0) {
    writer.publish();
    reader.drain(() => seen++);
  }
  assertEquals(seen, 10);
});

Deno.test("a ring that is empty is begun anew, so that little of it is in use", () => {
  const capacity = 1_048_576;
  const buffer = allocateRing(capacity);
  const writer = new RingWriter(buffer, nothing);
  const reader = new RingReader(buffer, nothing);
  const bytes = new Uint8Array(60_000);
  let largest = 0;
  let read = 0;
  for (let i = 0; i < 100; i++) {
    writer.write(1, 0, i, 0, bytes);
    largest = Math.max(largest, writer.at + bytes.length);
    writer.publish();
    // A budget is not used up by what is skipped.
    assertEquals(reader.drain(({ id }) => assertEquals(id, read++), bytes.length * 3), true);
  }
  assertEquals(read, 100);
  assert(largest < capacity / 2, `${largest} bytes of the ring`);
  // What is not read yet stays, and frames that are too large to begin anew go on.
  for (let i = 0; i < 100; i++) writer.write(1, 0, 100 + i, 0, bytes.subarray(i));
  writer.write(1, 0, 200, 0, new Uint8Array(writer.maxPayloadBytes));
  while (read <= 200) {
    writer.publish();
    reader.drain(({ id }) => assertEquals(id, read++));
  }
  assertEquals(writer.overflowBytes, 0);
});

Deno.test("room is there for as much as a writer is told, wherever it is in the ring", () => {
  const buffer = allocateRing(1024);
  const writer = new RingWriter(buffer, nothing);
  const reader = new RingReader(buffer, nothing);
  const random = new Random(1);
  let refused = 0;
  for (let i = 0; i < 10_000; i++) {
    const length = random.below(200);
    if (writer.hasRoomFor(length)) {
      writer.write(1, 0, i, 0, new Uint8Array(length));
      assertEquals(writer.overflowBytes, 0);
      writer.publish();
    } else {
      refused++;
      reader.drain(nothing, random.below(600));
    }
  }
  assert(refused > 100 && refused < 9_000, `${refused}`);
});

Deno.test("a writer that waits is rung when half of the ring is free, or all is read", () => {
  let rings = 0;
  const buffer = allocateRing(1_048_576);
  const writer = new RingWriter(buffer, nothing);
  const reader = new RingReader(buffer, () => rings++);
  const bytes = new Uint8Array(65_000);
  for (let i = 0; writer.hasRoomFor(bytes.length); i++) writer.write(1, 0, i, 0, bytes);
  writer.publish();
  assertEquals(writer.awaitReader(), true);
  const rungAt: number[] = [];
  let frames = 0;
  reader.drain(() => {
    frames++;
    if (rings > rungAt.length) rungAt.push(frames);
  });
  assertEquals(rungAt.length, 1);
  assert(rungAt[0] > frames / 3 && rungAt[0] < frames, `${rungAt[0]} of ${frames}`);
  assertEquals(writer.awaitReader(), false);
});

Deno.test("a payload larger than half the ring is refused", () => {
  const writer = new RingWriter(allocateRing(1024), nothing);
  writer.write(1, 0, 0, 0, new Uint8Array(writer.maxPayloadBytes));
  assertThrows(
    () => writer.write(1, 0, 0, 0, new Uint8Array(writer.maxPayloadBytes + 1)),
    RangeError,
  );
});

Deno.test("a ring's capacity is a power of two", () => {
  for (const capacity of [0, 512, 1000, 1536]) {
    assertThrows(() => allocateRing(capacity), RangeError, String(capacity));
  }
});

const CONTROL_BYTES = 256;
const forgeries: Record<string, (control: Int32Array, words: Uint32Array) => void> = {
  "a tail beyond the ring": (control) => control[0] = 1_000_000,
  "a tail behind the head": (control) => control[0] = -1,
  "a frame longer than what was written": (_, words) => words[2] = 100_000,
  "a frame of the largest length": (_, words) => words[2] = 0xffff_ffff,
  "a wrap mark where there is none": (_, words) => words[0] = 0,
};
for (const [name, forge] of Object.entries(forgeries)) {
  Deno.test(`a reader is not led astray by ${name}`, () => {
    const buffer = allocateRing(1024);
    const writer = new RingWriter(buffer, nothing);
    const reader = new RingReader(buffer, nothing);
    writer.write(1, 0, 1, 0, payloadOf(1, 8));
    writer.publish();
    forge(new Int32Array(buffer, 0, 64), new Uint32Array(buffer, CONTROL_BYTES));
    assertThrows(() => reader.drain(nothing), RingError);
  });
}

Deno.test("a writer is not led astray by a reader that claims to be elsewhere", () => {
  const buffer = allocateRing(1024);
  const writer = new RingWriter(buffer, nothing);
  new Int32Array(buffer)[16] = 12_345;
  assertThrows(() => {
    for (let i = 0; i < 10; i++) writer.write(1, 0, i, 0, payloadOf(i, 200));
    writer.publish();
  }, RingError);
});

Deno.test("a reader stops after so many bytes, and goes on where it stopped", () => {
  const buffer = allocateRing(1024);
  const writer = new RingWriter(buffer, nothing);
  const reader = new RingReader(buffer, nothing);
  const ids: number[] = [];
  // A writer that writes as fast as the reader reads.
  let next = 0;
  const write = () => {
    writer.write(1, 0, next++, 0, payloadOf(0, 100));
    writer.publish();
  };
  const onFrame = ({ id }: RingReader) => {
    ids.push(id);
    write();
  };
  write();
  assertEquals(reader.drain(onFrame, 500), false);
  const seen = ids.length;
  assert(seen >= 4 && seen <= 6, `${seen} frames`);
  assertEquals(reader.drain(({ id }) => ids.push(id), 1_000), true);
  assertEquals(ids, Array.from({ length: seen + 1 }, (_, i) => i));
});

Deno.test("frames of nothing count for something: a reader stops at them, too", () => {
  const buffer = allocateRing(8_192);
  const writer = new RingWriter(buffer, nothing);
  const reader = new RingReader(buffer, nothing);
  let seen = 0;
  const write = () => {
    writer.reserve(1, 0, 1, 0, 0);
    writer.publish();
  };
  write();
  const onFrame = () => {
    seen++;
    write();
  };
  assertEquals(reader.drain(onFrame, 6_400), false);
  assertEquals(seen, 100);
  // All that is there already is not read at once either.
  const full = allocateRing(1024);
  const filler = new RingWriter(full, nothing);
  for (let i = 0; i < 60; i++) filler.reserve(1, 0, i, 0, 0);
  filler.publish();
  let read = 0;
  const late = new RingReader(full, nothing);
  assertEquals(late.drain(() => read++, 640), false);
  assertEquals(read, 10);
  assertEquals(late.drain(() => read++), true);
  assertEquals(read, 60);
});

Deno.test("frames that wait take no more memory than their bytes, and keep their order", () => {
  const buffer = allocateRing(1024);
  const writer = new RingWriter(buffer, nothing);
  const reader = new RingReader(buffer, nothing);
  const total = 20_000;
  for (let i = 0; i < total; i++) writer.write(1, 0, i, i, payloadOf(i, i % 40));
  const bytes = Array.from({ length: total }, (_, i) => 16 + Math.ceil((i % 40) / 8) * 8)
    .reduce((sum, each) => sum + each);
  // What fits the ring is there.
  assert(writer.overflowBytes <= bytes && writer.overflowBytes >= bytes - 1_024);
  let next = 0;
  while (next < total) {
    writer.publish();
    reader.drain(({ id, value, bytes, at, length }) => {
      assertEquals([id, value, length], [next, next, next % 40]);
      assertEquals(bytes.slice(at, at + length), payloadOf(next, length));
      next++;
    });
  }
  assertEquals(writer.overflowBytes, 0);
});
