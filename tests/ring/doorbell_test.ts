import { assertEquals } from "../support/assert.ts";
import { allocateRing, RingReader, RingWriter } from "../../src/ring/ring.ts";

Deno.test("two sides that publish whenever they are rung fall silent when there is nothing more", () => {
  const [there, back] = [allocateRing(4_096), allocateRing(4_096)];
  const rung: ("left" | "right")[] = [];
  const left = {
    writer: new RingWriter(there, () => rung.push("right")),
    reader: new RingReader(back, () => rung.push("right")),
  };
  const right = {
    writer: new RingWriter(back, () => rung.push("left")),
    reader: new RingReader(there, () => rung.push("left")),
  };
  const frames: number[] = [];
  for (const side of [left, right]) side.reader.drain(() => {});
  left.writer.write(1, 0, 7, 0, new Uint8Array(3));
  left.writer.publish();
  let rings = 0;
  for (; rung.length > 0 && rings < 100; rings++) {
    const side = rung.shift() === "left" ? left : right;
    side.reader.drain((frame) => frames.push(frame.id));
    side.writer.publish();
  }
  assertEquals(frames, [7]);
  assertEquals(rings, 1);
});
