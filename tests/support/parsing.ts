/** Feeds the parser, and notes what comes out in a form that can be compared. */

import type { HttpLimits } from "../../src/http1/codec/limits.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/codec/limits.ts";
import { BODY, CHUNK, END, HEAD, NEED_DATA, RequestParser } from "../../src/http1/codec/parser.ts";
import { ProtocolError } from "../../src/base/errors.ts";
import { latin1Text } from "../../src/message/fields.ts";

/** One request as the parser saw it. */
export interface ParsedRequest {
  method: string;
  target: string;
  authority: string;
  minorVersion: number;
  fields: string;
  bodyLength: number;
  keepAlive: boolean;
  expectsContinue: boolean;
  body: string;
  chunks: number[];
  trailers: string | null;
}

/** What became of some bytes. */
export interface Parsed {
  requests: ParsedRequest[];
  /** Status of the error, if there was one. */
  error: number | null;
}

/** Bytes of a text whose code units are bytes. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** Parses `pieces`, pushed one after another. Each piece is wiped afterwards, as a read buffer would be. */
export function parse(pieces: readonly Uint8Array[], limits: Partial<HttpLimits> = {}): Parsed {
  const parser = new RequestParser({ ...DEFAULT_HTTP_LIMITS, ...limits });
  const parsed: Parsed = { requests: [], error: null };
  try {
    for (const piece of pieces) {
      const borrowed = piece.slice();
      parser.push(borrowed);
      for (let event = parser.next(); event !== NEED_DATA; event = parser.next()) {
        note(parser, event, parsed.requests);
      }
      borrowed.fill(0x58);
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    parsed.error = error.status;
  }
  return parsed;
}

function note(parser: RequestParser, event: number, requests: ParsedRequest[]): void {
  if (event === HEAD) {
    const { head, keepAlive } = parser;
    const text = (start: number, end: number) => latin1Text(head.block, start, end);
    requests.push({
      method: head.method,
      target: text(head.targetStart, head.targetEnd),
      authority: text(head.authorityStart, head.authorityEnd),
      minorVersion: head.minorVersion,
      fields: text(head.fieldsStart, head.fieldsEnd),
      bodyLength: head.bodyLength,
      keepAlive,
      expectsContinue: head.expectsContinue,
      body: "",
      chunks: [],
      trailers: null,
    });
    return;
  }
  const request = requests.at(-1)!;
  if (event === CHUNK) {
    request.chunks.push(parser.chunkBytes);
    return;
  }
  const text = latin1Text(parser.buffer, parser.bodyStart, parser.bodyEnd);
  if (event === BODY) request.body += text;
  else if (event === END) request.trailers = text;
}

/** Every way to split `bytes` in two, and byte by byte. */
export function* splits(bytes: Uint8Array): Generator<Uint8Array[]> {
  for (let at = 1; at < bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
  yield Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}
