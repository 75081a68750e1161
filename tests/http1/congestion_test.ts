/** Bodies of requests whose handler has no room. */
import { BufferPool } from "../../src/base/buffers.ts";
import type { Exchange, ExchangeReceiver } from "../../src/message/exchange.ts";
import { NOBODY } from "../../src/message/exchange.ts";
import { latin1Text } from "../../src/message/fields.ts";
import { HttpConnection } from "../../src/http1/connection.ts";
import { DEFAULT_HTTP_LIMITS } from "../../src/http1/codec/limits.ts";
import { OwnLines } from "../../src/http1/codec/writer.ts";
import { WaitingList } from "../../src/net/waiting_list.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { PacedConn } from "../support/paced_conn.ts";
import { bytesOf } from "../support/parsing.ts";
import { peersOf } from "../support/protocol_heads.ts";

const LENGTH = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabcdef";
const CHUNKED =
  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n";

/** Promises that are under way go on. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
}

for (const [name, request] of [["length", LENGTH], ["chunked", CHUNKED]]) {
  Deno.test(`a body waits for room, at no cost of its client: ${name}`, async () => {
    const conn = new PacedConn();
    const closed = Promise.withResolvers<void>();
    let congested = true;
    let body = "";
    let exchange!: Exchange;
    const receiver: ExchangeReceiver = {
      ...NOBODY,
      get congested() {
        return congested;
      },
      onBody(chunk) {
        assert(!congested, "a body without room");
        body += latin1Text(chunk, 0, chunk.length);
        // There is room for one piece at a time.
        congested = true;
      },
    };
    const handle = (given: Exchange) => {
      exchange = given;
      exchange.receiver = receiver;
    };
    const host = {
      buffers: new BufferPool(),
      log() {},
      now: 1,
      ending: false,
      draining: false,
      idle: new WaitingList<never>(),
      awaited: new WaitingList<never>(),
      scheduleFlush: () => {},
      close: () => closed.resolve(),
    };
    const http = {
      handler: { handle },
      limits: DEFAULT_HTTP_LIMITS,
      compression: "none" as const,
      date: new OwnLines(),
    };
    const connection = new HttpConnection(conn, peersOf("http").http, http, host as never);
    connection.serve();
    conn.feed(bytesOf(request));
    await turn();
    assertEquals(body, "");
    host.now += 2 * DEFAULT_HTTP_LIMITS.bodyIdleTimeoutMs;
    connection.checkDeadlines(host.now);
    for (let i = 0; i < 4; i++) {
      congested = false;
      exchange.grant(0);
      await turn();
    }
    assertEquals(body, "abcdef");
    conn.fail();
    await closed.promise;
  });
}
