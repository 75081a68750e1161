import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { BufferPool, OutputBuffer } from "../../src/buffers.ts";
import { InvalidResponseError } from "../../src/errors.ts";
import type { ResponseHead } from "../../src/exchange.ts";
import { RequestHead, UNKNOWN_LENGTH, WHOLE_BODY } from "../../src/exchange.ts";
import { DateLine, ResponseWriter } from "../../src/http1/writer.ts";
import { latin1 } from "../../src/http1/chars.ts";
import { bytesOf } from "../support/parsing.ts";

const DATE = "date: Thu, 01 Jan 1970 00:00:01 GMT\r\n";

function newWriter(): { writer: ResponseWriter; out: OutputBuffer; written: () => string } {
  const out = new OutputBuffer(new BufferPool());
  const date = new DateLine();
  date.update(1_000);
  const written = () => latin1(out.bytes, 0, out.length);
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
  "short text beyond ASCII has the length of its bytes": {
    head: headOf(200, "", WHOLE_BODY),
    body: "ä€",
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 5\r\n\r\n\xc3\xa4\xe2\x82\xac`,
  },
  "long text beyond ASCII too": {
    head: headOf(200, "", WHOLE_BODY),
    body: "ä".repeat(100),
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 200\r\n\r\n${"\xc3\xa4".repeat(100)}`,
  },
  "a known length is announced, and its parts follow": {
    head: headOf(200, "", 6),
    chunks: ["abc", "def"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 6\r\n\r\nabcdef`,
  },
  "a body of unknown length is chunked": {
    head: headOf(200, "", UNKNOWN_LENGTH),
    chunks: ["abc", "", "0123456789abcdef"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}transfer-encoding: chunked\r\n\r\n` +
      "3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n",
  },
  "a length that the handler declares is used for a stream": {
    head: headOf(200, "Content-Length: 3\r\n", UNKNOWN_LENGTH),
    chunks: ["abc"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 3\r\n\r\nabc`,
  },
  "a malformed declared length is left out": {
    head: headOf(200, "Content-Length: 3x\r\n", UNKNOWN_LENGTH),
    chunks: ["abc"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  },
  "a wrong declared length gives way to the true one": {
    head: headOf(200, "content-length: 99\r\n", WHOLE_BODY),
    body: "abc",
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 3\r\n\r\nabc`,
  },
  "HTTP/1.0 gets a body of unknown length until the connection closes": {
    request: requestOf("GET", 0),
    head: headOf(200, "", UNKNOWN_LENGTH),
    chunks: ["abc"],
    expected: `HTTP/1.1 200 OK\r\n${DATE}connection: close\r\n\r\nabc`,
    closes: true,
  },
  "HTTP/1.0 is told when it is kept alive": {
    request: requestOf("GET", 0),
    head: headOf(200, "", WHOLE_BODY),
    body: "abc",
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 3\r\nconnection: keep-alive\r\n\r\nabc`,
  },
  "HEAD has the length and no body": {
    request: requestOf("HEAD"),
    head: headOf(200, "", WHOLE_BODY),
    body: "hello",
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 5\r\n\r\n`,
  },
  "HEAD has the length that the handler declares": {
    request: requestOf("HEAD"),
    head: headOf(200, "content-length: 77\r\n", WHOLE_BODY),
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 77\r\n\r\n`,
  },
  "HEAD of a stream has no framing": {
    request: requestOf("HEAD"),
    head: headOf(200, "", UNKNOWN_LENGTH),
    expected: `HTTP/1.1 200 OK\r\n${DATE}\r\n`,
  },
  "204 has neither length nor body": {
    head: headOf(204, "content-length: 3\r\n", WHOLE_BODY),
    body: "abc",
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
  "205 has the length 0": {
    head: headOf(205, "", WHOLE_BODY),
    expected: `HTTP/1.1 205 Reset Content\r\n${DATE}content-length: 0\r\n\r\n`,
  },
  "a status without a name has an empty reason": {
    head: headOf(299, "", WHOLE_BODY),
    expected: `HTTP/1.1 299 \r\n${DATE}content-length: 0\r\n\r\n`,
  },
  "the handler's own Date stays": {
    head: headOf(200, "Date: then\r\n", WHOLE_BODY),
    expected: "HTTP/1.1 200 OK\r\nDate: then\r\ncontent-length: 0\r\n\r\n",
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
  "a handler that says close closes": {
    head: headOf(200, "connection: Close\r\n", WHOLE_BODY),
    expected: `HTTP/1.1 200 OK\r\n${DATE}content-length: 0\r\nconnection: close\r\n\r\n`,
    closes: true,
  },
  "repeated fields, empty values and obs-text pass": {
    head: headOf(200, "set-cookie: a\r\nset-cookie: b\r\nx:\r\ny: \xe4\r\n", WHOLE_BODY),
    expected: `HTTP/1.1 200 OK\r\nset-cookie: a\r\nset-cookie: b\r\nx:\r\ny: \xe4\r\n${DATE}` +
      "content-length: 0\r\n\r\n",
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

const malformed: Record<string, ResponseHead> = {
  "a CRLF in a value": headOf(200, "x: a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", WHOLE_BODY),
  "a CR in a value": headOf(200, "x: a\rb\r\n", WHOLE_BODY),
  "an LF in a value": headOf(200, "x: a\nb\r\n", WHOLE_BODY),
  "a NUL in a value": headOf(200, "x: a\0b\r\n", WHOLE_BODY),
  "a space in a name": headOf(200, "x y: a\r\n", WHOLE_BODY),
  "an empty name": headOf(200, ": a\r\n", WHOLE_BODY),
  "no colon": headOf(200, "nonsense\r\n", WHOLE_BODY),
  "no line end": headOf(200, "x: y", WHOLE_BODY),
  "half a line end": headOf(200, "x: y\r", WHOLE_BODY),
  "a code unit beyond a byte that would make a line end": headOf(
    200,
    "x: \u010d\u010a\r\n",
    WHOLE_BODY,
  ),
  "a status below 200": headOf(101, "", WHOLE_BODY),
  "a status above 599": headOf(600, "", WHOLE_BODY),
  "a status that is no number": headOf(NaN, "", WHOLE_BODY),
};

for (const [name, head] of Object.entries(malformed)) {
  Deno.test(`a response with ${name} is refused, and nothing of it is written`, () => {
    const { writer, written } = newWriter();
    writer.begin(requestOf(), headOf(200, "", WHOLE_BODY), "before");
    const before = written();
    assertThrows(() => writer.begin(requestOf(), head, "x"), InvalidResponseError);
    assertEquals(written(), before);
    writer.begin(requestOf(), headOf(200, "", WHOLE_BODY), "after");
    assert(written().endsWith("after"));
  });
}

Deno.test("a body longer than its length is refused, a shorter one cannot be ended", () => {
  const { writer, written } = newWriter();
  writer.begin(requestOf(), headOf(200, "", 3), null);
  writer.write(bytesOf("ab"));
  const before = written();
  assertThrows(() => writer.write(bytesOf("cd")), InvalidResponseError, "longer");
  assertEquals(written(), before);
  assertThrows(() => writer.end(), InvalidResponseError, "1 bytes shorter");
});

Deno.test("responses follow each other in the same buffer", () => {
  const { writer, written } = newWriter();
  for (let i = 0; i < 3; i++) {
    writer.begin(requestOf(), headOf(200, "", WHOLE_BODY), "x".repeat(5_000));
  }
  assertEquals(written().split("HTTP/1.1 200 OK").length, 4);
});

Deno.test("large bodies arrive unchanged in the buffer", () => {
  const { writer, written } = newWriter();
  writer.begin(requestOf(), headOf(200, "", 3_000_000), null);
  for (let i = 0; i < 30; i++) writer.write(new Uint8Array(100_000).fill(65 + i % 26));
  assert(writer.idle);
  const body = written().slice(written().indexOf("\r\n\r\n") + 4);
  for (let i = 0; i < 30; i++) {
    assertEquals(
      body.slice(i * 100_000, (i + 1) * 100_000),
      String.fromCharCode(65 + i % 26).repeat(100_000),
    );
  }
});
