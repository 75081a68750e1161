/** Pings, pongs, and messages in fragments with such between. */

import {
  BINARY,
  CONTINUATION,
  FIN,
  PING,
  PONG,
  TEXT,
} from "../../../src/websocket/codec/protocol.ts";
import { closing, frame } from "../../support/websocket.ts";
import type { SocketCase } from "./case.ts";
import { answer, closed, inFragments, served, someBytes, someText } from "./case.ts";

function* pings(): Generator<SocketCase> {
  for (const length of [0, 1, 2, 124, 125]) {
    const bytes = someBytes(length);
    yield served(`a ping of ${length} bytes`, [frame(FIN | PING, bytes)], [answer("pong", bytes)]);
    yield served(`a pong of ${length} bytes that nobody asked for`, [frame(FIN | PONG, bytes)], []);
  }
  for (const opcode of [8, PING, PONG]) {
    for (const length of [126, 127, 65_535, 65_536]) {
      const name = `a frame of the opcode ${opcode} and ${length} bytes`;
      yield closed(name, [frame(FIN | opcode, someBytes(length))], 1002);
    }
    const short = frame(FIN | opcode, "ab", { lengthBytes: 2 });
    yield closed(`a frame of the opcode ${opcode} with a length of two bytes`, [short], 1002);
    const part = [frame(opcode, "ab"), frame(FIN | CONTINUATION, "cd")];
    yield closed(`a frame of the opcode ${opcode} in fragments`, part, 1002);
  }
  const many = Array.from({ length: 10 }, (_, at) => `ping ${at}`);
  const frames = many.map((text) => frame(FIN | PING, text));
  yield served("ten pings", frames, many.map((text) => answer("pong", text)));
  const mixed = [frame(FIN | PONG, "?"), frame(FIN | PING, "!"), frame(FIN | TEXT, "a")];
  yield served("a pong, a ping and a text", mixed, [answer("pong", "!"), answer("text", "a")]);
}

function* fragments(): Generator<SocketCase> {
  const text = someText(40);
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 2, 7, 20, 39]) {
    for (const type of ["text", "binary"] as const) {
      const first = type === "text" ? TEXT : BINARY;
      const opcodeOf = (isFirst: boolean, isLast: boolean) =>
        (isFirst ? first : 0) | (isLast ? FIN : 0);
      const parts = inFragments(bytes, size);
      const plain = parts.map(({ isFirst, isLast, part }) =>
        frame(opcodeOf(isFirst, isLast), part)
      );
      yield served(`a ${type} in frames of ${size} bytes`, plain, [answer(type, bytes)]);
      const pinged = plain.flatMap((each, at) => [frame(FIN | PING, `${at}`), each]);
      const pongs = plain.map((_, at) => answer("pong", `${at}`));
      yield served(`a ${type} in frames of ${size} bytes with pings between`, pinged, [
        ...pongs,
        answer(type, bytes),
      ]);
    }
  }
  const twice = [
    frame(TEXT, "a"),
    frame(FIN, "b"),
    frame(BINARY, "c"),
    frame(0, "d"),
    frame(FIN, "e"),
  ];
  yield served("two messages in frames", twice, [answer("text", "ab"), answer("binary", "cde")]);
  const empty = [frame(TEXT), frame(0), frame(0), frame(FIN)];
  yield served("a message in frames without bytes", empty, [answer("text", "")]);
  const around = [frame(TEXT), frame(0, "middle"), frame(FIN)];
  yield served("a message between frames without bytes", around, [answer("text", "middle")]);
  const ponged = [frame(TEXT, "a"), frame(FIN | PONG, "b"), frame(FIN, "c")];
  yield served("a message with a pong between", ponged, [answer("text", "ac")]);
  const large = someBytes(4096 * 3 + 5);
  const pieces = inFragments(large, 4096);
  const frames = pieces.map(({ isFirst, isLast, part }) =>
    frame((isFirst ? BINARY : 0) | (isLast ? FIN : 0), part)
  );
  yield served("a large message in frames", frames, [answer("binary", large)]);
}

function* misplaced(): Generator<SocketCase> {
  const ahead = [frame(FIN | TEXT, "a")];
  const echo = [answer("text", "a")];
  for (const last of [0, FIN]) {
    const kind = last === 0 ? "a continuation" : "a last continuation";
    yield closed(`${kind} of no message`, [frame(last, "a")], 1002);
    yield closed(`${kind} of no message without bytes`, [frame(last)], 1002);
    yield closed(`${kind} after a message`, [...ahead, frame(last, "b")], 1002, echo);
    const done = [frame(TEXT, "a"), frame(FIN), frame(last, "b")];
    yield closed(`${kind} after a message in frames`, done, 1002, echo);
    const within = [frame(TEXT, "a"), frame(last | TEXT, "b")];
    yield closed(`a text that ${last === 0 ? "begins" : "is"} within another`, within, 1002);
    const other = [frame(TEXT, "a"), frame(last | BINARY, "b")];
    yield closed(
      `a message of bytes that ${last === 0 ? "begins" : "is"} within a text`,
      other,
      1002,
    );
  }
  const broken = [frame(TEXT, "a"), frame(FIN | PING, "b"), frame(FIN | TEXT, "c")];
  yield closed("a text within another, after a ping", broken, 1002, [answer("pong", "b")]);
  const cut = [frame(TEXT, "a"), frame(FIN | 8, closing(1000))];
  yield closed("a close frame within a message", cut, 1000);
}

/** The cases. */
export const CONTROL: readonly SocketCase[] = [...pings(), ...fragments(), ...misplaced()];
