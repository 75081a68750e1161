/** WebSocket: frames in any split beside a simple reader of them, handshakes, and messages that are compressed. */

import { constants, inflateRawSync } from "node:zlib";
import { ProtocolError } from "../../src/base/errors.ts";
import { concatenated } from "../../src/base/bytes.ts";
import { latin1Text } from "../../src/message/fields.ts";
import { acceptDeflate, deflateResponse } from "../../src/websocket/codec/deflate_terms.ts";
import { DEFAULT_DEFLATE_TERMS } from "../../src/websocket/codec/deflate_terms.ts";
import { parseExtensions } from "../../src/websocket/codec/extensions.ts";
import { BINARY, FIN, TEXT } from "../../src/websocket/codec/protocol.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { Deflating, Inflating, isOneMessage, payloadsOf } from "../support/deflate.ts";
import { bytesOf } from "../support/parsing.ts";
import type { Random } from "../support/random.ts";
import { closing, frame, readFrames } from "../support/websocket.ts";
import { inputTarget } from "./input_target.ts";
import { perhapsMutated, randomPieces } from "./mutation.ts";
import type { FuzzTarget } from "./target.ts";
import { FEW, framesIn } from "./websocket_model.ts";

const TEXTS = ["", "a", "äöü", "€", "\u{1f600}", "b".repeat(70), "ä".repeat(40), "c".repeat(130)];
const SNIPPETS = [
  "\x81",
  "\x01",
  "\x00",
  "\x80",
  "\x88\x80",
  "\x89\xff",
  "\xfe\0\x7e",
  "\xff",
  "\xc3",
];

function anyPayload(random: Random): Uint8Array {
  const text = random.pick(TEXTS) + random.pick(TEXTS);
  const bytes = new TextEncoder().encode(text);
  // Characters may be cut.
  return random.below(3) === 0 ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes;
}

function makeFrames(random: Random): string {
  const frames: Uint8Array[] = [];
  for (let left = 1 + random.below(7); left > 0; left--) {
    const key = Array.from({ length: 4 }, () => random.below(256));
    const form = { key: random.below(30) === 0 ? null : key };
    const kind = random.below(10);
    if (kind < 5) {
      const cuts = random.below(4);
      const whole = anyPayload(random);
      const first = random.pick([TEXT, TEXT, BINARY]);
      for (let part = 0, at = 0; part <= cuts; part++) {
        const end = part === cuts ? whole.length : at + random.below(whole.length - at + 1);
        const firstByte = (part === 0 ? first : 0) | (part === cuts ? FIN : 0);
        frames.push(frame(firstByte, whole.subarray(at, end), form));
        if (random.below(6) === 0) frames.push(frame(0x89, "between"));
        at = end;
      }
    } else if (kind < 8) {
      frames.push(frame(FIN | random.pick([9, 10]), anyPayload(random).subarray(0, 125), form));
    } else if (kind === 8) {
      frames.push(
        frame(0x88, closing(random.pick([1000, 1005, 1012, 3000, 5000]), random.pick(TEXTS))),
      );
    } else {
      frames.push(frame(random.below(256), anyPayload(random), form));
    }
  }
  const bytes = concatenated(frames);
  return perhapsMutated(random, latin1Text(bytes, 0, bytes.length), SNIPPETS, 2);
}

function checkFrames(input: string, random: Random): void {
  const bytes = bytesOf(input);
  const compression = random.pick(["none", "permessage-deflate"] as const);
  const whole = readFrames([bytes], { limits: FEW, compression });
  assertEquals(whole, framesIn(bytes, compression));
  const maxBytes = random.pick([undefined, 1, 7]);
  const split = readFrames(randomPieces(random, bytes), { limits: FEW, compression, maxBytes });
  assertEquals(split, whole);
}

/** Frames of a client, right and wrong. */
export const WEBSOCKET: FuzzTarget = inputTarget({
  name: "websocket",
  make: makeFrames,
  check: checkFrames,
});

const PARAMETERS = [
  "server_no_context_takeover",
  "client_no_context_takeover",
  "server_max_window_bits=10",
  'client_max_window_bits="12"',
  "client_max_window_bits",
  "server_max_window_bits=16",
  "x=y",
  'q="\\1\\0"',
];
const MARKS = [",", ";", "=", '"', "\\", " ", "\t", "a", "\x7f", "\xe4", "permessage-deflate"];
const WORD = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]";
const BLANKS = "[ \\t]*";
const VALUE = `(?:${WORD}+|"(?:\\\\?${WORD})+")`;
const PARAMETER = `${BLANKS};${BLANKS}${WORD}+${BLANKS}(?:=${BLANKS}${VALUE}${BLANKS})?`;
const EXTENSION = `${BLANKS}${WORD}+${BLANKS}(?:${PARAMETER})*`;
/** What the field may be: a list, whose members may be empty, but not all of them. */
const EXTENSIONS = new RegExp(`^(?:${BLANKS},)*${EXTENSION}(?:,(?:${EXTENSION}|${BLANKS}))*$`);

function makeOffers(random: Random): string {
  const offers: string[] = [];
  for (let left = 1 + random.below(3); left > 0; left--) {
    const parameters = Array.from({ length: random.below(4) }, () => random.pick(PARAMETERS));
    offers.push([random.pick(["permessage-deflate", "other"]), ...parameters].join("; "));
  }
  return perhapsMutated(random, offers.join(", "), MARKS);
}

function checkOffers(input: string): void {
  try {
    const extensions = parseExtensions(input);
    assert(EXTENSIONS.test(input), "what is malformed is refused");
    const terms = acceptDeflate(extensions, DEFAULT_DEFLATE_TERMS);
    if (terms === null) return;
    // What is answered says the same as what was agreed on.
    const [answer] = parseExtensions(deflateResponse(terms));
    const value = (name: string) => answer.parameters.find((each) => each.name === name)?.value;
    assertEquals(Number(value("server_max_window_bits") ?? 15), terms.serverMaxWindowBits);
    assertEquals(Number(value("client_max_window_bits") ?? 15), terms.clientMaxWindowBits);
    assert(terms.serverMaxWindowBits >= 9 && terms.clientMaxWindowBits >= 8);
    if (value("client_max_window_bits") !== undefined) assert(/client_max/.test(input));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    assert(!EXTENSIONS.test(input), "what is well-formed is not refused");
  }
}

/** What clients offer in a handshake. */
export const WEBSOCKET_OFFERS: FuzzTarget = inputTarget({
  name: "websocket-offers",
  make: makeOffers,
  check: checkOffers,
});

/** What a message says that was compressed without regard to others, as zlib alone reads it; `null` if it does not. */
function simplyInflated(message: Uint8Array): Uint8Array | null {
  const whole = concatenated([message, new Uint8Array([0, 0, 0xff, 0xff])]);
  try {
    return new Uint8Array(inflateRawSync(whole, { finishFlush: constants.Z_SYNC_FLUSH }));
  } catch {
    return null;
  }
}

async function checkDeflate(input: string, random: Random): Promise<void> {
  const bytes = bytesOf(input);
  const terms = { windowBits: 9 + random.below(7), noContextTakeover: random.below(2) === 0 };
  using deflating = new Deflating(terms, random.pick([0, 64]));
  using inflating = new Inflating(terms);
  const maxBytes = random.pick([Infinity, 1, 1_000]);
  const pieces = bytes.length === 0 ? [bytes] : randomPieces(random, bytes);
  for (let times = 1 + random.below(3); times > 0; times--) {
    const frames = await deflating.message(pieces, BINARY);
    if ((frames[0].firstByte & 0x40) === 0) continue;
    assert(isOneMessage(frames, BINARY | 0x40));
    const sent = randomPieces(random, payloadsOf(frames));
    assertEquals(await inflating.message(sent, BINARY, maxBytes), bytes);
  }
  // What was meant as no compressed message is one, or it is a fault.
  using other = new Inflating();
  const simple = simplyInflated(bytes);
  const read = await other.message(pieces, BINARY, maxBytes);
  if (typeof read === "number") assertEquals(read, 1007);
  else if (simple !== null) assertEquals(read.subarray(0, simple.length), simple);
}

function makeDeflated(random: Random): string {
  const words = [
    "",
    "abc",
    "abc".repeat(100),
    "\0".repeat(500),
    "\xf2\x48\xcd\xc9\xc9\x07\0",
    "\x03\0",
  ];
  let text = "";
  for (let left = random.below(6); left > 0; left--) {
    text += random.pick(words) + random.text(random.below(40), "a\0\x01\xff\xe4b");
  }
  return perhapsMutated(random, text, ["\0\0\xff\xff", "\x01\0\0\xff\xff", "\x05"]);
}

/** Messages that are compressed and inflated again, and what may not be a compressed message. */
export const WEBSOCKET_DEFLATE: FuzzTarget = inputTarget({
  name: "websocket-deflate",
  attempts: 60,
  make: makeDeflated,
  check: checkDeflate,
});
