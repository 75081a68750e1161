/**
 * An HTTP/1.1 endpoint: a listener and its connections.
 *
 * @module
 */

import type { ExchangeHandler } from "../message/exchange.ts";
import type { Log } from "../base/log.ts";
import type { TrustedProxies } from "../proxies/trusted_proxies.ts";
import { unmapped } from "../net/address.ts";
import { SocketEndpoint } from "../net/socket_endpoint.ts";
import type { HttpHost } from "./connection.ts";
import type { MessageCompression } from "../websocket/codec/deflate_terms.ts";
import { HttpConnection } from "./connection.ts";
import type { HttpLimits } from "./codec/limits.ts";
import { OwnLines } from "./codec/writer.ts";

/** What an {@linkcode HttpEndpoint} does besides. */
export interface HttpEndpointOptions {
  /** What is done with messages of WebSockets. Default `"none"`. */
  readonly compression?: MessageCompression;
  /**
   * Who has to begin each connection with a header of the PROXY protocol, while others may not connect.
   * Default: nobody; connections begin with HTTP.
   */
  readonly greeters?: TrustedProxies;
  /** What `Server` says in responses that do not have it. Default: there is none. */
  readonly server?: string;
}

/** Serves HTTP/1.1 on one listener. */
export class HttpEndpoint implements AsyncDisposable {
  readonly #sockets: SocketEndpoint<HttpConnection>;

  /** Starts to serve what `listener` accepts. The endpoint owns the listener from here on. */
  constructor(
    listener: Deno.Listener,
    scheme: "http" | "https",
    handler: ExchangeHandler,
    limits: HttpLimits,
    log: Log,
    options: HttpEndpointOptions = {},
  ) {
    const { compression = "none", greeters, server } = options;
    const host: HttpHost = { handler, limits, compression, date: new OwnLines(server) };
    this.#sockets = new SocketEndpoint({
      listener,
      protocol: scheme,
      maxConnections: limits.maxConnections,
      limits,
      log,
      greeters,
      open(conn, client, sockets) {
        const remoteAddr = client ?? unmapped(conn.remoteAddr);
        const localAddr = unmapped(conn.localAddr);
        const isRelay = client === null;
        const peer = { endpoint: "http", scheme, remoteAddr, localAddr, isRelay } as const;
        return new HttpConnection(conn, peer, host, sockets);
      },
      onTick: () => host.date.update(Date.now()),
    });
  }

  /** The address that the endpoint listens on. */
  get address(): Deno.Addr {
    return this.#sockets.address;
  }

  /** Open connections. */
  get connectionCount(): number {
    return this.#sockets.connectionCount;
  }

  /** Connections that were accepted so far. */
  get acceptedCount(): number {
    return this.#sockets.acceptedCount;
  }

  /** Requests without a complete answer. */
  get unansweredCount(): number {
    return this.#sockets.unansweredCount;
  }

  /** Requests that were cut off when it was disposed of. */
  get cutOffCount(): number {
    return this.#sockets.cutOffCount;
  }

  /** Goes on as before, but lets connections end with their next response: clients go elsewhere. */
  announceEnd(): void {
    this.#sockets.announceEnd();
  }

  /**
   * Stops accepting, after the connections that are already queued, and closes each connection as
   * soon as what it carries is answered. Resolves when all are closed.
   */
  drain(): Promise<void> {
    return this.#sockets.drain();
  }

  /** Closes everything immediately. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#sockets[Symbol.asyncDispose]();
  }
}
