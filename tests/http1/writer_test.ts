import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "../support/assert.ts";
import { BufferPool, OutputBuffer } from "../../src/base/buffers.ts";
import { InvalidResponseError } from "../../src/base/errors.ts";
import type { ResponseHead } from "../../src/message/exchange.ts";
import { RequestHead, UNKNOWN_LENGTH, WHOLE_BODY } from "../../src/message/exchange.ts";
import { OwnLines, ResponseWriter } from "../../src/http1/codec/writer.ts";
import { latin1Text } from "../../src/message/fields.ts";
import { bytesOf } from "../support/parsing.ts";
import { Random } from "../support/random.ts";

const DATE = "date: Thu, 01 Jan 1970 00:00:01 GMT\r\n";

/** A writer whose buffer holds the leavings of others, which must not come out. */
function newWriter(): { writer: ResponseWriter; out: OutputBuffer; written: () => string } {
  const pool = new BufferPool();
  for (const bytes of [4_096, 8_192, 16_384]) pool.give(new Uint8Array(bytes).fill(0x5a));
  const out = new OutputBuffer(pool);
  const date = new OwnLines();
  date.update(1_000);
  const written = () => latin1Text(out.bytes, 0, out.length);
  return { writer: new ResponseWriter(out, date), out, written };
}

function requestOf(method = "GET", minorVersion = 1): RequestHead {
  const head = new RequestHead();
  head.method = method;
  head.minorVersion = minorVersion;
  return head;
}

function headOf(status: number, fieldLines: string, bodyLength: number): ResponseHead {
  return { status, fieldLines, bodyLength };
}

/** `text` in UTF-8, a code unit for each byte. */
function utf8(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return latin1Text(bytes, 0, bytes.length);
}

interface Case {
  request?: RequestHead;
  head: ResponseHead;
  body?: string | Uint8Array;
  chunks?: string[];
  expected: string;
  closes?: true;
}

const cases: Record<string, Case> = {
  "a whole text has its length": {
    head: headOf(200, "x: y\r\n", WHOLE_BODY),
    body: "hello",
    expected: `HTTP/1.1 200 OK\r\nx: y\r\n${DATE}content-length: 5\r\n\r\nhello`,
  },
  "whole bytes have their length": {
    head: headOf(201, "", WHOLE_BODY),
    body: bytesOf("\0\xff"),
    expected: `HTTP/1.1 201 Created\r\n${DATE}content-length: 2\r\n\r\n\0\xff`,
  },
  "no body has the length 0": {
    head: headOf(200, "", WHOLE_BODY),
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 0\r\n\r\n`,
  },
  "an empty text has the length 0": {
    head: headOf(200, "", WHOLE_BODY),
    body: "",
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 0\r\n\r\n`,
  },
  "a known length is announced, and its parts follow": {
    head: headOf(200, "", 6),
    chunks: ["abc", "", "def"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 6\r\n\r\nabcdef`,
  },
  "a known length of 0 needs no parts": {
    head: headOf(200, "", 0),
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 0\r\n\r\n`,
  },
  "the first part of a known length may come with the head": {
    head: headOf(200, "", 6),
    body: bytesOf("abc"),
    chunks: ["def"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 6\r\n\r\nabcdef`,
  },
  "the first part of a known length may be text": {
    head: headOf(200, "", 6),
    body: "ä",
    chunks: ["cdef"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 6\r\n\r\n${utf8("ä")}cdef`,
  },
  "a text of known length is all of it": {
    head: headOf(200, "", 5),
    body: "hello",
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 5\r\n\r\nhello`,
  },
  "a body of unknown length is chunked": {
    head: headOf(200, "", UNKNOWN_LENGTH),
    chunks: ["abc", "", "0123456789abcdef"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}transfer-encoding: chunked\r\n\r\n` +
      "3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n",
  },
  "a body of unknown length may turn out empty": {
    head: headOf(200, "", UNKNOWN_LENGTH),
    expected: `HTTP/1.1 200 OK\r\n${DATE}transfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
  },
  "an empty first part does not end a chunked body": {
    head: headOf(200, "", UNKNOWN_LENGTH),
    body: bytesOf(""),
    chunks: ["abc"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}transfer-encoding: chunked\r\n\r\n` +
      "3\r\nabc\r\n0\r\n\r\n",
  },
  "the first chunk may come with the head": {
    head: headOf(200, "", UNKNOWN_LENGTH),
    body: bytesOf("abc"),
    chunks: ["de"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}transfer-encoding: chunked\r\n\r\n` +
      "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
  },
  "the first chunk may be text": {
    head: headOf(200, "", UNKNOWN_LENGTH),
    body: "ä",
    chunks: ["de"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}transfer-encoding: chunked\r\n\r\n` +
      `2\r\n${utf8("ä")}\r\n2\r\nde\r\n0\r\n\r\n`,
  },
  "a length that the handler declares is used for a stream": {
    head: headOf(200, "Content-Length: 3\r\n", UNKNOWN_LENGTH),
    chunks: ["abc"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 3\r\n\r\nabc`,
  },
  "a declared length is used for a stream that begins with text": {
    head: headOf(200, "Content-Length: 3\r\n", UNKNOWN_LENGTH),
    body: "abc",
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 3\r\n\r\nabc`,
  },
  "a declared length is used for a stream to HTTP/1.0 too": {
    request: requestOf("GET", 0),
    head: headOf(200, "content-length:\t3 \r\n", UNKNOWN_LENGTH),
    chunks: ["a", "bc"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 3\r\nconnection: keep-alive\r\n\r\nabc`,
  },
  "a malformed declared length is left out": {
    head: headOf(200, "Content-Length: 3x\r\n", UNKNOWN_LENGTH),
    chunks: ["abc"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  },
  "declared lengths that are none are left out": {
    head: headOf(
      200,
      "content-length: -3\r\ncontent-length: +3\r\ncontent-length: 3, 3\r\ncontent-length:\r\n" +
        "content-length: 0x3\r\ncontent-length: 99999999999999999999\r\n",
      UNKNOWN_LENGTH,
    ),
    chunks: ["abc"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  },
  "a wrong declared length gives way to the true one": {
    head: headOf(200, "content-length: 99\r\n", WHOLE_BODY),
    body: "abc",
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 3\r\n\r\nabc`,
  },
  "a wrong declared length gives way to one that is known": {
    head: headOf(200, "content-length: 99\r\n", 3),
    chunks: ["abc"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 3\r\n\r\nabc`,
  },
  "HTTP/1.0 gets a body of unknown length until the connection closes": {
    request: requestOf("GET", 0),
    head: headOf(200, "", UNKNOWN_LENGTH),
    chunks: ["abc", "", "de"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}connection: close\r\n\r\nabcde`,
    closes: true,
  },
  "HTTP/1.0 gets text of unknown length until the connection closes": {
    request: requestOf("GET", 0),
    head: headOf(200, "", UNKNOWN_LENGTH),
    body: "ä",
    chunks: ["bc"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}connection: close\r\n\r\n${utf8("ä")}bc`,
    closes: true,
  },
  "HTTP/1.0 is told when it is kept alive": {
    request: requestOf("GET", 0),
    head: headOf(200, "", WHOLE_BODY),
    body: "abc",
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 3\r\nconnection: keep-alive\r\n\r\nabc`,
  },
  "HTTP/1.0 is kept alive where there is no body": {
    request: requestOf("HEAD", 0),
    head: headOf(200, "", UNKNOWN_LENGTH),
    expected: `HTTP/1.1 200 OK\r\n${DATE}connection: keep-alive\r\n\r\n`,
  },
  "HEAD has the length and no body": {
    request: requestOf("HEAD"),
    head: headOf(200, "", WHOLE_BODY),
    body: "hällo",
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 6\r\n\r\n`,
  },
  "HEAD has the length of bytes and none of them": {
    request: requestOf("HEAD"),
    head: headOf(200, "", WHOLE_BODY),
    body: bytesOf("hello"),
    chunks: ["more"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 5\r\n\r\n`,
  },
  "HEAD has a known length and no body": {
    request: requestOf("HEAD"),
    head: headOf(200, "", 70_000),
    chunks: ["x"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 70000\r\n\r\n`,
  },
  "HEAD without a body has no length, since GET may have one": {
    request: requestOf("HEAD"),
    head: headOf(200, "", WHOLE_BODY),
    expected: `HTTP/1.1 200 OK\r\n${DATE}\r\n`,
  },
  "HEAD has the length that the handler declares": {
    request: requestOf("HEAD"),
    head: headOf(200, "content-length: 77\r\n", WHOLE_BODY),
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 77\r\n\r\n`,
  },
  "HEAD of a stream has the length that the handler declares": {
    request: requestOf("HEAD"),
    head: headOf(200, "content-length: 77\r\n", UNKNOWN_LENGTH),
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 77\r\n\r\n`,
  },
  "HEAD with a body has its length, whatever the handler declares": {
    request: requestOf("HEAD"),
    head: headOf(200, "content-length: 77\r\n", WHOLE_BODY),
    body: "hello",
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 5\r\n\r\n`,
  },
  "HEAD of a stream has no framing": {
    request: requestOf("HEAD"),
    head: headOf(200, "", UNKNOWN_LENGTH),
    chunks: ["abc"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}\r\n`,
  },
  "a method that only looks like HEAD has a body": {
    request: requestOf("head"),
    head: headOf(200, "", WHOLE_BODY),
    body: "x",
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 1\r\n\r\nx`,
  },
  "204 has neither length nor body": {
    head: headOf(204, "content-length: 3\r\n", WHOLE_BODY),
    body: "abc",
    expected: `HTTP/1.1 204 No Content\r\n${DATE}\r\n`,
  },
  "204 of a stream has no framing": {
    head: headOf(204, "", UNKNOWN_LENGTH),
    chunks: ["abc"],
    expected: `HTTP/1.1 204 No Content\r\n${DATE}\r\n`,
  },
  "204 keeps HTTP/1.0 alive": {
    request: requestOf("GET", 0),
    head: headOf(204, "", UNKNOWN_LENGTH),
    expected: `HTTP/1.1 204 No Content\r\n${DATE}connection: keep-alive\r\n\r\n`,
  },
  "204 to HEAD has no length": {
    request: requestOf("HEAD"),
    head: headOf(204, "content-length: 3\r\n", WHOLE_BODY),
    expected: `HTTP/1.1 204 No Content\r\n${DATE}\r\n`,
  },
  "304 keeps the length of what it stands for": {
    head: headOf(304, "content-length: 5\r\netag: x\r\n", WHOLE_BODY),
    body: "abc",
    expected: `HTTP/1.1 304 Not Modified\r\netag: x\r\n${DATE}content-length: 5\r\n\r\n`,
  },
  "304 without a declared length has none": {
    head: headOf(304, "", WHOLE_BODY),
    expected: `HTTP/1.1 304 Not Modified\r\n${DATE}\r\n`,
  },
  "304 of a stream has no framing": {
    head: headOf(304, "", UNKNOWN_LENGTH),
    chunks: ["abc"],
    expected: `HTTP/1.1 304 Not Modified\r\n${DATE}\r\n`,
  },
  "205 has the length 0": {
    head: headOf(205, "", WHOLE_BODY),
    expected: `HTTP/1.1 205 Reset Content\r\n${DATE}content-length: 0\r\n\r\n`,
  },
  "205 has no body, whatever the handler gives": {
    head: headOf(205, "content-length: 3\r\n", WHOLE_BODY),
    body: "abc",
    expected: `HTTP/1.1 205 Reset Content\r\n${DATE}content-length: 0\r\n\r\n`,
  },
  "205 of a stream has no body": {
    head: headOf(205, "", UNKNOWN_LENGTH),
    body: bytesOf("abc"),
    chunks: ["abc"],
    expected: `HTTP/1.1 205 Reset Content\r\n${DATE}content-length: 0\r\n\r\n`,
  },
  "an error status has a body like others": {
    head: headOf(404, "", WHOLE_BODY),
    body: "no",
    expected: `HTTP/1.1 404 Not Found\r\n${DATE}content-length: 2\r\n\r\nno`,
  },
  "a status without a name has an empty reason": {
    head: headOf(299, "", WHOLE_BODY),
    expected: `HTTP/1.1 299 \r\n${DATE}content-length: 0\r\n\r\n`,
  },
  "the highest status is 599": {
    head: headOf(599, "", WHOLE_BODY),
    expected: `HTTP/1.1 599 \r\n${DATE}content-length: 0\r\n\r\n`,
  },
  "the handler's own Date stays": {
    head: headOf(200, "Date: then\r\n", WHOLE_BODY),
    expected: "HTTP/1.1 200 OK\r\nDate: then\r\ncontent-length: 0\r\n\r\n",
  },
  "a field with a name like Date is none": {
    head: headOf(200, "data: x\r\nx-date: y\r\n", WHOLE_BODY),
    expected: `HTTP/1.1 200 OK\r\ndata: x\r\nx-date: y\r\n${DATE}content-length: 0\r\n\r\n`,
  },
  "fields of the connection are left out": {
    head: headOf(
      200,
      "a: 1\r\nTransfer-Encoding: chunked\r\nConnection: x-b\r\nKeep-Alive: 5\r\n" +
        "Upgrade: h2c\r\nTrailer: t\r\nProxy-Connection: z\r\nb: 2\r\n",
      WHOLE_BODY,
    ),
    body: "x",
    expected: `HTTP/1.1 200 OK\r\na: 1\r\nb: 2\r\n${DATE}content-length: 1\r\n\r\nx`,
  },
  "fields of the connection alone leave nothing": {
    head: headOf(
      200,
      "CONNECTION:\r\ntransfer-encoding:gzip\r\nTransfer-Encoding: chunked\r\n",
      UNKNOWN_LENGTH,
    ),
    chunks: ["x"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`,
  },
  "fields with names like those of the connection pass": {
    head: headOf(
      200,
      "connections: 1\r\nx-pgrade: 2\r\nkeep-aliv_: 3\r\ncontent-lengt: 4\r\n" +
        "content-lengti: 5\r\ntransfer-encodinh: 6\r\nproxy-connectiom: 7\r\n",
      WHOLE_BODY,
    ),
    expected: "HTTP/1.1 200 OK\r\nconnections: 1\r\nx-pgrade: 2\r\nkeep-aliv_: 3\r\n" +
      "content-lengt: 4\r\ncontent-lengti: 5\r\ntransfer-encodinh: 6\r\nproxy-connectiom: 7\r\n" +
      `${DATE}content-length: 0\r\n\r\n`,
  },
  "a handler that says close closes": {
    head: headOf(200, "connection: Close\r\n", WHOLE_BODY),
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 0\r\nconnection: close\r\n\r\n`,
    closes: true,
  },
  "a handler that says close among other things closes, to HTTP/1.0 too": {
    request: requestOf("GET", 0),
    head: headOf(200, "connection: keep-alive, close\r\n", WHOLE_BODY),
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 0\r\nconnection: close\r\n\r\n`,
    closes: true,
  },
  "a handler that says something like close does not close": {
    head: headOf(200, "connection: closed, not-close\r\nclose: close\r\n", WHOLE_BODY),
    expected: `HTTP/1.1 200 OK\r\nclose: close\r\n${DATE}content-length: 0\r\n\r\n`,
  },
  "repeated fields, empty values and obs-text pass": {
    head: headOf(
      200,
      "set-cookie: a\r\nset-cookie: b\r\nx:\r\ny: \xe4\r\nz:\ta\tb \r\n",
      WHOLE_BODY,
    ),
    expected:
      `HTTP/1.1 200 OK\r\nset-cookie: a\r\nset-cookie: b\r\nx:\r\ny: \xe4\r\nz:\ta\tb \r\n` +
      `${DATE}content-length: 0\r\n\r\n`,
  },
  "many field lines pass": {
    head: headOf(200, `x: ${"y".repeat(500)}\r\nconnection: z\r\n`.repeat(100), WHOLE_BODY),
    body: "x",
    expected: `HTTP/1.1 200 OK\r\n${`x: ${"y".repeat(500)}\r\n`.repeat(100)}${DATE}` +
      "content-length: 1\r\n\r\nx",
  },
};

for (const [name, { request, head, body, chunks, expected, closes }] of Object.entries(cases)) {
  for (const form of ["text", "bytes"]) {
    Deno.test(`in a response, ${name} (field lines as ${form})`, () => {
      const { writer, written } = newWriter();
      const { status, fieldLines, bodyLength } = head;
      const lines = form === "bytes" ? bytesOf(fieldLines as string) : fieldLines;
      writer.begin(request ?? requestOf(), { status, fieldLines: lines, bodyLength }, body ?? null);
      for (const chunk of chunks ?? []) writer.write(bytesOf(chunk));
      writer.end();
      assertEquals(written(), expected);
      assertEquals(writer.closes, closes ?? false);
      assert(writer.idle);
    });
  }
}

interface Extra {
  readonly head: ResponseHead;
  readonly trailers?: string;
  readonly interim?: readonly [status: number, fieldLines: string];
  readonly expected: string | RegExp;
}

const CHUNKED_HEAD = `${DATE}transfer-encoding: chunked\r\n\r\n1\r\nx\r\n`;

/** What not every protocol has: reasons, interim responses, trailers. */
const extras: Record<string, Extra> = {
  "a reason phrase of the handler's is sent": {
    head: { ...headOf(404, "", UNKNOWN_LENGTH), reason: "N\xf6 way" },
    expected: `HTTP/1.1 404 N\xf6 way\r\n${CHUNKED_HEAD}0\r\n\r\n`,
  },
  "a reason phrase that breaks out of its line is refused": {
    head: { ...headOf(200, "", UNKNOWN_LENGTH), reason: "OK\r\nx: y" },
    expected: /malformed reason/,
  },
  "a reason phrase beyond bytes is refused": {
    head: { ...headOf(200, "", UNKNOWN_LENGTH), reason: "\u010d\u010a" },
    expected: /malformed reason/,
  },
  "trailers follow the last chunk": {
    head: { ...headOf(200, "Trailer: X-A\r\n", UNKNOWN_LENGTH), announcesTrailers: true },
    trailers: "X-A: 1\r\nx-b: 2\r\n",
    expected: `HTTP/1.1 200 OK\r\nTrailer: X-A\r\n${CHUNKED_HEAD}0\r\nX-A: 1\r\nx-b: 2\r\n\r\n`,
  },
  "trailers that have to be known before are left out": {
    head: headOf(200, "", UNKNOWN_LENGTH),
    trailers: "Content-Length: 1\r\nTransfer-Encoding: x\r\nSet-Cookie: a\r\nHost: b\r\nc: d\r\n",
    expected: `HTTP/1.1 200 OK\r\n${CHUNKED_HEAD}0\r\nc: d\r\n\r\n`,
  },
  "trailers without chunks are left out": {
    head: headOf(200, "content-length: 1\r\n", UNKNOWN_LENGTH),
    trailers: "c: d\r\n",
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 1\r\n\r\nx`,
  },
  "a malformed trailer is refused": {
    head: headOf(200, "", UNKNOWN_LENGTH),
    trailers: "a: b\r\n\r\nHTTP/1.1 200 OK\r\n",
    expected: /malformed field line/,
  },
  "trailers without end are refused": {
    head: headOf(200, "", UNKNOWN_LENGTH),
    trailers: `a: ${"b".repeat(65_536)}\r\n`,
    expected: /larger than 65536 bytes/,
  },
  "an interim response comes before": {
    head: headOf(200, "", UNKNOWN_LENGTH),
    interim: [103, "Link: </a>\r\nContent-Length: 1\r\nConnection: close\r\n"],
    expected: `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n${CHUNKED_HEAD}` +
      "0\r\n\r\n",
  },
  "an interim response with a malformed field is refused": {
    head: headOf(200, "", UNKNOWN_LENGTH),
    interim: [103, "Link: a\r\n\r\n"],
    expected: /malformed field line/,
  },
  "an interim response that switches protocols is refused": {
    head: headOf(200, "", UNKNOWN_LENGTH),
    interim: [101, ""],
    expected: /cannot have the status 101/,
  },
};

for (const [name, { head, trailers, interim, expected }] of Object.entries(extras)) {
  Deno.test(`with a response, ${name}`, () => {
    const { writer, written } = newWriter();
    const write = () => {
      if (interim !== undefined) writer.writeInterim(...interim);
      writer.begin(requestOf(), head, null);
      writer.write(bytesOf("x"));
      writer.end(trailers);
    };
    if (typeof expected === "string") {
      write();
      assertEquals(written(), expected);
    } else {
      assertMatch(`${assertThrows(write, InvalidResponseError)}`, expected);
      // Nothing of it is left.
      assert(!/\r\n\r\nHTTP|x: y|Link/.test(written()), written());
    }
  });
}

Deno.test("a connection that was to be closed before is announced so, whoever the client is", () => {
  for (const minorVersion of [0, 1]) {
    const { writer, written } = newWriter();
    writer.closes = true;
    writer.begin(requestOf("GET", minorVersion), headOf(200, "", WHOLE_BODY), "x");
    const head = `HTTP/1.1 200 OK\r\n${DATE}content-length: 1\r\nconnection: close\r\n\r\n`;
    assertEquals(written(), `${head}x`);
    assertEquals(writer.closes, true);
  }
});

const texts: Record<string, string> = {
  "two bytes": "ä",
  "three bytes": "€",
  "four bytes": "😀",
  "a lone high surrogate": "a\ud83d",
  "a lone low surrogate": "\ude00b",
  "surrogates in the wrong order": "\ude00\ud83d",
  "a NUL and line ends": "\0\r\n\n\ufeff",
};
for (const [name, text] of Object.entries(texts)) {
  Deno.test(`text with ${name} per character has the length of its bytes, be it short or long`, () => {
    for (const times of [1, 5, 11, 12, 15, 16, 23, 24, 31, 32, 47, 48, 63, 64, 65, 5_000]) {
      for (const rest of ["", "z"]) {
        const body = text.repeat(times) + rest;
        const { writer, written } = newWriter();
        writer.begin(requestOf(), headOf(200, "", WHOLE_BODY), body);
        const bytes = utf8(body);
        const head = `HTTP/1.1 200 OK\r\n${DATE}content-length: ${bytes.length}\r\n\r\n`;
        assertEquals(written(), head + bytes);
        assert(writer.idle);
      }
    }
  });
}

Deno.test("ASCII text of any length up to 200 arrives unchanged", () => {
  for (let length = 0; length <= 200; length++) {
    const { writer, written } = newWriter();
    writer.begin(requestOf(), headOf(200, "", WHOLE_BODY), "a".repeat(length));
    const head = `HTTP/1.1 200 OK\r\n${DATE}content-length: ${length}\r\n\r\n`;
    assertEquals(written(), head + "a".repeat(length));
  }
});

const malformed: Record<string, ResponseHead> = {
  "a CRLF in a value": headOf(200, "x: a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", WHOLE_BODY),
  "a CR in a value": headOf(200, "x: a\rb\r\n", WHOLE_BODY),
  "an LF in a value": headOf(200, "x: a\nb\r\n", WHOLE_BODY),
  "a line that ends in an LF": headOf(200, "x: a\nset-cookie: b\r\n", WHOLE_BODY),
  "a line that ends in a CR": headOf(200, "x: a\rset-cookie: b\r\n", WHOLE_BODY),
  "a folded line": headOf(200, "x: a\r\n b\r\n", WHOLE_BODY),
  "an empty line": headOf(200, "\r\n", WHOLE_BODY),
  "an empty line at its end": headOf(200, "x: y\r\n\r\n", WHOLE_BODY),
  "a NUL in a value": headOf(200, "x: a\0b\r\n", WHOLE_BODY),
  "a control character in a value": headOf(200, "x: a\x0bb\r\n", WHOLE_BODY),
  "a DEL in a value": headOf(200, "x: a\x7fb\r\n", WHOLE_BODY),
  "a CR in a name": headOf(200, "x\r: a\r\n", WHOLE_BODY),
  "an LF in a name": headOf(200, "x\ny: a\r\n", WHOLE_BODY),
  "a NUL in a name": headOf(200, "x\0: a\r\n", WHOLE_BODY),
  "a space in a name": headOf(200, "x y: a\r\n", WHOLE_BODY),
  "a space after a name": headOf(200, "x : a\r\n", WHOLE_BODY),
  "a space before a name": headOf(200, " x: a\r\n", WHOLE_BODY),
  "obs-text in a name": headOf(200, "x\xe4: a\r\n", WHOLE_BODY),
  "an empty name": headOf(200, ": a\r\n", WHOLE_BODY),
  "no colon": headOf(200, "nonsense\r\n", WHOLE_BODY),
  "a name alone": headOf(200, "x", WHOLE_BODY),
  "a name and a colon alone": headOf(200, "x:", WHOLE_BODY),
  "no line end": headOf(200, "x: y", WHOLE_BODY),
  "half a line end": headOf(200, "x: y\r", WHOLE_BODY),
  "a malformed line after good ones": headOf(200, "a: b\r\nc: d\r\nx y\r\n", WHOLE_BODY),
  "a malformed line after one that is left out": headOf(
    200,
    "transfer-encoding: chunked\r\nx y\r\n",
    WHOLE_BODY,
  ),
  "a line of the connection that is malformed": headOf(200, "connection: a\0\r\n", WHOLE_BODY),
  "a line of the framing that is malformed": headOf(200, "content-length: 3\n\r\n", WHOLE_BODY),
  "characters beyond a byte that would make a line end": headOf(
    200,
    "x: \u010d\u010a\r\n",
    WHOLE_BODY,
  ),
  "characters beyond a byte that would make another field": headOf(
    200,
    "x: a\u010d\u010aset-cookie: b\r\n",
    WHOLE_BODY,
  ),
  "characters beyond a byte that would make another body": headOf(
    200,
    "x: a\r\ncontent-length: \u0130\r\n",
    UNKNOWN_LENGTH,
  ),
  "characters beyond a byte in a name": headOf(200, "\u0178: a\r\n", WHOLE_BODY),
  "a status below 200": headOf(199, "", WHOLE_BODY),
  "an interim status": headOf(101, "", WHOLE_BODY),
  "a status of zero": headOf(0, "", WHOLE_BODY),
  "a status above 599": headOf(600, "", WHOLE_BODY),
  "a status that is no number": headOf(NaN, "", WHOLE_BODY),
  "a status that is infinite": headOf(Infinity, "", WHOLE_BODY),
  "a status that is no whole number": headOf(200.5, "", WHOLE_BODY),
  "a negative length": headOf(200, "", -3),
  "a length that is no number": headOf(200, "", NaN),
  "a length that is infinite": headOf(200, "", Infinity),
  "a length that is no whole number": headOf(200, "", 1.5),
  "a length beyond all bounds": headOf(200, "", 2 ** 64),
};

for (const [name, head] of Object.entries(malformed)) {
  for (const body of ["x", null]) {
    const what = body === null ? "and without a body " : "";
    Deno.test(`a response with ${name} ${what}is refused, and nothing of it is written`, () => {
      const { writer, written } = newWriter();
      writer.begin(requestOf(), headOf(200, "", WHOLE_BODY), "before");
      const before = written();
      assertThrows(() => writer.begin(requestOf(), head, body), InvalidResponseError);
      assertEquals(written(), before);
      assert(writer.idle);
      writer.begin(requestOf(), headOf(500, "x: y\r\n", WHOLE_BODY), "after");
      assertEquals(
        written(),
        `${before}HTTP/1.1 500 Internal Server Error\r\nx: y\r\n${DATE}content-length: 5\r\n\r\nafter`,
      );
    });
  }
}

Deno.test("no byte in a field line breaks out of it, wherever it stands", () => {
  const lines: [RegExp, (char: string) => string][] = [
    [/[!#$%&'*+\-.^_`|~\w:]/, (char) => `x${char}y: z\r\n`],
    [/[\t\x20-\x7e\x80-\xff]/, (char) => `x: a${char}b\r\n`],
    [/[\t\x20-\x7e\x80-\xff]/, (char) => `x: ${char}\r\n`],
    [/[!#$%&'*+\-.^_`|~\w]/, (char) => `x: y\r\n${char}: z\r\n`],
  ];
  for (let byte = 0; byte < 256; byte++) {
    const char = String.fromCharCode(byte);
    for (const [permitted, lineWith] of lines) {
      for (const fieldLines of [lineWith(char), bytesOf(lineWith(char))]) {
        const { writer, written } = newWriter();
        const begin = () =>
          writer.begin(requestOf(), { status: 200, fieldLines, bodyLength: WHOLE_BODY }, null);
        if (permitted.test(char)) {
          begin();
          const head = `HTTP/1.1 200 OK\r\n${lineWith(char)}${DATE}content-length: 0\r\n\r\n`;
          assertEquals(written(), head);
        } else {
          assertThrows(begin, InvalidResponseError);
          assertEquals(written(), "");
        }
      }
    }
  }
});

Deno.test("a refusal of a field line tells its name, but not at any length", () => {
  const { writer } = newWriter();
  const begin = (lines: string) => () =>
    writer.begin(requestOf(), headOf(200, lines, WHOLE_BODY), null);
  assertThrows(begin("x-broken: a\0\r\n"), InvalidResponseError, '"x-broken"');
  const { message } = assertThrows(begin("x".repeat(5_000)), InvalidResponseError);
  assert(message.length < 200);
});

const tooLong: Record<string, [ResponseHead, string | Uint8Array]> = {
  "bytes beyond a known length": [headOf(200, "", 3), bytesOf("abcd")],
  "text beyond a known length": [headOf(200, "", 3), "abcd"],
  "text whose bytes are beyond a known length": [headOf(200, "", 3), "abä"],
  "bytes beyond a declared length": [
    headOf(200, "content-length: 3\r\n", UNKNOWN_LENGTH),
    bytesOf("abcd"),
  ],
  "text beyond a declared length": [headOf(200, "content-length: 3\r\n", UNKNOWN_LENGTH), "abcd"],
};
for (const [name, [head, body]] of Object.entries(tooLong)) {
  Deno.test(`a response that begins with ${name} is refused, and nothing of it is written`, () => {
    const { writer, written } = newWriter();
    writer.begin(requestOf(), headOf(200, "", WHOLE_BODY), "before");
    const before = written();
    const begin = () => writer.begin(requestOf(), head, body);
    assertThrows(begin, InvalidResponseError, "longer than its Content-Length");
    assertEquals(written(), before);
    assert(writer.idle);
  });
}

// RFC 9112 6.3: the body ends where its length says.
Deno.test("a body longer than its length ends there, a shorter one cannot be ended", () => {
  for (const head of [headOf(200, "", 3), headOf(200, "content-length: 3\r\n", UNKNOWN_LENGTH)]) {
    const { writer, written } = newWriter();
    writer.begin(requestOf(), head, null);
    assertThrows(() => writer.end(), InvalidResponseError, "3 bytes shorter");
    assertEquals(writer.write(bytesOf("ab")), 2);
    const before = written();
    assertThrows(() => writer.end(), InvalidResponseError, "1 bytes shorter");
    assertEquals(written(), before);
    assert(!writer.idle);
    assertEquals(writer.write(bytesOf("cde")), 1);
    assertEquals(written(), `${before}c`);
    assert(writer.idle);
  }
});

Deno.test("a text shorter than its length is not made up for", () => {
  const { writer, written } = newWriter();
  writer.begin(requestOf(), headOf(200, "", 8), "abc");
  assertEquals(written(), `HTTP/1.1 200 OK\r\n${DATE}content-length: 8\r\n\r\nabc`);
  assert(!writer.idle);
  assertThrows(() => writer.end(), InvalidResponseError, "5 bytes shorter");
});

Deno.test("what comes after the end of a response is not written", () => {
  const heads: [RequestHead, ResponseHead][] = [
    [requestOf(), headOf(200, "", UNKNOWN_LENGTH)],
    [requestOf("GET", 0), headOf(200, "", UNKNOWN_LENGTH)],
    [requestOf(), headOf(204, "", UNKNOWN_LENGTH)],
    [requestOf("HEAD"), headOf(200, "", 3)],
  ];
  for (const [request, head] of heads) {
    const { writer, written } = newWriter();
    writer.begin(request, head, null);
    writer.end();
    const before = written();
    writer.write(bytesOf("abc"));
    writer.end();
    assertEquals(written(), before);
  }
});

Deno.test("a response is complete when its framing says so, and not before", () => {
  const { writer } = newWriter();
  assert(writer.idle);
  writer.begin(requestOf(), headOf(200, "", 2), null);
  assert(!writer.idle);
  writer.write(bytesOf("a"));
  assert(!writer.idle);
  writer.write(bytesOf("b"));
  assert(writer.idle);
  writer.begin(requestOf(), headOf(200, "", UNKNOWN_LENGTH), bytesOf("a"));
  assert(!writer.idle);
  writer.end();
  assert(writer.idle);
  writer.begin(requestOf("HEAD"), headOf(200, "", UNKNOWN_LENGTH), null);
  assert(writer.idle);
});

Deno.test("100 Continue has a head and nothing else, and the response follows it", () => {
  const { writer, written } = newWriter();
  writer.writeContinue();
  assert(writer.idle);
  writer.begin(requestOf(), headOf(200, "", WHOLE_BODY), "x");
  assertEquals(
    written(),
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n${DATE}content-length: 1\r\n\r\nx`,
  );
});

Deno.test("the Date line has the form of RFC 9110 5.6.7, and is made anew each second", () => {
  const date = new OwnLines();
  const line = () => latin1Text(date.bytes, 0, date.bytes.length);
  date.update(784_111_777_000);
  assertEquals(line(), "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
  const { bytes } = date;
  date.update(784_111_777_999);
  assertStrictEquals(date.bytes, bytes);
  date.update(784_111_778_000);
  assertNotEquals(date.bytes, bytes);
  assertEquals(line(), "date: Sun, 06 Nov 1994 08:49:38 GMT\r\n");
  date.update(1_709_164_800_000);
  assertEquals(line(), "date: Thu, 29 Feb 2024 00:00:00 GMT\r\n");
  for (let month = 0; month < 12; month++) {
    date.update(Date.UTC(2025, month, month + 1, month));
    assertMatch(
      line(),
      /^date: (Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} 2025 \d\d:00:00 GMT\r\n$/,
    );
  }
});

Deno.test("an endpoint's Server line is in the responses that have none of their own", () => {
  const out = new OutputBuffer(new BufferPool());
  const own = new OwnLines("gatehouse");
  own.update(1_000);
  const writer = new ResponseWriter(out, own);
  // The third time, what is known of the lines counts.
  for (const lines of ["x: y\r\n", "Server: mine\r\n", "Server: mine\r\n", "Server: mine\r\n"]) {
    out.length = 0;
    writer.begin(requestOf(), headOf(200, lines, WHOLE_BODY), "x");
    const server = lines.startsWith("x") ? "server: gatehouse\r\n" : "";
    assertEquals(
      latin1Text(out.bytes, 0, out.length),
      `HTTP/1.1 200 OK\r\n${lines}${DATE}${server}content-length: 1\r\n\r\nx`,
    );
  }
});

Deno.test("responses follow each other in the same buffer, also after it was taken", () => {
  const { writer, out, written } = newWriter();
  const one = `HTTP/1.1 200 OK\r\n${DATE}content-length: 5000\r\n\r\n${"x".repeat(5_000)}`;
  for (let i = 0; i < 3; i++) {
    writer.begin(requestOf(), headOf(200, "", WHOLE_BODY), "x".repeat(5_000));
  }
  assertEquals(written(), one.repeat(3));
  out.takeBytes();
  writer.begin(requestOf(), headOf(200, "", 5_000), null);
  for (let i = 0; i < 2; i++) {
    writer.write(bytesOf("x".repeat(2_500)));
    if (i === 0) {
      assertEquals(written(), one.slice(0, -2_500));
      out.takeBytes();
    }
  }
  assertEquals(written(), "x".repeat(2_500));
});

Deno.test("what one response says of itself does not carry over to the next", () => {
  const { writer, out, written } = newWriter();
  const special = headOf(200, "date: then\r\ncontent-length: 3\r\n", UNKNOWN_LENGTH);
  writer.begin(requestOf(), special, bytesOf("abc"));
  out.takeBytes();
  writer.begin(requestOf(), headOf(200, "", UNKNOWN_LENGTH), bytesOf("abc"));
  writer.end();
  assertEquals(
    written(),
    `HTTP/1.1 200 OK\r\n${DATE}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  );
});

Deno.test("responses of any size around that of buffers arrive whole", () => {
  for (let bytes = 3_600; bytes < 4_200; bytes++) {
    for (const bodyLength of [WHOLE_BODY, UNKNOWN_LENGTH]) {
      const { writer, written } = newWriter();
      const line = `x: ${"y".repeat(bytes)}\r\n`;
      writer.begin(requestOf("GET", 0), headOf(200, line, bodyLength), "body");
      const rest = bodyLength === WHOLE_BODY
        ? "content-length: 4\r\nconnection: keep-alive\r\n\r\nbody"
        : "connection: close\r\n\r\nbody";
      assert(written() === `HTTP/1.1 200 OK\r\n${line}${DATE}${rest}`);
    }
  }
});

Deno.test("large bodies arrive unchanged in the buffer", () => {
  const part = (i: number) => new Uint8Array(100_000).fill(65 + i % 26);
  for (const bodyLength of [3_000_000, UNKNOWN_LENGTH]) {
    const { writer, out } = newWriter();
    writer.begin(requestOf(), headOf(200, "", bodyLength), null);
    let at = out.length;
    for (let i = 0; i < 30; i++) {
      // Zeros may precede the size of a large chunk, so that its data begins at a multiple of 8.
      const size = "186a0\r\n".padStart(7 + (8 - (at + 7) % 8) % 8, "0");
      const before = bodyLength === UNKNOWN_LENGTH ? size : "";
      const after = bodyLength === UNKNOWN_LENGTH ? "\r\n" : "";
      writer.write(part(i));
      assertEquals(latin1Text(out.bytes, at, at + before.length), before);
      at += before.length;
      assert(out.bytes.subarray(at, at + 100_000).every((byte) => byte === 65 + i % 26));
      at += 100_000;
      assertEquals(latin1Text(out.bytes, at, at + after.length), after);
      at += after.length;
      assertEquals(out.length, at);
    }
    writer.end();
    assert(writer.idle);
  }
});

Deno.test("large texts arrive unchanged in the buffer", () => {
  for (const text of ["a", "ä", "€", "😀", "aä€😀"]) {
    const { writer, out } = newWriter();
    writer.begin(requestOf(), headOf(200, "", WHOLE_BODY), text.repeat(300_000));
    const body = out.bytes.subarray(
      latin1Text(out.bytes, 0, 200).indexOf("\r\n\r\n") + 4,
      out.length,
    );
    assert(new TextDecoder("utf-8", { fatal: true }).decode(body) === text.repeat(300_000));
  }
});

/** A response as a client sees it. */
interface ReadResponse {
  status: number;
  /** Names in lower case, and values, in their order. */
  fields: [string, string][];
  body: string;
  /** Whether the connection may carry another response. */
  keptAlive: boolean;
}

/** Reads the responses to `requests` off `text`, by the rules of RFC 9112 6.3 for clients. */
function readResponses(text: string, requests: readonly RequestHead[]): ReadResponse[] {
  const responses: ReadResponse[] = [];
  for (const { method, minorVersion } of requests) {
    const [head, version, code] =
      /^HTTP\/1\.(1) (\d{3}) [ -~]*\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(text) ??
        [];
    if (head === undefined) throw new Error(`no response: ${JSON.stringify(text.slice(0, 200))}`);
    assertEquals(version, "1");
    text = text.slice(head.length);
    const fields = head.split("\r\n").slice(1, -2).map((line): [string, string] => {
      const [, name, value] = /^([!#$%&'*+\-.^_`|~\w]+):[ \t]*(.*?)[ \t]*$/.exec(line)!;
      return [name.toLowerCase(), value];
    });
    const valuesOf = (name: string) => fields.filter(([each]) => each === name).map(([, v]) => v);
    const lengths = valuesOf("content-length");
    const codings = valuesOf("transfer-encoding");
    const connection = valuesOf("connection");
    assert(lengths.length + codings.length <= 1, "there is one framing at the most");
    assert(connection.length <= 1);
    assertEquals(valuesOf("date").length, 1);
    const status = Number(code);
    let keptAlive = minorVersion === 1 ? connection[0] !== "close" : connection[0] === "keep-alive";
    let body = "";
    if (method === "HEAD" || status === 204 || status === 304) {
      assertEquals(codings, []);
    } else if (codings.length === 1) {
      assertEquals(codings, ["chunked"]);
      assertEquals(minorVersion, 1, "HTTP/1.0 does not know chunks");
      for (;;) {
        const [line, digits] = /^([0-9a-f]+)\r\n/.exec(text)!;
        const size = parseInt(digits, 16);
        body += text.slice(line.length, line.length + size);
        assertEquals(text.slice(line.length + size, line.length + size + 2), "\r\n");
        text = text.slice(line.length + size + 2);
        if (size === 0) break;
      }
    } else if (lengths.length === 1) {
      assertMatch(lengths[0], /^\d+$/);
      body = text.slice(0, Number(lengths[0]));
      assertEquals(body.length, Number(lengths[0]));
      text = text.slice(body.length);
    } else {
      assertEquals(connection, ["close"]);
      keptAlive = false;
      body = text;
      text = "";
    }
    responses.push({ status, fields, body, keptAlive });
    if (!keptAlive) break;
  }
  assertEquals(text, "", "nothing comes after the last response");
  return responses;
}

const OWN_FIELDS = ["content-length", "transfer-encoding", "connection", "date"];

/** A random response: how to write it, and what a client is to see. */
function randomResponse(random: Random) {
  const request = requestOf(random.pick(["GET", "POST", "HEAD"]), random.pick([1, 1, 0]));
  const status = random.pick([200, 200, 201, 204, 205, 304, 404, 503, 599]);
  const fields: [string, string][] = [];
  let fieldLines = "";
  for (let i = random.below(5); i > 0; i--) {
    const name = `x-${random.text(1 + random.below(14), "abcXYZ019-_~")}`;
    const value = random.text(random.below(30), 'abc ,;:"\t\xe4\xff').replace(
      /^[ \t]+|[ \t]+$/g,
      "",
    );
    fields.push([name.toLowerCase(), value]);
    fieldLines += `${name}:${random.pick(["", " "])}${value}\r\n`;
  }
  const text = random.text(random.below(random.pick([20, 100, 3_000])), "abc\r\n0;");
  const texts = [text, text.replaceAll("a", "ä").replaceAll("b", "€").replaceAll("c", "😀")];
  const body = random.pick(texts);
  const bytes = bytesOf(utf8(body));
  const framing = random.pick(["whole text", "whole bytes", "known", "declared", "unknown"]);
  if (framing === "declared") fieldLines += `Content-Length: ${bytes.length}\r\n`;
  if (random.below(10) === 0) fieldLines += "Transfer-Encoding: chunked\r\n";
  const saysClose = random.below(10) === 0;
  if (saysClose) fieldLines += "Connection: close\r\n";

  const write = (writer: ResponseWriter) => {
    const lines = random.below(2) === 0 ? fieldLines : bytesOf(fieldLines);
    const begin = (bodyLength: number, part: string | Uint8Array | null) =>
      writer.begin(request, { status, fieldLines: lines, bodyLength }, part);
    if (framing === "whole text") return begin(WHOLE_BODY, body);
    if (framing === "whole bytes") return begin(WHOLE_BODY, bytes);
    let at = random.below(2) === 0 ? 0 : random.below(bytes.length + 1);
    begin(
      framing === "known" ? bytes.length : UNKNOWN_LENGTH,
      at === 0 ? null : bytes.subarray(0, at),
    );
    while (at < bytes.length) {
      const end = Math.min(bytes.length, at + random.below(200));
      writer.write(bytes.subarray(at, end));
      at = end;
    }
    writer.end();
  };
  const hasNone = request.method === "HEAD" || status === 204 || status === 205 || status === 304;
  const untilClose = framing === "unknown" && request.minorVersion === 0 && !hasNone;
  const expected: ReadResponse = {
    status,
    fields,
    body: hasNone ? "" : utf8(body),
    keptAlive: !saysClose && !untilClose,
  };
  return { request, write, expected };
}

Deno.test("a client reads what random responses were written as, one after another", () => {
  const random = new Random(4);
  for (let round = 0; round < 3_000; round++) {
    const { writer, written } = newWriter();
    const requests: RequestHead[] = [];
    const expected: ReadResponse[] = [];
    while (requests.length < 5 && !writer.closes) {
      const response = randomResponse(random);
      response.write(writer);
      assert(writer.idle);
      requests.push(response.request);
      expected.push(response.expected);
    }
    const read = readResponses(written(), requests).map(({ fields, ...rest }) => ({
      ...rest,
      fields: fields.filter(([name]) => !OWN_FIELDS.includes(name)),
    }));
    assertEquals(read, expected.map(({ fields, ...rest }) => ({ ...rest, fields })));
    assertEquals(writer.closes, !expected.at(-1)!.keptAlive);
  }
});

Deno.test("random field lines are refused whole, or cannot be told from what the handler meant", () => {
  const random = new Random(5);
  let refused = 0;
  for (let round = 0; round < 20_000; round++) {
    let fieldLines = "x: y\r\n";
    for (let i = 1 + random.below(6); i > 0; i--) {
      const at = random.below(fieldLines.length + 1);
      fieldLines = fieldLines.slice(0, at) +
        random.pick([
          "\r\n",
          "\r",
          "\n",
          "\0",
          " ",
          ":",
          "a",
          "b: c\r\n",
          "\u010a",
          "\u010d",
          "\xff",
        ]) +
        fieldLines.slice(at);
    }
    const { writer, written } = newWriter();
    try {
      writer.begin(requestOf(), headOf(200, fieldLines, WHOLE_BODY), "body");
    } catch (error) {
      if (!(error instanceof InvalidResponseError)) throw error;
      assertEquals(written(), "");
      refused++;
      continue;
    }
    assertMatch(fieldLines, /^(?:[abxy]+:[ :abcxy\xff]*\r\n)*$/);
    const [{ body, fields }] = readResponses(written(), [requestOf()]);
    assertEquals(body, "body");
    assertEquals(fields.length, fieldLines.split("\r\n").length - 1 + 2);
  }
  assert(refused > 5_000 && refused < 19_500, `${refused} were refused`);
});
