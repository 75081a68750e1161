import { assert, assertEquals } from "../support/assert.ts";
import type { HttpLimits } from "../../src/http1/codec/limits.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/codec/limits.ts";
import { HTTP_SNIPPETS, randomRequest } from "../fuzz/http_requests.ts";
import { transcribe } from "../fuzz/http_transcript.ts";
import { mutated, randomPieces } from "../fuzz/mutation.ts";
import { bytesOf, parse } from "../support/parsing.ts";
import { Random } from "../support/random.ts";

Deno.test("random pipelines of valid requests are read as they were written, in random splits", () => {
  const random = new Random(1);
  for (let round = 0; round < 2_000; round++) {
    const generated = Array.from({ length: 1 + random.below(4) }, () => randomRequest(random));
    const text = generated.map(([text]) => text).join("");
    const parsed = parse(randomPieces(random, bytesOf(text)));
    const expected = { requests: generated.map(([, request]) => request), error: null };
    assertEquals(parsed, expected, JSON.stringify(text));
  }
});

Deno.test("mutated requests are refused or read, the same in any split, and never crash the parser", () => {
  const random = new Random(2);
  const small: HttpLimits = {
    ...DEFAULT_HTTP_LIMITS,
    maxHeaderBytes: 240,
    maxHeaderCount: 7,
    maxTargetBytes: 50,
    maxBodyBytes: 110,
  };
  const outcomes = new Map<number | null, number>();
  for (let round = 0; round < 30_000; round++) {
    let [text] = randomRequest(random);
    if (round % 8 === 0) text += randomRequest(random)[0];
    for (let i = 1 + random.below(3); i > 0; i--) text = mutated(random, text, HTTP_SNIPPETS);
    const bytes = bytesOf(text);
    const limits = round % 2 === 0 ? small : DEFAULT_HTTP_LIMITS;
    try {
      const whole = transcribe([bytes], limits);
      outcomes.set(whole.status, (outcomes.get(whole.status) ?? 0) + 1);
      const pieces = round % 16 === 0
        ? Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
        : randomPieces(random, bytes);
      const split = transcribe(pieces, limits);
      if (split.transcript !== whole.transcript || split.status !== whole.status) {
        assertEquals(split, whole);
      }
    } catch (error) {
      throw new Error(`round ${round}: ${JSON.stringify(text)}`, { cause: error });
    }
  }
  const expected = [null, 400, 413, 414, 417, 431, 501, 505];
  for (const status of outcomes.keys()) {
    assert(expected.includes(status), `${status} is no status for a request`);
  }
  for (const status of expected) {
    const times = outcomes.get(status) ?? 0;
    assert(times >= 100, `the outcome ${status} came ${times} times only`);
  }
});

Deno.test("random bytes are refused or read, the same in any split, and never crash the parser", () => {
  const random = new Random(3);
  for (let round = 0; round < 6_000; round++) {
    const start = random.pick([
      "",
      "GET ",
      "GET / HTTP/1.1\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    ]);
    const text = start +
      (round % 2 === 0 ? random.text(random.below(40), "\r\n :;01afx/\0\xff") : Array.from(
        { length: random.below(40) },
        () => String.fromCharCode(random.below(256)),
      ).join(""));
    const bytes = bytesOf(text);
    const whole = transcribe([bytes], DEFAULT_HTTP_LIMITS);
    const split = transcribe(randomPieces(random, bytes), DEFAULT_HTTP_LIMITS);
    assertEquals(split, whole, JSON.stringify(text));
  }
});
