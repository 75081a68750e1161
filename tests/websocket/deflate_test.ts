import { deflateRawSync } from "node:zlib";
import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import {
  assertBytes,
  deflated,
  Deflating,
  inflated,
  Inflating,
  isOneMessage,
  payloadsOf,
} from "../support/deflate.ts";
import { Random } from "../support/random.ts";
import { singly } from "../support/websocket.ts";
import { concatenated } from "../../src/base/bytes.ts";
import { BINARY, COMPRESSED, FIN, TEXT } from "../../src/websocket/codec/protocol.ts";
import { MessageDeflater } from "../../src/websocket/message_deflater.ts";
import { someBytes, someText } from "./cases/case.ts";

const encoder = new TextEncoder();
const HELLO = encoder.encode("Hello");

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/\w\w/g) ?? [], (byte) => parseInt(byte, 16));
}

/** Bytes that cannot be compressed. */
function noise(length: number): Uint8Array {
  const random = new Random(length);
  return Uint8Array.from({ length }, () => random.below(256));
}

/** What a message is sent as, and what it says; a number for the code of its fault. */
const INFLATED: Readonly<Record<string, readonly [string, string | number]>> = {
  // The forms of RFC 7692 7.2.3.
  "one block": ["f248cdc9c90700", "Hello"],
  "no compression": ["000500faff48656c6c6f00", "Hello"],
  "the last block of the format": ["f348cdc9c9070000", "Hello"],
  "two blocks": ["f2480500 0000ffff cac9c90700", "Hello"],
  "no data": ["00", ""],
  // What others make.
  "the last block, and nothing after it": ["f348cdc9c90700", "Hello"],
  "a last block without compression": ["010500faff48656c6c6f00", "Hello"],
  "a block after the last": ["f348cdc9c90700 f248cdc9c90700", "HelloHello"],
  "a block after the last that refers to it": ["f348cdc9c90700 f200110000", "HelloHello"],
  "a last block without data": ["0300", ""],
  "no bytes at all": ["", ""],
  "many blocks without data": ["000000ffff".repeat(200) + "f248cdc9c90700", "Hello"],
  // What nobody may.
  "last blocks again and again": ["f348cdc9c90700".repeat(40) + "00", 1007],
  "a block of an unknown type": ["07", 1007],
  "lengths that differ": ["0005000000", 1007],
  "what refers to before the beginning": ["0221", 1007],
  "noise": ["ffffffffffffffff", 1007],
  "text that is not UTF-8": ["0002 00fdff c328 00".replaceAll(" ", ""), 1007],
  "text that ends within a character": ["0001 00feff c3 00".replaceAll(" ", ""), 1007],
};

for (const [name, [hex, says]] of Object.entries(INFLATED)) {
  Deno.test(`a compressed message is inflated: ${name}`, async () => {
    const sent = bytes(hex);
    const expected = typeof says === "string" ? encoder.encode(says) : says;
    for (const noContextTakeover of [false, true]) {
      for (const maxBytes of [Infinity, 2]) {
        using whole = new Inflating({ noContextTakeover });
        assertEquals(await whole.message([sent], TEXT, maxBytes), expected);
        using split = new Inflating({ noContextTakeover });
        const parts = sent.length === 0 ? [sent] : [...singly(sent), new Uint8Array()];
        assertEquals(await split.message(parts, TEXT, maxBytes), expected);
        if (typeof says === "number") continue;
        // The next one is as good.
        assertEquals(await split.message([deflated(HELLO)], TEXT, maxBytes), HELLO);
      }
    }
  });
}

Deno.test("what is not UTF-8 is a message of bytes", async () => {
  using inflating = new Inflating();
  assertEquals(await inflating.message([deflated(noise(999))], BINARY), noise(999));
});

Deno.test("text that is not UTF-8 is refused before the rest of its message has come", async () => {
  using inflating = new Inflating();
  inflating.inflater.push(TEXT, deflated(concatenated([noise(600), new Uint8Array(9)])), false);
  await inflating.ready();
  assertThrows(() => inflating.inflater.take(1), Error, "not UTF-8");
  assertThrows(() => inflating.inflater.push(TEXT, HELLO, true), Error);
});

Deno.test("a message may refer to those before it, unless it was agreed that it does not", async () => {
  // "Hello" by itself, and as a reference to itself (RFC 7692 7.2.3.2).
  const [first, second] = [bytes("f248cdc9c90700"), bytes("f200110000")];
  using keeping = new Inflating();
  assertEquals(await keeping.message([first]), HELLO);
  assertEquals(await keeping.message([second]), HELLO);
  using forgetting = new Inflating({ noContextTakeover: true });
  assertEquals(await forgetting.message([first]), HELLO);
  assertEquals(await forgetting.message([second]), 1007);
  // Whoever uses the engine next, which is shared, finds nothing of it.
  using other = new Inflating({ noContextTakeover: true });
  assertEquals(await other.message([second]), 1007);
});

Deno.test("a message may refer to those before it, though the format has come to its end in between", async () => {
  const [ended, second] = [bytes("f348cdc9c9070000"), bytes("f200110000")];
  using inflating = new Inflating();
  const large = noise(100_000);
  assertEquals(await inflating.message([deflated(large)], BINARY), large);
  for (const sent of [ended, second, ended, second, second]) {
    assertEquals(await inflating.message([sent]), HELLO);
  }
  // What others said is nothing that can be referred to.
  using other = new Inflating();
  assertEquals(await other.message([second]), 1007);
  using forgetting = new Inflating({ noContextTakeover: true });
  assertEquals(await forgetting.message([ended]), HELLO);
  assertEquals(await forgetting.message([second]), 1007);
});

Deno.test("nobody else can refer to what an engine was told to go on with", async () => {
  using first = new Inflating({ noContextTakeover: true });
  assertEquals(
    await first.message([bytes("f348cdc9c90700 f200110000")]),
    encoder.encode("HelloHello"),
  );
  using other = new Inflating({ noContextTakeover: true });
  assertEquals(await other.message([bytes("f200110000")]), 1007);
});

Deno.test("a deflater that fails says so, once, and is of no more use", async () => {
  let told = 0;
  const deflater = new MessageDeflater(
    { windowBits: 15, noContextTakeover: false },
    0,
    () => told++,
  );
  deflater.push(TEXT, HELLO, true);
  deflater.onFault();
  deflater.push(TEXT, HELLO, true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals([deflater.isBroken, deflater.isBusy, deflater.take(), told], [true, false, null, 1]);
});

Deno.test("a peer that ends the format with each message is served", async () => {
  using inflating = new Inflating();
  const last = bytes("f348cdc9c9070000");
  for (let times = 0; times < 24; times++) assertEquals(await inflating.message([last]), HELLO);
  // It waits by then, which ends when it is closed.
  inflating.inflater.push(TEXT, last, true);
});

Deno.test("a message that inflates to more than is taken costs no more than that", async () => {
  const limit = 100_000;
  for (const size of [99_999, 100_000]) {
    using fits = new Inflating({}, limit);
    assertEquals(
      await fits.message([deflated(new Uint8Array(size))], BINARY),
      new Uint8Array(size),
    );
  }
  const bombs = [new Uint8Array(limit + 1), new Uint8Array(64 << 20)].map((each) => deflated(each));
  for (const bomb of bombs) {
    using whole = new Inflating({}, limit);
    assertEquals(await whole.message([bomb], BINARY), 1009);
    // In parts, the limit is that of all of them.
    using split = new Inflating({}, limit);
    assertEquals(await split.message([bomb.subarray(0, 50), bomb.subarray(50)], BINARY), 1009);
  }
});

Deno.test("no more is inflated than somebody takes", async () => {
  using inflating = new Inflating();
  const { inflater } = inflating;
  const message = new Uint8Array(4 << 20);
  inflater.push(BINARY, deflated(message), true);
  let taken = 0;
  let turns = 0;
  while (inflater.isBusy) {
    await inflating.ready();
    turns++;
    // It has had the time to make all of it.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
    let ahead = 0;
    for (let piece = inflater.take(1_000); piece !== null; piece = inflater.take(1_000)) {
      ahead += piece.bytes.length;
    }
    assert(ahead <= 65_536 + 16_384, `${ahead} bytes were made ahead`);
    taken += ahead;
  }
  assertEquals(taken, message.length);
  assert(turns > 40);
});

const MESSAGES: Readonly<Record<string, Uint8Array>> = {
  "without bytes": new Uint8Array(),
  "of one byte": new Uint8Array([7]),
  "of text": encoder.encode(someText(3_000)),
  "of the same": new Uint8Array(300_000).fill(0x61),
  "of noise": noise(200_000),
  "of a pattern": someBytes(70_000),
};

for (const [name, message] of Object.entries(MESSAGES)) {
  Deno.test(`messages ${name} are deflated so that zlib and the inflater know them`, async () => {
    for (const windowBits of [9, 10, 15]) {
      for (const noContextTakeover of [false, true]) {
        using deflating = new Deflating({ windowBits, noContextTakeover }, 0);
        using inflating = new Inflating({ windowBits, noContextTakeover });
        for (const size of [message.length, 1_000, 40_000]) {
          const parts: Uint8Array[] = [message.subarray(0, size)];
          for (let at = size; at < message.length; at += size) {
            parts.push(message.subarray(at, at + size));
          }
          const frames = await deflating.message(parts, BINARY);
          assert(isOneMessage(frames, BINARY | COMPRESSED));
          if (noContextTakeover) assertBytes(inflated(payloadsOf(frames), windowBits), message);
          const sent = frames.map(({ payload }) => payload);
          assertBytes(await inflating.message(sent, BINARY), message);
        }
      }
    }
  });
}

Deno.test("what was said before makes a message smaller, if it may be referred to", async () => {
  const text = encoder.encode(someText(500));
  using keeping = new Deflating();
  const [first, second] = [await keeping.message([text]), await keeping.message([text])];
  assert(payloadsOf(second).length < payloadsOf(first).length / 4);
  using forgetting = new Deflating({ noContextTakeover: true });
  assertEquals(await forgetting.message([text]), first);
  assertEquals(await forgetting.message([text]), first);
});

Deno.test("no message refers back further than its window", async () => {
  // What comes again after 400 bytes is beyond a window of 256, which zlib keeps to with 9 bits.
  const part = noise(400);
  const message = concatenated([part, part, part]);
  const sizes = [];
  for (const windowBits of [9, 10]) {
    using deflating = new Deflating({ windowBits, noContextTakeover: true });
    const payload = payloadsOf(await deflating.message([message], BINARY));
    assertBytes(inflated(payload, windowBits), message);
    sizes.push(payload.length);
  }
  assert(sizes[0] > 1_200 && sizes[1] < 600, `${sizes}`);
});

Deno.test("messages keep their order, small ones too, which are sent as they are", async () => {
  using deflating = new Deflating();
  const large = encoder.encode(someText(90_000));
  const { deflater } = deflating;
  deflater.push(TEXT, HELLO, true);
  deflater.push(BINARY, large.subarray(0, 40_000), false);
  deflater.push(BINARY, large.subarray(40_000), true);
  deflater.push(TEXT, HELLO, true);
  deflater.push(TEXT, large, true);
  deflater.push(BINARY, HELLO, true);
  const frames = await deflating.frames();
  const opcodes = frames.map(({ firstByte }) => firstByte).filter((byte) => (byte & 0x0f) !== 0);
  assertEquals(opcodes.map((byte) => byte & ~FIN), [
    TEXT,
    BINARY | 0x40,
    TEXT,
    TEXT | 0x40,
    BINARY,
  ]);
  assertEquals(frames.filter(({ firstByte }) => (firstByte & FIN) !== 0).length, 5);
  assertEquals(frames[0], { firstByte: FIN | TEXT, payload: HELLO });
  assertEquals(frames.at(-1), { firstByte: FIN | BINARY, payload: HELLO });
});

for (const partBytes of [65_536, Infinity]) {
  Deno.test(`no more is deflated than somebody takes, in parts of ${partBytes} bytes`, async () => {
    using deflating = new Deflating();
    const { deflater } = deflating;
    const message = noise(2 << 20);
    for (let at = 0; at < message.length; at += partBytes) {
      deflater.push(BINARY, message.subarray(at, at + partBytes), at + partBytes >= message.length);
    }
    const sent: Uint8Array[] = [];
    while (deflater.isBusy) {
      await deflating.ready();
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
      let ahead = 0;
      for (let frame = deflater.take(); frame !== null; frame = deflater.take()) {
        sent.push(frame.payload);
        ahead += frame.payload.length;
      }
      assert(ahead < 140_000, `${ahead} bytes were made ahead`);
    }
    assertBytes(inflated(concatenated(sent)), message);
  });
}

Deno.test("tiny parts of a message that wait are put together", async () => {
  using deflating = new Deflating();
  const { deflater } = deflating;
  const message = noise(50_000);
  for (let at = 0; at < message.length; at++) {
    deflater.push(BINARY, message.subarray(at, at + 1), at + 1 === message.length);
  }
  deflater.push(TEXT, HELLO, true);
  const frames = await deflating.frames();
  // Each part that is deflated by itself ends with a flush, and comes as frames of its own.
  assert(frames.length < 20, `${frames.length} frames`);
  const [first] = frames;
  assertEquals(first.firstByte & 0x4f, BINARY | 0x40);
  assertEquals(frames.at(-1), { firstByte: FIN | TEXT, payload: HELLO });
  assertBytes(inflated(concatenated(frames.slice(0, -1).map(({ payload }) => payload))), message);
  assertEquals(deflater.takeDoneBytes(), message.length + HELLO.length);
});

Deno.test("what is in frames by now is counted, part by part", async () => {
  using deflating = new Deflating();
  const { deflater } = deflating;
  deflater.push(TEXT, HELLO, true);
  assertEquals(deflater.takeDoneBytes(), HELLO.length);
  for (let part = 0; part < 4; part++) deflater.push(BINARY, noise(10_000), part === 3);
  deflater.push(TEXT, HELLO, true);
  assertEquals(deflater.takeDoneBytes(), 0);
  await deflating.frames();
  assertEquals(deflater.takeDoneBytes(), 40_000 + HELLO.length);
  assertEquals(deflater.takeDoneBytes(), 0);
});

Deno.test("what is closed amid a message tells nothing more", async () => {
  let told = 0;
  using inflating = new Inflating();
  using deflating = new Deflating();
  inflating.ready().then(() => told++);
  deflating.ready().then(() => told++);
  inflating.inflater.push(BINARY, deflateRawSync(new Uint8Array(1 << 20)), true);
  deflating.deflater.push(BINARY, noise(1 << 20), true);
  inflating.inflater.close();
  deflating.deflater.close();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(told, 0);
  assert(!inflating.inflater.isBusy && !deflating.deflater.isBusy);
  assertEquals(inflating.inflater.take(9), null);
  assertEquals(deflating.deflater.take(), null);
});

Deno.test("the messages of many connections, all at once, do not meet in shared engines", async () => {
  await Promise.all(Array.from({ length: 40 }, async (_, at) => {
    using deflating = new Deflating({ noContextTakeover: true });
    using inflating = new Inflating({ noContextTakeover: true });
    for (let round = 0; round < 5; round++) {
      const text = encoder.encode(someText(at * 997 + round + 100));
      const frames = await deflating.message([text]);
      assertEquals(await inflating.message(frames.map(({ payload }) => payload)), text);
    }
  }));
});
