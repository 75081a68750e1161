import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { ProtocolError } from "../../src/errors.ts";
import type { RequestHead } from "../../src/exchange.ts";
import { UNKNOWN_LENGTH } from "../../src/exchange.ts";
import { textOf } from "../../src/fields.ts";
import type { HttpLimits } from "../../src/http1/limits.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/limits.ts";
import { BODY, CHUNK, END, HEAD, NEED_DATA, RequestParser } from "../../src/http1/parser.ts";
import type { ParsedRequest } from "../support/parsing.ts";
import { bytesOf, parse } from "../support/parsing.ts";
import { Random } from "../support/random.ts";

const TOKEN_CHARS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
const VALUE_CHARS = `${TOKEN_CHARS} \t"(),/:;<=>?@[\\]{}\xe4\xff`;
const TARGET_CHARS = "abcXYZ019/%._~-?&=+:@!$'()*,;[]{}|^\"<>`\\";
const BODY_CHARS = "abc\r\n\0: 0\xff";
const BLANKS = ["", " ", "\t", " \t "];
const HOSTS = ["a", "example.com", "[::1]:8080", "192.0.2.1:80", ""];

/** `text` with each letter in either case. */
function inAnyCase(random: Random, text: string): string {
  return text.replace(
    /[a-z]/gi,
    (letter) => random.below(2) === 0 ? letter.toLowerCase() : letter.toUpperCase(),
  );
}

function fieldLine(random: Random, name: string, value: string): string {
  return `${name}:${random.pick(BLANKS)}${value}${random.pick(BLANKS)}\r\n`;
}

/** Field lines with random names, none of which mean something, and values. */
function randomFields(random: Random, atMost: number): string[] {
  return Array.from({ length: random.below(atMost + 1) }, () => {
    const name = `x-${random.text(1 + random.below(15), TOKEN_CHARS)}`;
    return fieldLine(random, name, random.text(random.below(30), VALUE_CHARS));
  });
}

function randomTarget(random: Random, method: string, host: string) {
  const path = `/${random.text(random.below(40), TARGET_CHARS)}`;
  switch (random.below(5)) {
    case 0: {
      const authority = random.pick(["b", "b.example:8080", "[::2]"]);
      const scheme = inAnyCase(random, random.pick(["http", "https"]));
      const target = `${scheme}://${authority}${random.pick(["", path, "?q"])}`;
      return { target, authority };
    }
    case 1:
      if (method === "OPTIONS") return { target: "*", authority: host };
      return { target: path, authority: host };
    default:
      return { target: path, authority: host };
  }
}

/** Chunks with random sizes, extensions and trailers, that hold `data`. */
function randomChunks(random: Random, data: string) {
  const chunks: number[] = [];
  let text = "";
  for (let at = 0; at < data.length;) {
    const size = Math.min(data.length - at, 1 + random.below(40));
    const digits = inAnyCase(random, size.toString(16)).padStart(random.below(5), "0");
    const extension = random.pick(["", "", ";", ";a", `;a="b c"`, "; x = y;z"]);
    text += `${digits}${extension}\r\n${data.slice(at, at + size)}\r\n`;
    chunks.push(size);
    at += size;
  }
  const trailers = randomFields(random, 2).join("");
  text += `${"0".repeat(1 + random.below(3))}${random.pick(["", ";end"])}\r\n${trailers}\r\n`;
  return { text, chunks, trailers };
}

/** A valid request as text, and what the parser is to see in it. */
function randomRequest(random: Random): [string, ParsedRequest] {
  const method = random.pick([
    "GET",
    "POST",
    "PUT",
    "OPTIONS",
    `x${random.text(random.below(20), TOKEN_CHARS)}`,
  ]);
  const minorDigit = random.pick([1, 1, 1, 0, 2 + random.below(8)]);
  const minorVersion = Math.min(minorDigit, 1);
  const lines = randomFields(random, 5);
  /** Puts a line anywhere among the others. */
  const addLine = (name: string, value: string) => {
    const line = fieldLine(random, inAnyCase(random, name), value);
    lines.splice(random.below(lines.length + 1), 0, line);
  };

  const namesHost = minorVersion === 1 || random.below(2) === 0;
  const host = namesHost ? random.pick(HOSTS) : "";
  if (namesHost) addLine("Host", host);
  const { target, authority } = randomTarget(random, method, host);

  const options = random.pick(["", "", "close", "keep-alive", "keep-alive, close", "x , Close"]);
  if (options !== "") addLine("Connection", options);
  const keepAlive = minorVersion === 1 ? !/close/i.test(options) : options === "keep-alive";

  let body = random.text(random.below(120), BODY_CHARS);
  let bodyText = body;
  let bodyLength = body.length;
  let chunks: number[] = [];
  let trailers: string | null = null;
  const framing = random.below(3);
  if (framing === 0) {
    body = bodyText = "";
    bodyLength = 0;
  } else if (framing === 1 || minorVersion === 0) {
    addLine("Content-Length", String(bodyLength).padStart(random.below(5), "0"));
  } else {
    addLine("Transfer-Encoding", inAnyCase(random, "chunked"));
    ({ text: bodyText, chunks, trailers } = randomChunks(random, body));
    bodyLength = -1;
  }
  const expects = random.below(8) === 0;
  if (expects) addLine("Expect", inAnyCase(random, "100-continue"));
  const expectsContinue = expects && minorVersion === 1 && bodyLength !== 0;

  const fields = lines.join("");
  const emptyLines = "\r\n".repeat(random.pick([0, 0, 0, 1, 4]));
  const text = `${emptyLines}${method} ${target} HTTP/1.${minorDigit}\r\n${fields}\r\n${bodyText}`;
  return [text, {
    method,
    target,
    authority,
    minorVersion,
    fields,
    bodyLength,
    keepAlive,
    expectsContinue,
    body,
    chunks,
    trailers,
  }];
}

function randomPieces(random: Random, bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = 1 + random.below(random.pick([1, 3, 30, 300]));
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

Deno.test("random pipelines of valid requests are read as they were written, in random splits", () => {
  const random = new Random(1);
  for (let round = 0; round < 5_000; round++) {
    const generated = Array.from({ length: 1 + random.below(4) }, () => randomRequest(random));
    const text = generated.map(([text]) => text).join("");
    const parsed = parse(randomPieces(random, bytesOf(text)));
    const expected = { requests: generated.map(([, request]) => request), error: null };
    assertEquals(parsed, expected, JSON.stringify(text));
  }
});

/** What a mutation may put in: what has a meaning somewhere, and what has none anywhere. */
const SNIPPETS = [
  "\r\n",
  "\n",
  "\r",
  "\r\n\r\n",
  "\r\n ",
  " ",
  "\t",
  "\0",
  "\x7f",
  "\xff",
  ":",
  ";",
  ",",
  "#",
  "0",
  "f",
  "-",
  "+",
  "_",
  "0\r\n\r\n",
  "Host: b\r\n",
  "Content-Length: 5\r\n",
  "Content-Length: 00\r\n",
  "Content-Length: 99999999999999999999\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: gzip\r\n",
  "Connection: close\r\n",
  "Expect: x\r\n",
  "HTTP/2.0",
  "CONNECT ",
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "ffffffffffffffff",
  "x".repeat(40),
];

function mutate(random: Random, text: string): string {
  let at = random.below(text.length + 1);
  const end = Math.min(text.length, at + 1 + random.below(random.pick([1, 4, 30])));
  switch (random.below(8)) {
    case 0: // Replaces a byte.
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
    case 1: // Replaces some bytes.
      return text.slice(0, at) + random.pick(SNIPPETS) + text.slice(end);
    case 2: // Inserts some.
      return text.slice(0, at) + random.pick(SNIPPETS) + text.slice(at);
    case 3: // Inserts some at the start of a line.
      at = text.indexOf("\n", at) + 1;
      return text.slice(0, at) + random.pick(SNIPPETS) + text.slice(at);
    case 4: // Replaces a digit.
      at += Math.max(0, text.slice(at).search(/\d/));
      return text.slice(0, at) + random.below(10) + text.slice(at + 1);
    case 5: // Removes some.
      return text.slice(0, at) + text.slice(end);
    case 6: // Repeats some.
      return text.slice(0, end) + text.slice(at);
    default: // Moves some to the end.
      return text.slice(0, at) + text.slice(end) + text.slice(at, end);
  }
}

const FIELD_LINES = /^(?:[!#$%&'*+\-.^_`|~\w]+:[\t\x20-\x7e\x80-\xff]*\r\n)*$/;
const TARGET = /^[\x21\x22\x24-\x7e]+$/;

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

/** All that the parser makes of some bytes, in the order in which it does. */
function transcribe(pieces: readonly Uint8Array[], limits: HttpLimits) {
  const parser = new RequestParser(limits);
  let transcript = "";
  let last: number = NEED_DATA;
  let unread = 0;
  let events = 0;
  try {
    for (const piece of pieces) {
      parser.push(piece);
      unread += piece.length;
      for (;;) {
        const event = parser.next();
        if (event === NEED_DATA) break;
        assert(++events <= unread, "each event takes bytes");
        const { buffer, bodyStart, bodyEnd, head } = parser;
        if (event === HEAD) {
          const target = textOf(head.block, head.targetStart, head.targetEnd);
          const authority = textOf(head.block, head.authorityStart, head.authorityEnd);
          const fields = textOf(head.block, head.fieldsStart, head.fieldsEnd);
          if (pieces.length === 1) checkHead(head, target, fields);
          transcript += `\nHEAD ${head.method} ${target} ${authority} ${head.minorVersion} ` +
            `${head.bodyLength} ${parser.keepAlive} ${head.expectsContinue}\n${fields}`;
        } else if (event === CHUNK) {
          assert(parser.chunkBytes > 0);
          transcript += `\nCHUNK ${parser.chunkBytes}`;
        } else if (event === BODY) {
          assert(bodyStart < bodyEnd && bodyEnd <= buffer.length);
          transcript += (last === BODY ? "" : "\nBODY ") + textOf(buffer, bodyStart, bodyEnd);
        } else {
          assertEquals(event, END);
          const trailers = textOf(buffer, bodyStart, bodyEnd);
          assertMatch(trailers, FIELD_LINES);
          transcript += `\nEND ${trailers}`;
        }
        last = event;
      }
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    assertEquals(parser.next(), NEED_DATA);
    assertEquals(parser.hasUnread, false);
    return { transcript, status: error.status };
  }
  return { transcript, status: null };
}

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
  for (let round = 0; round < 100_000; round++) {
    let [text] = randomRequest(random);
    if (round % 8 === 0) text += randomRequest(random)[0];
    for (let i = 1 + random.below(3); i > 0; i--) text = mutate(random, text);
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
  for (let round = 0; round < 20_000; round++) {
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
