/** Close frames, right and wrong, and what comes after them. */

import { BINARY, CLOSE, FIN, PING, TEXT } from "../../../src/websocket/codec/protocol.ts";
import { closing, frame } from "../../support/websocket.ts";
import type { SocketCase } from "./case.ts";
import { answer, closed, someBytes } from "./case.ts";

const VALID_CODES = [
  1000,
  1001,
  1002,
  1003,
  1007,
  1008,
  1009,
  1010,
  1011,
  1012,
  1013,
  1014,
  3000,
  3999,
  4000,
  4999,
];
const INVALID_CODES = [
  0,
  1,
  999,
  1004,
  1005,
  1006,
  1015,
  1016,
  1100,
  2000,
  2999,
  5000,
  65_535,
];

function* codes(): Generator<SocketCase> {
  yield closed("a close frame without a code", [frame(FIN | CLOSE)], 1005);
  yield closed("a close frame with half a code", [frame(FIN | CLOSE, new Uint8Array([3]))], 1002);
  for (const code of VALID_CODES) {
    yield closed(`the close code ${code}`, [frame(FIN | CLOSE, closing(code))], code);
    yield closed(`the close code ${code} with a reason`, [
      frame(FIN | CLOSE, closing(code, "done")),
    ], code);
  }
  for (const code of INVALID_CODES) {
    yield closed(`the close code ${code}`, [frame(FIN | CLOSE, closing(code))], 1002);
    yield closed(`the close code ${code} with a reason`, [
      frame(FIN | CLOSE, closing(code, "done")),
    ], 1002);
  }
}

function* reasons(): Generator<SocketCase> {
  for (const length of [1, 2, 122, 123]) {
    const reason = "r".repeat(length);
    yield closed(`a reason of ${length} bytes`, [frame(FIN | CLOSE, closing(1000, reason))], 1000);
  }
  yield closed("a reason of 124 bytes", [frame(FIN | CLOSE, closing(1000, "r".repeat(124)))], 1002);
  for (const reason of ["ä", "€".repeat(41), "\u{1f600}".repeat(30), "\ufeff"]) {
    yield closed(`the reason ${reason}`, [frame(FIN | CLOSE, closing(1000, reason))], 1000);
  }
  for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0x61, 0xf4, 0x90, 0x80, 0x80]]) {
    const payload = closing(1000, new Uint8Array(bytes));
    yield closed(`a reason that is not UTF-8, ${bytes}`, [frame(FIN | CLOSE, payload)], 1007);
  }
}

function* afterwards(): Generator<SocketCase> {
  const close = frame(FIN | CLOSE, closing(1001, "bye"));
  const hello = frame(FIN | TEXT, "hello");
  const echo = [answer("text", "hello")];
  yield closed("a close frame after a text", [hello, close], 1001, echo);
  yield closed("a text after a close frame", [close, hello], 1001);
  yield closed("a ping after a close frame", [close, frame(FIN | PING, "a")], 1001);
  yield closed("two close frames", [close, frame(FIN | CLOSE, closing(1000))], 1001);
  yield closed("anything after a close frame", [close, someBytes(300)], 1001);
  yield closed("a fault after a close frame", [close, frame(0x73, "a", { key: null })], 1001);
  const ponged = [frame(FIN | PING, "a"), close];
  yield closed("a ping before a close frame", ponged, 1001, [answer("pong", "a")]);
  const large = someBytes(70_000);
  const sent = [frame(FIN | BINARY, large), close];
  yield closed("a close frame after a large message", sent, 1001, [answer("binary", large)]);
  const late = [frame(TEXT, "a"), close, frame(FIN, "b")];
  yield closed("a close frame within a message that goes on", late, 1001);
}

/** The cases. */
export const CLOSINGS: readonly SocketCase[] = [...codes(), ...reasons(), ...afterwards()];
