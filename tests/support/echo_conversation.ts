/** A conversation with a WebSocket server that sends each message back, in bytes. */

import {
  CLOSE_FRAME,
  DATA,
  FrameReader,
  NEED_DATA,
  PING_FRAME,
} from "../../src/websocket/codec/frame_reader.ts";
import { DEFAULT_WEBSOCKET_LIMITS } from "../../src/websocket/codec/limits.ts";
import { TEXT } from "../../src/websocket/codec/protocol.ts";
import { latin1Text } from "../../src/message/fields.ts";
import { get, RawClient } from "./raw_client.ts";

const HANDSHAKE = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n" +
  "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/** What a server has said. */
export interface EchoAnswers {
  /** Messages and pongs, as `text …`, `binary …` and `pong …`. */
  readonly answers: string[];
  /** The code that it closed with, 1005 for none; `"lost"` without a close frame, `"open"` if it has not. */
  readonly end: number | "lost" | "open";
}

/** A client of such a server, after the handshake. */
export class EchoConversation implements AsyncDisposable {
  readonly #client: RawClient;
  readonly #reader = new FrameReader(
    { ...DEFAULT_WEBSOCKET_LIMITS, maxMessageBytes: 2 ** 30 },
    "client",
  );
  readonly #answers: string[] = [];
  #message: string | null = null;
  #end: number | "lost" | "open" = "open";

  private constructor(client: RawClient) {
    this.#client = client;
  }

  /** Opens a socket at `path`. */
  static async open(port: number, path: string): Promise<EchoConversation> {
    const client = await RawClient.connect(port);
    await client.send(get(path, HANDSHAKE));
    const { status } = await client.receive("head");
    if (status !== 101) throw new Error(`no socket at ${path}: ${status}`);
    return new EchoConversation(client);
  }

  /** Sends bytes; not all of them if the server closes meanwhile. */
  async send(bytes: Uint8Array): Promise<void> {
    try {
      await this.#client.send(bytes);
    } catch (error) {
      const isGone = error instanceof Deno.errors.BrokenPipe ||
        error instanceof Deno.errors.ConnectionReset;
      if (!isGone) throw error;
    }
  }

  /** The next `count` answers, or fewer and the end. */
  async receive(count: number): Promise<EchoAnswers> {
    while (this.#answers.length < count && this.#end === "open") await this.#read();
    return { answers: this.#answers.splice(0), end: this.#end };
  }

  /** All answers until the server has closed the connection. */
  receiveAll(): Promise<EchoAnswers> {
    return this.receive(Infinity);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#client[Symbol.dispose]();
    return Promise.resolve();
  }

  async #read(): Promise<void> {
    const chunk = new Uint8Array(65_536);
    let count: number | null = null;
    try {
      count = await this.#client.conn.read(chunk);
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    }
    if (count === null) {
      if (this.#end === "open") this.#end = "lost";
      return;
    }
    this.#reader.push(chunk, count);
    for (let event; (event = this.#reader.next()) !== NEED_DATA;) {
      const { bytes, start, end, opcode, isLast, closeCode } = this.#reader;
      const text = latin1Text(bytes, start, end);
      if (event === DATA) {
        this.#message = (this.#message ?? (opcode === TEXT ? "text " : "binary ")) + text;
        if (!isLast) continue;
        this.#answers.push(this.#message);
        this.#message = null;
      } else if (event === CLOSE_FRAME) {
        this.#end = closeCode;
      } else if (event !== PING_FRAME) {
        this.#answers.push(`pong ${text}`);
      }
    }
  }
}
