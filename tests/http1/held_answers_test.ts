import { BufferPool } from "../../src/base/buffers.ts";
import type { Exchange } from "../../src/message/exchange.ts";
import { NO_ANSWER, UNKNOWN_LENGTH, WHOLE_BODY } from "../../src/message/exchange.ts";
import { HttpConnection } from "../../src/http1/connection.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/codec/limits.ts";
import { OwnLines } from "../../src/http1/codec/writer.ts";
import { latin1Text } from "../../src/message/fields.ts";
import { ObservingHandler } from "../../src/observe/handler.ts";
import { WaitingList } from "../../src/net/waiting_list.ts";
import { readResponses } from "../fuzz/response_reading.ts";
import { assertEquals } from "../support/assert.ts";
import { MemoryConn } from "../support/memory_conn.ts";
import { bytesOf } from "../support/parsing.ts";
import { peersOf } from "../support/protocol_heads.ts";

Deno.test("a request that is to have no answer, before its turn, ends the connection when it is", async () => {
  const conn = new MemoryConn([bytesOf("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3))]);
  const exchanges: Exchange[] = [];
  const closed = Promise.withResolvers<void>();
  const connection = connectionOver(conn, exchanges, closed.resolve);
  await connection.serve();
  const [first, second, third] = exchanges;
  second.fail(NO_ANSWER);
  second.respond({ status: 200, fieldLines: "", bodyLength: WHOLE_BODY }, bytesOf("second"));
  third.respond({ status: 200, fieldLines: "", bodyLength: WHOLE_BODY }, bytesOf("third"));
  first.inform(103, "link: a\r\n");
  first.inform(103, "link: a\r\n\r\n");
  first.inform(103, "link: b\r\n");
  third.inform(103, "link: c\r\n");
  first.respond({ status: 200, fieldLines: "", bodyLength: WHOLE_BODY }, bytesOf("first"));
  await closed.promise;
  const written = latin1Text(conn.written, 0, conn.written.length);
  // After a malformed one no further ones are sent, nor out of turn.
  const hint = "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n";
  assertEquals(written.slice(0, hint.length), hint);
  assertEquals(readResponses(written.slice(hint.length), () => "GET"), [
    { status: 200, body: "first", isWhole: true },
  ]);
});

Deno.test("an upgrade that is not to be granted is answered in its turn, for each kind", async () => {
  for (const kind of ["bytes", "websocket"] as const) {
    const conn = new MemoryConn([bytesOf("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3))]);
    const exchanges: Exchange[] = [];
    const closed = Promise.withResolvers<void>();
    const connection = connectionOver(conn, exchanges, closed.resolve);
    await connection.serve();
    const [first, second, third] = exchanges;
    second.upgrade({ kind, protocol: "websocket", fieldLines: "", idleTimeoutMs: 0 });
    second.write(bytesOf("not for anybody"));
    third.respond({ status: 200, fieldLines: "", bodyLength: WHOLE_BODY }, bytesOf("third"));
    first.respond({ status: 200, fieldLines: "", bodyLength: WHOLE_BODY }, bytesOf("first"));
    await closed.promise;
    const written = latin1Text(conn.written, 0, conn.written.length);
    const responses = readResponses(written, () => "GET");
    assertEquals(responses.map(({ status }) => status), [200, kind === "bytes" ? 500 : 426, 200]);
    assertEquals([responses[0].body, responses[2].body], ["first", "third"]);
  }
});

/** What is done to an answer before its turn, and what its client sees of it. */
const answers: Record<string, [(exchange: Exchange) => void, body: string, isWhole: boolean]> = {
  "that goes on after its end": [
    (exchange) => {
      exchange.write(bytesOf("a"));
      exchange.end();
      exchange.write(bytesOf("b"));
    },
    "a",
    true,
  ],
  "that ends after it broke": [
    (exchange) => {
      exchange.write(bytesOf("a"));
      exchange.fail(502);
      exchange.write(bytesOf("b"));
      exchange.end();
    },
    "a",
    false,
  ],
  "that breaks after its end": [
    (exchange) => {
      exchange.write(bytesOf("a"));
      exchange.end();
      exchange.fail(502);
    },
    "a",
    true,
  ],
};

for (const [name, [answer, body, isWhole]] of Object.entries(answers)) {
  Deno.test(`an answer before its turn ${name} is what it was at its first end`, async () => {
    const conn = new MemoryConn([bytesOf("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2))]);
    const exchanges: Exchange[] = [];
    const closed = Promise.withResolvers<void>();
    const connection = connectionOver(conn, exchanges, closed.resolve);
    await connection.serve();
    const [first, second] = exchanges;
    second.respond({ status: 200, fieldLines: "", bodyLength: UNKNOWN_LENGTH }, null);
    answer(second);
    first.respond({ status: 200, fieldLines: "", bodyLength: WHOLE_BODY }, bytesOf("first"));
    await closed.promise;
    const written = latin1Text(conn.written, 0, conn.written.length);
    assertEquals(readResponses(written, () => "GET"), [
      { status: 200, body: "first", isWhole: true },
      { status: 200, body, isWhole },
    ]);
  });
}

Deno.test("a record says what became of an answer that waited for its turn", async () => {
  const whole = { status: 200, fieldLines: "", bodyLength: WHOLE_BODY };
  const conn = new MemoryConn([bytesOf("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3))]);
  const exchanges: Exchange[] = [];
  const closed = Promise.withResolvers<void>();
  const connection = connectionOver(conn, exchanges, closed.resolve);
  await connection.serve();
  const records: unknown[] = [];
  const observed: Exchange[] = [];
  const observing = new ObservingHandler({ handle: (exchange) => observed.push(exchange) }, [{
    onEnd: ({ status, bytesOut, outcome }) => records.push([status, bytesOut, outcome]),
  }]);
  for (const exchange of exchanges) observing.handle(exchange);
  const [first, second, third] = observed;
  second.respond({ ...whole, fieldLines: "a: b\r\n\r\n" }, bytesOf("second"));
  third.respond(whole, bytesOf("third"));
  assertEquals(records, []);
  first.respond(whole, bytesOf("first"));
  await closed.promise;
  const written = latin1Text(conn.written, 0, conn.written.length);
  assertEquals(readResponses(written, () => "GET").map(({ status }) => status), [200, 500, 200]);
  assertEquals(records.sort(), [
    [200, 5, "answered"],
    [200, 5, "answered"],
    [500, "500 Internal Server Error\n".length, "answered"],
  ]);
});

for (
  const [what, end, records] of [
    ["is sent", "answer", [[200, 5, "answered"], [503, 24, "answered"]]],
    ["never is", "break off", [[0, 0, "cut off"], [503, 24, "client left"]]],
  ] as const
) {
  Deno.test(`a record of a request that was given up before its turn waits until the answer ${what}`, async () => {
    const conn = new MemoryConn([bytesOf("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2))]);
    const exchanges: Exchange[] = [];
    const closed = Promise.withResolvers<void>();
    await connectionOver(conn, exchanges, closed.resolve).serve();
    const told: unknown[] = [];
    const observed: Exchange[] = [];
    const observing = new ObservingHandler({ handle: (exchange) => observed.push(exchange) }, [{
      onEnd: ({ status, bytesOut, outcome }) => told.push([status, bytesOut, outcome]),
    }]);
    for (const exchange of exchanges) observing.handle(exchange);
    observed[1].fail(503);
    assertEquals(told, []);
    if (end === "break off") observed[0].fail(NO_ANSWER);
    else observed[0].respond({ status: 200, fieldLines: "", bodyLength: WHOLE_BODY }, "first");
    await closed.promise;
    assertEquals(told, [...records]);
  });
}

/** A connection whose requests go into `exchanges`. */
function connectionOver(
  conn: MemoryConn,
  exchanges: Exchange[],
  onClosed: () => void,
): HttpConnection {
  const handler = { handle: (exchange: Exchange) => void exchanges.push(exchange) };
  const http = {
    handler,
    limits: DEFAULT_HTTP_LIMITS,
    compression: "none" as const,
    date: new OwnLines(),
  };
  return new HttpConnection(conn, peersOf("http").http, http, {
    buffers: new BufferPool(),
    log() {},
    now: 0,
    ending: false,
    draining: false,
    idle: new WaitingList(),
    awaited: new WaitingList(),
    scheduleFlush: (each) => queueMicrotask(() => each.flush()),
    close: onClosed,
  });
}
