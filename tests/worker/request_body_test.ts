import { assert, assertEquals, assertRejects } from "../support/assert.ts";
import { CheckedExchange, headOf } from "../support/checked_exchange.ts";
import { Random } from "../support/random.ts";
import { BODY_WINDOW_BYTES, CHUNK_COST_BYTES, UNKNOWN_LENGTH } from "../../src/message/exchange.ts";
import { ownBytes, RequestBody } from "../../src/worker/request_body.ts";

/** A body of `bodyLength`, and the exchange that it belongs to. */
function bodyOf(bodyLength: number): [RequestBody, CheckedExchange, { granted: number }] {
  const exchange = new CheckedExchange(headOf("/", { method: "POST", bodyLength }));
  const credit = { granted: 0 };
  const { grant } = exchange;
  exchange.grant = (bytes) => {
    credit.granted += bytes;
    grant.call(exchange, bytes);
  };
  const body = new RequestBody(exchange, "body");
  // Delivered like this, it counts what may be granted.
  exchange.receiver = {
    ...exchange.receiver,
    onBody: (chunk) => body.push(chunk),
    onChunk: (declaredBytes) => body.beginChunk(declaredBytes),
  };
  return [body, exchange, credit];
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

const NO_TRAILERS = new Uint8Array(0);

/** Chunks, as they come in: declared sizes, and data in any pieces. */
const framings: Record<string, [events: (number | string)[], pieces: string]> = {
  "chunks that come whole": [[1, "a", 2, "bc", 3, "def"], "1:a 2:bc 3:def"],
  "a chunk that comes in two pieces": [[4, "ab", "cd", 1, "e"], "4:abcd 1:e"],
  "a chunk of which only a part came": [[9, "ab"], "9:ab"],
  "data without chunks": [["ab", "cd"], "-:abcd"],
};
for (const [name, [events, expected]] of Object.entries(framings)) {
  Deno.test(`the app is told of chunks as the client framed them: ${name}`, async () => {
    const [body, exchange] = bodyOf(UNKNOWN_LENGTH);
    for (const event of events) {
      if (typeof event === "number") exchange.beginChunk(event);
      else exchange.deliver(bytes(event));
    }
    body.end(NO_TRAILERS);
    const pieces: string[] = [];
    // A chunk may be cut into pieces anywhere: here they are put together again.
    for await (const { chunkBytes, data } of body.pieces()) {
      if (chunkBytes !== undefined || pieces.length === 0) pieces.push(`${chunkBytes ?? "-"}:`);
      pieces.push(pieces.pop()! + text(data));
    }
    assertEquals(pieces.join(" "), expected);
  });
}

Deno.test("pieces begin where chunks do, however the data came, and whenever it is read", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    const [body, exchange] = bodyOf(UNKNOWN_LENGTH);
    const expected: string[] = [];
    const found: string[] = [];
    const reading = (async () => {
      for await (const { chunkBytes, data } of body.pieces()) {
        if (chunkBytes !== undefined) found.push(`${chunkBytes}:`);
        found.push(found.pop()! + text(data));
      }
    })();
    for (let i = 0; i < 200; i++) {
      const content = random.text(1 + random.below(random.pick([2, 2_000])), "abcdef");
      expected.push(`${content.length}:${content}`);
      exchange.beginChunk(content.length);
      for (let at = 0; at < content.length;) {
        const end = Math.min(content.length, at + 1 + random.below(1_000));
        exchange.deliver(bytes(content.slice(at, end)));
        at = end;
        if (random.below(10) === 0) await new Promise((resolve) => setTimeout(resolve));
      }
    }
    body.end(NO_TRAILERS);
    await reading;
    assertEquals(found, expected);
  }
});

Deno.test("what came in small pieces is read in few", async () => {
  const [body, exchange, credit] = bodyOf(UNKNOWN_LENGTH);
  const total = BODY_WINDOW_BYTES;
  for (let i = 0; i < total; i++) {
    exchange.beginChunk(1);
    exchange.deliver(new Uint8Array([i]));
  }
  body.end(NO_TRAILERS);
  let reads = 0;
  let at = 0;
  for await (const part of body.stream()) {
    reads++;
    for (const byte of part) assert(byte === (at++ & 0xff), `byte ${at - 1} is ${byte}`);
  }
  assertEquals(at, total);
  assert(reads <= 16, `${reads} reads`);
  // After the end, no more can come.
  assertEquals(credit.granted, 0);
});

Deno.test("credit is given for all that was read, and for nothing else", async () => {
  for (const way of ["stream", "pieces", "readAll"] as const) {
    const [body, exchange, credit] = bodyOf(UNKNOWN_LENGTH);
    const half = new Uint8Array(BODY_WINDOW_BYTES / 2);
    exchange.deliver(half);
    assertEquals(credit.granted, 0, `${way}: before anything is read`);
    const reading = (async () => {
      if (way === "readAll") return (await body.readAll(ownBytes)).length;
      let length = 0;
      const parts = way === "stream" ? body.stream() : body.pieces();
      for await (const part of parts) length += "data" in part ? part.data.length : part.length;
      return length;
    })();
    for (let i = 0; i < 10; i++) {
      await new Promise((resolve) => setTimeout(resolve));
      exchange.deliver(half);
    }
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals(credit.granted, 11 * half.length, way);
    body.end(NO_TRAILERS);
    assertEquals(await reading, 11 * half.length);
  }
});

Deno.test("a body of known length is read whole, in one piece of just its size", async () => {
  for (const parts of [1, 2, 50]) {
    const [body, exchange] = bodyOf(1_000);
    for (let i = 0; i < parts; i++) exchange.deliver(new Uint8Array(1_000 / parts).fill(i));
    const whole = await body.readAll(ownBytes);
    assertEquals([whole.length, whole.buffer.byteLength], [1_000, 1_000]);
    assertEquals(whole[999], parts - 1);
  }
});

Deno.test("a body that is cut short says so after what came of it", async () => {
  const [body, exchange] = bodyOf(UNKNOWN_LENGTH);
  exchange.deliver(bytes("some"));
  body.abort("client-gone");
  const reader = body.stream().getReader();
  assertEquals(text((await reader.read()).value!), "some");
  await assertRejects(() => reader.read(), DOMException, "cut short");

  const [whole] = bodyOf(UNKNOWN_LENGTH);
  const reading = whole.readAll(ownBytes);
  whole.abort("timeout");
  await assertRejects(() => reading, DOMException, "timeout");
});

for (const way of ["readAll", "stream", "pieces"] as const) {
  Deno.test(`a body whose rest comes as soon as there is room for it is read whole: ${way}`, async () => {
    const [body, exchange] = bodyOf(UNKNOWN_LENGTH);
    const total = 10 * BODY_WINDOW_BYTES;
    let left = total - BODY_WINDOW_BYTES;
    const { grant } = exchange;
    exchange.grant = (bytes) => {
      grant.call(exchange, bytes);
      const next = Math.min(left, bytes);
      left -= next;
      // In pieces that are no divisors of a window.
      for (let at = 0; at < next; at += 10_007) {
        exchange.deliver(new Uint8Array(Math.min(10_007, next - at)));
      }
      if (left === 0 && next > 0) body.end(NO_TRAILERS);
    };
    exchange.deliver(new Uint8Array(BODY_WINDOW_BYTES));
    let length = 0;
    if (way === "readAll") {
      length = (await body.readAll(ownBytes)).length;
    } else {
      const parts = way === "stream" ? body.stream() : body.pieces();
      for await (const part of parts) length += "data" in part ? part.data.length : part.length;
    }
    assertEquals(length, total);
  });
}

Deno.test("credit is given for what chunks cost besides their data", async () => {
  for (const way of ["readAll", "stream", "pieces"] as const) {
    const [body, exchange, credit] = bodyOf(UNKNOWN_LENGTH);
    const chunks = 4_000;
    const reading = (async () => {
      if (way === "readAll") return (await body.readAll(ownBytes)).length;
      let length = 0;
      const parts = way === "stream" ? body.stream() : body.pieces();
      for await (const part of parts) length += "data" in part ? part.data.length : part.length;
      return length;
    })();
    for (let i = 0; i < chunks; i++) {
      exchange.beginChunk(1);
      exchange.deliver(new Uint8Array(1));
      if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve));
    }
    await new Promise((resolve) => setTimeout(resolve));
    const due = chunks * (1 + CHUNK_COST_BYTES);
    // Less than a portion is held back.
    const held = due - credit.granted;
    assert(held >= 0 && held < BODY_WINDOW_BYTES / 4, `${way}: ${credit.granted} of ${due}`);
    body.end(NO_TRAILERS);
    assertEquals(await reading, chunks);
  }
});

Deno.test("what an app gets of a small body has memory of its own, though many are kept together", async () => {
  for (const way of ["readAll", "stream", "pieces"] as const) {
    for (let i = 0; i < 3; i++) {
      const [body, exchange] = bodyOf(100);
      exchange.deliver(new Uint8Array(100).fill(i + 1));
      const parts: Uint8Array[] = [];
      if (way === "readAll") parts.push(await body.readAll(ownBytes));
      else if (way === "stream") parts.push(...await Array.fromAsync(body.stream()));
      else for await (const { data } of body.pieces()) parts.push(data);
      assertEquals(parts.map((part) => [part.buffer.byteLength, part[0], part[99]]), [
        [100, i + 1, i + 1],
      ]);
    }
  }
});

Deno.test("what came in pieces of any size is read as it came, and belongs to the app alone", async () => {
  const [body, exchange] = bodyOf(UNKNOWN_LENGTH);
  const sizes = [1, 8_191, 8_192, 3, 65_536, 40_000, 7];
  const shared = new Uint8Array(new SharedArrayBuffer(65_536));
  for (const [i, size] of sizes.entries()) {
    exchange.deliver(shared.subarray(0, size).fill(i));
  }
  shared.fill(99);
  body.end(NO_TRAILERS);
  const found: number[] = [];
  for await (const part of body.stream()) {
    assert(part.buffer instanceof ArrayBuffer, "memory of its own");
    for (const byte of part) found[byte] = (found[byte] ?? 0) + 1;
  }
  assertEquals(found, sizes);
});
