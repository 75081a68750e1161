/**
 * A FastCGI client: asks any FastCGI server, and keeps connections for further requests.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import { FastCgiError } from "../base/errors.ts";
import type { RequestRole } from "../message/exchange.ts";
import { tell } from "../base/log.ts";
import { parseListenAddress } from "../net/address.ts";
import type { ListenAddress } from "../net/address.ts";
import { disableNagle } from "../net/socket_endpoint.ts";
import { decodePairs, encodePairs } from "../message/pairs.ts";
import { SettingChecks } from "../limits/setting_checks.ts";
import type { SettingRange } from "../limits/setting_ranges.ts";
import { ANY_TIME } from "../limits/setting_ranges.ts";
import { timerMs } from "../base/timers.ts";
import { ClientConnection } from "./client_connection.ts";
import { measured, responseOf } from "./client_bodies.ts";
import { paramsOf } from "./client_params.ts";
import { Reply } from "./client_reply.ts";
import { DATA, STDIN } from "./codec/records.ts";
import { ROLE_NUMBERS } from "./codec/roles.ts";

/** Options of a {@linkcode FastCgiClient}. */
export interface FastCgiClientOptions {
  /**
   * Requests at a time on one connection. Default 1. Only servers that answer `FCGI_MPXS_CONNS`
   * with 1 take more ({@linkcode FastCgiClient.getValues} asks them). A response that is not read
   * holds up the others on its connection.
   */
  readonly requestsPerConnection?: number;
  /** Connections at a time; requests beyond wait. Default 16. */
  readonly maxConnections?: number;
  /** Time that a connection is kept without a request, in milliseconds. Default 30,000; 0 keeps none. */
  readonly idleTimeoutMs?: number;
  /** Takes what servers write to STDERR. Default: lines to standard error. */
  readonly onStderr?: (text: string) => void;
}

const OPTION_RANGES: Readonly<Record<string, SettingRange>> = {
  // Requests are numbered by 16 bits (FastCGI 1.0, section 3.3).
  requestsPerConnection: { kind: "count", min: 1, max: 65_535 },
  maxConnections: { kind: "count", min: 1, max: 1_000_000 },
  idleTimeoutMs: ANY_TIME,
};

/** What a request asks for, besides its parameters. */
export interface FastCgiRequestInit {
  /** The role. Default `"responder"`. */
  readonly role?: RequestRole;
  /** The request's body. */
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** The file for a filter. */
  readonly data?: AsyncIterable<Uint8Array>;
  /** Aborts the request when it fires. */
  readonly signal?: AbortSignal;
}

/** The answer to a request, as the protocol has it. */
export interface FastCgiReply {
  /** What the server writes to STDOUT. */
  readonly stdout: ReadableStream<Uint8Array<ArrayBuffer>>;
  /**
   * The exit status. Rejects with a {@linkcode FastCgiError} if the server refused the request or its
   * connection was lost.
   */
  readonly appStatus: Promise<number>;
}

/** What {@linkcode FastCgiClient.fetch} takes besides what the global `fetch` does. */
export interface FastCgiFetchInit extends RequestInit {
  /** Parameters that replace or add to those made of the request, such as `SCRIPT_FILENAME`. */
  readonly params?: Readonly<Record<string, string>>;
}

/** A request that waits for a connection with room. */
interface WaitingRequest {
  begin(connection: ClientConnection): void;
  fail(error: unknown): void;
}

/**
 * Asks a FastCGI server, gatehouse or another such as php-fpm.
 *
 * ```ts ignore
 * import { FastCgiClient } from "gatehouse";
 *
 * await using client = new FastCgiClient("unix:/run/php/php-fpm.sock");
 * const response = await client.fetch("http://localhost/index.php", {
 *   params: { SCRIPT_FILENAME: "/var/www/index.php" },
 * });
 * console.log(response.status, await response.text());
 * ```
 */
export class FastCgiClient implements AsyncDisposable {
  readonly #address: ListenAddress;
  readonly #requestsPerConnection: number;
  readonly #maxConnections: number;
  readonly #idleTimeoutMs: number;
  readonly #onStderr: (text: string) => void;
  /** All connections, and those of them that requests are sent over. */
  readonly #connections = new Set<ClientConnection>();
  readonly #pool = new Set<ClientConnection>();
  readonly #idleTimers = new Map<ClientConnection, ReturnType<typeof setTimeout>>();
  readonly #waiting = new Set<WaitingRequest>();
  readonly #closing = new AbortController();
  /** Connections that are being made for the pool. */
  #connecting = 0;

  /**
   * Makes a client of the server at `address`: `host:port`, `[ipv6]:port`, a port, or `unix:PATH`.
   *
   * @throws {ConfigError} if it is not an address
   * @throws {SettingsError} if numbers among the options are out of range
   */
  constructor(address: string, options: FastCgiClientOptions = {}) {
    const checks = new SettingChecks();
    checks.numbers("", { ...options }, OPTION_RANGES);
    checks.finish();
    this.#address = parseListenAddress(address);
    this.#requestsPerConnection = options.requestsPerConnection ?? 1;
    this.#maxConnections = options.maxConnections ?? 16;
    this.#idleTimeoutMs = options.idleTimeoutMs ?? 30_000;
    this.#onStderr = options.onStderr ?? tell;
  }

  /**
   * Sends a request as the global `fetch` would, and makes a `Response` of the answer.
   *
   * A body, of the request or the response, that is not as long as its Content-Length says makes reading
   * the response fail with a {@linkcode FastCgiError}. Interim responses (1xx) are skipped.
   *
   * @throws {FastCgiError} if the server refused the request, or did not answer it
   * @throws {ProtocolError} if its answer is malformed
   */
  async fetch(input: string | URL | Request, init: FastCgiFetchInit = {}): Promise<Response> {
    const request = new Request(input, init);
    const isStream = init.body instanceof ReadableStream ||
      (input instanceof Request && !init.body);
    // A length goes along with every body but a stream's own.
    const body = request.body === null || isStream ? request.body : await request.bytes();
    const params = paramsOf(request, body instanceof Uint8Array ? body.length : null, init.params);
    const mayRepeat = !(body instanceof ReadableStream) && isIdempotent(request.method);
    for (;;) {
      const stdin = body instanceof Uint8Array
        ? once(body)
        : body === null
        ? undefined
        : measured(body, params.CONTENT_LENGTH);
      const reply = await this.#request(params, { stdin, signal: request.signal });
      try {
        return await responseOf(reply, request.method);
      } catch (error) {
        // The server may have closed a kept connection just when it was used again. Each time there is
        // one less of these.
        if (!reply.wasStale || !mayRepeat) throw error;
      }
    }
  }

  /**
   * Sends a request with these parameters. Resolves when it was begun.
   *
   * @throws {FastCgiError} if the server cannot be reached
   */
  async request(
    params: Readonly<Record<string, string>>,
    init: FastCgiRequestInit = {},
  ): Promise<FastCgiReply> {
    return await this.#request(params, init);
  }

  /** Asks the server for values, such as `FCGI_MPXS_CONNS`. Those that it does not know are left out. */
  async getValues(...names: string[]): Promise<Record<string, string>> {
    const asked = encodePairs(Object.fromEntries(names.map((name) => [name, ""])));
    // Servers may close the connection after this: it is not one of the pool.
    const connection = await this.#connect();
    try {
      return decodePairs(await connection.getValues(asked));
    } finally {
      connection.close();
      await connection.closed;
    }
  }

  /** Closes all connections. Requests under way are lost. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new FastCgiError("the client is closed"));
    for (const waiting of this.#waiting) waiting.fail(this.#closing.signal.reason);
    this.#waiting.clear();
    const connections = [...this.#connections];
    for (const connection of connections) connection.close();
    await Promise.all(connections.map(({ closed }) => closed));
  }

  /** Begins a request as soon as there is a connection with room. */
  async #request(
    params: Readonly<Record<string, string>>,
    init: FastCgiRequestInit,
  ): Promise<Reply> {
    const { signal } = init;
    this.#closing.signal.throwIfAborted();
    signal?.throwIfAborted();
    const encoded = encodePairs(params);
    const begun = Promise.withResolvers<Reply>();
    const waiting: WaitingRequest = {
      begin: (connection) => begun.resolve(this.#begin(connection, encoded, init)),
      fail: begun.reject,
    };
    const giveUp = () => {
      this.#waiting.delete(waiting);
      begun.reject(signal?.reason);
    };
    signal?.addEventListener("abort", giveUp);
    this.#waiting.add(waiting);
    this.#assign();
    try {
      return await begun.promise;
    } finally {
      signal?.removeEventListener("abort", giveUp);
    }
  }

  #begin(connection: ClientConnection, params: Uint8Array, init: FastCgiRequestInit): Reply {
    const { role = "responder", signal, stdin, data } = init;
    clearTimeout(this.#idleTimers.get(connection));
    const isShared = this.#requestsPerConnection > 1;
    const reply = new Reply(connection, this.#onStderr, isShared ? "shared" : "own");
    const use = isShared || this.#idleTimeoutMs > 0 ? "keep" : "once";
    reply.begin(connection.begin(ROLE_NUMBERS[role], params, use, reply), signal);
    reply.send([[STDIN, stdin], ...(role === "filter" ? [[DATA, data] as const] : [])]);
    return reply;
  }

  /** Gives the requests that wait to connections with room, and has more made for the others. */
  #assign(): void {
    for (const connection of this.#pool) {
      while (
        this.#waiting.size > 0 && connection.isOpen &&
        connection.requestCount < this.#requestsPerConnection
      ) {
        this.#nextWaiting()!.begin(connection);
      }
    }
    while (
      this.#waiting.size > this.#connecting * this.#requestsPerConnection &&
      this.#pool.size + this.#connecting < this.#maxConnections
    ) {
      this.#addConnection();
    }
  }

  /** Takes the request that has waited longest. */
  #nextWaiting(): WaitingRequest | undefined {
    const [first] = this.#waiting;
    if (first !== undefined) this.#waiting.delete(first);
    return first;
  }

  async #addConnection(): Promise<void> {
    this.#connecting++;
    try {
      const connection = await this.#connect();
      this.#pool.add(connection);
      connection.closed.finally(() => this.#drop(connection));
    } catch (error) {
      this.#nextWaiting()?.fail(error);
    } finally {
      this.#connecting--;
      this.#assign();
    }
  }

  async #connect(): Promise<ClientConnection> {
    const address = this.#address;
    const { signal } = this.#closing;
    try {
      const conn = address.transport === "unix"
        ? await Deno.connect({ transport: "unix", path: address.path })
        : await Deno.connect({
          hostname: address.hostname || "localhost",
          port: address.port,
          signal,
        });
      if (signal.aborted) conn.close();
      signal.throwIfAborted();
      disableNagle(conn);
      const connection = new ClientConnection(conn, () => this.#onRequestEnded(connection));
      this.#connections.add(connection);
      connection.closed.finally(() => this.#connections.delete(connection));
      return connection;
    } catch (error) {
      signal.throwIfAborted();
      const reason = messageOf(error);
      throw new FastCgiError(`the FastCGI server cannot be reached: ${reason}`);
    }
  }

  #onRequestEnded(connection: ClientConnection): void {
    if (this.#idleTimeoutMs === 0 && connection.requestCount === 0) {
      this.#drop(connection);
      return;
    }
    // A waiting request takes the connection at once.
    this.#assign();
    if (!connection.isOpen || connection.requestCount > 0) return;
    connection.rest();
    const timer = setTimeout(() => this.#drop(connection), timerMs(this.#idleTimeoutMs));
    Deno.unrefTimer(timer as unknown as number);
    this.#idleTimers.set(connection, timer);
  }

  #drop(connection: ClientConnection): void {
    clearTimeout(this.#idleTimers.get(connection));
    this.#idleTimers.delete(connection);
    this.#pool.delete(connection);
    connection.close();
    this.#assign();
  }
}

async function* once(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}

/** Whether a request can be sent once more (RFC 9110 9.2.2). */
function isIdempotent(method: string): boolean {
  return ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"].includes(method);
}
