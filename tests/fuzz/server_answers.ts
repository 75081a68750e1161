/** What servers answer a client: responses of HTTP/1.1 in any split. */

import { ProtocolError } from "../../src/base/errors.ts";
import { DEFAULT_RESPONSE_LIMITS } from "../../src/client/codec/response_limits.ts";
import {
  BODY,
  CHUNK,
  END,
  HEAD,
  INTERIM,
  NEED_DATA,
  ResponseReader,
  SWITCHED,
} from "../../src/client/codec/response_reader.ts";
import { latin1Text } from "../../src/message/fields.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { bytesOf } from "../support/parsing.ts";
import type { Random } from "../support/random.ts";
import { inputTarget } from "./input_target.ts";
import { perhapsMutated, randomPieces } from "./mutation.ts";
import type { FuzzTarget } from "./target.ts";

const LIMITS = {
  ...DEFAULT_RESPONSE_LIMITS,
  maxHeadBytes: 300,
  maxFieldCount: 6,
  maxBodyBytes: 400,
  maxInterimCount: 2,
};

const STARTS = ["HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 404 ", "HTTP/1.1 304 N"];
const INTERIMS = ["HTTP/1.1 100 C", "HTTP/1.1 103 Early Hints", "HTTP/1.1 101 S"];
const LINES = ["X: a", "Connection: close", "connection: Keep-Alive", "Server:  b\t", "Date: \xe4"];
const SNIPPETS = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  " ",
  ":",
  ";",
  "0\r\n\r\n",
  "\r\n\r\n",
  "Content-Length: 5\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: gzip\r\n",
  "HTTP/1.1 204 N\r\n\r\n",
  "ffffffffffffffff\r\n",
  "\x1b[2J",
];

function madeOf(random: Random): string {
  let text = "";
  for (let left = random.below(3); left > 0; left--) {
    text += `${random.pick(INTERIMS.slice(0, random.below(4) === 0 ? 3 : 2))}\r\n`;
    if (random.below(2) === 0) text += `${random.pick(LINES)}\r\n`;
    text += "\r\n";
  }
  const body = random.text(random.below(40), "ab\r\n5");
  text += `${random.pick(STARTS)}\r\n`;
  for (let left = random.below(3); left > 0; left--) text += `${random.pick(LINES)}\r\n`;
  switch (random.below(3)) {
    case 0:
      return perhapsMutated(
        random,
        `${text}Content-Length: ${body.length}\r\n\r\n${body}`,
        SNIPPETS,
      );
    case 1: {
      const size = body.length.toString(16);
      const chunk = body === "" ? "" : `${size}${random.pick(["", ";a=b"])}\r\n${body}\r\n`;
      const trailer = random.pick(["", "X-T: 1\r\n"]);
      const whole = `${text}Transfer-Encoding: chunked\r\n\r\n${chunk}0\r\n${trailer}\r\n`;
      return perhapsMutated(random, whole, SNIPPETS);
    }
    default:
      return perhapsMutated(random, `${text}\r\n${body}`, SNIPPETS);
  }
}

/** All that is seen of `pieces`, one after another, and what is wrong with them. */
function seenOf(pieces: readonly Uint8Array[], method: string, upgrade: "none" | "asked") {
  const reader = new ResponseReader(LIMITS);
  reader.expect(method, upgrade);
  const seen = { heads: [] as string[], chunks: [] as number[], body: "", end: "", fault: "" };
  const text = () => latin1Text(reader.buffer, reader.start, reader.end);
  try {
    for (const piece of pieces) {
      const lent = piece.slice();
      reader.push(lent);
      for (let event = reader.next(); event !== NEED_DATA; event = reader.next()) {
        if (event === BODY) seen.body += text();
        else if (event === CHUNK) seen.chunks.push(reader.chunkBytes);
        else if (event === END) seen.end = `end ${text()}`;
        else {
          const { status, bodyLength, fieldLines } = reader.head;
          assert(event !== HEAD || status >= 200);
          assert(event !== INTERIM || (status < 200 && status !== 101));
          const lines = latin1Text(fieldLines, 0, fieldLines.length);
          // Nothing that a terminal obeys gets through a head.
          // deno-lint-ignore no-control-regex
          assert(!/[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/.test(lines));
          seen.heads.push(`${status} ${bodyLength} ${lines}`);
          // What follows is another reader's.
          if (event === SWITCHED) return seen;
        }
      }
      lent.fill(0);
    }
    if (reader.close() === END) seen.end = "end ";
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    assertEquals(error.status, 502);
    seen.fault = error.message;
  }
  return seen;
}

/** Answers of servers, as the client reads them. */
export const SERVER_ANSWERS: FuzzTarget = inputTarget({
  name: "server-answers",
  make: madeOf,
  check(input, random) {
    const bytes = bytesOf(input);
    const method = random.pick(["GET", "HEAD", "POST"]);
    const upgrade = random.pick(["none", "asked"] as const);
    const whole = seenOf([bytes], method, upgrade);
    assertEquals(seenOf(randomPieces(random, bytes), method, upgrade), whole);
    assert(whole.body.length <= LIMITS.maxBodyBytes);
    const [, length] = /^\d+ (\d+) /.exec(whole.heads.at(-1) ?? "") ?? [];
    if (whole.end !== "" && length !== undefined) assertEquals(whole.body.length, Number(length));
    if (method === "HEAD") assertEquals(whole.body, "");
  },
});
