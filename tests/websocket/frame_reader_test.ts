import { assert, assertEquals } from "../support/assert.ts";
import type { Reading } from "../support/websocket.ts";
import { frame, readFrames, serverFrame, singly } from "../support/websocket.ts";
import { concatenated } from "../../src/base/bytes.ts";
import type { SocketCase } from "./cases/case.ts";
import { CASES } from "./cases/cases.ts";
import { BINARY, FIN, PING, PONG, TEXT } from "../../src/websocket/codec/protocol.ts";
import { FrameReader, NEED_DATA } from "../../src/websocket/codec/frame_reader.ts";
import { DEFAULT_WEBSOCKET_LIMITS } from "../../src/websocket/codec/limits.ts";

/** Larger ones are not cut at each byte. */
const FEW_BYTES = 700;

/** What an echo server would send of what was read, and how it would end. */
function echoOf(seen: readonly string[]): Pick<SocketCase, "answers" | "end"> {
  const answers: string[] = [];
  for (const each of seen) {
    const [kind, word] = each.split(" ");
    if (kind === "close" || kind === "fault") return { answers, end: Number(word) };
    if (kind === "ping") answers.push(each.replace("ping", "pong"));
    else if (kind !== "pong" && !each.endsWith("+")) answers.push(each);
  }
  return { answers, end: "open" };
}

function* splitsOf(bytes: Uint8Array): Generator<Iterable<Uint8Array>> {
  yield [bytes];
  yield singly(bytes);
  if (bytes.length > FEW_BYTES) return;
  for (let at = 1; at < bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
}

for (const [about, cases] of Object.entries(CASES)) {
  Deno.test(`frames are read in any split as they must be: ${about}`, () => {
    assert(cases.length > 10);
    assertEquals(new Set(cases.map(({ name }) => name)).size, cases.length, "names are unique");
    for (const { name, sends, answers, end, limits } of cases) {
      let times = 0;
      for (const pieces of splitsOf(sends)) {
        const reading = { limits, maxBytes: times++ % 3 === 2 ? 1 : undefined };
        assertEquals(echoOf(readFrames(pieces, reading)), { answers, end }, name);
      }
    }
  });
}

const CLIENTS: readonly (readonly [string, Uint8Array, string[], Reading?])[] = [
  ["frames of a server", serverFrame(FIN | TEXT, "a"), ["text a"]],
  ["an empty message of a server", serverFrame(FIN | BINARY), ["binary "]],
  ["a ping of a server", serverFrame(FIN | PING, "p"), ["ping p"]],
  ["a pong of a server", serverFrame(FIN | PONG), ["pong "]],
  ["a masked frame", frame(FIN | TEXT, "a"), ["fault 1002"]],
  ["a masked ping", frame(FIN | PING, "a"), ["fault 1002"]],
];

for (const [name, bytes, seen] of CLIENTS) {
  Deno.test(`a client reads ${name}`, () => {
    for (const pieces of splitsOf(bytes)) {
      assertEquals(readFrames(pieces, { role: "client" }), seen);
    }
  });
}

const COMPRESSED: readonly (readonly [string, Uint8Array[], string[]])[] = [
  ["a text", [frame(0xc1, "\xff")], ["compressed text \xc3\xbf"]],
  ["bytes", [frame(0xc2, "x")], ["compressed binary x"]],
  ["what is no UTF-8", [frame(0xc1, new Uint8Array([0xff]))], ["compressed text \xff"]],
  ["an uncompressed text between", [frame(0xc1, "a"), frame(0x81, "b")], [
    "compressed text a",
    "text b",
  ]],
  ["fragments", [frame(0x41, "a"), frame(0x80, "b")], ["compressed text ab"]],
  ["a continuation that says so again", [frame(0x41, "a"), frame(0xc0, "b")], ["fault 1002"]],
  ["a ping", [frame(0xc9, "a")], ["fault 1002"]],
  ["a close frame", [frame(0xc8)], ["fault 1002"]],
  ["a second reserved bit", [frame(0xe1, "a")], ["fault 1002"]],
];

for (const [name, frames, seen] of COMPRESSED) {
  Deno.test(`where messages may be compressed: ${name}`, () => {
    const reading: Reading = { compression: "permessage-deflate" };
    for (const pieces of splitsOf(concatenated(frames))) {
      assertEquals(readFrames(pieces, reading), seen);
    }
  });
}

Deno.test("a message that nobody takes stays unread, but for control frames before it", () => {
  const reader = new FrameReader(DEFAULT_WEBSOCKET_LIMITS);
  reader.push(concatenated([frame(FIN | PING, "a"), frame(FIN | TEXT, "bcd")]));
  assertEquals(reader.next(0), 2);
  assertEquals(reader.next(0), NEED_DATA);
  assert(reader.hasUnread);
  assertEquals(reader.next(2), 1);
  assertEquals([reader.end - reader.start, reader.isFirst, reader.isLast], [2, true, false]);
  assertEquals(reader.next(0), NEED_DATA);
  assertEquals(reader.next(2), 1);
  assertEquals([reader.end - reader.start, reader.isFirst, reader.isLast], [1, false, true]);
  assert(!reader.hasUnread);
});

Deno.test("empty messages, too, stay unread while nobody takes anything", () => {
  for (const opcode of [TEXT, BINARY]) {
    const reader = new FrameReader(DEFAULT_WEBSOCKET_LIMITS);
    const empty = frame(FIN | opcode, "");
    reader.push(concatenated([frame(FIN | PING, "a"), empty, frame(FIN | PING, "b"), empty]));
    assertEquals(reader.next(0), 2);
    for (let i = 0; i < 3; i++) assertEquals(reader.next(0), NEED_DATA);
    assert(reader.hasUnread);
    assertEquals([reader.next(1), reader.isLast], [1, true]);
    assertEquals(reader.next(0), 2);
    assertEquals(reader.next(0), NEED_DATA);
    assert(reader.hasUnread);
    assertEquals(reader.next(), 1);
    assert(!reader.hasUnread);
  }
});

Deno.test("a peer is within a message from its first byte to its last", () => {
  const reader = new FrameReader(DEFAULT_WEBSOCKET_LIMITS);
  const bytes = concatenated([frame(TEXT, "a"), frame(FIN, "b")]);
  for (const [at, piece] of [...singly(bytes)].entries()) {
    assertEquals(reader.isWithinMessage, at > 0);
    reader.push(piece);
    while (reader.next() !== NEED_DATA);
  }
  assert(!reader.isWithinMessage);
});
