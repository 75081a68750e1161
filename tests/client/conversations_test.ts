import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "../support/assert.ts";
import { END_REQUEST, parsePairs, parseRecords, record } from "../support/fastcgi.ts";
import { PARAMS, STDERR, STDIN, STDOUT } from "../support/fastcgi.ts";
import { bytesOf, splits } from "../support/parsing.ts";
import { serverFrame } from "../support/websocket.ts";
import { concatenated as concat } from "../../src/base/bytes.ts";
import { ConfigError, ProtocolError } from "../../src/base/errors.ts";
import { latin1Text } from "../../src/message/fields.ts";
import type { Conversation } from "../../src/client/conversation.ts";
import { escapedLines, RecordView } from "../../src/client/exchange_text.ts";
import { FastCgiConversation } from "../../src/client/fastcgi_conversation.ts";
import { HttpConversation } from "../../src/client/http_conversation.ts";
import type { PreparedRequest, RequestParts } from "../../src/client/prepared_request.ts";
import { fastCgiRequest, httpRequest } from "../../src/client/prepared_request.ts";
import { SocketConversation } from "../../src/client/socket_conversation.ts";
import { parseTarget } from "../../src/client/target.ts";
import { acceptKey } from "../../src/websocket/codec/handshake.ts";
import { FrameReader } from "../../src/websocket/codec/frame_reader.ts";
import { DEFAULT_WEBSOCKET_LIMITS } from "../../src/websocket/codec/limits.ts";
import { BINARY, FIN, PING } from "../../src/websocket/codec/protocol.ts";

const TARGET = parseTarget("http://127.0.0.1:8000/a?b=c");
const GET: RequestParts = { method: "GET", fields: [], body: { kind: "none" } };
const textOf = (bytes: Uint8Array) => latin1Text(bytes, 0, bytes.length);

/** All of a request, as it is sent. */
function wholeOf({ first, piece, pieceCount, last }: PreparedRequest): Uint8Array {
  return concat([first, ...Array.from({ length: pieceCount }, () => piece), last]);
}

/** Says `bytes` to a conversation in every split; what `ask` begins is over with the last byte. */
function inEverySplit(make: () => Conversation, bytes: Uint8Array): Conversation {
  let last = make();
  for (const pieces of [[bytes], ...splits(bytes)]) {
    last = make();
    const over = pieces.map((piece) => last.push(piece.slice(), piece.length));
    assertEquals(over.indexOf(true), pieces.length - 1, `${pieces[0].length}`);
  }
  return last;
}

Deno.test("a request over HTTP has its target, Host, fields and body", () => {
  const bytes = bytesOf("hello");
  const request = httpRequest(TARGET, {
    method: "PUT",
    fields: [["X-A", "1"], ["Accept", "*/*"]],
    body: { kind: "bytes", bytes },
  });
  assertEquals(
    textOf(wholeOf(request)),
    "PUT /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nX-A: 1\r\nAccept: */*\r\n" +
      "Content-Length: 5\r\n\r\nhello",
  );
  const named = httpRequest(TARGET, { ...GET, fields: [["host", "other"]] });
  assertEquals(textOf(named.first), "GET /a?b=c HTTP/1.1\r\nhost: other\r\n\r\n");
});

Deno.test("a body that is made up has its chunks, whether it is sent in one piece or many", () => {
  for (const [chunkCount, chunkBytes] of [[3, 11], [3, 65_536]]) {
    const body = { kind: "chunks", chunkCount, chunkBytes } as const;
    const request = httpRequest(TARGET, { method: "POST", fields: [], body });
    const chunk = "0123456789".repeat(Math.ceil(chunkBytes / 10)).slice(0, chunkBytes);
    const [head, rest] = textOf(wholeOf(request)).split("\r\n\r\n", 2);
    assertStringIncludes(head, "Transfer-Encoding: chunked");
    assertEquals(rest, `${`${chunkBytes.toString(16)}\r\n${chunk}\r\n`.repeat(chunkCount)}0`);
    assertEquals(request.bodyBytes, chunkCount * chunkBytes);
    assertEquals(request.pieceCount, chunkBytes > 1_000 ? chunkCount : 0);
  }
});

Deno.test("what would be another request, or another head, cannot be sent", () => {
  const wrong: Partial<RequestParts>[] = [
    { method: "GET /x HTTP/1.1\r\nA:" },
    { method: "" },
    { method: "CONNECT" },
    { fields: [["A", "b\r\nc: d"]] },
    { fields: [["A\r\n", "b"]] },
    { fields: [["A", "b\0"]] },
    { fields: [["A", "\u{1f600}"]] },
    { fields: [["Content-Length", "1"]], body: { kind: "bytes", bytes: bytesOf("hello") } },
  ];
  for (const parts of wrong) {
    assertThrows(() => httpRequest(TARGET, { ...GET, ...parts }), ConfigError);
    assertThrows(() => fastCgiRequest(TARGET, { ...GET, ...parts }), ConfigError);
  }
});

Deno.test("a request over FastCGI has its parameters and its input", () => {
  const target = parseTarget("fcgi://127.0.0.1:9000/a/b?c=d");
  const request = fastCgiRequest(target, {
    method: "POST",
    fields: [["Content-Type", "text/plain"], ["X-A", "1"], ["Proxy", "http://evil"]],
    body: { kind: "chunks", chunkCount: 2, chunkBytes: 40_000 },
  });
  const { records } = parseRecords(wholeOf(request));
  const of = (type: number) =>
    concat(records.filter((each) => each.type === type).map(({ content }) => content));
  const params = Object.fromEntries(parsePairs(of(PARAMS)));
  assertEquals(params.REQUEST_METHOD, "POST");
  assertEquals(params.REQUEST_URI, "/a/b?c=d");
  assertEquals(params.SCRIPT_NAME, "/a/b");
  assertEquals(params.QUERY_STRING, "c=d");
  assertEquals(params.CONTENT_TYPE, "text/plain");
  assertEquals(params.CONTENT_LENGTH, "80000");
  assertEquals(params.HTTP_X_A, "1");
  assertEquals("HTTP_PROXY" in params, false);
  assertEquals(of(STDIN).length, 80_000);
});

Deno.test("a conversation in HTTP tells status and length of an answer, in every split", () => {
  const make = () => {
    const http = new HttpConversation();
    http.begin(httpRequest(TARGET, GET));
    return http;
  };
  const answer = "HTTP/1.1 404 N\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  const { status, bodyBytes, isReusable } = inEverySplit(make, bytesOf(answer));
  assertEquals([status, bodyBytes, isReusable], [404, 3, true]);
  assertThrows(() => make().push(bytesOf(`${answer}x`), answer.length + 1), ProtocolError);
  assertThrows(() => make().close(), ProtocolError);
});

const answered = (stdout: string, protocolStatus = 0) =>
  concat([
    record(STDERR, 1, bytesOf("a warning")),
    record(STDOUT, 1, bytesOf(stdout)),
    record(STDOUT, 1, new Uint8Array(0)),
    record(END_REQUEST, 1, new Uint8Array([0, 0, 0, 0, protocolStatus, 0, 0, 0])),
  ]);

Deno.test("a conversation in FastCGI tells status and length of an answer, in every split", () => {
  const make = () => {
    const fastCgi = new FastCgiConversation();
    fastCgi.begin(fastCgiRequest(TARGET, GET));
    return fastCgi;
  };
  const good = "Status: 201 Created\r\nContent-Length: 4\r\n\r\nbody";
  const { status, bodyBytes, isReusable } = inEverySplit(make, answered(good));
  assertEquals([status, bodyBytes, isReusable], [201, 4, true]);
  const bad: Record<string, Uint8Array> = {
    "a longer body": answered(`${good}!`),
    "a shorter body": answered(good.slice(0, -1)),
    "no head": answered(""),
    "a malformed head": answered("nothing\r\n\r\n"),
    "two lengths": answered("Content-Length: 0\r\nContent-Length: 0\r\n\r\n"),
    "a refusal": answered("", 2),
    "another version": new Uint8Array([2, 6, 0, 1, 0, 0, 0, 0]),
    "records after the end": concat([answered(good), record(STDOUT, 1, bytesOf("x"))]),
  };
  for (const [name, bytes] of Object.entries(bad)) {
    const error = assertThrows(() => make().push(bytes, bytes.length), ProtocolError);
    assert(error.message !== "", name);
  }
  assertThrows(() => make().close(), ProtocolError);
});

function handshaken(): { socket: SocketConversation; request: PreparedRequest } {
  const socket = new SocketConversation(TARGET, [], BINARY);
  const text = textOf(socket.begin(socket.opening));
  const [, key] = /^Sec-WebSocket-Key: (.*)$/m.exec(text.replaceAll("\r", ""))!;
  const answer = bytesOf(
    "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      `Sec-WebSocket-Accept: ${acceptKey(key)}\r\n\r\n`,
  );
  assert(socket.push(answer, answer.length));
  const empty = new Uint8Array(0);
  const first = bytesOf("hello");
  const request = { method: "WS", first, piece: empty, pieceCount: 0, last: empty, bodyBytes: 5 };
  return { socket, request };
}

Deno.test("a conversation over a WebSocket sends masked messages, and awaits one for each", () => {
  const { socket, request } = handshaken();
  const [one, other] = [socket.begin(request), handshaken().socket];
  const reader = new FrameReader(DEFAULT_WEBSOCKET_LIMITS, "server");
  reader.push(one.slice());
  reader.next();
  assertEquals(textOf(reader.bytes.subarray(reader.start, reader.end)), "hello");
  const parts = [
    serverFrame(BINARY, "wor"),
    serverFrame(FIN | PING, "p"),
    serverFrame(FIN, "ld"),
  ];
  const make = () => {
    const { socket, request } = handshaken();
    socket.begin(request);
    return socket;
  };
  const last = inEverySplit(make, concat(parts));
  assertEquals(last.bodyBytes, 5);
  assert(last.takeOutput() !== null);
  assertEquals(last.takeOutput(), null);
  const early = serverFrame(FIN | BINARY, "x");
  assertThrows(() => other.push(early, early.length), ProtocolError, "answers none");
  const close = serverFrame(0x88, "");
  assertThrows(() => make().push(close, close.length), ProtocolError, "closed the WebSocket");
  const reserved = serverFrame(0xc1, "x");
  assertThrows(() => make().push(reserved, reserved.length), ProtocolError);
});

Deno.test("a handshake that proves nothing is refused", () => {
  const wrong = [
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n",
    `HTTP/1.1 101 S\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${acceptKey("x")}\r\n\r\n`,
  ];
  for (const text of wrong) {
    const socket = new SocketConversation(TARGET, [], BINARY);
    socket.begin(socket.opening);
    assertThrows(() => socket.push(bytesOf(text), text.length), ProtocolError);
  }
});

Deno.test("what a server sends is shown with escapes for all that is not printable ASCII", () => {
  const bytes = new Uint8Array(256).map((_, at) => at);
  const shown = escapedLines("<", bytes).join("\n");
  assertMatch(shown, /^[\n\x20-\x7e]+$/);
  const back = shown.replaceAll(/^< /gm, "").replaceAll("\n", "").replaceAll(
    /\\(x..|.)/g,
    (_, escape: string) =>
      escape[0] === "x"
        ? String.fromCharCode(parseInt(escape.slice(1), 16))
        : ({ t: "\t", n: "\n", r: "\r", "\\": "\\" } as Record<string, string>)[escape],
  );
  assertEquals(bytesOf(back), bytes);
});

Deno.test("records are shown by name, with their content, in every split", () => {
  const bytes = answered("Status: 200\r\n\r\n\x1b[2J");
  const whole = new RecordView("<").lines(bytes);
  assertEquals(whole.filter((line) => line.startsWith("<")), [
    "< STDERR, request 1, 9 bytes",
    "< STDOUT, request 1, 19 bytes",
    "< STDOUT, request 1, 0 bytes",
    "< END_REQUEST, request 1, 8 bytes",
  ]);
  assertStringIncludes(whole.join("\n"), "\\x1b[2J");
  for (const pieces of splits(bytes)) {
    const view = new RecordView("<");
    const lines = pieces.flatMap((piece) => view.lines(piece.slice()));
    const joined = (all: readonly string[]) => all.join("").replaceAll("  < ", "");
    assertEquals(joined(lines), joined(whole));
  }
});
