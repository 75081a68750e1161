import { Receiver } from "ws";
import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { readFrames, serverFrame } from "../support/websocket.ts";
import { concatenated } from "../../src/base/bytes.ts";
import { FrameWriter, headerBytes } from "../support/frame_writer.ts";
import { closePayload, writeHeader } from "../../src/websocket/codec/frame_writer.ts";
import { BINARY, CLOSE, COMPRESSED, FIN, PING, TEXT } from "../../src/websocket/codec/protocol.ts";
import { someBytes, someText } from "./cases/case.ts";

const LENGTHS = [0, 1, 125, 126, 127, 255, 256, 65_535, 65_536, 70_000];

Deno.test("a server's frames have the shortest header, and the caller's own payload", () => {
  const writer = new FrameWriter();
  for (const length of LENGTHS) {
    const bytes = someBytes(length);
    const { header, payload } = writer.frame(FIN | BINARY, bytes);
    assert(payload === bytes);
    assertEquals(header.length, headerBytes(length));
    assertEquals(concatenated([header, payload]), serverFrame(FIN | BINARY, bytes));
  }
});

Deno.test("a header can be written amid other bytes", () => {
  for (const length of [...LENGTHS, 2 ** 32 + 5, 2 ** 53 - 1]) {
    const target = new Uint8Array(20).fill(7);
    const end = writeHeader(target, 3, TEXT | COMPRESSED, length);
    assertEquals(end - 3, headerBytes(length));
    const view = new DataView(target.buffer);
    const declared = length < 126
      ? target[4]
      : length < 65536
      ? view.getUint16(5)
      : Number(view.getBigUint64(5));
    assertEquals(declared, length);
    assertEquals([target[2], target[3], target[end]], [7, TEXT | COMPRESSED, 7]);
  }
});

Deno.test("a client's frames are masked, each with its own key, and leave the payload alone", () => {
  const writer = new FrameWriter("client");
  const keys = new Set<string>();
  for (let times = 0; times < 600; times++) {
    const bytes = someBytes(LENGTHS[times % 7]);
    const { header, payload } = writer.frame(FIN | BINARY, bytes);
    keys.add(header.slice(-4).join());
    assertEquals(header.length, headerBytes(bytes.length, "client"));
    assertEquals(bytes, someBytes(bytes.length));
    const seen = readFrames([header, payload]);
    assertEquals(seen, [`binary ${String.fromCharCode(...bytes)}`]);
  }
  assert(keys.size > 595, `${keys.size} keys`);
});

Deno.test("headers that were written stay as they are", () => {
  const writer = new FrameWriter();
  const headers = Array.from(
    { length: 3_000 },
    (_, at) => writer.frame(FIN | BINARY, someBytes(at % 200)).header,
  );
  for (const [at, header] of headers.entries()) {
    assertEquals(header, serverFrame(FIN | BINARY, someBytes(at % 200)).subarray(0, header.length));
  }
});

Deno.test("control frames have up to 125 bytes", () => {
  const writer = new FrameWriter();
  for (const kind of ["ping", "pong"] as const) {
    for (const length of [0, 125]) {
      const { header, payload } = writer[kind](someBytes(length));
      assertEquals(concatenated([header, payload]).length, length + 2);
    }
    assertThrows(() => writer[kind](someBytes(126)), RangeError);
  }
  assertEquals(writer.ping().header, new Uint8Array([FIN | PING, 0]));
});

Deno.test("a close frame has a code that may be sent, and a reason of up to 123 bytes", () => {
  assertEquals(closePayload(), new Uint8Array());
  assertEquals(closePayload(1000), new Uint8Array([3, 232]));
  assertEquals(closePayload(4999, "ä"), new Uint8Array([19, 135, 0xc3, 0xa4]));
  assertEquals(closePayload(1000, "€".repeat(41)).length, 125);
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5, NaN]) {
    assertThrows(() => closePayload(code, "x"), RangeError);
  }
  assertThrows(() => closePayload(1000, "€".repeat(41) + "a"), RangeError);
  assertEquals(new FrameWriter().close(1001).header, new Uint8Array([FIN | CLOSE, 2]));
});

Deno.test("npm ws reads what is written, as a client and as a server", async () => {
  for (const role of ["client", "server"] as const) {
    const writer = new FrameWriter(role);
    const receiver = new Receiver({ isServer: role === "client" });
    const seen: string[] = [];
    receiver.on("message", (data: Uint8Array, isBinary: boolean) => {
      seen.push(`${isBinary ? "binary" : "text"} ${data.length} ${data.at(-1)}`);
    });
    receiver.on("ping", (data: Uint8Array) => seen.push(`ping ${[...data]}`));
    receiver.on("pong", (data: Uint8Array) => seen.push(`pong ${[...data]}`));
    const concluded = new Promise<void>((resolve) => {
      receiver.on("conclude", (code: number, reason: Uint8Array) => {
        seen.push(`close ${code} ${reason}`);
        resolve();
      });
    });
    const texts = LENGTHS.map((length) => new TextEncoder().encode(someText(length)));
    const frames = [
      ...texts.map((text) => writer.frame(FIN | TEXT, text)),
      writer.frame(BINARY, someBytes(300)),
      writer.ping(new Uint8Array([1, 2])),
      writer.frame(FIN, someBytes(70_000)),
      writer.pong(),
      writer.close(3001, "done"),
    ];
    for (const { header, payload } of frames) {
      receiver.write(header);
      if (payload.length > 0) receiver.write(payload);
    }
    await concluded;
    assertEquals(seen, [
      ...texts.map((text) => `text ${text.length} ${text.at(-1)}`),
      "ping 1,2",
      `binary 70300 ${someBytes(70_000).at(-1)}`,
      "pong ",
      "close 3001 done",
    ]);
  }
});
