import { assert, assertEquals } from "../support/assert.ts";
import { get, RawClient } from "../support/raw_client.ts";
import { serve } from "../../mod.ts";
import { BufferPool, OutputBuffer } from "../../src/base/buffers.ts";
import { BODY_WINDOW_BYTES, NOBODY } from "../../src/message/exchange.ts";
import type { UpgradedConnection } from "../../src/net/successor.ts";
import { DEFAULT_DEFLATE_TERMS } from "../../src/websocket/codec/deflate_terms.ts";
import { DEFAULT_WEBSOCKET_LIMITS } from "../../src/websocket/codec/limits.ts";
import {
  COMPRESSED,
  CONTINUATION,
  FIN,
  PING,
  PONG,
  TEXT,
} from "../../src/websocket/codec/protocol.ts";
import { WebSocketLink } from "../../src/websocket/link.ts";
import { ZlibEngine } from "../../src/websocket/zlib_engine.ts";

/** A client's frame, with a mask of zeros. */
function frame(firstByte: number, payload: readonly number[]): Uint8Array {
  const length = payload.length < 126
    ? [payload.length]
    : [126, payload.length >> 8, payload.length];
  return new Uint8Array([firstByte, 0x80 | length[0], ...length.slice(1), 0, 0, 0, 0, ...payload]);
}

/** The connection of a link, with a clock that is set. */
class Connection implements UpgradedConnection {
  receiver = NOBODY;
  granted = BODY_WINDOW_BYTES;
  readonly out = new OutputBuffer(new BufferPool(0));
  now = 1_000_000;
  readonly link = new WebSocketLink(this, {
    limits: DEFAULT_WEBSOCKET_LIMITS,
    idleTimeoutMs: 0,
    deflate: DEFAULT_DEFLATE_TERMS,
  });
  finished = false;

  scheduleFlush(): void {}
  countBody(): void {}
  resume(): void {
    this.link.pump();
  }
  finish(): void {
    this.finished = true;
  }
  abandon(): void {}

  /** Takes a frame, and inflates it. */
  async take(bytes: Uint8Array): Promise<void> {
    this.link.push(bytes, bytes.length);
    this.link.pump();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** What was sent. */
  get sent(): number[] {
    return [...this.out.bytes.subarray(0, this.out.length)];
  }
}

/** "Hello", compressed, in two parts. */
const FIRST = [0xf2, 0x48, 0xcd];
const SECOND = [0xc9, 0xc9, 0x07, 0x00];
const UNFINISHED_MS = 60_000;
const ANSWER_MS = 5_000;

Deno.test("a client that leaves a compressed message unfinished is closed with 1008", async () => {
  const connection = new Connection();
  const { link } = connection;
  link.start();
  await connection.take(frame(COMPRESSED | TEXT, FIRST));
  link.checkDeadlines(connection.now += UNFINISHED_MS - 1);
  assertEquals(connection.sent, []);
  // Any part of it counts.
  await connection.take(frame(CONTINUATION, SECOND.slice(0, 1)));
  link.checkDeadlines(connection.now += UNFINISHED_MS - 1);
  assertEquals(connection.sent, []);
  link.checkDeadlines(connection.now += 1);
  // The app has its say before the close frame goes out.
  link.checkDeadlines(connection.now += ANSWER_MS);
  assertEquals(connection.sent.slice(0, 1), [0x88]);
  assertEquals(connection.sent.slice(2, 4), [1008 >> 8, 1008 & 0xff]);
  assert(connection.finished);
  link.close();
});

Deno.test("a short answer to one of many clients takes a small buffer until it is sent", async () => {
  const connection = new Connection();
  const { link } = connection;
  link.start();
  await connection.take(frame(FIN | PING, [1]));
  assertEquals(connection.sent, [FIN | PONG, 1, 1]);
  assertEquals(connection.out.bytes.length, 512);
  link.close();
});

Deno.test("a client that finishes its compressed messages may be silent between them", async () => {
  const connection = new Connection();
  const { link } = connection;
  link.start();
  for (let i = 0; i < 2; i++) {
    await connection.take(frame(COMPRESSED | TEXT, FIRST));
    await connection.take(frame(FIN | CONTINUATION, SECOND));
    link.checkDeadlines(connection.now += 10 * UNFINISHED_MS);
  }
  assertEquals(connection.sent, []);
  link.close();
});

Deno.test("a fault of zlib when it compresses costs one socket", async () => {
  await using server = await serve({
    http: "127.0.0.1:0",
    messageCompression: "each",
    log: () => {},
    app(request: Request) {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.onmessage = ({ data }) => socket.send(data);
      return response;
    },
  });
  const [{ port }] = server.addresses as Deno.NetAddr[];
  const handshake = get(
    "/",
    "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n" +
      "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
      "sec-websocket-extensions: permessage-deflate\r\n",
  );
  const open = async () => {
    const client = await RawClient.connect(port);
    await client.send(handshake);
    assertEquals((await client.receive("head")).status, 101);
    return client;
  };
  const text = frame(FIN | TEXT, Array.from({ length: 200 }, () => 0x61));
  using other = await open();
  using client = await open();
  const { write } = ZlibEngine.prototype;
  try {
    ZlibEngine.prototype.write = function (this: ZlibEngine) {
      this.user.onFault();
    };
    await client.send(text);
    const rest = await client.rest();
    assertEquals(rest.slice(0, 1) + rest.slice(2, 4), "\x88\x03\xf3");
  } finally {
    ZlibEngine.prototype.write = write;
  }
  await other.send(text);
  await other.send(frame(0x88, []));
  assertEquals((await other.rest()).charCodeAt(0), FIN | COMPRESSED | TEXT);
});
