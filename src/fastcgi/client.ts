/**
 * A FastCGI client: asks any FastCGI server, and keeps connections for further requests.
 *
 * @module
 */

import { BufferPool, OutputBuffer } from "../buffers.ts";
import { FastCgiError } from "../errors.ts";
import type { RequestRole } from "../exchange.ts";
import { parseListenAddress } from "../net/address.ts";
import type { ListenAddress } from "../net/address.ts";
import { disableNagle } from "../net/socket_endpoint.ts";
import { decodePairs, writePair } from "../pairs.ts";
import { CgiHeadReader } from "./cgi_head.ts";
import type { CgiHead } from "./cgi_head.ts";
import { ClientConnection } from "./client_connection.ts";
import { paramsOf } from "./client_params.ts";
import { Reply } from "./client_reply.ts";
import {
  AUTHORIZER,
  beginRecord,
  DATA,
  FILTER,
  finishRecord,
  GET_VALUES,
  RESPONDER,
  STDIN,
} from "./records.ts";

/** Options of a {@linkcode FastCgiClient}. */
export interface FastCgiClientOptions {
  /**
   * Requests at a time on one connection. Only servers that say 1 to `FCGI_MPXS_CONNS` take more than
   * one, the default ({@linkcode FastCgiClient.getValues} asks them).
   */
  readonly requestsPerConnection?: number;
  /** Connections at a time; requests beyond wait. Default 16. */
  readonly maxConnections?: number;
  /** Time that a connection is kept without a request, in milliseconds. Default 30,000; 0 keeps none. */
  readonly idleTimeoutMs?: number;
  /** Takes what servers write to STDERR. Default: `console.error`. */
  readonly onStderr?: (text: string) => void;
}

/** What a request asks for, besides its parameters. */
export interface FastCgiRequestInit {
  /** The role. Default `"responder"`. */
  readonly role?: RequestRole;
  /** The request's body. */
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** The file for a filter. */
  readonly data?: AsyncIterable<Uint8Array>;
  /** Gives the request up when it fires. */
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

const ROLE_NUMBERS: Readonly<Record<RequestRole, number>> = {
  responder: RESPONDER,
  authorizer: AUTHORIZER,
  filter: FILTER,
};

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
  readonly #connections = new Set<ClientConnection>();
  readonly #idleTimers = new Map<ClientConnection, ReturnType<typeof setTimeout>>();
  #connecting = 0;
  #waiting: (() => void)[] = [];
  #isClosed = false;

  /**
   * Makes a client of the server at `address`: `host:port`, `[ipv6]:port`, a port, or `unix:PATH`.
   *
   * @throws {ConfigError} if that is no address
   */
  constructor(address: string, options: FastCgiClientOptions = {}) {
    this.#address = parseListenAddress(address);
    this.#requestsPerConnection = options.requestsPerConnection ?? 1;
    this.#maxConnections = options.maxConnections ?? 16;
    this.#idleTimeoutMs = options.idleTimeoutMs ?? 30_000;
    this.#onStderr = options.onStderr ?? ((text) => console.error(text));
  }

  /**
   * Sends a request as the global `fetch` would, and makes a `Response` of the answer.
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
    const send = async (): Promise<Response> => {
      const { signal } = request;
      const stdin = body instanceof Uint8Array ? once(body) : body ?? undefined;
      const reply = await this.request(params, { stdin, signal });
      return await responseOf(reply, request.method);
    };
    try {
      return await send();
    } catch (error) {
      // The server may have closed a connection just when it was used again.
      const mayRepeat = error instanceof FastCgiError && error.protocolStatus === 0 &&
        !(body instanceof ReadableStream) && isIdempotent(request.method) && !this.#isClosed;
      if (!mayRepeat) throw error;
      return await send();
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
    const { role = "responder", signal, stdin, data } = init;
    signal?.throwIfAborted();
    const connection = await this.#connection();
    const isShared = this.#requestsPerConnection > 1;
    const reply = new Reply(connection, this.#onStderr, isShared ? "shared" : "own");
    const use = isShared || this.#idleTimeoutMs > 0 ? "keep" : "once";
    const id = connection.begin(ROLE_NUMBERS[role], encodePairs(params), use, reply);
    reply.begin(id, signal);
    reply.ended.then(() => this.#onRequestEnded(connection));
    sendStreams(connection, id, stdin, role === "filter" ? data : undefined)
      .catch((error) => reply.giveUp(error));
    return reply;
  }

  /** Asks the server for values, such as `FCGI_MPXS_CONNS`. Those that it does not know are left out. */
  async getValues(...names: string[]): Promise<Record<string, string>> {
    const out = new OutputBuffer(new BufferPool());
    const record = beginRecord(out);
    for (const name of names) writePair(out, name, "");
    finishRecord(out, record, GET_VALUES, 0);
    // Servers may close the connection after this: it is not one of the pool.
    const connection = await this.#connect();
    try {
      return decodePairs(await connection.getValues(out.bytes.subarray(0, out.length)));
    } finally {
      connection.close();
    }
  }

  /** Closes all connections. Requests under way are lost. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const connections = [...this.#connections];
    for (const connection of connections) this.#drop(connection);
    await Promise.all(connections.map(({ closed }) => closed));
  }

  /** A connection with room for a request. */
  async #connection(): Promise<ClientConnection> {
    for (;;) {
      if (this.#isClosed) throw new FastCgiError("the client is closed");
      for (const connection of this.#connections) {
        if (!connection.isOpen || connection.requestCount >= this.#requestsPerConnection) continue;
        clearTimeout(this.#idleTimers.get(connection));
        return connection;
      }
      if (this.#connections.size + this.#connecting < this.#maxConnections) {
        return await this.#newConnection();
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async #newConnection(): Promise<ClientConnection> {
    this.#connecting++;
    try {
      const connection = await this.#connect();
      this.#connections.add(connection);
      connection.closed.finally(() => this.#drop(connection));
      return connection;
    } finally {
      this.#connecting--;
      this.#wake();
    }
  }

  async #connect(): Promise<ClientConnection> {
    const address = this.#address;
    try {
      const conn = address.transport === "unix"
        ? await Deno.connect({ transport: "unix", path: address.path })
        : await Deno.connect({ hostname: address.hostname, port: address.port });
      disableNagle(conn);
      return new ClientConnection(conn);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new FastCgiError(`the FastCGI server cannot be reached: ${reason}`);
    }
  }

  #onRequestEnded(connection: ClientConnection): void {
    if (connection.isOpen && connection.requestCount === 0) {
      clearTimeout(this.#idleTimers.get(connection));
      if (this.#idleTimeoutMs === 0) {
        this.#drop(connection);
      } else {
        const timer = setTimeout(() => this.#drop(connection), this.#idleTimeoutMs);
        Deno.unrefTimer(timer as unknown as number);
        this.#idleTimers.set(connection, timer);
      }
    }
    this.#wake();
  }

  #drop(connection: ClientConnection): void {
    clearTimeout(this.#idleTimers.get(connection));
    this.#idleTimers.delete(connection);
    this.#connections.delete(connection);
    connection.close();
    this.#wake();
  }

  /** There may be room for a request that waits. */
  #wake(): void {
    this.#waiting.shift()?.();
  }
}

/** Sends a request's body, and a filter's file after it (FastCGI 1.0, section 6.4). */
async function sendStreams(
  connection: ClientConnection,
  id: number,
  stdin: AsyncIterable<Uint8Array> | undefined,
  data: AsyncIterable<Uint8Array> | undefined,
): Promise<void> {
  for await (const chunk of stdin ?? []) await connection.write(STDIN, id, chunk);
  connection.endStream(STDIN, id);
  if (data === undefined) return;
  for await (const chunk of data) await connection.write(DATA, id, chunk);
  connection.endStream(DATA, id);
}

async function* once(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}

function encodePairs(params: Readonly<Record<string, string>>): Uint8Array {
  const out = new OutputBuffer(new BufferPool());
  for (const [name, value] of Object.entries(params)) writePair(out, name, value);
  return out.bytes.subarray(0, out.length);
}

/** Whether a request can be sent once more (RFC 9110 9.2.2). */
function isIdempotent(method: string): boolean {
  return ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"].includes(method);
}

/** Reads the head off a reply, and makes a response of it and the rest. */
async function responseOf(reply: FastCgiReply, method: string): Promise<Response> {
  const reader = reply.stdout.getReader();
  const headReader = new CgiHeadReader();
  let head: CgiHead | null = null;
  let first: Uint8Array<ArrayBuffer> | null = null;
  while (head === null) {
    const { done, value } = await reader.read();
    if (done) {
      await reply.appStatus;
      throw new FastCgiError("the FastCGI server ended the request without a response");
    }
    const found = headReader.push(value);
    if (found === null) continue;
    head = found.head;
    first = value.subarray(found.bodyStart);
  }
  const { status, statusText, fields } = head;
  const headers = fields.map(([name, value]): [string, string] => [name, value]);
  const hasNoBody = method === "HEAD" || status === 204 || status === 205 || status === 304;
  if (hasNoBody) {
    reader.cancel().catch(() => {});
    return new Response(null, { status, statusText, headers });
  }
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      if (first !== null && first.length > 0) controller.enqueue(first);
    },
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
  return new Response(body, { status, statusText, headers });
}
