/** Texts that are UTF-8, and such that are not, wherever they are cut. */

import { BINARY, FIN, PING, TEXT } from "../../../src/websocket/codec/protocol.ts";
import { frame } from "../../support/websocket.ts";
import type { SocketCase } from "./case.ts";
import { answer, closed, served } from "./case.ts";

/** Texts with characters of all lengths, and those at the ends of each. */
const VALID = [
  "Grüße aus Köln, ab 5 €",
  "\0",
  "\x7f\x80",
  "\u07ff\u0800",
  "\ud7ff\ue000",
  "\ufffd\ufffe\uffff",
  "\u{10000}\u{1fffe}",
  "\u{10fffe}\u{10ffff}",
  "\ufeffwith a mark",
  "κόσμε",
  "日本語 \u{1f600}\u{1f468}\u200d\u{1f469}",
  "e\u0301\u0308",
];

/** What is not UTF-8, and after how many bytes that can be told. */
const INVALID: readonly (readonly [string, readonly number[], number])[] = [
  ["a continuation byte alone", [0x80], 1],
  ["the last continuation byte alone", [0xbf], 1],
  ["two continuation bytes", [0x80, 0xbf], 1],
  ["a byte that never occurs, 0xfe", [0xfe], 1],
  ["a byte that never occurs, 0xff", [0xff], 1],
  ["a character of five bytes", [0xf8, 0x88, 0x80, 0x80, 0x80], 1],
  ["a character of six bytes", [0xfc, 0x84, 0x80, 0x80, 0x80, 0x80], 1],
  ["a slash in two bytes", [0xc0, 0xaf], 1],
  ["a slash in three bytes", [0xe0, 0x80, 0xaf], 2],
  ["a slash in four bytes", [0xf0, 0x80, 0x80, 0xaf], 2],
  ["a zero in two bytes", [0xc0, 0x80], 1],
  ["U+007F in two bytes", [0xc1, 0xbf], 1],
  ["U+07FF in three bytes", [0xe0, 0x9f, 0xbf], 2],
  ["U+FFFF in four bytes", [0xf0, 0x8f, 0xbf, 0xbf], 2],
  ["the first high surrogate", [0xed, 0xa0, 0x80], 2],
  ["the last high surrogate", [0xed, 0xaf, 0xbf], 2],
  ["the first low surrogate", [0xed, 0xb0, 0x80], 2],
  ["the last low surrogate", [0xed, 0xbf, 0xbf], 2],
  ["a pair of surrogates", [0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80], 2],
  ["U+110000", [0xf4, 0x90, 0x80, 0x80], 2],
  ["U+1FFFFF", [0xf7, 0xbf, 0xbf, 0xbf], 1],
  ["two bytes of which the second is a letter", [0xc3, 0x41], 2],
  ["three bytes of which the third is a letter", [0xe2, 0x82, 0x41], 3],
  ["four bytes of which the fourth is a letter", [0xf0, 0x9f, 0x98, 0x41], 4],
  ["a character that begins within another", [0xe2, 0xc3, 0xa4], 2],
];

/** Characters that lack their last bytes. */
const CUT_OFF: readonly (readonly number[])[] = [
  [0xc3],
  [0xe2],
  [0xe2, 0x82],
  [0xf0],
  [0xf0, 0x9f],
  [0xf0, 0x9f, 0x98],
];

/** Before and after them: so much that the platform is asked, and less. */
const PADDINGS = [0, 3, 61, 130];

const encoder = new TextEncoder();

function letters(count: number): number[] {
  return Array<number>(count).fill(0x61);
}

/** `bytes` in frames that are cut at each of `cuts`. */
function cutInto(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const edges = [0, ...cuts, bytes.length];
  return edges.slice(1).map((end, at) => {
    const first = at === 0 ? TEXT : 0;
    return frame(first | (at === cuts.length ? FIN : 0), bytes.subarray(edges[at], end));
  });
}

function* valid(): Generator<SocketCase> {
  for (const text of VALID) {
    const bytes = encoder.encode(text);
    const name = JSON.stringify(text);
    const answers = [answer("text", bytes)];
    yield served(`the text ${name}`, [frame(FIN | TEXT, bytes)], answers);
    const cuts = Array.from({ length: bytes.length - 1 }, (_, at) => at + 1);
    yield served(`the text ${name}, a frame a byte`, cutInto(bytes, cuts), answers);
    const pinged = cutInto(bytes, cuts).flatMap((each) => [each, frame(FIN | PING)]);
    const pongs = [...cuts.map(() => answer("pong", "")), ...answers, answer("pong", "")];
    yield served(`the text ${name}, a frame a byte with pings between`, pinged, pongs);
  }
  const long = encoder.encode("ä€\u{1f600}x".repeat(60));
  for (let cut = 100; cut < 112; cut++) {
    yield served(`a long text in two frames, cut at ${cut}`, cutInto(long, [cut]), [
      answer("text", long),
    ]);
  }
}

/** A case of text whose rest does not come. */
function early(name: string, begun: Uint8Array): SocketCase {
  return { ...closed(name, [begun], 1007), isEarly: true };
}

function* invalid(): Generator<SocketCase> {
  for (const [name, bytes, told] of INVALID) {
    for (const padding of PADDINGS) {
      const before = letters(padding);
      const whole = new Uint8Array([...before, ...bytes, ...letters(padding)]);
      yield closed(`${name} among ${padding} letters`, [frame(FIN | TEXT, whole)], 1007);
      // The rest does not come, and is not waited for.
      const begun = new Uint8Array([...before, ...bytes.slice(0, told)]);
      yield early(
        `${name} after ${padding} letters, as soon as it can be told`,
        frame(TEXT, begun),
      );
      const declared = BigInt(begun.length + 50);
      const first = frame(FIN | TEXT, begun, { declared });
      yield early(`${name} after ${padding} letters, in a frame that is not complete`, first);
      const cuts = Array.from({ length: whole.length - 1 }, (_, at) => at + 1);
      if (cuts.length > 20) continue;
      yield closed(`${name} among ${padding} letters, a frame a byte`, cutInto(whole, cuts), 1007);
    }
    const data = new Uint8Array(bytes);
    yield served(`${name} in a message of bytes`, [frame(FIN | BINARY, data)], [
      answer("binary", data),
    ]);
  }
}

function* cutOff(): Generator<SocketCase> {
  for (const bytes of CUT_OFF) {
    const hex = bytes.map((byte) => byte.toString(16)).join(" ");
    for (const padding of PADDINGS) {
      const whole = new Uint8Array([...letters(padding), ...bytes]);
      yield closed(
        `a text of ${padding} letters that ends in ${hex}`,
        [frame(FIN | TEXT, whole)],
        1007,
      );
    }
    const last = [frame(TEXT, new Uint8Array(bytes)), frame(FIN)];
    yield closed(`a text that ends in ${hex}, told by a frame without bytes`, last, 1007);
    const next = [frame(TEXT, new Uint8Array(bytes)), frame(FIN, "a")];
    yield closed(`a text with ${hex} before a letter of the next frame`, next, 1007);
  }
  const good = [frame(TEXT, "a"), frame(FIN, "b"), frame(FIN | TEXT, new Uint8Array([0xff]))];
  yield closed("a text that is not UTF-8 after one that is", good, 1007, [answer("text", "ab")]);
}

/** The cases. */
export const TEXTS: readonly SocketCase[] = [...valid(), ...invalid(), ...cutOff()];
