/** The HTTP/1.1 parser: requests that are changed a little, pipelined, and split anywhere. */

import type { HttpLimits } from "../../src/http1/codec/limits.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/codec/limits.ts";
import { assertEquals } from "../support/assert.ts";
import { bytesOf, parse } from "../support/parsing.ts";
import type { Random } from "../support/random.ts";
import { readSimply } from "./http_reading.ts";
import { HTTP_SNIPPETS, randomRequest } from "./http_requests.ts";
import { transcribe } from "./http_transcript.ts";
import { inputTarget } from "./input_target.ts";
import { perhapsMutated, randomPieces } from "./mutation.ts";
import type { FuzzTarget } from "./target.ts";

/** Limits that are reached often. */
const NARROW: HttpLimits = {
  ...DEFAULT_HTTP_LIMITS,
  maxHeaderBytes: 240,
  maxHeaderCount: 7,
  maxTargetBytes: 50,
  maxBodyBytes: 110,
};

/** What a request can be refused with. */
const STATUSES = [null, 400, 413, 414, 417, 431, 501, 505];

/** Starts of requests, to go on with anything. */
const STARTS = [
  "",
  "GET ",
  "GET / HTTP/1.1\r\n",
  "GET / HTTP/1.1\r\nHost: a\r\n",
  "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: ",
  "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
];

function make(random: Random): string {
  if (random.below(8) === 0) {
    return random.pick(STARTS) + random.text(random.below(40), "\r\n :;01afx/,=\0\xff");
  }
  let text = randomRequest(random)[0];
  while (random.below(4) === 0) text += randomRequest(random)[0];
  text = perhapsMutated(random, text, HTTP_SNIPPETS);
  if (random.below(200) > 0) return text;
  // Much of the same.
  const at = random.below(text.length);
  const end = at + 1 + random.below(12);
  return text.slice(0, at) + text.slice(at, end).repeat(random.below(5_000)) + text.slice(end);
}

function check(input: string, random: Random): void {
  const bytes = bytesOf(input);
  const limits = random.below(2) === 0 ? NARROW : DEFAULT_HTTP_LIMITS;
  const whole = transcribe([bytes], limits);
  assertEquals(STATUSES.includes(whole.status), true, `the status ${whole.status}`);
  const pieces = random.below(16) === 0
    ? Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
    : randomPieces(random, bytes);
  const split = transcribe(pieces, limits);
  if (split.transcript !== whole.transcript || split.status !== whole.status) {
    assertEquals(split, whole);
  }
  checkBoundaries(input, bytes, limits);
}

/** All that was accepted has to be where a simple reading has it, too. */
function checkBoundaries(input: string, bytes: Uint8Array, limits: HttpLimits): void {
  const accepted = parse([bytes], limits).requests;
  const simple = readSimply(input);
  for (const [index, request] of accepted.entries()) {
    const { method, target, fields, body, chunks, trailers } = request;
    const seen = simple[index];
    const isLast = index === accepted.length - 1;
    // Of the last one, the parser may have refused the rest.
    const expected = isLast && seen !== undefined
      ? {
        ...seen,
        body: seen.body.slice(0, body.length),
        chunks: seen.chunks.slice(0, chunks.length),
        trailers: trailers === null ? null : seen.trailers,
      }
      : seen;
    if (
      expected === undefined || method !== expected.method || target !== expected.target ||
      fields !== expected.fields || body !== expected.body || trailers !== expected.trailers ||
      chunks.join() !== expected.chunks.join()
    ) {
      assertEquals({ method, target, fields, body, chunks, trailers }, expected);
    }
  }
}

/** Requests of HTTP/1.1. */
export const HTTP: FuzzTarget = inputTarget({ name: "http", make, check });
