/** What the HTTP parser makes of some bytes, checked at each step in another way than the parser's own. */

import { ProtocolError } from "../../src/base/errors.ts";
import type { RequestHead } from "../../src/message/exchange.ts";
import { UNKNOWN_LENGTH } from "../../src/message/exchange.ts";
import { latin1Text } from "../../src/message/fields.ts";
import type { HttpLimits } from "../../src/http1/codec/limits.ts";
import { BODY, CHUNK, END, HEAD, NEED_DATA, RequestParser } from "../../src/http1/codec/parser.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";

/** What a parser may hold in any case. */
const MIN_HELD_BYTES = 1_024;

/** Field lines that nobody reads in another way. */
export const FIELD_LINES = /^(?:[!#$%&'*+\-.^_`|~\w]+:[\t\x20-\x7e\x80-\xff]*\r\n)*$/;
const TARGET = /^[!$-;=@-[\]_a-z|~]+(?:\?[!$-;=?-~]*)?$/;

const CONTENT_LENGTHS = /^content-length:[ \t]*(.*?)[ \t]*$/gim;
const TRANSFER_ENCODINGS = /^transfer-encoding:[ \t]*(.*?)[ \t]*$/gim;
const HOST_LINES = /^host:[ \t]*(.*?)[ \t]*$/gim;

/** Checks, in another way than the parser does, that a head is sound and framed by what it says. */
function checkHead(head: RequestHead, target: string, fields: string): void {
  const values = (lines: RegExp) => Array.from(fields.matchAll(lines), (line) => line[1]);
  assertMatch(fields, FIELD_LINES);
  assertMatch(target, TARGET);
  const hosts = values(HOST_LINES).length;
  assert(hosts === 1 || (hosts === 0 && head.minorVersion === 0), "there is one Host");
  const lengths = values(CONTENT_LENGTHS);
  const codings = values(TRANSFER_ENCODINGS);
  assert(lengths.length + codings.length <= 1, "there is one framing at the most");
  if (codings.length === 1) {
    assertMatch(codings[0], /^chunked$/i);
    assertEquals(head.minorVersion, 1);
    assertEquals(head.bodyLength, UNKNOWN_LENGTH);
  } else if (lengths.length === 1) {
    assertMatch(lengths[0], /^\d+$/);
    assertEquals(head.bodyLength, Number(lengths[0]));
  } else {
    assertEquals(head.bodyLength, 0);
  }
}

/** What the parser made of some bytes. */
export interface Transcript {
  /** Its events. */
  readonly transcript: string;
  /** Status of the error, if there was one. */
  readonly status: number | null;
}

/** All that the parser makes of some bytes, in the order in which it does; with checks of each step. */
export function transcribe(pieces: readonly Uint8Array[], limits: HttpLimits): Transcript {
  const parser = new RequestParser(limits);
  let transcript = "";
  let last: number = NEED_DATA;
  let unread = 0;
  let events = 0;
  try {
    for (const piece of pieces) {
      const borrowed = piece.slice();
      parser.push(borrowed);
      unread += piece.length;
      for (;;) {
        const event = parser.next();
        if (event === NEED_DATA) break;
        assert(++events <= unread, "each event takes bytes");
        const { buffer, bodyStart, bodyEnd, head } = parser;
        if (event === HEAD) {
          const target = latin1Text(head.block, head.targetStart, head.targetEnd);
          const authority = latin1Text(head.block, head.authorityStart, head.authorityEnd);
          const fields = latin1Text(head.block, head.fieldsStart, head.fieldsEnd);
          if (pieces.length === 1) checkHead(head, target, fields);
          transcript += `\nHEAD ${head.method} ${target} ${authority} ${head.minorVersion} ` +
            `${head.bodyLength} ${parser.keepAlive} ${head.expectsContinue}\n${fields}`;
        } else if (event === CHUNK) {
          assert(parser.chunkBytes > 0);
          transcript += `\nCHUNK ${parser.chunkBytes}`;
        } else if (event === BODY) {
          assert(bodyStart < bodyEnd && bodyEnd <= buffer.length);
          transcript += (last === BODY ? "" : "\nBODY ") + latin1Text(buffer, bodyStart, bodyEnd);
        } else {
          assertEquals(event, END);
          const trailers = latin1Text(buffer, bodyStart, bodyEnd);
          assertMatch(trailers, FIELD_LINES);
          transcript += `\nEND ${trailers}`;
        }
        last = event;
      }
      const heldBytes = parser.buffer === borrowed ? 0 : parser.buffer.length;
      const allowedBytes = 2 * (limits.maxHeaderBytes + piece.length);
      assert(heldBytes <= Math.max(allowedBytes, MIN_HELD_BYTES), `${heldBytes} bytes are held`);
      borrowed.fill(0x58);
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    assertEquals(parser.next(), NEED_DATA);
    assertEquals(parser.hasUnread, false);
    return { transcript, status: error.status };
  }
  return { transcript, status: null };
}
