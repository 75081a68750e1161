import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { bytesOf, splits } from "../support/parsing.ts";
import { latin1Text } from "../../src/message/fields.ts";
import { ProtocolError } from "../../src/base/errors.ts";
import type { ResponseLimits } from "../../src/client/codec/response_limits.ts";
import { DEFAULT_RESPONSE_LIMITS } from "../../src/client/codec/response_limits.ts";
import type { Upgrade } from "../../src/client/codec/response_reader.ts";
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

/** What a server's bytes come to, joined where splits differ. */
interface Seen {
  statuses: number[];
  fields: string;
  keeps: boolean;
  body: string;
  chunks: number[];
  trailers: string | null;
  after: string | null;
}

interface Options {
  readonly method?: string;
  readonly upgrade?: Upgrade;
  readonly limits?: Partial<ResponseLimits>;
  /** Whether the connection ends after the bytes. */
  readonly end?: "closed" | "open";
}

function read(pieces: readonly Uint8Array[], options: Options = {}): Seen {
  const { method = "GET", upgrade = "none", limits = {}, end = "open" } = options;
  const reader = new ResponseReader({ ...DEFAULT_RESPONSE_LIMITS, ...limits });
  reader.expect(method, upgrade);
  const seen: Seen = {
    statuses: [],
    fields: "",
    keeps: false,
    body: "",
    chunks: [],
    trailers: null,
    after: null,
  };
  const text = () => latin1Text(reader.buffer, reader.start, reader.end);
  for (const piece of pieces) {
    // What was pushed is only borrowed.
    const lent = piece.slice();
    reader.push(lent);
    for (let event = reader.next(); event !== NEED_DATA; event = reader.next()) {
      if (event === INTERIM || event === HEAD) {
        seen.statuses.push(reader.head.status);
        seen.keeps = reader.head.keepsConnection;
        const { fieldLines } = reader.head;
        seen.fields += latin1Text(fieldLines, 0, fieldLines.length);
      } else if (event === CHUNK) seen.chunks.push(reader.chunkBytes);
      else if (event === BODY) seen.body += text();
      else if (event === END) seen.trailers = text();
      else if (event === SWITCHED) {
        seen.statuses.push(101);
        seen.after = text();
      }
    }
    if (seen.after !== null && piece !== pieces[0]) break;
    lent.fill(0);
  }
  if (end === "closed" && reader.close() === END) seen.trailers = text();
  return seen;
}

function readEverySplit(text: string, options: Options): Seen {
  const bytes = bytesOf(text);
  const whole = read([bytes], options);
  for (const pieces of splits(bytes)) {
    const seen = read(pieces, options);
    // What follows an upgrade is another reader's, and not awaited here.
    assertEquals({ ...seen, after: null }, { ...whole, after: null });
  }
  return whole;
}

const head = (fields: string, start = "HTTP/1.1 200 OK") => `${start}\r\n${fields}\r\n`;

const ACCEPTED: Record<string, [string, Options, Partial<Seen>]> = {
  "a body of a known length": [
    `${head("Content-Length: 5\r\n")}hello`,
    {},
    { statuses: [200], body: "hello", keeps: true, trailers: "", fields: "Content-Length: 5\r\n" },
  ],
  "an empty body": [head("Content-Length: 0\r\n"), {}, { body: "", trailers: "" }],
  "an empty reason": [head("Content-Length: 0\r\n", "HTTP/1.1 200 "), {}, { statuses: [200] }],
  "a higher minor version": [head("content-length:0\r\n", "HTTP/1.9 200 x"), {}, { keeps: true }],
  "a body in chunks, with extensions and trailers": [
    `${head("Transfer-Encoding: chunked\r\n")}5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX-A: 1\r\n\r\n`,
    {},
    { body: "hello!", chunks: [5, 1], trailers: "X-A: 1\r\n", keeps: true },
  ],
  "a body that ends with its connection": [
    `${head("X: y\r\n")}all of it`,
    { end: "closed" },
    { body: "all of it", trailers: "", keeps: false },
  ],
  "interim responses before the final one": [
    `${head("", "HTTP/1.1 103 Early Hints")}${head("Link: a\r\n", "HTTP/1.1 102 P")}` +
    `${head("Content-Length: 1\r\n")}x`,
    {},
    { statuses: [103, 102, 200], body: "x", trailers: "" },
  ],
  "the answer to HEAD, whatever its length says": [
    head("Content-Length: 1000\r\n"),
    { method: "HEAD" },
    { body: "", trailers: "", keeps: true },
  ],
  "the answer to HEAD in chunks that do not come": [
    head("Transfer-Encoding: chunked\r\n"),
    { method: "HEAD" },
    { body: "", trailers: "" },
  ],
  "204, which has no body": [head("", "HTTP/1.1 204 N"), {}, { trailers: "", keeps: true }],
  "204 that says its length is 0": [
    head("Content-Length: 0\r\n", "HTTP/1.1 204 N"),
    {},
    { trailers: "" },
  ],
  "304, whose length is that of what was not sent": [
    head("Content-Length: 9\r\n", "HTTP/1.1 304 N"),
    {},
    { body: "", trailers: "", keeps: true },
  ],
  "a connection that is closed after it": [
    head("Content-Length: 0\r\nConnection: foo, Close\r\n"),
    {},
    { keeps: false, trailers: "" },
  ],
  "HTTP/1.0, whose connection is closed": [
    head("Content-Length: 0\r\n", "HTTP/1.0 200 OK"),
    {},
    { keeps: false },
  ],
  "HTTP/1.0 that keeps its connection": [
    head("Content-Length: 0\r\nConnection: keep-alive\r\n", "HTTP/1.0 200 OK"),
    {},
    { keeps: true },
  ],
  "an upgrade that was asked for": [
    `${head("Upgrade: websocket\r\n", "HTTP/1.1 101 S")}frames`,
    { upgrade: "asked" },
    { statuses: [101], after: "frames" },
  ],
  "bytes beyond ASCII in values and reasons": [
    head("Content-Length: 0\r\nX: \xe4\r\n", "HTTP/1.1 200 \xf6"),
    {},
    { trailers: "" },
  ],
};

for (const [name, [text, options, expected]] of Object.entries(ACCEPTED)) {
  Deno.test(`response reader takes ${name}, at every split`, () => {
    const seen = readEverySplit(text, options);
    for (const [key, value] of Object.entries(expected)) {
      assertEquals(seen[key as keyof Seen], value, key);
    }
  });
}

const CHUNKED = head("Transfer-Encoding: chunked\r\n");
const REFUSED: Record<string, [string, Options]> = {
  "no status line": ["\r\n\r\n", {}],
  "another protocol": ["SSH-2.0-x\r\n\r\n", {}],
  "lower case in its name": [head("", "http/1.1 200 OK"), {}],
  "another major version": [head("", "HTTP/2.0 200 OK"), {}],
  "no space after the status": [head("", "HTTP/1.1 200"), {}],
  "two digits of a status": [head("", "HTTP/1.1 20 OK"), {}],
  "four digits of a status": [head("", "HTTP/1.1 2000 OK"), {}],
  "a status out of range": [head("", "HTTP/1.1 600 OK"), {}],
  "a control character in the reason": [head("", "HTTP/1.1 200 a\x1b[2J"), {}],
  "a bare line feed": ["HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", {}],
  "a bare line feed at the end": ["HTTP/1.1 200 OK\r\nContent-Length: 0\n\n", {}],
  "a bare carriage return": [head("X: a\rb\r\n"), {}],
  "a NUL in a value": [head("X: a\0b\r\n"), {}],
  "an escape in a value": [head("X: \x1b]0;pwned\x07\r\n"), {}],
  "a folded field line": [head("X: a\r\n b\r\n"), {}],
  "a space before a colon": [head("X : a\r\n"), {}],
  "a field line without a colon": [head("X\r\n"), {}],
  "an empty field name": [head(": a\r\n"), {}],
  "two lengths": [head("Content-Length: 1\r\nContent-Length: 1\r\n"), {}],
  "a list of lengths": [head("Content-Length: 1, 1\r\n"), {}],
  "a length with a sign": [head("Content-Length: +1\r\n"), {}],
  "an empty length": [head("Content-Length: \r\n"), {}],
  "a length beyond what counts": [head("Content-Length: 99999999999999999999\r\n"), {}],
  "both framings": [head("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), {}],
  "chunks of HTTP/1.0": [head("Transfer-Encoding: chunked\r\n", "HTTP/1.0 200 OK"), {}],
  "an unknown coding": [head("Transfer-Encoding: gzip, chunked\r\n"), {}],
  "chunked twice": [head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), {}],
  "chunks of 204": [head("Transfer-Encoding: chunked\r\n", "HTTP/1.1 204 N"), {}],
  "a length of 204": [head("Content-Length: 1\r\n", "HTTP/1.1 204 N"), {}],
  "a length of an interim response": [head("Content-Length: 1\r\n", "HTTP/1.1 103 N"), {}],
  "an upgrade that nobody asked for": [head("", "HTTP/1.1 101 S"), {}],
  "a chunk without a size": [`${CHUNKED}\r\n`, {}],
  "a chunk of a negative size": [`${CHUNKED}-1\r\n`, {}],
  "a chunk longer than its size": [`${CHUNKED}1\r\nab\r\n`, {}],
  "a chunk of an enormous size": [`${CHUNKED}ffffffffffffffff\r\n`, {}],
  "a length among the trailers": [`${CHUNKED}0\r\nContent-Length: 1\r\n\r\n`, {}],
  "a malformed trailer": [`${CHUNKED}0\r\nX y\r\n\r\n`, {}],
  "bytes after the response": [`${head("Content-Length: 1\r\n")}ab`, {}],
  "a head of more bytes than the limit": [
    head(`X: ${"a".repeat(60)}\r\n`),
    { limits: { maxHeadBytes: 60 } },
  ],
  "a head without an end": ["HTTP/1.1 200 OK\r\nX: ".padEnd(70, "a"), {
    limits: { maxHeadBytes: 60 },
  }],
  "more fields than the limit": [head("A: 1\r\nB: 2\r\nC: 3\r\n"), {
    limits: { maxFieldCount: 2 },
  }],
  "more trailers than the limit": [`${CHUNKED}0\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n`, {
    limits: { maxFieldCount: 2 },
  }],
  "a longer body than the limit": [head("Content-Length: 11\r\n"), {
    limits: { maxBodyBytes: 10 },
  }],
  "more chunks than the limit": [`${CHUNKED}6\r\naaaaaa\r\n6\r\nb`, {
    limits: { maxBodyBytes: 10 },
  }],
  "a longer body without a length": [`${head("")}0123456789!`, { limits: { maxBodyBytes: 10 } }],
  "interim responses without end": [head("", "HTTP/1.1 102 P").repeat(4), {
    limits: { maxInterimCount: 3 },
  }],
  "nothing at all": ["", { end: "closed" }],
  "a head that breaks off": ["HTTP/1.1 200 OK\r\n", { end: "closed" }],
  "a body that breaks off": [`${head("Content-Length: 5\r\n")}hell`, { end: "closed" }],
  "chunks that break off": [`${CHUNKED}5\r\nhell`, { end: "closed" }],
  "chunks without the last one": [`${CHUNKED}5\r\nhello\r\n`, { end: "closed" }],
  "trailers that break off": [`${CHUNKED}0\r\nA: 1\r\n`, { end: "closed" }],
};

for (const [name, [text, options]] of Object.entries(REFUSED)) {
  Deno.test(`response reader refuses ${name}, at every split`, () => {
    const bytes = bytesOf(text);
    for (const pieces of [[bytes], ...splits(bytes)]) {
      const error = assertThrows(() => read(pieces, options), ProtocolError);
      assertEquals(error.status, 502);
      assert(/^RFC \d+ [\d.]+$/.test(error.section), error.section);
    }
  });
}

Deno.test("response reader takes one response after another on a connection", () => {
  const reader = new ResponseReader();
  for (const body of ["one", "three", ""]) {
    reader.expect("GET");
    reader.push(bytesOf(`${head(`Content-Length: ${body.length}\r\n`)}${body}`));
    let text = "";
    for (let event = reader.next(); event !== END; event = reader.next()) {
      if (event === BODY) text += latin1Text(reader.buffer, reader.start, reader.end);
    }
    assertEquals(text, body);
    assert(!reader.isWithinResponse);
  }
  assertEquals(reader.close(), NEED_DATA);
});
