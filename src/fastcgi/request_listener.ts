/**
 * A listener for FastCGI requests, which become exchanges for apps, or streams for low-level
 * handlers.
 *
 * @module
 */

import type { Log } from "../base/log.ts";
import type { TrustedProxies } from "../proxies/trusted_proxies.ts";
import { FaultLog } from "../net/fault_log.ts";
import { SocketEndpoint } from "../net/socket_endpoint.ts";
import { FastCgiConnection } from "./connection.ts";
import type { FastCgiHost } from "./connection_host.ts";
import type { FastCgiLimits } from "./codec/limits.ts";
import { MAX_REFUSED_CONNECTIONS } from "./codec/limits.ts";
import { OVERLOADED } from "./codec/records.ts";
import type { RequestHandler } from "./request_handler.ts";

/** What a {@linkcode RequestListener} is made of. */
export interface RequestListenerOptions {
  /** The listener, which it owns. */
  readonly listener: Deno.Listener;
  /** Limits of each connection, and of all. */
  readonly limits: FastCgiLimits;
  /** The roles that can be asked for. */
  readonly roles: readonly number[];
  /** Addresses of the web servers that may connect over TCP; all if absent. */
  readonly webServerAddrs: readonly string[] | undefined;
  /** Who has to begin each connection with a header of the PROXY protocol. Default: nobody. */
  readonly greeters?: TrustedProxies;
  /** Folder for bodies that are not read yet. */
  readonly tempFolder: string;
  /** Takes the requests. */
  readonly handler: RequestHandler;
  /** Takes messages about faults. */
  readonly log: Log;
}

/** Accepts FastCGI connections, and counts their requests. */
export class RequestListener implements AsyncDisposable {
  readonly #sockets: SocketEndpoint<FastCgiConnection>;
  #requestCount = 0;
  /** Requests that were admitted, and those turned away since there were too many; peers that may not connect. */
  readonly counts: { requests: number; overloads: number; strangers: number } = {
    requests: 0,
    overloads: 0,
    strangers: 0,
  };

  /** Starts to serve what the listener accepts. */
  constructor(options: RequestListenerOptions) {
    const { listener, limits, roles, tempFolder, handler, log } = options;
    const webServerAddrs = options.webServerAddrs && new Set(options.webServerAddrs);
    const faultLog = new FaultLog(log);
    const host: FastCgiHost = {
      limits,
      faultLog,
      roles: new Set(roles),
      tempFolder,
      admit: () => {
        if (this.#requestCount >= limits.maxReqs) return false;
        this.#requestCount++;
        this.counts.requests++;
        return true;
      },
      release: () => void this.#requestCount--,
      start: (request, params, length) => handler.start(request, params, length),
      refuse: (request, error) => handler.refuse(request, error),
      onTurnedAway: (reason, conn, request) => {
        if (reason === OVERLOADED) this.counts.overloads++;
        handler.onTurnedAway?.(reason, conn, request);
      },
    };
    this.#sockets = new SocketEndpoint({
      listener,
      protocol: "fastcgi",
      maxConnections: limits.maxConns + MAX_REFUSED_CONNECTIONS,
      limits,
      log,
      greeters: options.greeters,
      admits: (remoteAddr) => {
        if (webServerAddrs === undefined || !("hostname" in remoteAddr)) return true;
        if (webServerAddrs.has(remoteAddr.hostname)) return true;
        this.counts.strangers++;
        faultLog.warn(
          `fastcgi: ${remoteAddr.hostname} is not among FCGI_WEB_SERVER_ADDRS: refused`,
        );
        return false;
      },
      open: (conn, _client, sockets) => {
        const isFull = this.#sockets.connectionCount >= limits.maxConns &&
          !this.#sockets.closeSpare();
        return new FastCgiConnection(conn, host, sockets, isFull ? "overloaded" : "served");
      },
    });
  }

  /** The address that is listened on. */
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

  /** Stops accepting, and closes each connection as soon as what it carries is answered. */
  drain(): Promise<void> {
    return this.#sockets.drain();
  }

  /** Closes everything immediately. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#sockets[Symbol.asyncDispose]();
  }
}
