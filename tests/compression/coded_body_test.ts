import { assert, assertEquals } from "../support/assert.ts";
import zlib from "node:zlib";
import { CodedBody } from "../../src/compression/coded_body.ts";
import type { Coding } from "../../src/compression/codec/settings.ts";
import { LEVELS } from "../../src/compression/codec/settings.ts";
import { encodeWhole, hasCoding } from "../../src/compression/engine.ts";
import { concatenated } from "../../src/base/bytes.ts";
import { decoded, decodedSoFar } from "../support/codings.ts";

const CODINGS = (["br", "zstd", "gzip"] as const).filter(hasCoding);
const encoder = new TextEncoder();

function text(seed: number, bytes: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(bytes);
  let state = seed;
  for (let i = 0; i < bytes; i++) {
    state = Math.imul(state, 1_103_515_245) + 12_345 >>> 0;
    all[i] = 97 + (state >>> 16) % (i % 64 < 40 ? 3 : 26);
  }
  return all;
}

/** Takes steps, and gives the encoder up after those in `parked`. */
async function encoded(
  coding: Coding,
  parts: readonly Uint8Array[],
  step: "continue" | "flush",
  parked: readonly number[] = [],
): Promise<Uint8Array> {
  const body = new CodedBody({ coding, level: LEVELS[coding].default });
  const pieces: Uint8Array[] = [];
  for (const [index, part] of parts.entries()) {
    pieces.push(...await body.encode(part, step));
    if (!parked.includes(index)) continue;
    pieces.push(...await body.park());
    assert(!body.hasEngine);
  }
  pieces.push(...await body.encode(new Uint8Array(0), "finish"));
  assert(!body.hasEngine);
  return concatenated(pieces);
}

for (const coding of CODINGS) {
  Deno.test(`a body in ${coding} can be decoded, however it was cut`, async () => {
    const cuts: Record<string, readonly Uint8Array[]> = {
      "nothing": [],
      "one byte": [text(1, 1)],
      "single bytes": Array.from({ length: 50 }, (_, i) => text(i, 1)),
      "a part": [text(2, 1_000)],
      "the largest parts": [text(3, 65_536), text(4, 65_536), text(5, 65_536)],
      "bytes that cannot be compressed": [crypto.getRandomValues(new Uint8Array(65_536))],
    };
    for (const [name, parts] of Object.entries(cuts)) {
      for (const step of ["continue", "flush"] as const) {
        const bytes = await encoded(coding, parts, step);
        assertEquals(decoded(coding, bytes), concatenated([...parts]), `${name}, ${step}`);
      }
    }
  });

  Deno.test(`a body in ${coding} goes on after its encoder was given up`, async () => {
    const parts = Array.from({ length: 6 }, (_, i) => text(i, i === 3 ? 65_536 : 10 + i * 3_000));
    for (const parked of [[0], [5], [0, 1, 2, 3, 4, 5], [2, 4]]) {
      for (const step of ["continue", "flush"] as const) {
        const bytes = await encoded(coding, parts, step, parked);
        assertEquals(decoded(coding, bytes), concatenated(parts), `${parked}, ${step}`);
      }
    }
  });

  Deno.test(`each flushed part of a body in ${coding} can be read when it is there`, async () => {
    const body = new CodedBody({ coding, level: LEVELS[coding].default });
    const pieces: Uint8Array[] = [];
    let expected = "";
    for (let i = 0; i < 5; i++) {
      const part = `part ${i}, and some text; `;
      expected += part;
      pieces.push(...await body.encode(encoder.encode(part), "flush"));
      if (i === 3) pieces.push(...await body.park());
      assertEquals(await decodedSoFar(coding, concatenated(pieces)), expected);
    }
    body.close();
  });

  Deno.test(`whole bodies in ${coding} can be decoded at every level`, () => {
    const { min, max } = LEVELS[coding];
    const body = text(7, 3_000);
    for (let level = min; level <= max; level++) {
      assertEquals(decoded(coding, encodeWhole({ coding, level }, body)), body);
    }
  });
}

Deno.test("gzip after its encoder was given up is compressed again, and one member", async () => {
  const parts = [text(1, 20_000), text(2, 20_000), text(3, 20_000)];
  const bytes = await encoded("gzip", parts, "flush", [0, 1]);
  assert(bytes.length < 45_000, `${bytes.length} bytes`);
  assertEquals(bytes.length - 18 > 0, true);
  assertEquals(new Uint8Array(zlib.gunzipSync(bytes)), concatenated(parts));
});
