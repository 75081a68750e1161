/**
 * The connection between a handler and Mongrel2, for handlers that are not apps: requests are taken
 * and answered at any time, piece by piece.
 *
 * @module
 */

import { ProtocolError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { logToStderr } from "../base/log.ts";
import { timerMs } from "../base/timers.ts";
import type { ControlRequest, Mongrel2Message } from "./codec/message.ts";
import {
  formatControl,
  headerValue,
  MAX_REPLY_TARGETS,
  parseLentMessage,
  replyHeader,
} from "./codec/message.ts";
import { Queue } from "../base/queue.ts";
import { Mongrel2Sockets } from "./sockets.ts";
import type { Mongrel2Spec } from "./codec/spec.ts";
import { parseMongrel2Spec } from "./codec/spec.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A client of a Mongrel2 server: where replies go. */
export interface Mongrel2ClientId {
  /** Identity of the server. */
  readonly senderId: string;
  /** The server's number for the client's connection. */
  readonly connId: string;
}

/** A request, or a notice, that Mongrel2 has sent. It can be answered at any time, any number of times. */
export class Mongrel2Request implements Mongrel2ClientId {
  /** Identity of the server. */
  readonly senderId: string;
  /** The server's number for the client's connection. */
  readonly connId: string;
  /** Path of the request, or `@` and a name for other messages. */
  readonly path: string;
  /** Names and values of the headers: the client's in lower case, Mongrel2's in upper case. */
  readonly headers: readonly (readonly [string, string])[];
  /** The body. */
  readonly body: Uint8Array;
  readonly #connection: Mongrel2Connection;
  readonly #lossCount: number;

  /** Makes the request in `message`, which came over `connection`. */
  constructor(message: Mongrel2Message, connection: Mongrel2Connection) {
    this.senderId = message.senderId;
    this.connId = message.connId;
    this.path = message.path;
    this.headers = message.headers;
    this.body = message.body;
    this.#connection = connection;
    this.#lossCount = connection.lossCount;
  }

  /** Value of the first header of that name; names are matched as they are. */
  header(name: string): string | undefined {
    return headerValue(this, name);
  }

  /** The request's method, or `"JSON"` for a message of a JSON socket or of Mongrel2's own. */
  get method(): string {
    return this.header("METHOD") ?? "";
  }

  /** Whether it says that the client has gone, and needs no answer. */
  get isDisconnect(): boolean {
    return this.path === "@*" && this.method === "JSON" &&
      /"type"\s*:\s*"disconnect"/.test(decoder.decode(this.body));
  }

  /** The body as JSON. */
  json(): unknown {
    return JSON.parse(decoder.decode(this.body));
  }

  /**
   * Sends `payload` to the client as it is: HTTP responses are the handler's to compose. If Mongrel2 has
   * gone since, so has the client, and its number may be another one's.
   */
  reply(payload: Uint8Array | string): void {
    if (this.#lossCount === this.#connection.lossCount) this.#connection.reply(this, payload);
  }

  /** Closes the client's connection. */
  disconnect(): void {
    this.reply("");
  }
}

/**
 * A handler's connection to Mongrel2.
 *
 * ```ts ignore
 * import { Mongrel2Connection } from "gatehouse";
 *
 * await using connection = new Mongrel2Connection("tcp://127.0.0.1:9999");
 * for await (const request of connection) {
 *   if (request.isDisconnect) continue;
 *   request.reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
 * }
 * ```
 */
export class Mongrel2Connection implements AsyncDisposable {
  /** How often Mongrel2 was found to have gone, and its clients with it. */
  lossCount = 0;

  readonly #sockets: Mongrel2Sockets;
  readonly #log: Log;
  readonly #queue = new Queue<Mongrel2Request>();
  readonly #waiters = new Set<() => void>();
  #hasLeft = false;

  /**
   * Connects to the Mongrel2 of `spec`, as text or in parts: the endpoint that it sends requests at, the
   * one that it receives replies at (as text it defaults to the port before), and an identity, if any.
   *
   * @throws {ConfigError} if the text is malformed
   * @throws {ZmqLibraryError} if libzmq cannot be loaded
   */
  constructor(spec: string | Mongrel2Spec, log: Log = logToStderr) {
    this.#log = log;
    this.#sockets = new Mongrel2Sockets(
      typeof spec === "string" ? parseMongrel2Spec(spec) : spec,
      {
        onMessage: (bytes) => this.#onMessage(bytes),
        onConnected() {},
        onAwaited() {},
        onRoom() {},
        onDisconnected: () => {
          this.lossCount++;
        },
      },
    );
  }

  /** The next request or notice; `null` after `timeoutMs` (-1 waits for ever), or when there will be none. */
  async receive(timeoutMs = -1): Promise<Mongrel2Request | null> {
    const deadline = timeoutMs < 0 ? Infinity : performance.now() + timeoutMs;
    while (this.#queue.length === 0 && !this.#hasLeft) {
      const remainingMs = deadline - performance.now();
      if (remainingMs <= 0) break;
      await this.#news(remainingMs);
    }
    return this.#queue.shift() ?? null;
  }

  /** All requests and notices until {@linkcode leave}. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Mongrel2Request, void, void> {
    for (;;) {
      const request = await this.receive();
      if (request !== null) yield request;
      else if (this.#hasLeft) return;
    }
  }

  /** Sends `payload` to one client. */
  reply({ senderId, connId }: Mongrel2ClientId, payload: Uint8Array | string): void {
    this.deliver(senderId, [connId], payload);
  }

  /** Sends `payload` to any number of clients of the server `senderId`. An empty one closes their connections. */
  deliver(senderId: string, connIds: readonly string[], payload: Uint8Array | string): void {
    const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
    for (let at = 0; at < connIds.length; at += MAX_REPLY_TARGETS) {
      const ids = connIds.slice(at, at + MAX_REPLY_TARGETS);
      this.#sockets.sendParts(replyHeader(senderId, ids), bytes);
    }
  }

  /** Closes a client's connection. */
  disconnect(client: Mongrel2ClientId): void {
    this.reply(client, "");
  }

  /** Asks Mongrel2 to do something with a client's connection. */
  control({ senderId, connId }: Mongrel2ClientId, request: ControlRequest): void {
    this.#sockets.send(formatControl(senderId, [connId], request));
  }

  /**
   * Takes leave: Mongrel2 gives its requests to other handlers. Those that have come can still be
   * received and answered; then {@linkcode receive} gives `null`.
   */
  async leave(): Promise<void> {
    await this.#sockets.leave();
    this.#hasLeft = true;
    this.#wake();
  }

  /** Takes leave, and closes the sockets once the replies have gone. */
  async close(): Promise<void> {
    await this.leave();
    await this.#sockets.close();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #onMessage(bytes: Uint8Array): void {
    try {
      this.#queue.push(new Mongrel2Request(parseLentMessage(bytes), this));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#log("warning", `mongrel2: ${error.message}: skipped`);
      return;
    }
    this.#wake();
  }

  /** Resolves when something has come, or nothing more will, or after this time. */
  async #news(timeoutMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.add(resolve);
    const timer = timeoutMs === Infinity ? undefined : setTimeout(resolve, timerMs(timeoutMs));
    await promise;
    clearTimeout(timer);
    this.#waiters.delete(resolve);
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
  }
}

/** Handles a request or notice. */
export type Mongrel2RequestHandler = (request: Mongrel2Request) => void | Promise<void>;

/** Calls a function for each request and notice, for as many at a time as come. */
export class Mongrel2Handler implements AsyncDisposable {
  /** The connection. */
  readonly connection: Mongrel2Connection;
  readonly #handle: Mongrel2RequestHandler;
  readonly #log: Log;
  readonly #running = new Set<Promise<void>>();
  #serving: Promise<void> | null = null;

  /** Makes a handler over a connection of its own, or one that is given to it. */
  constructor(
    connection: string | Mongrel2Spec | Mongrel2Connection,
    handle: Mongrel2RequestHandler,
    log: Log = logToStderr,
  ) {
    this.connection = connection instanceof Mongrel2Connection
      ? connection
      : new Mongrel2Connection(connection, log);
    this.#handle = handle;
    this.#log = log;
  }

  /** Handles requests until {@linkcode stop} is called, and resolves when all are handled. */
  serve(): Promise<void> {
    return this.#serving ??= this.#serve();
  }

  async #serve(): Promise<void> {
    for await (const request of this.connection) {
      const running = this.#run(request).finally(() => this.#running.delete(running));
      this.#running.add(running);
    }
    await Promise.all(this.#running);
  }

  /** Takes leave, finishes what has come, and closes the connection. */
  async stop(): Promise<void> {
    await this.connection.leave();
    await this.#serving;
    await this.connection.close();
  }

  /** The same as {@linkcode stop}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #run(request: Mongrel2Request): Promise<void> {
    try {
      await this.#handle(request);
    } catch (error) {
      const text = error instanceof Error ? error.stack ?? String(error) : String(error);
      this.#log("error", `mongrel2: the handler failed: ${text}`);
      if (!request.isDisconnect) request.disconnect();
    }
  }
}
