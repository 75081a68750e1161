/** A server that sends each message back: the codec on a plain listener, and nothing else. */

import { concatenated } from "../../../src/base/bytes.ts";
import { latin1Text, parseFieldLines } from "../../../src/message/fields.ts";
import { latin1Bytes } from "../../../src/base/bytes.ts";
import type { CloseMessage } from "../../../src/websocket/codec/closing_handshake.ts";
import { ClosingHandshake } from "../../../src/websocket/codec/closing_handshake.ts";
import { DEFAULT_DEFLATE_TERMS } from "../../../src/websocket/codec/deflate_terms.ts";
import type { DeflateTerms } from "../../../src/websocket/codec/deflate_terms.ts";
import { WebSocketProtocolError } from "../../../src/websocket/codec/faults.ts";
import {
  CLOSE_FRAME,
  DATA,
  FrameReader,
  NEED_DATA,
  PING_FRAME,
} from "../../../src/websocket/codec/frame_reader.ts";
import type { Frame } from "../../support/frame_writer.ts";
import { FrameWriter } from "../../support/frame_writer.ts";
import { acceptHandshake, readHandshake } from "../../../src/websocket/codec/handshake.ts";
import type { WebSocketLimits } from "../../../src/websocket/codec/limits.ts";
import { DEFAULT_WEBSOCKET_LIMITS } from "../../../src/websocket/codec/limits.ts";
import { FIN } from "../../../src/websocket/codec/protocol.ts";
import { Deflating, Inflating } from "../../support/deflate.ts";

/** A listener that echoes, until it is disposed of. */
export class EchoServer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #limits: WebSocketLimits;
  readonly #accepting: Promise<void>;
  readonly #connections = new Set<Promise<void>>();

  constructor(limits: Partial<WebSocketLimits> = {}) {
    this.#limits = { ...DEFAULT_WEBSOCKET_LIMITS, ...limits };
    this.#accepting = this.#accept();
  }

  /** Where it listens. */
  get port(): number {
    return this.#listener.addr.port;
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) {
      const serving = echo(conn, this.#limits).finally(() => {
        conn.close();
        this.#connections.delete(serving);
      });
      this.#connections.add(serving);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    await Promise.all(this.#connections);
  }
}

async function echo(conn: Deno.Conn, limits: WebSocketLimits): Promise<void> {
  const buffer = new Uint8Array(65_536);
  const head = await conn.read(buffer);
  if (head === null) return;
  const text = latin1Text(buffer, 0, head);
  const start = text.indexOf("\r\n") + 2;
  const fields = parseFieldLines(latin1Bytes(text.slice(start, text.indexOf("\r\n\r\n") + 2)));
  const offer = readHandshake({ method: "GET", minorVersion: 1, bodyLength: 0, fields });
  const { fieldLines, deflate } = acceptHandshake(offer, "", DEFAULT_DEFLATE_TERMS);
  await write(conn, latin1Bytes(`HTTP/1.1 101 Switching Protocols\r\n${fieldLines}\r\n`));
  using session = new EchoSession(conn, limits, deflate);
  for (;;) {
    const count = await conn.read(buffer).catch(() => null);
    if (count === null || await session.take(buffer.subarray(0, count))) return;
  }
}

/** What the server does after the handshake. */
class EchoSession implements Disposable {
  readonly #conn: Deno.Conn;
  readonly #reader: FrameReader;
  readonly #writer = new FrameWriter();
  readonly #closing = new ClosingHandshake();
  readonly #inflating: Inflating | null;
  readonly #deflating: Deflating | null;
  #parts: Uint8Array[] = [];

  constructor(conn: Deno.Conn, limits: WebSocketLimits, deflate: DeflateTerms | null) {
    this.#conn = conn;
    this.#reader = new FrameReader(
      limits,
      "server",
      deflate === null ? "none" : "permessage-deflate",
    );
    this.#inflating = deflate && new Inflating({
      windowBits: deflate.clientMaxWindowBits,
      noContextTakeover: deflate.clientNoContextTakeover,
    }, limits.maxMessageBytes);
    this.#deflating = deflate && new Deflating({
      windowBits: deflate.serverMaxWindowBits,
      noContextTakeover: deflate.serverNoContextTakeover,
    });
  }

  /** Takes what the client sent; whether that was the end. */
  async take(bytes: Uint8Array): Promise<boolean> {
    const reader = this.#reader;
    try {
      reader.push(bytes);
      for (let event = reader.next(); event !== NEED_DATA; event = reader.next()) {
        if (event === DATA) await this.#onData();
        else if (event === PING_FRAME) {
          await this.#send(this.#writer.pong(reader.bytes.slice(reader.start, reader.end)));
        } else if (event === CLOSE_FRAME) {
          await this.#close(this.#closing.receive(reader.closeCode, reader.closeReason));
        }
      }
    } catch (error) {
      if (!(error instanceof WebSocketProtocolError)) throw error;
      await this.#close(this.#closing.fail(error.closeCode));
    }
    return !this.#closing.isOpen;
  }

  async #onData(): Promise<void> {
    const { bytes, start, end, isLast, opcode, isCompressed } = this.#reader;
    const part = bytes.slice(start, end);
    if (isCompressed) {
      this.#parts.push(...await this.#inflating!.part(opcode, part, isLast));
    } else {
      this.#parts.push(part);
    }
    if (!isLast) return;
    const message = concatenated(this.#parts);
    this.#parts = [];
    if (this.#deflating === null) {
      await this.#send(this.#writer.frame(FIN | opcode, message));
      return;
    }
    for (const { firstByte, payload } of await this.#deflating.message([message], opcode)) {
      await this.#send(this.#writer.frame(firstByte, payload));
    }
  }

  async #close(message: CloseMessage | null): Promise<void> {
    if (message !== null) await this.#send(this.#writer.close(message.code, message.reason));
    await this.#conn.closeWrite().catch(() => {});
    // What is not read when the connection closes would take the close frame with it.
    const buffer = new Uint8Array(65_536);
    while (await this.#conn.read(buffer).catch(() => null) !== null);
  }

  async #send({ header, payload }: Frame): Promise<void> {
    await write(this.#conn, concatenated([header, payload])).catch(() => {});
  }

  [Symbol.dispose](): void {
    this.#inflating?.inflater.close();
    this.#deflating?.deflater.close();
  }
}

async function write(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
