import { assertEquals, assertThrows } from "../support/assert.ts";
import { ProtocolError } from "../../mod.ts";
import type { Mongrel2Message } from "../../src/mongrel2/codec/message.ts";
import { frameOf, isFrame } from "../../src/mongrel2/codec/socket_frames.ts";

function message(headers: Record<string, string>, body = new Uint8Array(0)): Mongrel2Message {
  return { senderId: "s", connId: "1", path: "/", headers: Object.entries(headers), body };
}

const FRAME = { METHOD: "WEBSOCKET", FLAGS: "0x81" };

Deno.test("what Mongrel2 says of a WebSocket is told from requests", () => {
  const cases: [headers: Record<string, string>, is: boolean][] = [
    [FRAME, true],
    [{ METHOD: "WEBSOCKET" }, false],
    [{ METHOD: "WEBSOCKET", flags: "0x81" }, false],
    [{ METHOD: "GET", FLAGS: "0x81" }, false],
    [{ METHOD: "WEBSOCKET_HANDSHAKE" }, false],
  ];
  for (const [headers, is] of cases) assertEquals(isFrame(message(headers)), is);
});

Deno.test("a frame has its flags, its length in the shortest form, and a mask of zeros", () => {
  const cases: [flags: string, bytes: number, beginning: number[]][] = [
    ["0x81", 0, [0x81, 0x80]],
    ["0x2", 1, [0x02, 0x81]],
    ["0x8A", 125, [0x8a, 0xfd]],
    ["0x81", 126, [0x81, 0xfe, 0, 126]],
    ["0x82", 65_535, [0x82, 0xfe, 0xff, 0xff]],
    ["0x82", 65_536, [0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0]],
  ];
  for (const [flags, bytes, beginning] of cases) {
    const body = new Uint8Array(bytes).fill(7);
    const expected = [...beginning, 0, 0, 0, 0, ...body];
    assertEquals([...frameOf(message({ ...FRAME, FLAGS: flags }, body))], expected);
  }
});

Deno.test("a frame with other flags than two digits is refused", () => {
  for (const flags of ["", "81", "0x", "0x181", "0xg1", "0x81 "]) {
    assertThrows(() => frameOf(message({ ...FRAME, FLAGS: flags })), ProtocolError, "FLAGS");
  }
});
