/** How much of a response is taken ahead of its client. */
import { BufferPool } from "../../src/base/buffers.ts";
import type { Exchange, ExchangeReceiver } from "../../src/message/exchange.ts";
import { NOBODY } from "../../src/message/exchange.ts";
import { HttpConnection } from "../../src/http1/connection.ts";
import {
  DEFAULT_HTTP_LIMITS,
  FIRST_WINDOW_BYTES,
  LARGEST_WINDOW_BYTES,
} from "../../src/http1/codec/limits.ts";
import { OwnLines } from "../../src/http1/codec/writer.ts";
import { WaitingList } from "../../src/net/waiting_list.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { PacedConn } from "../support/paced_conn.ts";
import { bytesOf } from "../support/parsing.ts";
import { peersOf } from "../support/protocol_heads.ts";

const BODY_BYTES = 4_194_304;

/** Promises that are under way go on. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
}

/** A connection whose handler answers each request with a large body, as far as it has credit. */
class Download {
  readonly conn = new PacedConn();
  readonly closed = Promise.withResolvers<void>();
  /** Bytes that the handler may send, and those that it has sent. */
  credit = 0;
  sentBytes = 0;
  #exchange: Exchange | null = null;

  constructor() {
    const handler = { handle: (exchange: Exchange) => this.#answer(exchange) };
    const http = {
      handler,
      limits: DEFAULT_HTTP_LIMITS,
      compression: "none" as const,
      date: new OwnLines(),
    };
    const connection = new HttpConnection(this.conn, peersOf("http").http, http, {
      buffers: new BufferPool(),
      log() {},
      now: 0,
      ending: false,
      draining: false,
      idle: new WaitingList(),
      awaited: new WaitingList(),
      scheduleFlush: (each) => queueMicrotask(() => each.flush()),
      close: () => this.closed.resolve(),
    });
    connection.serve();
  }

  async ask(): Promise<void> {
    this.sentBytes = this.credit = 0;
    this.conn.feed(bytesOf("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    await turn();
  }

  #answer(exchange: Exchange): void {
    this.#exchange = exchange;
    const receiver: ExchangeReceiver = { ...NOBODY, onCredit: (bytes) => this.#send(bytes) };
    exchange.receiver = receiver;
    exchange.respond({ status: 200, fieldLines: "", bodyLength: BODY_BYTES }, null);
    this.#send(exchange.head.responseWindow);
  }

  #send(credit: number): void {
    this.credit += credit;
    const bytes = Math.min(this.credit, BODY_BYTES - this.sentBytes);
    this.credit -= bytes;
    this.sentBytes += bytes;
    if (bytes > 0) this.#exchange!.write(new Uint8Array(bytes));
  }
}

Deno.test("a client that takes all at once is sent more at a time, up to the largest window", async () => {
  const download = new Download();
  await download.ask();
  assertEquals(download.sentBytes, FIRST_WINDOW_BYTES);
  let before = 0;
  let window = 0;
  while (download.sentBytes < BODY_BYTES) {
    window = download.sentBytes - before;
    before = download.sentBytes;
    download.conn.takeSome(Infinity);
    await turn();
    const next = download.sentBytes - before;
    assert(next >= window || download.sentBytes === BODY_BYTES, `${next} after ${window}`);
  }
  assertEquals(window, LARGEST_WINDOW_BYTES);
  download.conn.takeSome(Infinity);
  await turn();
  // The next response begins where this one has ended.
  await download.ask();
  assertEquals(download.sentBytes, LARGEST_WINDOW_BYTES);
  download.conn.fail();
  await download.closed.promise;
});

Deno.test("a client that takes less than it is sent is sent little ahead, and all of it", async () => {
  const download = new Download();
  await download.ask();
  for (let writes = 0; writes < 8; writes++) {
    download.conn.takeSome(Infinity);
    await turn();
  }
  let largest = 0;
  while (download.conn.isWriting) {
    const before = download.sentBytes;
    download.conn.takeSome(1_000);
    await turn();
    download.conn.takeSome(Infinity);
    await turn();
    if (before < BODY_BYTES) largest = Math.max(largest, download.sentBytes - before);
  }
  assertEquals(download.sentBytes, BODY_BYTES);
  assertEquals(largest, FIRST_WINDOW_BYTES);
  download.conn.fail();
  await download.closed.promise;
});
