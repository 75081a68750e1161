import { assert, assertEquals } from "../support/assert.ts";
import { concatenated } from "../../src/base/bytes.ts";
import type { Coding } from "../../src/compression/codec/settings.ts";
import { EncoderDesk } from "../../src/compression/encoder_desk.ts";
import { hasCoding } from "../../src/compression/engine.ts";
import {
  CLOSE,
  CREDIT,
  DONE,
  FAULT,
  FINISH,
  FLUSHES,
  OPEN,
  OUTPUT_WINDOW_BYTES,
  PART,
  PIECE,
  RING_BYTES,
  TAKEN,
  WHOLE,
} from "../../src/compression/frames.ts";
import { allocateRing, RingReader, RingWriter } from "../../src/ring/ring.ts";
import { decoded } from "../support/codings.ts";

const CODINGS = (["gzip", "br", "zstd"] as const).filter(hasCoding);
const NONE = new Uint8Array(0);

/** A desk, and the gateway's side of it. */
class Lab {
  readonly pieces = new Map<number, Uint8Array[]>();
  readonly ended = new Map<number, "done" | "fault">();
  readonly taken = new Map<number, number>();
  readonly writer: RingWriter;
  readonly #reader: RingReader;
  readonly #desk: EncoderDesk;

  constructor() {
    const to = allocateRing(RING_BYTES);
    const from = allocateRing(RING_BYTES);
    this.writer = new RingWriter(to, () => this.#desk.onDoorbell());
    this.#reader = new RingReader(from, () => this.#desk.onDoorbell());
    const levels = CODINGS.map((coding) => ({ coding, level: 1 }));
    this.#desk = new EncoderDesk(
      levels,
      new RingReader(to, () => {}),
      new RingWriter(from, () => {}),
    );
  }

  open(id: number, coding: Coding, flags = FLUSHES): void {
    this.writer.reserve(OPEN, flags, id, CODINGS.indexOf(coding as "gzip"), 0);
  }

  /** Publishes, and waits until nothing more comes. */
  async settle(): Promise<void> {
    this.writer.publish();
    for (let quiet = 0; quiet < 5; quiet++) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      this.writer.publish();
      this.#reader.drain(({ kind, id, value, bytes, at, length }) => {
        quiet = -1;
        if (kind === TAKEN) this.taken.set(id, (this.taken.get(id) ?? 0) + value);
        if (kind === PIECE || kind === DONE) {
          const pieces = this.pieces.get(id) ?? [];
          this.pieces.set(id, pieces);
          if (length > 0) pieces.push(bytes.slice(at, at + length));
        }
        if (kind === DONE) this.ended.set(id, "done");
        if (kind === FAULT) this.ended.set(id, "fault");
      });
    }
  }

  content(id: number): Uint8Array {
    return concatenated(this.pieces.get(id) ?? []);
  }
}

Deno.test("whole bodies are answered, in any coding", async () => {
  const lab = new Lab();
  const body = new TextEncoder().encode("again and again ".repeat(500));
  for (const [index] of CODINGS.entries()) lab.writer.write(WHOLE, 0, index + 1, index, body);
  await lab.settle();
  for (const [index, coding] of CODINGS.entries()) {
    assertEquals(decoded(coding, lab.content(index + 1)), new Uint8Array(body));
  }
});

Deno.test("single bytes that wait together are flushed together", async () => {
  for (const coding of CODINGS) {
    const lab = new Lab();
    lab.open(1, coding);
    const count = 5_000;
    for (let i = 0; i < count; i++) lab.writer.write(PART, 0, 1, 0, new Uint8Array([97 + i % 7]));
    await lab.settle();
    assertEquals(lab.taken.get(1), count);
    assert(lab.content(1).length < 200, `${lab.content(1).length} bytes of ${coding}`);
    lab.writer.write(FINISH, 0, 1, 0, NONE);
    await lab.settle();
    assertEquals(lab.ended.get(1), "done");
    assertEquals(decoded(coding, lab.content(1)).length, count);
  }
});

Deno.test("no more is encoded than there is room for, until there is more", async () => {
  for (const coding of CODINGS) {
    const lab = new Lab();
    lab.open(1, coding);
    const parts = Array.from({ length: 6 }, () => crypto.getRandomValues(new Uint8Array(60_000)));
    for (const part of parts) lab.writer.write(PART, 0, 1, 0, part);
    lab.writer.write(FINISH, 0, 1, 0, NONE);
    await lab.settle();
    const sent = lab.content(1).length;
    assert(sent > 0 && sent < 2 * OUTPUT_WINDOW_BYTES + 10_000, `${sent} bytes of ${coding}`);
    assertEquals(lab.ended.get(1), undefined);
    for (let credited = 0; lab.ended.get(1) === undefined;) {
      const { length } = lab.content(1);
      assert(length > credited, "it stands still");
      lab.writer.write(CREDIT, 0, 1, length - credited, NONE);
      credited = length;
      await lab.settle();
    }
    assertEquals(decoded(coding, lab.content(1)), concatenated(parts));
  }
});

Deno.test("more bodies than there are encoders are all encoded", async () => {
  for (const coding of CODINGS) {
    const lab = new Lab();
    const count = 80;
    const line = (id: number, round: number) =>
      new TextEncoder().encode(`body ${id}, round ${round}, and some more text `.repeat(20));
    for (let id = 1; id <= count; id++) lab.open(id, coding);
    for (let round = 0; round < 4; round++) {
      for (let id = 1; id <= count; id++) lab.writer.write(PART, 0, id, 0, line(id, round));
      await lab.settle();
    }
    for (let id = 1; id <= count; id++) lab.writer.write(FINISH, 0, id, 0, NONE);
    await lab.settle();
    for (let id = 1; id <= count; id++) {
      const expected = concatenated([0, 1, 2, 3].map((round) => line(id, round)));
      assertEquals(decoded(coding, lab.content(id)), expected);
    }
  }
});

Deno.test("what is closed is not answered, and what comes for it is ignored", async () => {
  const lab = new Lab();
  lab.open(1, "gzip");
  lab.writer.write(PART, 0, 1, 0, new Uint8Array(100));
  lab.writer.write(CLOSE, 0, 1, 0, NONE);
  lab.writer.write(PART, 0, 1, 0, new Uint8Array(100));
  lab.writer.write(FINISH, 0, 1, 0, NONE);
  lab.open(2, "gzip");
  lab.writer.write(FINISH, 0, 2, 0, NONE);
  await lab.settle();
  assertEquals([lab.ended.get(1), lab.ended.get(2)], [undefined, "done"]);
  assertEquals(decoded("gzip", lab.content(2)), new Uint8Array(0));
});

Deno.test("what cannot be encoded is told, and costs itself alone", async () => {
  const lab = new Lab();
  // zlib throws at a coding that there is not.
  lab.writer.write(WHOLE, 0, 1, 99, new Uint8Array(100));
  lab.writer.reserve(OPEN, FLUSHES, 2, 99, 0);
  lab.writer.write(PART, 0, 2, 0, new Uint8Array(100));
  lab.open(3, "gzip");
  lab.writer.write(PART, 0, 3, 0, new Uint8Array(100));
  lab.writer.write(FINISH, 0, 3, 0, NONE);
  await lab.settle();
  assertEquals([lab.ended.get(1), lab.ended.get(2), lab.ended.get(3)], ["fault", "fault", "done"]);
});
