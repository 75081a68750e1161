/**
 * A connection to a server that is asked one thing after another.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import { ConnectError } from "../base/errors.ts";
import { closeConn, isConnectionError } from "../net/sender.ts";
import type { Conversation } from "./conversation.ts";
import { dial } from "./dial.ts";
import type { DialOptions, ResolvedTarget } from "./dial.ts";
import type { PreparedRequest } from "./prepared_request.ts";

/** Asks a server over one connection. */
export class ClientConnection implements Disposable {
  /** What is said on it. */
  readonly conversation: Conversation;
  /** When the request that is under way was begun, on the clock of `performance.now()`; 0 if none is. */
  askedAtMs = 0;
  /** Bytes that were sent and received. */
  bytesSent = 0;
  bytesReceived = 0;

  readonly #conn: Deno.Conn;
  readonly #buffer: Uint8Array;
  #isClosed = false;
  #closeReason = "";
  /** Responses that it has had, and bytes by the time that the last request was begun. */
  #answered = 0;
  #bytesBefore = 0;

  private constructor(conn: Deno.Conn, conversation: Conversation, buffer: Uint8Array) {
    this.#conn = conn;
    this.conversation = conversation;
    this.#buffer = buffer;
  }

  /**
   * Connects, and says what has to be said first. Bytes are read into `buffer`, which is this connection's
   * own.
   *
   * @throws {ConnectError} if the server cannot be reached
   * @throws {ProtocolError} if it answers the opening as it may not
   */
  static async open(
    server: ResolvedTarget,
    conversation: Conversation,
    buffer: Uint8Array,
    options?: DialOptions,
  ): Promise<ClientConnection> {
    const { conn } = await dial(server, options);
    const connection = new ClientConnection(conn, conversation, buffer);
    const { opening } = conversation;
    if (opening === null) return connection;
    const giveUp = () => connection.close("it was given up");
    options?.signal?.addEventListener("abort", giveUp);
    try {
      await connection.ask(opening);
      return connection;
    } catch (error) {
      connection.close("its opening failed");
      throw error;
    } finally {
      options?.signal?.removeEventListener("abort", giveUp);
    }
  }

  /** Whether another request can be sent. */
  get isReusable(): boolean {
    return !this.#isClosed && this.conversation.isReusable;
  }

  /**
   * Whether the request that failed was lost with a connection that had been kept, before anything came in
   * answer: the server may have closed it just then (RFC 9112 9.3.1).
   */
  get wasStale(): boolean {
    return this.#answered > 0 && this.bytesReceived === this.#bytesBefore;
  }

  /**
   * Sends a request, and resolves when its response is complete.
   *
   * @throws {ConnectError} if the connection is lost, or closed here
   * @throws {ProtocolError} if the response is malformed or cut off
   */
  async ask(request: PreparedRequest): Promise<void> {
    this.askedAtMs = performance.now();
    this.#bytesBefore = this.bytesReceived;
    // Responses may come before all of a request was sent: both go on at once.
    const sending = this.#send(request);
    // Its failure counts below, after what the server has said before it closed.
    sending.catch(() => {});
    try {
      await this.#receive();
      if (request.pieceCount > 0) await this.#finishSending(sending);
      this.#answered++;
    } catch (error) {
      if (this.#isClosed) throw new ConnectError(`the connection was closed: ${this.#closeReason}`);
      if (!isConnectionError(error)) throw error;
      throw new ConnectError(`the connection was lost: ${messageOf(error)}`);
    } finally {
      this.askedAtMs = 0;
    }
  }

  /** Closes the connection; a request that is under way fails with `reason`. */
  close(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closeReason = reason;
    closeConn(this.#conn);
  }

  [Symbol.dispose](): void {
    this.close("it is no longer needed");
  }

  async #send(request: PreparedRequest): Promise<void> {
    await this.#write(this.conversation.begin(request));
    for (let i = 0; i < request.pieceCount; i++) await this.#write(request.piece);
    if (request.last.length > 0) await this.#write(request.last);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const count = await this.#conn.write(at === 0 ? bytes : bytes.subarray(at));
      this.bytesSent += count;
      at += count;
    }
  }

  async #receive(): Promise<void> {
    const { conversation } = this;
    const buffer = this.#buffer;
    for (;;) {
      const count = await this.#conn.read(buffer);
      if (count === null) {
        conversation.close();
        return;
      }
      this.bytesReceived += count;
      const isOver = conversation.push(buffer, count);
      for (let out = conversation.takeOutput(); out !== null; out = conversation.takeOutput()) {
        await this.#write(out);
      }
      if (isOver) return;
    }
  }

  /** Servers may answer before they have read a request, and close their connection. */
  async #finishSending(sending: Promise<void>): Promise<void> {
    if (!this.conversation.isReusable) return;
    await sending;
  }
}
