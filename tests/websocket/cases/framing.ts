/** Lengths, masks, and bits that have no meaning. */

import { BINARY, FIN, PING, TEXT } from "../../../src/websocket/codec/protocol.ts";
import type { FrameForm } from "../../support/websocket.ts";
import { closing, frame } from "../../support/websocket.ts";
import type { SocketCase } from "./case.ts";
import { answer, closed, served, someBytes, someText } from "./case.ts";

const LENGTHS = [
  0,
  1,
  2,
  3,
  4,
  5,
  95,
  96,
  97,
  124,
  125,
  126,
  127,
  128,
  254,
  255,
  256,
  65_534,
  65_535,
  65_536,
  65_537,
  100_003,
];

function* lengths(): Generator<SocketCase> {
  for (const length of LENGTHS) {
    const text = someText(length);
    const bytes = someBytes(length);
    yield served(`a text of ${length} bytes`, [frame(FIN | TEXT, text)], [answer("text", text)]);
    yield served(`${length} bytes`, [frame(FIN | BINARY, bytes)], [answer("binary", bytes)]);
  }
  const both = [
    frame(FIN | TEXT, "one"),
    frame(FIN | BINARY, someBytes(300)),
    frame(FIN | TEXT, ""),
  ];
  const answers = [answer("text", "one"), answer("binary", someBytes(300)), answer("text", "")];
  yield served("messages one after another", both, answers);
}

const MALFORMED_LENGTHS: readonly (readonly [string, number, FrameForm])[] = [
  ["0 in two bytes", 0, { lengthBytes: 2 }],
  ["125 in two bytes", 125, { lengthBytes: 2 }],
  ["0 in eight bytes", 0, { lengthBytes: 8 }],
  ["125 in eight bytes", 125, { lengthBytes: 8 }],
  ["126 in eight bytes", 126, { lengthBytes: 8 }],
  ["65535 in eight bytes", 65_535, { lengthBytes: 8 }],
  ["a first bit that is set", 1, { lengthBytes: 8, declared: 1n << 63n }],
  ["nothing but bits that are set", 1, { lengthBytes: 8, declared: (1n << 64n) - 1n }],
];

function* malformedLengths(): Generator<SocketCase> {
  for (const [name, length, form] of MALFORMED_LENGTHS) {
    yield closed(`a length of ${name}`, [frame(FIN | BINARY, someBytes(length), form)], 1002);
  }
  for (const declared of [(1n << 24n) + 1n, 1n << 32n, (1n << 53n) + 1n, (1n << 63n) - 1n]) {
    const begun = frame(FIN | BINARY, "x", { lengthBytes: 8, declared });
    yield closed(`${declared} bytes declared, and one sent`, [begun], 1009);
  }
}

function* masks(): Generator<SocketCase> {
  const text = someText(300);
  for (const key of [[0, 0, 0, 0], [255, 255, 255, 255], [0, 0, 0, 1], [128, 0, 0, 0]]) {
    const form = { key };
    yield served(`a mask of ${key}`, [frame(FIN | TEXT, text, form)], [answer("text", text)]);
  }
  const bare = { key: null };
  yield closed("a text without a mask", [frame(FIN | TEXT, "a", bare)], 1002);
  yield closed("an empty message without a mask", [frame(FIN | BINARY, "", bare)], 1002);
  yield closed("a ping without a mask", [frame(FIN | PING, "a", bare)], 1002);
  yield closed("a close frame without a mask", [frame(FIN | 8, closing(1000), bare)], 1002);
  const after = [frame(FIN | TEXT, "a"), frame(FIN | TEXT, "b", bare), frame(FIN | TEXT, "c")];
  yield closed("a frame without a mask after one with", after, 1002, [answer("text", "a")]);
}

function* reservedBits(): Generator<SocketCase> {
  const before = [frame(FIN | TEXT, "before")];
  const answers = [answer("text", "before")];
  for (let bits = 1; bits < 8; bits++) {
    const reserved = FIN | (bits << 4);
    yield closed(`the reserved bits ${bits} in a text`, [frame(reserved | TEXT, "a")], 1002);
    yield closed(
      `the reserved bits ${bits} in a message without bytes`,
      [frame(reserved | BINARY)],
      1002,
    );
    yield closed(
      `the reserved bits ${bits} in a ping`,
      [...before, frame(reserved | PING, "a")],
      1002,
      answers,
    );
    yield closed(
      `the reserved bits ${bits} in a close frame`,
      [frame(reserved | 8, closing(1000))],
      1002,
    );
    const fragments = [frame(TEXT, "a"), frame(reserved, "b")];
    yield closed(`the reserved bits ${bits} in a continuation`, fragments, 1002);
  }
}

function* reservedOpcodes(): Generator<SocketCase> {
  for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
    yield closed(`the opcode ${opcode}`, [frame(FIN | opcode)], 1002);
    yield closed(`the opcode ${opcode} with a payload`, [frame(FIN | opcode, "a")], 1002);
    const between = [frame(FIN | TEXT, "a"), frame(FIN | opcode, "b"), frame(FIN | PING)];
    yield closed(`the opcode ${opcode} between frames`, between, 1002, [answer("text", "a")]);
    yield closed(
      `the opcode ${opcode} within a message`,
      [frame(TEXT, "a"), frame(opcode, "b")],
      1002,
    );
  }
}

/** The cases. */
export const FRAMING: readonly SocketCase[] = [
  ...lengths(),
  ...malformedLengths(),
  ...masks(),
  ...reservedBits(),
  ...reservedOpcodes(),
];
