import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { BufferPool, OutputBuffer } from "../../src/base/buffers.ts";
import { InvalidResponseError } from "../../src/base/errors.ts";
import type { RequestRole, ResponseHead } from "../../src/message/exchange.ts";
import { RequestHead, UNKNOWN_LENGTH, WHOLE_BODY } from "../../src/message/exchange.ts";
import { CgiResponseWriter } from "../../src/fastcgi/codec/cgi_response.ts";
import { concat, latin1, parseRecords, STDOUT } from "../support/fastcgi.ts";
import { bytesOf } from "../support/parsing.ts";
import { Random } from "../support/random.ts";

const ID = 258;
const BEFORE = "what others wrote";

/** A writer whose buffer holds the leavings of others, which must not come out, and output before it. */
function newWriter(): { writer: CgiResponseWriter; out: OutputBuffer; written: () => string } {
  const pool = new BufferPool();
  for (let bytes = 4_096; bytes <= 1_048_576; bytes *= 2) {
    pool.give(new Uint8Array(bytes).fill(0x5a));
  }
  const out = new OutputBuffer(pool);
  out.appendLatin1(BEFORE);
  const written = () => {
    assertEquals(latin1(out.bytes.subarray(0, BEFORE.length)), BEFORE);
    const { records, rest } = parseRecords(out.bytes.slice(BEFORE.length, out.length));
    assertEquals(rest.length, 0);
    for (const { type, id, content } of records) {
      assertEquals([type, id], [STDOUT, ID]);
      assert(content.length > 0, "an empty record would end the stream");
    }
    return latin1(concat(...records.map(({ content }) => content)));
  };
  return { writer: new CgiResponseWriter(out, ID), out, written };
}

function requestOf(method: string, role: RequestRole = "responder"): RequestHead {
  const head = new RequestHead();
  head.method = method;
  head.role = role;
  return head;
}

function headOf(
  status: number,
  fieldLines: string | Uint8Array,
  bodyLength: number,
): ResponseHead {
  return { status, fieldLines, bodyLength };
}

/** `text` in UTF-8, a code unit for each byte. */
function utf8(text: string): string {
  return latin1(new TextEncoder().encode(text));
}

interface Case {
  method?: string;
  role?: RequestRole;
  head: ResponseHead;
  body?: string | Uint8Array;
  chunks?: string[];
  expected: string;
  /** Complete without a call of `end()`. */
  endsItself?: true;
}

const cases: Record<string, Case> = {
  "a whole text has its length": {
    head: headOf(200, "x: y\r\n", WHOLE_BODY),
    body: "hello",
    expected: "Status: 200 OK\r\nx: y\r\ncontent-length: 5\r\n\r\nhello",
    endsItself: true,
  },
  "a whole text that is not ASCII has the length of its encoding": {
    head: headOf(404, "", WHOLE_BODY),
    body: "ä€😀",
    expected: `Status: 404 Not Found\r\ncontent-length: 9\r\n\r\n${utf8("ä€😀")}`,
    endsItself: true,
  },
  "whole bytes have their length": {
    head: headOf(201, "", WHOLE_BODY),
    body: bytesOf("\0\xff"),
    expected: "Status: 201 Created\r\ncontent-length: 2\r\n\r\n\0\xff",
    endsItself: true,
  },
  "no body has the length 0": {
    head: headOf(200, "", WHOLE_BODY),
    expected: "Status: 200 OK\r\ncontent-length: 0\r\n\r\n",
    endsItself: true,
  },
  "a status without a name stands alone": {
    head: headOf(599, "", WHOLE_BODY),
    expected: "Status: 599\r\ncontent-length: 0\r\n\r\n",
    endsItself: true,
  },
  "a known length is announced, and its parts follow": {
    head: headOf(200, "", 6),
    chunks: ["abc", "", "def"],
    expected: "Status: 200 OK\r\ncontent-length: 6\r\n\r\nabcdef",
    endsItself: true,
  },
  "the first part of a known length may be text": {
    head: headOf(200, "", 6),
    body: "ä",
    chunks: ["cdef"],
    expected: `Status: 200 OK\r\ncontent-length: 6\r\n\r\n${utf8("ä")}cdef`,
    endsItself: true,
  },
  "a known length of 0 needs no parts": {
    head: headOf(200, "", 0),
    expected: "Status: 200 OK\r\ncontent-length: 0\r\n\r\n",
    endsItself: true,
  },
  "nothing is said of an unknown length": {
    head: headOf(200, "", UNKNOWN_LENGTH),
    chunks: ["abc", "", "def"],
    expected: "Status: 200 OK\r\n\r\nabcdef",
  },
  "a body of unknown length may be empty": {
    head: headOf(200, "", UNKNOWN_LENGTH),
    expected: "Status: 200 OK\r\n\r\n",
  },
  "the first part of an unknown length may come with the head": {
    head: headOf(200, "", UNKNOWN_LENGTH),
    body: "a",
    chunks: ["b"],
    expected: "Status: 200 OK\r\n\r\nab",
  },
  "a length that the handler declares is used for a stream": {
    head: headOf(200, "Content-Length: 3 \r\n", UNKNOWN_LENGTH),
    chunks: ["ab", "c"],
    expected: "Status: 200 OK\r\ncontent-length: 3\r\n\r\nabc",
    endsItself: true,
  },
  "the length that is known beats the one that is declared": {
    head: headOf(200, "content-length: 99\r\n", WHOLE_BODY),
    body: "hello",
    expected: "Status: 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    endsItself: true,
  },
  "a declared length that is none is left out": {
    head: headOf(200, "content-length: 1x\r\n", UNKNOWN_LENGTH),
    chunks: ["abc"],
    expected: "Status: 200 OK\r\n\r\nabc",
  },
  "HEAD has the length, and no body": {
    method: "HEAD",
    head: headOf(200, "", WHOLE_BODY),
    body: "hello",
    expected: "Status: 200 OK\r\ncontent-length: 5\r\n\r\n",
    endsItself: true,
  },
  "HEAD has the declared length": {
    method: "HEAD",
    head: headOf(200, "content-length: 7\r\n", WHOLE_BODY),
    expected: "Status: 200 OK\r\ncontent-length: 7\r\n\r\n",
    endsItself: true,
  },
  "HEAD of unknown length says nothing of it": {
    method: "HEAD",
    head: headOf(200, "", UNKNOWN_LENGTH),
    chunks: ["abc"],
    expected: "Status: 200 OK\r\n\r\n",
    endsItself: true,
  },
  "204 has neither body nor length": {
    head: headOf(204, "content-length: 5\r\n", WHOLE_BODY),
    body: "hello",
    expected: "Status: 204 No Content\r\n\r\n",
    endsItself: true,
  },
  "205 has the length 0": {
    head: headOf(205, "", WHOLE_BODY),
    body: "hello",
    expected: "Status: 205 Reset Content\r\ncontent-length: 0\r\n\r\n",
    endsItself: true,
  },
  "304 has the declared length, and no body": {
    head: headOf(304, "content-length: 5\r\n", WHOLE_BODY),
    body: "other",
    expected: "Status: 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
    endsItself: true,
  },
  "304 says nothing of a length that is not declared": {
    head: headOf(304, "", WHOLE_BODY),
    expected: "Status: 304 Not Modified\r\n\r\n",
    endsItself: true,
  },
  "field lines may be bytes": {
    head: headOf(200, bytesOf("a: \xe4\xff\r\nb:c\r\n"), WHOLE_BODY),
    expected: "Status: 200 OK\r\na: \xe4\xff\r\nb:c\r\ncontent-length: 0\r\n\r\n",
    endsItself: true,
  },
  "field lines may be text of bytes": {
    head: headOf(200, "a: \xe4\xff\r\nb:\tc\t\r\nc:\r\n", WHOLE_BODY),
    expected: "Status: 200 OK\r\na: \xe4\xff\r\nb:\tc\t\r\nc:\r\ncontent-length: 0\r\n\r\n",
    endsItself: true,
  },
  "fields of the connection are the web server's to send": {
    head: headOf(
      200,
      "Connection: close\r\nKeep-Alive: 1\r\na: 1\r\nTransfer-Encoding: chunked\r\n" +
        "Upgrade: x\r\nTrailer: y\r\nProxy-Connection: z\r\nb: 2\r\n",
      WHOLE_BODY,
    ),
    expected: "Status: 200 OK\r\na: 1\r\nb: 2\r\ncontent-length: 0\r\n\r\n",
    endsItself: true,
  },
  "a Status field of the app's is left out, in any case": {
    head: headOf(200, "Status: 500\r\nSTATUS: 404 x\r\nstatus:\r\nstatus-x: 1\r\n", WHOLE_BODY),
    expected: "Status: 200 OK\r\nstatus-x: 1\r\ncontent-length: 0\r\n\r\n",
    endsItself: true,
  },
  "Date, Location and Set-Cookie pass as they are": {
    head: headOf(
      302,
      "date: now\r\nlocation: /x\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n",
      WHOLE_BODY,
    ),
    expected: "Status: 302 Found\r\ndate: now\r\nlocation: /x\r\nset-cookie: a=1\r\n" +
      "set-cookie: b=2\r\ncontent-length: 0\r\n\r\n",
    endsItself: true,
  },
  "an authorizer's variables are in upper case": {
    role: "authorizer",
    head: headOf(
      200,
      "variable-remote_user: ann\r\nx-a: b\r\nVariable-Mixed-1: Value\r\nvariable: x\r\nvariable-: y\r\n",
      WHOLE_BODY,
    ),
    expected: "Status: 200 OK\r\nvariable-REMOTE_USER: ann\r\nx-a: b\r\n" +
      "Variable-MIXED-1: Value\r\nvariable: x\r\nvariable-: y\r\ncontent-length: 0\r\n\r\n",
    endsItself: true,
  },
  "a responder's are not": {
    head: headOf(200, "variable-remote_user: ann\r\n", WHOLE_BODY),
    expected: "Status: 200 OK\r\nvariable-remote_user: ann\r\ncontent-length: 0\r\n\r\n",
    endsItself: true,
  },
  "a filter's are not": {
    role: "filter",
    head: headOf(200, "variable-remote_user: ann\r\n", WHOLE_BODY),
    expected: "Status: 200 OK\r\nvariable-remote_user: ann\r\ncontent-length: 0\r\n\r\n",
    endsItself: true,
  },
};

for (const [name, each] of Object.entries(cases)) {
  Deno.test(name, () => {
    const { writer, written } = newWriter();
    const { method = "GET", role, head, body, chunks = [], expected, endsItself = false } = each;
    writer.begin(requestOf(method, role), head, body ?? null);
    for (const chunk of chunks) writer.write(bytesOf(chunk));
    assertEquals(writer.complete, endsItself);
    writer.end();
    assert(writer.complete);
    assertEquals(written(), expected);
    writer.write(bytesOf("more"));
    writer.end();
    assertEquals(written(), expected, "what comes after the end is dropped");
  });
}

Deno.test("field lines and statuses that cannot be sent are refused, and nothing is written", () => {
  const malformed: (string | Uint8Array)[] = [
    "a",
    "a: b",
    "a: b\n",
    "a: b\r",
    "a: b\r\n\r\n",
    "\r\n",
    ": b\r\n",
    "a b: c\r\n",
    "a : b\r\n",
    " a: b\r\n",
    "a: b\r\n c\r\n",
    "a: \0\r\n",
    "a: \x7f\r\n",
    "a: b\rc: d\r\n",
    "a: b\nc: d\r\n",
    "a: b\r\nc\r\n",
    "\xe4: b\r\n",
    "a: €\r\n",
    "a\u013a b\r\n",
    bytesOf("a: b\r\nc: \x01\r\n"),
    bytesOf("a"),
  ];
  const heads: [string, ResponseHead, string | Uint8Array | null][] = [
    ...malformed.map((lines): [string, ResponseHead, null] => [
      JSON.stringify(lines),
      headOf(200, lines, WHOLE_BODY),
      null,
    ]),
    ...[0, 99, 100, 101, 199, 600, -1, NaN, 200.5, 1_000].map((status): [
      string,
      ResponseHead,
      null,
    ] => [`status ${status}`, headOf(status, "", WHOLE_BODY), null]),
    ["a body of -3 bytes", headOf(200, "", -3), null],
    ["a body of NaN bytes", headOf(200, "", NaN), null],
    ["a body of 1.5 bytes", headOf(200, "", 1.5), null],
    ["a first part that is too long", headOf(200, "", 2), bytesOf("abc")],
    ["a first text that is too long in UTF-8", headOf(200, "", 3), "ää"],
    ["a first part longer than declared", headOf(200, "content-length: 1\r\n", -1), "ab"],
  ];
  for (const [name, head, body] of heads) {
    for (const role of ["responder", "authorizer"] as const) {
      const { writer, written } = newWriter();
      const request = requestOf("GET", role);
      assertThrows(() => writer.begin(request, head, body), InvalidResponseError);
      assertEquals(written(), "", name);
      assert(!writer.complete);
      writer.begin(request, headOf(500, "", WHOLE_BODY), "instead");
      const instead = "Status: 500 Internal Server Error\r\ncontent-length: 7\r\n\r\ninstead";
      assertEquals(written(), instead, "another response can be written");
    }
  }
});

Deno.test("a body longer than announced ends there, a shorter one cannot be ended", () => {
  const heads = [headOf(200, "", 5), headOf(200, "content-length: 5\r\n", UNKNOWN_LENGTH)];
  for (const head of heads) {
    const { writer, written } = newWriter();
    writer.begin(requestOf("GET"), head, null);
    writer.write(bytesOf("123"));
    const before = written();
    assertThrows(() => writer.end(), InvalidResponseError, "2 bytes shorter");
    assertEquals(written(), before);
    assertEquals(writer.write(bytesOf("456")), 2);
    assert(writer.complete);
    assertEquals(written(), `${before}45`);
  }
});

Deno.test("a response of any length is split into records that add up to it", () => {
  const random = new Random(8);
  const headBytes = "Status: 200 OK\r\ncontent-length: 65500\r\n\r\n".length;
  const lengths = [0, 1, 65_535 - headBytes, 65_536 - headBytes, 65_528, 65_535, 65_536, 300_000];
  for (let i = 0; i < 10; i++) lengths.push(random.below(1_000_000));
  for (const length of lengths) {
    const body = Uint8Array.from({ length }, () => random.below(256));
    const head = `Status: 200 OK\r\ncontent-length: ${length}\r\n\r\n`;
    const ways: ((writer: CgiResponseWriter) => void)[] = [
      (writer) => writer.begin(requestOf("GET"), headOf(200, "", WHOLE_BODY), body),
      (writer) => {
        writer.begin(requestOf("GET"), headOf(200, "", length), null);
        writer.write(body);
      },
      (writer) => {
        const at = random.below(length + 1);
        writer.begin(requestOf("GET"), headOf(200, "", length), body.subarray(0, at));
        writer.write(body.subarray(at));
      },
    ];
    for (const write of ways) {
      const { writer, written } = newWriter();
      write(writer);
      assert(writer.complete);
      assert(written() === head + latin1(body), `${length} bytes`);
    }
    const { writer, written } = newWriter();
    const text = "ä".repeat(length / 2);
    writer.begin(requestOf("GET"), headOf(200, "", WHOLE_BODY), text);
    assert(written().endsWith(`\r\n\r\n${utf8(text)}`));
  }
});

Deno.test("field lines longer than a record are split like everything else", () => {
  const { writer, written } = newWriter();
  const lines = `long: ${"x".repeat(200_000)}\r\n`;
  writer.begin(requestOf("GET"), headOf(200, lines, WHOLE_BODY), "body");
  assertEquals(written(), `Status: 200 OK\r\n${lines}content-length: 4\r\n\r\nbody`);
});
