import { assertEquals } from "../support/assert.ts";
import type { HttpLimits } from "../../src/http1/limits.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/limits.ts";
import { BODY, HEAD, NEED_DATA, RequestParser } from "../../src/http1/parser.ts";
import type { ParsedRequest } from "../support/parsing.ts";
import { bytesOf, parse, splits } from "../support/parsing.ts";

const HOST = "Host: a\r\n";

/** Parses `text` whole and in every split; all of them must see the same. */
function parseEverySplit(text: string, limits: Partial<HttpLimits> = {}) {
  const bytes = bytesOf(text);
  const whole = parse([bytes], limits);
  for (const pieces of splits(bytes)) {
    assertEquals(
      parse(pieces, limits),
      whole,
      `split after ${pieces.length === 2 ? pieces[0].length : "each"} bytes`,
    );
  }
  return whole;
}

const accepted: Record<string, [string, Partial<ParsedRequest>[]]> = {
  "a minimal request": [
    `GET / HTTP/1.1\r\n${HOST}\r\n`,
    [{
      method: "GET",
      target: "/",
      authority: "a",
      minorVersion: 1,
      fields: HOST,
      bodyLength: 0,
      keepAlive: true,
    }],
  ],
  "an HTTP/1.0 request without Host": [
    "GET /x?y=z HTTP/1.0\r\n\r\n",
    [{ target: "/x?y=z", authority: "", minorVersion: 0, keepAlive: false }],
  ],
  "a higher minor version counts as 1.1": [
    `GET / HTTP/1.7\r\n${HOST}\r\n`,
    [{ minorVersion: 1, keepAlive: true }],
  ],
  "an absolute target overrides Host": [
    `GET http://b.example:81/p?q HTTP/1.1\r\n${HOST}\r\n`,
    [{ target: "http://b.example:81/p?q", authority: "b.example:81" }],
  ],
  "an absolute target without a path": [
    `GET HTTPS://b?q HTTP/1.1\r\n${HOST}\r\n`,
    [{ authority: "b" }],
  ],
  "OPTIONS *": [`OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, [{ method: "OPTIONS", target: "*" }]],
  "an unusual method": [`m!#$-x / HTTP/1.1\r\n${HOST}\r\n`, [{ method: "m!#$-x" }]],
  "an IPv6 Host": ["GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", [{ authority: "[::1]:80" }]],
  "an empty Host": ["GET / HTTP/1.1\r\nHost:\r\n\r\n", [{ authority: "" }]],
  "blanks around values": ["GET / HTTP/1.1\r\nHost: \t a \t \r\n\r\n", [{ authority: "a" }]],
  "an empty value": [`GET / HTTP/1.1\r\n${HOST}X:\r\n\r\n`, [{ fields: `${HOST}X:\r\n` }]],
  "obs-text in a value": [`GET / HTTP/1.1\r\n${HOST}X: \xe4\r\n\r\n`, [{
    fields: `${HOST}X: \xe4\r\n`,
  }]],
  "a body with a length": [
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`,
    [{ method: "POST", bodyLength: 5, body: "hello", trailers: null }],
  ],
  "a length with zeros before it": [
    `POST / HTTP/1.1\r\n${HOST}content-length: 0005\r\n\r\nhello`,
    [{ bodyLength: 5, body: "hello" }],
  ],
  "a length of zero": [`POST / HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`, [{
    bodyLength: 0,
    body: "",
  }]],
  "a chunked body": [
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n`,
    [{ bodyLength: -1, body: "hello0123456789", chunks: [5, 10], trailers: "" }],
  ],
  "chunk extensions and trailers": [
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n003;a=b;c="d e"\r\nabc\r\n0;z\r\nX-T: 1\r\nY:\r\n\r\n`,
    [{ body: "abc", chunks: [3], trailers: "X-T: 1\r\nY:\r\n" }],
  ],
  "empty lines before a request": [`\r\n\r\nGET / HTTP/1.1\r\n${HOST}\r\n`, [{ target: "/" }]],
  "Expect: 100-continue with a body": [
    `POST / HTTP/1.1\r\n${HOST}Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx`,
    [{ expectsContinue: true, body: "x" }],
  ],
  "Expect without a body means nothing": [
    `GET / HTTP/1.1\r\n${HOST}Expect: 100-continue\r\n\r\n`,
    [{ expectsContinue: false }],
  ],
  "Expect in HTTP/1.0 means nothing": [
    "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    [{ expectsContinue: false }],
  ],
  "close in 1.1": [`GET / HTTP/1.1\r\n${HOST}Connection: x, CLOSE\r\n\r\n`, [{ keepAlive: false }]],
  "keep-alive in 1.0": ["GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", [{ keepAlive: true }]],
  "close wins over keep-alive": [
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n",
    [{ keepAlive: false }],
  ],
  "pipelined requests of all kinds": [
    `POST /1 HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nhi` +
    `POST /2 HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nT: v\r\n\r\n` +
    `\r\nGET /3 HTTP/1.1\r\n${HOST}\r\n`,
    [
      { target: "/1", body: "hi" },
      { target: "/2", body: "x", trailers: "T: v\r\n" },
      { target: "/3", bodyLength: 0 },
    ],
  ],
};

for (const [name, [text, expected]] of Object.entries(accepted)) {
  Deno.test(`in any split, the parser accepts ${name}`, () => {
    const { requests, error } = parseEverySplit(text);
    assertEquals(error, null);
    assertEquals(requests.length, expected.length);
    requests.forEach((request, i) => {
      assertEquals({ ...request, ...expected[i] }, request);
    });
  });
}

const chunked = (rest: string) =>
  `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${rest}`;
const withField = (field: string) => `POST / HTTP/1.1\r\n${HOST}${field}\r\n\r\n`;

const refused: Record<string, [number, string]> = {
  "a bare LF after the request line": [400, `GET / HTTP/1.1\n${HOST}\r\n`],
  "a bare CR in the request line": [400, `GET / HTTP/1.1\rX\r\n${HOST}\r\n`],
  "a bare LF after a field": [400, "GET / HTTP/1.1\r\nHost: a\n\r\n"],
  "a bare CR within a field": [400, withField("X: a\rb")],
  "a bare LF as the empty line": [400, `GET / HTTP/1.1\r\n${HOST}\n`],
  "a bare LF before a request": [400, `\nGET / HTTP/1.1\r\n${HOST}\r\n`],
  "a CR without LF before a request": [400, `\rGET / HTTP/1.1\r\n${HOST}\r\n`],
  "too many empty lines": [400, `${"\r\n".repeat(5)}GET / HTTP/1.1\r\n${HOST}\r\n`],
  "a space before the colon": [400, withField("X : y")],
  "a tab before the colon": [400, withField("X\t: y")],
  "a folded field": [400, `GET / HTTP/1.1\r\n${HOST}X: a\r\n b\r\n\r\n`],
  "a fold before the first field": [400, `GET / HTTP/1.1\r\n ${HOST}\r\n`],
  "a field without a colon": [400, withField("nonsense")],
  "an empty field name": [400, withField(": x")],
  "a NUL in a field name": [400, withField("X\0Y: x")],
  "a NUL in a value": [400, withField("X: a\0b")],
  "a control character in a value": [400, withField("X: a\x01b")],
  "a DEL in a value": [400, withField("X: a\x7fb")],
  "obs-text in a field name": [400, withField("X\xe4: x")],
  "no method": [400, ` / HTTP/1.1\r\n${HOST}\r\n`],
  "a method that is no token": [400, `G@T / HTTP/1.1\r\n${HOST}\r\n`],
  "a very long method": [501, `${"M".repeat(33)} / HTTP/1.1\r\n${HOST}\r\n`],
  "two spaces after the method": [400, `GET  / HTTP/1.1\r\n${HOST}\r\n`],
  "a space in the target": [400, `GET /a b HTTP/1.1\r\n${HOST}\r\n`],
  "a space after the version": [400, `GET / HTTP/1.1 \r\n${HOST}\r\n`],
  "a fragment in the target": [400, `GET /#f HTTP/1.1\r\n${HOST}\r\n`],
  "a byte beyond ASCII in the target": [400, `GET /\xe4 HTTP/1.1\r\n${HOST}\r\n`],
  "a control character in the target": [400, `GET /\x01 HTTP/1.1\r\n${HOST}\r\n`],
  "HTTP/0.9": [400, "GET /\r\n"],
  "a version without a dot": [400, `GET / HTTP/11\r\n${HOST}\r\n`],
  "a version in lower case": [400, `GET / http/1.1\r\n${HOST}\r\n`],
  "a version of two digits": [400, `GET / HTTP/1.10\r\n${HOST}\r\n`],
  "HTTP/2.0": [505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  "HTTP/0.1": [505, `GET / HTTP/0.1\r\n${HOST}\r\n`],
  "a target of no form": [400, `GET nonsense HTTP/1.1\r\n${HOST}\r\n`],
  "an absolute target of another scheme": [400, `GET ftp://a/ HTTP/1.1\r\n${HOST}\r\n`],
  "user information in an absolute target": [400, `GET http://u:p@a/ HTTP/1.1\r\n${HOST}\r\n`],
  "* with GET": [400, `GET * HTTP/1.1\r\n${HOST}\r\n`],
  "CONNECT": [501, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"],
  "no Host in 1.1": [400, "GET / HTTP/1.1\r\n\r\n"],
  "two Hosts": [400, `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`],
  "two Hosts in 1.0": [400, `GET / HTTP/1.0\r\n${HOST}${HOST}\r\n`],
  "a Host with a path": [400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"],
  "a Host with user information": [400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"],
  "a Host with a space": [400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"],
  "a Host with a bad port": [400, "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n"],
  "a Host that makes no URL": [400, "GET / HTTP/1.1\r\nHost: 1.2.3.999\r\n\r\n"],
  "a list of Hosts": [400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"],
  "Content-Length and Transfer-Encoding": [
    400,
    withField("Content-Length: 3\r\nTransfer-Encoding: chunked"),
  ],
  "differing Content-Lengths": [400, withField("Content-Length: 3\r\nContent-Length: 4")],
  "a repeated Content-Length": [400, withField("Content-Length: 3\r\nContent-Length: 3")],
  "a list of Content-Lengths": [400, withField("Content-Length: 3, 3")],
  "a Content-Length with a plus": [400, withField("Content-Length: +3")],
  "a negative Content-Length": [400, withField("Content-Length: -3")],
  "a hexadecimal Content-Length": [400, withField("Content-Length: 0x3")],
  "a Content-Length with an underscore": [400, withField("Content-Length: 1_0")],
  "a Content-Length with a space inside": [400, withField("Content-Length: 1 0")],
  "an empty Content-Length": [400, withField("Content-Length:")],
  "a Content-Length beyond all bounds": [413, withField("Content-Length: 99999999999999999999")],
  "chunked in HTTP/1.0": [400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"],
  "an unknown transfer coding": [501, withField("Transfer-Encoding: gzip")],
  "an unknown coding before chunked": [501, withField("Transfer-Encoding: gzip, chunked")],
  "identity": [501, withField("Transfer-Encoding: identity")],
  "chunked before another coding": [400, withField("Transfer-Encoding: chunked, gzip")],
  "chunked twice": [400, withField("Transfer-Encoding: chunked, chunked")],
  "chunked twice in two fields": [
    400,
    withField("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
  ],
  "chunked with a parameter": [400, withField("Transfer-Encoding: chunked;q=1")],
  "an empty Transfer-Encoding": [400, withField("Transfer-Encoding:")],
  "a vertical tab after chunked": [400, withField("Transfer-Encoding: chunked\x0b")],
  "a chunk size with a plus": [400, chunked("+5\r\nhello\r\n0\r\n\r\n")],
  "a negative chunk size": [400, chunked("-5\r\nhello\r\n0\r\n\r\n")],
  "a chunk size with a space": [400, chunked("5 \r\nhello\r\n0\r\n\r\n")],
  "a space before a chunk size": [400, chunked(" 5\r\nhello\r\n0\r\n\r\n")],
  "a chunk size with an underscore": [400, chunked("1_0\r\nhello\r\n0\r\n\r\n")],
  "a chunk size with 0x": [400, chunked("0x5\r\nhello\r\n0\r\n\r\n")],
  "an empty chunk size": [400, chunked("\r\nhello\r\n0\r\n\r\n")],
  "a chunk size out of range": [400, chunked("fffffffffffffffff\r\n")],
  "a chunk size that ends in a bare LF": [400, chunked("5\nhello\r\n0\r\n\r\n")],
  "a chunk extension with a bare LF": [400, chunked("5;a\nhello\r\n0\r\n\r\n")],
  "a chunk extension with a NUL": [400, chunked("5;a\0\r\nhello\r\n0\r\n\r\n")],
  "a chunk longer than its size": [400, chunked("5\r\nhello!\r\n0\r\n\r\n")],
  "a chunk that ends in a bare LF": [400, chunked("5\r\nhello\n0\r\n\r\n")],
  "Content-Length among the trailers": [400, chunked("0\r\nContent-Length: 5\r\n\r\n")],
  "Transfer-Encoding among the trailers": [400, chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n")],
  "Host among the trailers": [400, chunked("0\r\nHost: b\r\n\r\n")],
  "a folded trailer": [400, chunked("0\r\nX: a\r\n b\r\n\r\n")],
  "an unknown expectation": [417, withField("Expect: 200-ok")],
};

for (const [name, [status, text]] of Object.entries(refused)) {
  Deno.test(`in any split, the parser refuses ${name} with ${status}`, () => {
    assertEquals(parseEverySplit(text).error, status);
  });
}

const request = (target: string, fields = "") => `GET ${target} HTTP/1.1\r\n${HOST}${fields}\r\n`;
const limited: [string, Partial<HttpLimits>, string, string, number][] = [
  ["maxTargetBytes", { maxTargetBytes: 10 }, request("/23456789A"), request("/23456789AB"), 414],
  [
    "maxHeaderBytes",
    { maxHeaderBytes: 100 },
    request("/", `X: ${"x".repeat(100 - 32)}\r\n`),
    request("/", `X: ${"x".repeat(101 - 32)}\r\n`),
    431,
  ],
  [
    "maxHeaderCount",
    { maxHeaderCount: 3 },
    request("/", "A: 1\r\nB: 2\r\n"),
    request("/", "A: 1\r\nB: 2\r\nC: 3\r\n"),
    431,
  ],
  [
    "maxBodyBytes of a known length",
    { maxBodyBytes: 4 },
    `${withField("Content-Length: 4")}1234`,
    `${withField("Content-Length: 5")}12345`,
    413,
  ],
  [
    "maxBodyBytes of a chunked body",
    { maxBodyBytes: 4 },
    chunked("3\r\n123\r\n1\r\n4\r\n0\r\n\r\n"),
    chunked("3\r\n123\r\n2\r\n45\r\n0\r\n\r\n"),
    413,
  ],
  [
    "maxHeaderBytes of trailers",
    { maxHeaderBytes: 100 },
    chunked(`0\r\nX: ${"x".repeat(93)}\r\n\r\n`),
    chunked(`0\r\nX: ${"x".repeat(94)}\r\n\r\n`),
    431,
  ],
];
for (const [name, limits, at, above, status] of limited) {
  Deno.test(`the limit ${name} admits what is at it, and refuses what is above with ${status}`, () => {
    assertEquals(parseEverySplit(at, limits).error, null);
    assertEquals(parseEverySplit(above, limits).error, status);
  });
}

Deno.test("a head that never ends is refused as soon as it is too large", () => {
  const limits = { maxHeaderBytes: 1_000 };
  assertEquals(parse([bytesOf(`GET / HTTP/1.1\r\nX: ${"x".repeat(2_000)}`)], limits).error, 431);
  assertEquals(parse([bytesOf(`GET /${"x".repeat(20_000)}`)]).error, 414);
});

Deno.test("a body event is no larger than asked for", () => {
  const parser = new RequestParser(DEFAULT_HTTP_LIMITS);
  parser.push(bytesOf(`${withField("Content-Length: 10")}0123456789`));
  assertEquals(parser.next(), HEAD);
  for (const expected of [4, 4, 2]) {
    assertEquals(parser.next(4), BODY);
    assertEquals(parser.bodyEnd - parser.bodyStart, expected);
  }
  assertEquals(parser.next(4), NEED_DATA);
  assertEquals(parser.next(0), NEED_DATA);
});

Deno.test("after an error nothing more is read", () => {
  const parser = new RequestParser(DEFAULT_HTTP_LIMITS);
  parser.push(bytesOf("nonsense\r\n"));
  let status = 0;
  try {
    parser.next();
  } catch (error) {
    status = (error as { status: number }).status;
  }
  assertEquals(status, 400);
  assertEquals(parser.next(), NEED_DATA);
  parser.push(bytesOf(request("/")));
  assertEquals(parser.next(), NEED_DATA);
  assertEquals(parser.hasUnread, false);
});
