import { assert, assertEquals, assertStrictEquals, assertThrows } from "../support/assert.ts";
import { ProtocolError } from "../../src/base/errors.ts";
import type { Peer } from "../../src/message/exchange.ts";
import { latin1Text } from "../../src/message/fields.ts";
import type { HttpLimits } from "../../src/http1/codec/limits.ts";
import {
  DEFAULT_HTTP_LIMITS,
  MAX_CHUNK_EXTENSION_BYTES,
  MAX_CHUNK_LINE_BYTES,
  MAX_METHOD_BYTES,
} from "../../src/http1/codec/limits.ts";
import { BODY, CHUNK, END, HEAD, NEED_DATA, RequestParser } from "../../src/http1/codec/parser.ts";
import type { ParsedRequest } from "../support/parsing.ts";
import { bytesOf, parse, splits } from "../support/parsing.ts";

const HOST = "Host: a\r\n";
const TOKEN_CHARS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** What RFC 3986 3.3 has in a path, and what browsers send there besides. */
const PATH_CHARS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" +
  "-._~!$&'()*+,;=:@/%[]|";
/** What there can be in a query. */
const QUERY_CHARS = `${PATH_CHARS}?\\^\`{}`;
const TARGET_CHARS = `${PATH_CHARS}?${QUERY_CHARS}`;

const request = (target: string, fields = "") => `GET ${target} HTTP/1.1\r\n${HOST}${fields}\r\n`;
const withField = (field: string) => `POST / HTTP/1.1\r\n${HOST}${field}\r\n\r\n`;
const chunked = (rest: string) => `${withField("Transfer-Encoding: chunked")}${rest}`;

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

/** All events until the parser needs more; what they are, and the text or number that they carry. */
function eventsOf(parser: RequestParser, maxBytes = Infinity): [string, string | number][] {
  const events: [string, string | number][] = [];
  for (;;) {
    const event = parser.next(maxBytes);
    if (event === NEED_DATA) return events;
    const text = latin1Text(parser.buffer, parser.bodyStart, parser.bodyEnd);
    if (event === HEAD) events.push(["HEAD", parser.head.method]);
    else if (event === CHUNK) events.push(["CHUNK", parser.chunkBytes]);
    else if (event === BODY) events.push(["BODY", text]);
    else if (event === END) events.push(["END", text]);
  }
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
      expectsContinue: false,
      body: "",
      chunks: [],
      trailers: null,
    }],
  ],
  "an HTTP/1.0 request without Host": [
    "GET /x?y=z HTTP/1.0\r\n\r\n",
    [{ target: "/x?y=z", authority: "", minorVersion: 0, keepAlive: false, fields: "" }],
  ],
  "a higher minor version, which counts as 1.1": [
    `GET / HTTP/1.7\r\n${HOST}\r\n`,
    [{ minorVersion: 1, keepAlive: true }],
  ],
  "an unusual method": [`m!#$-x / HTTP/1.1\r\n${HOST}\r\n`, [{ method: "m!#$-x" }]],
  "methods that begin like common ones": [
    `GETS / HTTP/1.1\r\n${HOST}\r\nPOSH / HTTP/1.1\r\n${HOST}\r\nget / HTTP/1.1\r\n${HOST}\r\n`,
    [{ method: "GETS" }, { method: "POSH" }, { method: "get" }],
  ],
  "all characters of a token in a method and a field name": [
    `${TOKEN_CHARS.slice(0, 32)} / HTTP/1.1\r\n${HOST}${TOKEN_CHARS}: x\r\n\r\n`,
    [{ method: TOKEN_CHARS.slice(0, 32), fields: `${HOST}${TOKEN_CHARS}: x\r\n` }],
  ],
  "all characters of a target": [
    `GET /${TARGET_CHARS} HTTP/1.1\r\n${HOST}\r\n`,
    [{ target: `/${TARGET_CHARS}`, authority: "a" }],
  ],
  "a path that begins with two slashes, which names no authority": [
    `GET //b.example/ HTTP/1.1\r\n${HOST}\r\n`,
    [{ target: "//b.example/", authority: "a" }],
  ],
  "an absolute target, which overrides Host": [
    `GET http://b.example:81/p?q HTTP/1.1\r\n${HOST}\r\n`,
    [{ target: "http://b.example:81/p?q", authority: "b.example:81" }],
  ],
  "an absolute target without a path": [
    `GET HTTPS://b?q HTTP/1.1\r\n${HOST}\r\n`,
    [{ authority: "b" }],
  ],
  "an absolute target beside an empty Host": [
    "GET http://b/ HTTP/1.1\r\nHost:\r\n\r\n",
    [{ authority: "b" }],
  ],
  "an absolute target in HTTP/1.0 without Host": [
    "GET http://b/ HTTP/1.0\r\n\r\n",
    [{ authority: "b", minorVersion: 0 }],
  ],
  "an absolute target with OPTIONS": [
    `OPTIONS http://b HTTP/1.1\r\n${HOST}\r\n`,
    [{ method: "OPTIONS", authority: "b" }],
  ],
  "OPTIONS *": [
    `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`,
    [{ method: "OPTIONS", target: "*", authority: "a" }],
  ],
  "an IPv6 Host": ["GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", [{ authority: "[::1]:80" }]],
  "a Host with an empty port": ["GET / HTTP/1.1\r\nHost: a:\r\n\r\n", [{ authority: "a:" }]],
  "an empty Host": ["GET / HTTP/1.1\r\nHost:\r\n\r\n", [{ authority: "" }]],
  "blanks around a Host": ["GET / HTTP/1.1\r\nHost: \t a \t \r\n\r\n", [{ authority: "a" }]],
  "a Host between fields with names like it": [
    "GET / HTTP/1.1\r\nHos: x\r\nHosts: y\r\nHost: a\r\nX-Host: z\r\nHast: w\r\n\r\n",
    [{ authority: "a" }],
  ],
  "field names in any case": [
    "POST / HTTP/1.1\r\nhOsT:a\r\ncONTENT-lENGTH:1\r\ncONNECTION:close\r\n\r\nx",
    [{ authority: "a", bodyLength: 1, body: "x", keepAlive: false }],
  ],
  "repeated fields, and blanks and colons within values": [
    `GET / HTTP/1.1\r\n${HOST}X: a: b\t c\r\nX: a: b\t c\r\n\r\n`,
    [{ fields: `${HOST}X: a: b\t c\r\nX: a: b\t c\r\n` }],
  ],
  "an empty value": [`GET / HTTP/1.1\r\n${HOST}X:\r\n\r\n`, [{ fields: `${HOST}X:\r\n` }]],
  "obs-text in a value": [`GET / HTTP/1.1\r\n${HOST}X: \xe4\r\n\r\n`, [{
    fields: `${HOST}X: \xe4\r\n`,
  }]],
  "a body with a length": [
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`,
    [{ method: "POST", bodyLength: 5, body: "hello", chunks: [], trailers: null }],
  ],
  "a length with zeros before it": [
    `POST / HTTP/1.1\r\n${HOST}content-length: 0005\r\n\r\nhello`,
    [{ bodyLength: 5, body: "hello" }],
  ],
  "blanks around a length": [
    `POST / HTTP/1.1\r\n${HOST}Content-Length: \t 5 \t\r\n\r\nhello`,
    [{ bodyLength: 5, body: "hello" }],
  ],
  "a length of zero": [`POST / HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`, [{
    bodyLength: 0,
    body: "",
  }]],
  "a body in HTTP/1.0": [
    "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello",
    [{ minorVersion: 0, bodyLength: 5, body: "hello" }],
  ],
  "a body with GET": [
    `GET / HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nhi`,
    [{ method: "GET", bodyLength: 2, body: "hi" }],
  ],
  "POST without a body": [
    withField("X: y") + request("/2"),
    [{ method: "POST", bodyLength: 0 }, { target: "/2" }],
  ],
  "a chunked body": [
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n`,
    [{ bodyLength: -1, body: "hello0123456789", chunks: [5, 10], trailers: "" }],
  ],
  "a chunked body without data": [
    `${withField("Transfer-Encoding: \t chunked \t")}0\r\n\r\n`,
    [{ bodyLength: -1, body: "", chunks: [], trailers: "" }],
  ],
  "chunk sizes in either case and with zeros before them": [
    chunked("00a\r\n0123456789\r\nB\r\n0123456789a\r\n0000\r\n\r\n"),
    [{ body: "01234567890123456789a", chunks: [10, 11], trailers: "" }],
  ],
  "chunk extensions and trailers": [
    chunked(`003;a=b;c="d e"\r\nabc\r\n0;z\r\nX-T: 1\r\nY:\r\n\r\n`),
    [{ body: "abc", chunks: [3], trailers: "X-T: 1\r\nY:\r\n" }],
  ],
  "chunk extensions of all kinds": [
    chunked(`1;\r\na\r\n1; a = b\t;\xe4\r\nb\r\n1;q="5\\"; x"\r\nc\r\n0;last=1\r\n\r\n`),
    [{ body: "abc", chunks: [1, 1, 1], trailers: "" }],
  ],
  "trailers that would mean something in a head, but do not here": [
    chunked("0\r\nConnection: close\r\nExpect: x\r\n\r\n"),
    [{
      keepAlive: true,
      expectsContinue: false,
      trailers: "Connection: close\r\nExpect: x\r\n",
    }],
  ],
  "bodies that look like requests and like the end of chunks": [
    `${withField(`Content-Length: ${request("/x").length}`)}${request("/x")}` +
    chunked(`${request("/x").length.toString(16)}\r\n${request("/x")}\r\n`) +
    "5\r\n0\r\n\r\n\r\n0\r\n\r\n" + request("/y"),
    [
      { target: "/", bodyLength: request("/x").length, body: request("/x") },
      { target: "/", bodyLength: -1, body: `${request("/x")}0\r\n\r\n` },
      { target: "/y" },
    ],
  ],
  "empty lines before a request": [`\r\n\r\nGET / HTTP/1.1\r\n${HOST}\r\n`, [{ target: "/" }]],
  "up to four empty lines before each request": [
    `${"\r\n".repeat(4)}${request("/1")}${"\r\n".repeat(4)}${request("/2")}${"\r\n".repeat(4)}`,
    [{ target: "/1" }, { target: "/2" }],
  ],
  "Expect: 100-continue with a body": [
    `POST / HTTP/1.1\r\n${HOST}Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx`,
    [{ expectsContinue: true, body: "x" }],
  ],
  "Expect: 100-continue with a chunked body": [
    `POST / HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    [{ expectsContinue: true, bodyLength: -1 }],
  ],
  "Expect: 100-continue without a body, which means nothing": [
    `GET / HTTP/1.1\r\n${HOST}Expect: 100-continue\r\n\r\n`,
    [{ expectsContinue: false }],
  ],
  "Expect: 100-continue in HTTP/1.0, which means nothing": [
    "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    [{ expectsContinue: false }],
  ],
  "requests of which the first leaves nothing to the second": [
    "POST /1 HTTP/1.0\r\nHost: b\r\nExpect: 100-continue\r\nConnection: keep-alive\r\n" +
    "Content-Length: 1\r\n\r\nx" +
    "POST /2 HTTP/1.0\r\n\r\n" +
    `${
      withField("Expect: 100-continue\r\nConnection: close\r\nTransfer-Encoding: chunked")
    }0\r\n\r\n` +
    `${withField("Content-Length: 1")}y`,
    [
      { authority: "b", keepAlive: true, bodyLength: 1 },
      { authority: "", keepAlive: false, bodyLength: 0 },
      { expectsContinue: true, keepAlive: false, bodyLength: -1 },
      { expectsContinue: false, keepAlive: true, bodyLength: 1, body: "y", trailers: null },
    ],
  ],
  "pipelined requests of all kinds": [
    `POST /1 HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nhi` +
    `POST /2 HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nT: v\r\n\r\n` +
    `\r\nGET /3 HTTP/1.1\r\n${HOST}\r\n` +
    "GET /4 HTTP/1.0\r\n\r\n" +
    `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`,
    [
      { target: "/1", body: "hi" },
      { target: "/2", body: "x", trailers: "T: v\r\n" },
      { target: "/3", bodyLength: 0 },
      { target: "/4", minorVersion: 0 },
      { target: "*", minorVersion: 1 },
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

const keptAlive: [string, string, boolean][] = [
  ["HTTP/1.1", "", true],
  ["HTTP/1.1", "Connection: keep-alive\r\n", true],
  ["HTTP/1.1", "Connection: close\r\n", false],
  ["HTTP/1.1", "Connection: x, CLOSE\r\n", false],
  ["HTTP/1.1", "Connection:close ,\tx\r\n", false],
  ["HTTP/1.1", "Connection: closed, x-close\r\n", true],
  ["HTTP/1.1", "Connection:\r\n", true],
  ["HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n", false],
  ["HTTP/1.1", "Connection: close\r\nConnection: keep-alive\r\n", false],
  ["HTTP/1.1", "X-Connection: close\r\nX: close\r\n", true],
  ["HTTP/1.9", "", true],
  ["HTTP/1.0", "", false],
  ["HTTP/1.0", "Connection: Keep-Alive\r\n", true],
  ["HTTP/1.0", "Connection: x, keep-alive\r\n", true],
  ["HTTP/1.0", "Connection: keep-alive, close\r\n", false],
  ["HTTP/1.0", "Connection: keep-alive\r\nConnection: close\r\n", false],
  ["HTTP/1.0", "Keep-Alive: timeout=5\r\n", false],
];

for (const [version, lines, expected] of keptAlive) {
  const what = expected ? "may carry more" : "carries nothing more";
  Deno.test(`a connection ${what} after ${version} with ${JSON.stringify(lines)}`, () => {
    const text = `GET / ${version}\r\n${HOST}${lines}\r\n`;
    const { requests, error } = parseEverySplit(text + text);
    assertEquals(error, null);
    assertEquals(requests.map(({ keepAlive }) => keepAlive), [expected, expected]);
  });
}

const refused: Record<string, [number, string]> = {
  "a bare LF after the request line": [400, `GET / HTTP/1.1\n${HOST}\r\n`],
  "a bare CR in the request line": [400, `GET / HTTP/1.1\rX\r\n${HOST}\r\n`],
  "a bare LF after a field": [400, "GET / HTTP/1.1\r\nHost: a\n\r\n"],
  "a bare CR after a field": [400, "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n"],
  "a bare CR within a field": [400, withField("X: a\rb")],
  "two CRs before an LF": [400, "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"],
  "a bare LF as the empty line": [400, `GET / HTTP/1.1\r\n${HOST}\n`],
  "a bare CR as the empty line": [400, `GET / HTTP/1.1\r\n${HOST}\rX`],
  "a bare LF before a request": [400, `\nGET / HTTP/1.1\r\n${HOST}\r\n`],
  "a CR without LF before a request": [400, `\rGET / HTTP/1.1\r\n${HOST}\r\n`],
  "too many empty lines": [400, `${"\r\n".repeat(5)}GET / HTTP/1.1\r\n${HOST}\r\n`],
  "a space before the colon": [400, withField("X : y")],
  "a tab before the colon": [400, withField("X\t: y")],
  "a space before the colon of Content-Length": [400, withField("Content-Length : 3")],
  "a space before the colon of Transfer-Encoding": [400, withField("Transfer-Encoding : chunked")],
  "a folded field": [400, `GET / HTTP/1.1\r\n${HOST}X: a\r\n b\r\n\r\n`],
  "a field folded with a tab": [400, `GET / HTTP/1.1\r\n${HOST}X: a\r\n\tb\r\n\r\n`],
  "a fold before the first field": [400, `GET / HTTP/1.1\r\n ${HOST}\r\n`],
  "a folded Transfer-Encoding": [400, withField("Transfer-Encoding:\r\n chunked")],
  "a line of blanks": [400, withField("X: a\r\n \t")],
  "a field without a colon": [400, withField("nonsense")],
  "an empty field name": [400, withField(": x")],
  "a NUL in a field name": [400, withField("X\0Y: x")],
  "a NUL in a value": [400, withField("X: a\0b")],
  "a control character in a value": [400, withField("X: a\x01b")],
  "a DEL in a value": [400, withField("X: a\x7fb")],
  "obs-text in a field name": [400, withField("X\xe4: x")],
  "no method": [400, ` / HTTP/1.1\r\n${HOST}\r\n`],
  "a method that is no token": [400, `G@T / HTTP/1.1\r\n${HOST}\r\n`],
  "a NUL in the method": [400, `GE\0T / HTTP/1.1\r\n${HOST}\r\n`],
  "a very long method": [501, `${"M".repeat(33)} / HTTP/1.1\r\n${HOST}\r\n`],
  "a method and nothing else": [400, "GET\r\n\r\n"],
  "two spaces after the method": [400, `GET  / HTTP/1.1\r\n${HOST}\r\n`],
  "two spaces after the target": [400, `GET /  HTTP/1.1\r\n${HOST}\r\n`],
  "a tab after the method": [400, `GET\t/ HTTP/1.1\r\n${HOST}\r\n`],
  "a tab after the target": [400, `GET /\tHTTP/1.1\r\n${HOST}\r\n`],
  "a space in the target": [400, `GET /a b HTTP/1.1\r\n${HOST}\r\n`],
  "a space after the version": [400, `GET / HTTP/1.1 \r\n${HOST}\r\n`],
  "a fragment in the target": [400, `GET /#f HTTP/1.1\r\n${HOST}\r\n`],
  "a byte beyond ASCII in the target": [400, `GET /\xe4 HTTP/1.1\r\n${HOST}\r\n`],
  "a control character in the target": [400, `GET /\x01 HTTP/1.1\r\n${HOST}\r\n`],
  "a NUL in the target": [400, `GET /\0 HTTP/1.1\r\n${HOST}\r\n`],
  "a backslash in the path": [400, `GET /x\\..\\admin HTTP/1.1\r\n${HOST}\r\n`],
  "a backslash in the path of an absolute target": [
    400,
    `GET http://a/x\\y HTTP/1.1\r\n${HOST}\r\n`,
  ],
  "HTTP/0.9": [400, "GET /\r\n"],
  "a version without a dot": [400, `GET / HTTP/11\r\n${HOST}\r\n`],
  "a version without a minor digit": [400, `GET / HTTP/1.\r\n${HOST}\r\n`],
  "a version that is no number": [400, `GET / HTTP/x.1\r\n${HOST}\r\n`],
  "a version in lower case": [400, `GET / http/1.1\r\n${HOST}\r\n`],
  "a minor version of two digits": [400, `GET / HTTP/1.10\r\n${HOST}\r\n`],
  "a major version of two digits": [400, `GET / HTTP/11.1\r\n${HOST}\r\n`],
  "another protocol": [400, `GET / ICAP/1.0\r\n${HOST}\r\n`],
  "HTTP/2.0": [505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  "HTTP/3.0": [505, `GET / HTTP/3.0\r\n${HOST}\r\n`],
  "HTTP/0.1": [505, `GET / HTTP/0.1\r\n${HOST}\r\n`],
  "a target of no form": [400, `GET nonsense HTTP/1.1\r\n${HOST}\r\n`],
  "an authority as the target of GET": [400, "GET a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"],
  "an absolute target of another scheme": [400, `GET ftp://a/ HTTP/1.1\r\n${HOST}\r\n`],
  "an absolute target without an authority": [400, `GET http:///p HTTP/1.1\r\n${HOST}\r\n`],
  "an absolute target with a port only": [400, `GET http://:80/ HTTP/1.1\r\n${HOST}\r\n`],
  "an absolute target with one slash": [400, `GET http:/a HTTP/1.1\r\n${HOST}\r\n`],
  "an absolute target with a backslash": [400, `GET http://a\\b/ HTTP/1.1\r\n${HOST}\r\n`],
  "user information in an absolute target": [400, `GET http://u:p@a/ HTTP/1.1\r\n${HOST}\r\n`],
  "an absolute target without Host in 1.1": [400, "GET http://a/ HTTP/1.1\r\n\r\n"],
  "an absolute target beside a malformed Host": [
    400,
    "GET http://a/ HTTP/1.1\r\nHost: b/c\r\n\r\n",
  ],
  "* with GET": [400, `GET * HTTP/1.1\r\n${HOST}\r\n`],
  "** with OPTIONS": [400, `OPTIONS ** HTTP/1.1\r\n${HOST}\r\n`],
  "CONNECT": [501, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"],
  "CONNECT with a path": [501, `CONNECT / HTTP/1.1\r\n${HOST}\r\n`],
  "CONNECT with an absolute target": [501, `CONNECT http://a/ HTTP/1.1\r\n${HOST}\r\n`],
  "CONNECT with *": [501, `CONNECT * HTTP/1.1\r\n${HOST}\r\n`],
  "no Host in 1.1": [400, "GET / HTTP/1.1\r\n\r\n"],
  "two Hosts": [400, `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`],
  "two Hosts in 1.0": [400, `GET / HTTP/1.0\r\n${HOST}${HOST}\r\n`],
  "two Hosts, one of them empty": [400, `GET / HTTP/1.1\r\n${HOST}Host:\r\n\r\n`],
  "two Hosts in different case": [400, "GET / HTTP/1.1\r\nhost: a\r\nHOST: a\r\n\r\n"],
  "a Host with a path": [400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"],
  "a Host with a scheme": [400, "GET / HTTP/1.1\r\nHost: http://a\r\n\r\n"],
  "a Host with user information": [400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"],
  "a Host with a space": [400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"],
  "a Host with a percent sign": [400, "GET / HTTP/1.1\r\nHost: a%2eb\r\n\r\n"],
  "a Host that is an address to some": [400, "GET / HTTP/1.1\r\nHost: 0x7f.1\r\n\r\n"],
  "a Host with a port only": [400, "GET / HTTP/1.1\r\nHost: :80\r\n\r\n"],
  "a Host with a port out of range": [400, "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n"],
  "a Host with a port that is no number": [400, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"],
  "a Host with an open bracket": [400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"],
  "a Host beyond ASCII": [400, "GET / HTTP/1.1\r\nHost: \xe4\r\n\r\n"],
  "a Host that makes no URL": [400, "GET / HTTP/1.1\r\nHost: 1.2.3.999\r\n\r\n"],
  "a list of Hosts": [400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"],
  "Content-Length and Transfer-Encoding": [
    400,
    withField("Content-Length: 3\r\nTransfer-Encoding: chunked"),
  ],
  "Transfer-Encoding and Content-Length": [
    400,
    withField("Transfer-Encoding: chunked\r\nContent-Length: 3"),
  ],
  "a Content-Length of zero and Transfer-Encoding": [
    400,
    withField("Content-Length: 0\r\nTransfer-Encoding: chunked"),
  ],
  "Content-Length and an unknown transfer coding": [
    400,
    withField("Content-Length: 3\r\nTransfer-Encoding: gzip"),
  ],
  "differing Content-Lengths": [400, withField("Content-Length: 3\r\nContent-Length: 4")],
  "a repeated Content-Length": [400, withField("Content-Length: 3\r\nContent-Length: 3")],
  "a repeated Content-Length of zero": [400, withField("Content-Length: 0\r\ncontent-length: 0")],
  "a list of Content-Lengths": [400, withField("Content-Length: 3, 3")],
  "a Content-Length with a plus": [400, withField("Content-Length: +3")],
  "a negative Content-Length": [400, withField("Content-Length: -3")],
  "a hexadecimal Content-Length": [400, withField("Content-Length: 0x3")],
  "a fractional Content-Length": [400, withField("Content-Length: 3.0")],
  "a Content-Length with an exponent": [400, withField("Content-Length: 1e1")],
  "a Content-Length with an underscore": [400, withField("Content-Length: 1_0")],
  "a Content-Length with a space inside": [400, withField("Content-Length: 1 0")],
  "a Content-Length with a digit beyond ASCII": [400, withField("Content-Length: \xb2")],
  "a quoted Content-Length": [400, withField('Content-Length: "3"')],
  "an empty Content-Length": [400, withField("Content-Length:")],
  "a Content-Length of blanks": [400, withField("Content-Length: \t ")],
  "a Content-Length beyond all bounds": [413, withField("Content-Length: 99999999999999999999")],
  "chunked in HTTP/1.0": [400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"],
  "chunked and Content-Length in HTTP/1.0": [
    400,
    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
  ],
  "an unknown transfer coding": [501, withField("Transfer-Encoding: gzip")],
  "an unknown coding before chunked": [501, withField("Transfer-Encoding: gzip, chunked")],
  "an unknown coding before chunked in two fields": [
    501,
    withField("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"),
  ],
  "identity": [501, withField("Transfer-Encoding: identity")],
  "identity before chunked": [501, withField("Transfer-Encoding: identity, chunked")],
  "a coding that only begins like chunked": [501, withField("Transfer-Encoding: chunkedx")],
  "a coding that only ends like chunked": [501, withField("Transfer-Encoding: xchunked")],
  "chunked before another coding": [400, withField("Transfer-Encoding: chunked, gzip")],
  "chunked before another coding in two fields": [
    400,
    withField("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip"),
  ],
  "chunked twice": [400, withField("Transfer-Encoding: chunked, chunked")],
  "chunked twice in two fields": [
    400,
    withField("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
  ],
  "chunked twice around another coding": [
    400,
    withField("Transfer-Encoding: chunked, gzip, chunked"),
  ],
  "chunked with a parameter": [400, withField("Transfer-Encoding: chunked;q=1")],
  "chunked after a comma": [400, withField("Transfer-Encoding: ,chunked")],
  "chunked before a comma": [400, withField("Transfer-Encoding: chunked,")],
  "chunked in quotes": [400, withField('Transfer-Encoding: "chunked"')],
  "chunked in two words": [400, withField("Transfer-Encoding: chun ked")],
  "an empty Transfer-Encoding": [400, withField("Transfer-Encoding:")],
  "an empty Transfer-Encoding beside chunked": [
    400,
    withField("Transfer-Encoding:\r\nTransfer-Encoding: chunked"),
  ],
  "a vertical tab after chunked": [400, withField("Transfer-Encoding: chunked\x0b")],
  "a no-break space after chunked": [400, withField("Transfer-Encoding: chunked\xa0")],
  "a chunk size with a plus": [400, chunked("+5\r\nhello\r\n0\r\n\r\n")],
  "a negative chunk size": [400, chunked("-5\r\nhello\r\n0\r\n\r\n")],
  "a last chunk with a sign": [400, chunked("-0\r\n\r\n")],
  "a chunk size with a space": [400, chunked("5 \r\nhello\r\n0\r\n\r\n")],
  "a chunk size with a tab": [400, chunked("5\t\r\nhello\r\n0\r\n\r\n")],
  "a chunk size with a space before a bare LF": [400, chunked("5 \nhello\r\n0\r\n\r\n")],
  "a space before a chunk size": [400, chunked(" 5\r\nhello\r\n0\r\n\r\n")],
  "a space within a chunk size": [400, chunked("0 5\r\nhello\r\n0\r\n\r\n")],
  "a chunk size with an underscore": [400, chunked("1_0\r\nhello\r\n0\r\n\r\n")],
  "a chunk size with 0x": [400, chunked("0x5\r\nhello\r\n0\r\n\r\n")],
  "a chunk size with a fraction": [400, chunked("5.0\r\nhello\r\n0\r\n\r\n")],
  "a chunk size with an h": [400, chunked("5h\r\nhello\r\n0\r\n\r\n")],
  "a chunk size with a NUL": [400, chunked("5\0\r\nhello\r\n0\r\n\r\n")],
  "an empty chunk size": [400, chunked("\r\nhello\r\n0\r\n\r\n")],
  "an extension without a chunk size": [400, chunked(";a\r\nhello\r\n0\r\n\r\n")],
  "a chunk size out of range": [400, chunked("fffffffffffffffff\r\n")],
  "a chunk size that 64 bits would cut to a small one": [400, chunked("10000000000000005\r\n")],
  "a chunk size that ends in a bare LF": [400, chunked("5\nhello\r\n0\r\n\r\n")],
  "a chunk size that ends in a bare CR": [400, chunked("5\rhello\r\n0\r\n\r\n")],
  "a chunk extension with a bare LF": [400, chunked("5;a\nhello\r\n0\r\n\r\n")],
  "a chunk extension with a bare CR": [400, chunked("5;a\rb\r\nhello\r\n0\r\n\r\n")],
  "a quoted chunk extension with an LF": [400, chunked('5;a="\nb"\r\nhello\r\n0\r\n\r\n')],
  "a chunk extension with a NUL": [400, chunked("5;a\0\r\nhello\r\n0\r\n\r\n")],
  "a chunk longer than its size": [400, chunked("5\r\nhello!\r\n0\r\n\r\n")],
  "a chunk shorter than its size": [400, chunked("6\r\nhello\r\n0\r\n\r\n")],
  "a chunk that ends in a bare LF": [400, chunked("5\r\nhello\n0\r\n\r\n")],
  "a chunk that ends in a bare CR": [400, chunked("5\r\nhello\r0\r\n\r\n")],
  "a last chunk that ends in a bare LF": [400, chunked("0\n\r\n")],
  "Content-Length among the trailers": [400, chunked("0\r\nContent-Length: 5\r\n\r\n")],
  "Transfer-Encoding among the trailers": [400, chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n")],
  "Host among the trailers": [400, chunked("0\r\nHost: b\r\n\r\n")],
  "a folded trailer": [400, chunked("0\r\nX: a\r\n b\r\n\r\n")],
  "a trailer with a space before its colon": [400, chunked("0\r\nX : a\r\n\r\n")],
  "a trailer without a name": [400, chunked("0\r\n: a\r\n\r\n")],
  "a trailer with a NUL": [400, chunked("0\r\nX: \0\r\n\r\n")],
  "a trailer that ends in a bare LF": [400, chunked("0\r\nX: a\n\r\n")],
  "trailers that end in a bare LF": [400, chunked("0\r\n\n")],
  "trailers that end in a bare CR": [400, chunked("0\r\n\rX")],
  "an unknown expectation": [417, withField("Expect: 200-ok")],
  "an unknown expectation beside the known one": [417, withField("Expect: 100-continue, x")],
  "an unknown expectation after the known one": [
    417,
    withField("Expect: 100-continue\r\nExpect: x"),
  ],
};

for (const [name, [status, text]] of Object.entries(refused)) {
  Deno.test(`in any split, the parser refuses ${name} with ${status}`, () => {
    assertEquals(parseEverySplit(text).error, status);
  });
}

Deno.test("a refusal takes nothing from the request before it, and nothing after it is read", () => {
  const before = parse([bytesOf(request("/before"))]).requests;
  for (const [name, [status, text]] of Object.entries(refused)) {
    const { requests, error } = parse([bytesOf(request("/before") + text)]);
    assertEquals(error, status, name);
    assertEquals(requests.slice(0, 1), before, name);

    const parser = new RequestParser(DEFAULT_HTTP_LIMITS);
    parser.push(bytesOf(text + request("/after")));
    const refusal = assertThrows(() => eventsOf(parser), ProtocolError);
    assertEquals(refusal.status, status, name);
    assertEquals(parser.hasUnread, false, name);
    assertEquals(parser.next(), NEED_DATA, name);
    parser.push(bytesOf(request("/after")));
    assertEquals(parser.hasUnread, false, name);
    assertEquals(eventsOf(parser), [], name);
  }
});

const permitted: [string, string, (char: string) => string][] = [
  ["a method", TOKEN_CHARS, (char) => `G${char}T / HTTP/1.1\r\n${HOST}\r\n`],
  ["a path", PATH_CHARS + "?", (char) => `GET /${char} HTTP/1.1\r\n${HOST}\r\n`],
  ["a query", QUERY_CHARS, (char) => `GET /?${char} HTTP/1.1\r\n${HOST}\r\n`],
  ["a field name", TOKEN_CHARS, (char) => withField(`X${char}: y`)],
  ["a version", "", (char) => `GET / HTTP/1.1${char}\r\n${HOST}\r\n`],
  ["a Content-Length", "0123456789", (char) => withField(`Content-Length: 1${char}1`)],
  ["a chunk size", "0123456789abcdefABCDEF", (char) => chunked(`0${char}0;\r\n`)],
];
for (const [where, chars, textWith] of permitted) {
  Deno.test(`of all bytes, only those that belong in ${where} are accepted there`, () => {
    for (let byte = 0; byte < 256; byte++) {
      const char = String.fromCharCode(byte);
      // These end what is tested, and begin something else.
      const ends = (where === "a chunk size" && char === ";") ||
        (where === "a field name" && char === ":");
      if (ends) continue;
      const { error } = parse([bytesOf(textWith(char))]);
      assertEquals(error, chars.includes(char) ? null : 400, JSON.stringify(textWith(char)));
    }
  });
}

Deno.test("no control character but a tab is accepted in a value, chunk extension or trailer", () => {
  const texts: ((char: string) => string)[] = [
    (char) => withField(`X: a${char}b`),
    (char) => withField(`X: a${char}`),
    (char) => withField(`X:${char}a`),
    (char) => chunked(`1;a${char}b\r\nx\r\n0\r\n\r\n`),
    (char) => chunked(`0\r\nX: a${char}b\r\n\r\n`),
  ];
  for (let byte = 0; byte < 256; byte++) {
    const isRefused = (byte < 0x20 && byte !== 0x09) || byte === 0x7f;
    for (const textWith of texts) {
      const text = textWith(String.fromCharCode(byte));
      assertEquals(parse([bytesOf(text)]).error, isRefused ? 400 : null, JSON.stringify(text));
    }
  }
});

interface LimitCase {
  limits?: Partial<HttpLimits>;
  /** The limit, and a request that takes `size` of it. */
  limit: number;
  sized: (size: number) => string;
  status: number;
}

const ofHeadBytes = (bytes: number) => request("/", `X: ${"x".repeat(bytes - 32)}\r\n`);
const limited: Record<string, LimitCase> = {
  "the bytes of a method": {
    limit: MAX_METHOD_BYTES,
    sized: (bytes) => `${"M".repeat(bytes)} / HTTP/1.1\r\n${HOST}\r\n`,
    status: 501,
  },
  "the bytes of a target": {
    limits: { maxTargetBytes: 10 },
    limit: 10,
    sized: (bytes) => request(`/${"x".repeat(bytes - 1)}`),
    status: 414,
  },
  "the bytes of a head": {
    limits: { maxHeaderBytes: 100 },
    limit: 100,
    sized: ofHeadBytes,
    status: 431,
  },
  "the bytes of a head that consists of many fields": {
    limits: { maxHeaderBytes: 100 },
    limit: 100,
    sized: (bytes) => request("/", `A:\r\nB:\r\nC:\r\nX:${"x".repeat(bytes - 43)}\r\n`),
    status: 431,
  },
  "the bytes of a head without fields": {
    limits: { maxHeaderBytes: 30 },
    limit: 30,
    sized: (bytes) => `GET /${"x".repeat(bytes - 18)} HTTP/1.0\r\n\r\n`,
    status: 431,
  },
  "the bytes of a head after others and empty lines": {
    limits: { maxHeaderBytes: 100 },
    limit: 100,
    sized: (bytes) =>
      `${withField("Content-Length: 2")}hi${ofHeadBytes(99)}\r\n${ofHeadBytes(bytes)}`,
    status: 431,
  },
  "the field lines of a head": {
    limits: { maxHeaderCount: 4 },
    limit: 4,
    sized: (count) => request("/") + request("/", "X: 1\r\n".repeat(count - 1)),
    status: 431,
  },
  "the bytes of trailers": {
    limits: { maxHeaderBytes: 100 },
    limit: 100,
    sized: (bytes) => chunked(`0\r\nX: ${"x".repeat(bytes - 7)}\r\n\r\n`),
    status: 431,
  },
  "the field lines of trailers": {
    limits: { maxHeaderCount: 3 },
    limit: 3,
    sized: (count) => chunked(`0\r\n${"X: 1\r\n".repeat(count)}\r\n`),
    status: 431,
  },
  "the bytes of a body of known length": {
    limits: { maxBodyBytes: 4 },
    limit: 4,
    sized: (bytes) => `${withField(`Content-Length: ${bytes}`)}${"x".repeat(bytes)}`,
    status: 413,
  },
  "the bytes of a chunked body": {
    limits: { maxBodyBytes: 4 },
    limit: 4,
    sized: (bytes) => chunked(`2\r\nxx\r\n${bytes - 2}\r\n${"x".repeat(bytes - 2)}\r\n0\r\n\r\n`),
    status: 413,
  },
  "the bytes of a chunked body after another": {
    limits: { maxBodyBytes: 4 },
    limit: 4,
    sized: (bytes) =>
      chunked("4\r\nxxxx\r\n0\r\n\r\n") +
      chunked(`${bytes}\r\n${"x".repeat(bytes)}\r\n0\r\n\r\n`),
    status: 413,
  },
};

for (const [name, { limits, limit, sized, status }] of Object.entries(limited)) {
  Deno.test(`${name} may be up to their limit, and are refused above it with ${status}`, () => {
    assertEquals(parseEverySplit(sized(limit - 1), limits).error, null);
    assertEquals(parseEverySplit(sized(limit), limits).error, null);
    assertEquals(parseEverySplit(sized(limit + 1), limits).error, status);
  });
}

Deno.test("the bytes of a chunk-size line may be up to their limit, and are refused above it", () => {
  const lines: ((bytes: number) => string)[] = [
    (bytes) => `1;${"x".repeat(bytes - 2)}`,
    (bytes) => `${"0".repeat(bytes - 1)}1`,
    (bytes) => `${"0".repeat(bytes - 4)}1;ab`,
  ];
  for (const line of lines) {
    for (const [excess, error] of [[-1, null], [0, null], [1, 400]] as const) {
      const bytes = bytesOf(chunked(`${line(MAX_CHUNK_LINE_BYTES + excess)}\r\nx\r\n0\r\n\r\n`));
      assertEquals(parse([bytes]).error, error);
      assertEquals(parse(Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))).error, error);
      for (let at = bytes.length - 20; at < bytes.length; at++) {
        assertEquals(parse([bytes.subarray(0, at), bytes.subarray(at)]).error, error);
      }
    }
  }
});

Deno.test("the chunk extensions of a body may have so many bytes in all, and are refused above it", () => {
  // Zeros before a size say nothing, either.
  const pads: ((bytes: number) => string)[] = [
    (bytes) => `1;${"x".repeat(bytes - 1)}`,
    (bytes) => `${"0".repeat(15)}1;${"x".repeat(bytes - 1)}`,
    (bytes) => `${"0".repeat(bytes + 15)}1`,
    (bytes) => `${"0".repeat(bytes + 15 - 5)}1;abcd`,
  ];
  const lines = 16;
  const share = MAX_CHUNK_EXTENSION_BYTES / lines;
  for (const pad of pads) {
    for (const [excess, error] of [[-1, null], [0, null], [1, 400]] as const) {
      const chunks = Array.from(
        { length: lines },
        (_, i) => `${pad(i === 0 ? share + excess : share)}\r\nx\r\n`,
      );
      const bytes = bytesOf(chunked(`${chunks.join("")}0\r\n\r\n`));
      assertEquals(parse([bytes]).error, error);
      assertEquals(parse(Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))).error, error);
    }
  }
});

Deno.test("the chunk extensions of one body are no other's", () => {
  const body = `1;${"x".repeat(4_000)}\r\nx\r\n`.repeat(4) + `0;${"x".repeat(300)}\r\n\r\n`;
  const { requests, error } = parse([bytesOf(chunked(body).repeat(5))]);
  assertEquals([requests.length, error], [5, null]);
});

Deno.test("chunks of one byte cost as little as their bytes, in any split", () => {
  const count = 50_000;
  const bytes = bytesOf(chunked(`${"1\r\nx\r\n".repeat(count)}0\r\n\r\n`));
  for (const pieceBytes of [bytes.length, 4_096, 7, 1]) {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      pieces.push(bytes.subarray(at, at + pieceBytes));
    }
    const { requests, error } = parse(pieces);
    assertEquals(error, null);
    assertEquals([requests[0].body.length, requests[0].chunks.length], [count, count]);
  }
});

Deno.test("lengths up to 2**53 - 1 are understood, and more is refused", () => {
  const lengthOf = (length: string) => {
    const { requests, error } = parse([bytesOf(withField(`Content-Length: ${length}`))]);
    return error ?? requests[0].bodyLength;
  };
  assertEquals(lengthOf("4294967301"), 4_294_967_301);
  assertEquals(lengthOf("9007199254740990"), Number.MAX_SAFE_INTEGER - 1);
  assertEquals(lengthOf("9007199254740991"), Number.MAX_SAFE_INTEGER);
  assertEquals(lengthOf("9007199254740992"), 413);
  assertEquals(lengthOf("18446744073709551617"), 413);

  const chunkOf = (size: string) => {
    const { requests, error } = parse([bytesOf(chunked(`${size}\r\n`))]);
    return error ?? requests[0].chunks[0];
  };
  assertEquals(chunkOf("100000005"), 4_294_967_301);
  assertEquals(chunkOf("1ffffffffffffe"), Number.MAX_SAFE_INTEGER - 1);
  assertEquals(chunkOf("1FFFFFFFFFFFFF"), Number.MAX_SAFE_INTEGER);
  assertEquals(chunkOf("20000000000000"), 400);
  assertEquals(
    parse([bytesOf(chunked("1\r\nx\r\n1fffffffffffff\r\n"))]).error,
    413,
    "the sum of the sizes counts",
  );
});

Deno.test("a body that is too large is refused before any of it is read", () => {
  const limits = { maxBodyBytes: 0 };
  assertEquals(parseEverySplit(withField("Content-Length: 0"), limits).error, null);
  const known = parseEverySplit(withField("Content-Length: 1"), limits);
  assertEquals([known.error, known.requests], [413, []]);
  assertEquals(parseEverySplit(chunked("0\r\n\r\n"), limits).error, null);
  const unknown = parseEverySplit(chunked("1\r\n"), limits);
  assertEquals([unknown.error, unknown.requests[0].chunks], [413, []]);
});

Deno.test("in any split, a head that is too large is refused for that, whatever lies beyond the limit", () => {
  const limits = { maxHeaderBytes: 100 };
  const long = `X: ${"x".repeat(100)}`;
  const beyond = ["", "\0", "\r\n", "\r\nbad line\r\n\r\n", "\r\nExpect: y\r\n\r\n", "\nX", "\rX"];
  for (const rest of beyond) {
    assertEquals(parseEverySplit(`GET / HTTP/1.1\r\n${HOST}${long}${rest}`, limits).error, 431);
    assertEquals(parseEverySplit(chunked(`0\r\nT: a\r\n${long}${rest}`), limits).error, 431);
  }
  const limitsOfBoth = { maxHeaderBytes: 50, maxTargetBytes: 100 };
  for (const rest of beyond) {
    assertEquals(parseEverySplit(`GET /${"x".repeat(60)}${rest}`, limitsOfBoth).error, 431);
  }
  assertEquals(parseEverySplit(`${"M".repeat(60)}`, { maxHeaderBytes: 20 }).error, 431);
});

Deno.test("a head that never ends is refused as soon as it is too large", () => {
  const limits = { maxHeaderBytes: 1_000 };
  assertEquals(parse([bytesOf(`GET / HTTP/1.1\r\nX: ${"x".repeat(2_000)}`)], limits).error, 431);
  assertEquals(
    parse([bytesOf(`GET / HTTP/1.1\r\n${"X: yyyyy\r\n".repeat(99)}`)], limits).error,
    431,
  );
  assertEquals(parse([bytesOf(`GET /${"x".repeat(20_000)}`)]).error, 414);
  assertEquals(parse([bytesOf("M".repeat(100))]).error, 501);
  assertEquals(parse([bytesOf("\r\n".repeat(100))]).error, 400);
  assertEquals(parse([bytesOf(chunked("0".repeat(5_000)))]).error, 400);
  assertEquals(parse([bytesOf(chunked(`1;${"x".repeat(5_000)}`))]).error, 400);
});

Deno.test("in any split, the events of pipelined requests come in the order of their bytes", () => {
  const text = request("/") + chunked("3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: v\r\n\r\n") +
    `PUT / HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nhi` + chunked("0\r\n\r\n") + request("/");
  const expected: [string, string | number][] = [
    ["HEAD", "GET"],
    ["HEAD", "POST"],
    ["CHUNK", 3],
    ["BODY", "abc"],
    ["CHUNK", 2],
    ["BODY", "de"],
    ["END", "T: v\r\n"],
    ["HEAD", "PUT"],
    ["BODY", "hi"],
    ["HEAD", "POST"],
    ["END", ""],
    ["HEAD", "GET"],
  ];
  const bytes = bytesOf(text);
  for (const pieces of [[bytes], ...splits(bytes)]) {
    const parser = new RequestParser(DEFAULT_HTTP_LIMITS);
    const events: [string, string | number][] = [];
    for (const piece of pieces) {
      parser.push(piece);
      for (const [what, value] of eventsOf(parser)) {
        const last = events.at(-1);
        const continues = what === "BODY" && last?.[0] === "BODY";
        if (continues) last[1] = `${last[1]}${value}`;
        else events.push([what, value]);
      }
    }
    assertEquals(events, expected);
  }
});

Deno.test("a hundred requests in one push are all read", () => {
  const { requests, error } = parse([bytesOf(request("/").repeat(100))]);
  assertEquals(error, null);
  assertEquals(requests.length, 100);
});

Deno.test("empty pushes change nothing", () => {
  const bytes = bytesOf(`\r\n${chunked("3;x\r\nabc\r\n0\r\nT: v\r\n\r\n")}${request("/")}`);
  const empty = new Uint8Array(0);
  const pieces = Array.from(bytes, (_, at) => [empty, bytes.subarray(at, at + 1)]).flat();
  assertEquals(parse([...pieces, empty]), parse([bytes]));
});

Deno.test("a body event is no larger than asked for, and nothing is lost between them", () => {
  const parser = new RequestParser(DEFAULT_HTTP_LIMITS);
  parser.push(bytesOf(`${withField("Content-Length: 10")}0123456789${request("/")}`));
  assertEquals(parser.next(), HEAD);
  assertEquals(parser.next(0), NEED_DATA);
  assertEquals(parser.hasUnread, true);
  assertEquals(parser.atBodyData, true);
  for (const expected of ["0123", "4567", "89"]) {
    assertEquals(parser.next(4), BODY);
    assertEquals(latin1Text(parser.buffer, parser.bodyStart, parser.bodyEnd), expected);
  }
  assertEquals(parser.next(0), HEAD);
  assertEquals(parser.next(4), NEED_DATA);
  assertEquals(parser.hasUnread, false);
});

Deno.test("in a chunked body too, a body event is no larger than asked for", () => {
  const parser = new RequestParser(DEFAULT_HTTP_LIMITS);
  parser.push(bytesOf(chunked("5\r\nhello\r\n3\r\nyou\r\n0\r\nT: v\r\n\r\n") + request("/")));
  assertEquals(eventsOf(parser, 0), [["HEAD", "POST"], ["CHUNK", 5]]);
  assertEquals(parser.hasUnread, true);
  assertEquals(parser.atBodyData, true);
  assertEquals(eventsOf(parser, 2), [
    ["BODY", "he"],
    ["BODY", "ll"],
    ["BODY", "o"],
    ["CHUNK", 3],
    ["BODY", "yo"],
    ["BODY", "u"],
    ["END", "T: v\r\n"],
    ["HEAD", "GET"],
  ]);
});

Deno.test("the parser tells where it stands in a request", () => {
  const parser = new RequestParser(DEFAULT_HTTP_LIMITS);
  const standing = (text: string) => {
    parser.push(bytesOf(text));
    eventsOf(parser);
    const { betweenRequests, inBody, atBodyData, remainingBytes, hasUnread } = parser;
    assertEquals(hasUnread, false);
    return [betweenRequests, inBody, atBodyData, remainingBytes];
  };
  assertEquals(standing(""), [true, false, false, 0]);
  assertEquals(standing("\r\n"), [true, false, false, 0]);
  assertEquals(standing("P"), [false, false, false, 0]);
  assertEquals(standing(`UT / HTTP/1.1\r\n${HOST}`), [false, false, false, 0]);
  assertEquals(standing("Content-Length: 5\r\n\r\n"), [false, true, true, 5]);
  assertEquals(standing("123"), [false, true, true, 2]);
  assertEquals(standing("45"), [true, false, false, 0]);
  assertEquals(standing(chunked("")), [false, true, false, Infinity]);
  assertEquals(standing("3"), [false, true, false, Infinity]);
  assertEquals(standing("\r\na"), [false, true, true, Infinity]);
  assertEquals(standing("bc"), [false, true, false, Infinity]);
  assertEquals(standing("\r\n0\r\n"), [false, true, false, Infinity]);
  assertEquals(standing("X: y\r\n"), [false, true, false, Infinity]);
  assertEquals(standing("\r\n"), [true, false, false, 0]);
});

Deno.test("bytes are unread from their push on, until nothing can be made of them without more", () => {
  const text = request("/") + chunked("3;x\r\nabc\r\n0\r\nT: v\r\n\r\n");
  const parser = new RequestParser(DEFAULT_HTTP_LIMITS);
  for (const char of text) {
    parser.push(bytesOf(char));
    assertEquals(parser.hasUnread, true);
    eventsOf(parser);
    assertEquals(parser.hasUnread, false);
  }
});

Deno.test("after close nothing more is read, wherever it came", () => {
  const text = request("/1") + chunked("3;x\r\nabc\r\n0\r\nT: v\r\n\r\n") +
    `${withField("Content-Length: 2")}hi`;
  for (let at = 0; at <= text.length; at++) {
    const parser = new RequestParser(DEFAULT_HTTP_LIMITS);
    parser.push(bytesOf(text.slice(0, at)));
    eventsOf(parser);
    parser.close();
    parser.push(bytesOf(text.slice(at) + request("/2") + "nonsense\r\n"));
    assertEquals(eventsOf(parser), []);
    const { betweenRequests, inBody, atBodyData, remainingBytes, hasUnread } = parser;
    assertEquals(
      [betweenRequests, inBody, atBodyData, remainingBytes, hasUnread],
      [false, false, false, 0, false],
    );
  }
});

Deno.test("what was pushed before close but not read is not read after it", () => {
  const parser = new RequestParser(DEFAULT_HTTP_LIMITS);
  parser.push(bytesOf(request("/1", "Connection: close\r\n") + request("/2") + "nonsense\r\n"));
  assertEquals(parser.next(), HEAD);
  assertEquals(parser.keepAlive, false);
  assertEquals(parser.hasUnread, true);
  parser.close();
  assertEquals(parser.hasUnread, false);
  assertEquals(parser.next(), NEED_DATA);
});

Deno.test("a head that was detached outlives the bytes that it was read from", () => {
  for (const at of [0, 10, 30]) {
    const parser = new RequestParser(DEFAULT_HTTP_LIMITS);
    const bytes = bytesOf(request("http://b.example/p", "X: y\r\n"));
    for (const piece of [bytes.subarray(0, at), bytes.subarray(at)]) {
      parser.push(piece);
      if (parser.next() === HEAD) break;
    }
    const { head } = parser;
    head.detach();
    parser.push(bytesOf(request("/another")));
    parser.next();
    bytes.fill(0x58);
    const text = (start: number, end: number) => latin1Text(head.block, start, end);
    assertEquals(text(head.targetStart, head.targetEnd), "http://b.example/p");
    assertEquals(text(head.authorityStart, head.authorityEnd), "b.example");
    assertEquals(text(head.fieldsStart, head.fieldsEnd), `${HOST}X: y\r\n`);
  }
});

Deno.test("each request has a head of its own, with the peer of the connection", () => {
  const addr: Deno.Addr = { transport: "tcp", hostname: "192.0.2.1", port: 1 };
  const peer: Peer = { endpoint: "http", scheme: "https", remoteAddr: addr, localAddr: addr };
  const parser = new RequestParser(DEFAULT_HTTP_LIMITS, peer);
  parser.push(bytesOf(request("/1") + withField("X: y")));
  assertEquals(parser.next(), HEAD);
  const first = parser.head;
  assertStrictEquals(first.peer, peer);
  assertEquals(parser.next(), HEAD);
  assertStrictEquals(parser.head.peer, peer);
  assertEquals([first.method, parser.head.method], ["GET", "POST"]);
});

Deno.test("a head that was taken is not kept by the parser, and the next one is another", () => {
  const parser = new RequestParser(DEFAULT_HTTP_LIMITS);
  parser.push(bytesOf("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPUT /2 HTTP/1.1\r\nHost: a\r\n\r\n"));
  assertEquals(parser.next(), HEAD);
  const first = parser.takeHead();
  assertEquals(first.method, "GET");
  assert(parser.head !== first);
  assertEquals(parser.next(), HEAD);
  assertEquals([first.method, parser.takeHead().method], ["GET", "PUT"]);
});

Deno.test("a head says whether it can tell of a trace, each for itself", () => {
  const parser = new RequestParser(DEFAULT_HTTP_LIMITS);
  for (
    const [line, mayTell] of [
      ["", false],
      ["TraceParent: 00\r\n", true],
      ["tracestate: a=b\r\n", false],
      ["X-Trace-Ids: 1\r\n", false],
      ["traceparent:\r\ntraceparent: 00\r\n", true],
      ["", false],
    ] as const
  ) {
    parser.push(bytesOf(`GET / HTTP/1.1\r\nHost: a\r\n${line}\r\n`));
    assertEquals(parser.next(), HEAD);
    assertEquals(parser.takeHead().mayTellTrace, mayTell, line);
    assertEquals(parser.next(), NEED_DATA);
  }
});
