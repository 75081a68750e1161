/**
 * A FastCGI endpoint: a listener, its connections, and the exchanges that come of their requests.
 *
 * @module
 */

import { BufferPool } from "../base/buffers.ts";
import { EMPTY } from "../base/empty.ts";
import type { ProtocolError } from "../base/errors.ts";
import { errorBodyBytes } from "../message/error_response.ts";
import type { ExchangeHandler, FaultReports, Peer } from "../message/exchange.ts";
import { RequestHead } from "../message/exchange.ts";
import type { Log } from "../base/log.ts";
import type { TrustedProxies } from "../proxies/trusted_proxies.ts";
import { unmapped } from "../net/address.ts";
import { takeSurroundings } from "../base/surroundings.ts";
import type { ExchangeSettings } from "./fastcgi_exchange.ts";
import { bodyTooShort, FastCgiExchange } from "./fastcgi_exchange.ts";
import type { FastCgiLimits } from "./codec/limits.ts";
import { RequestListener } from "./request_listener.ts";
import type { RequestHandler, TurningAway } from "./request_handler.ts";
import { OVERLOADED } from "./codec/records.ts";
import { ROLE_NUMBERS } from "./codec/roles.ts";
import type { ServerRequest } from "./server_request.ts";
import { RequestTranslator } from "./codec/translate.ts";

/** What a {@linkcode FastCgiEndpoint} is made of. */
export interface FastCgiEndpointOptions {
  /** The listener. The endpoint owns it. */
  readonly listener: Deno.Listener;
  /** Takes the requests. */
  readonly handler: ExchangeHandler;
  /** Limits. */
  readonly limits: FastCgiLimits;
  /** Which faults of apps go to the web server's error log. Default `"errors"`. */
  readonly faultReports?: FaultReports;
  /**
   * Addresses of the web servers that may connect over TCP, as `FCGI_WEB_SERVER_ADDRS` names them
   * (FastCGI 1.0, section 2.3). Default: all.
   */
  readonly webServerAddrs?: readonly string[];
  /** Who has to begin each connection with a header of the PROXY protocol. Default: nobody. */
  readonly greeters?: TrustedProxies;
  /**
   * Folder for the temporary files that long bodies go to. Default: the system's, as the environment
   * names it when the endpoint is made.
   */
  readonly tempFolder?: string;
  /** Takes messages about faults. */
  readonly log: Log;
}

/** Serves FastCGI on one listener. */
export class FastCgiEndpoint implements AsyncDisposable {
  readonly #listener: RequestListener;

  /** Starts to serve what the listener accepts. */
  constructor(options: FastCgiEndpointOptions) {
    const { listener, limits, log, webServerAddrs, greeters } = options;
    const { tempFolder = takeSurroundings().tempFolder } = options;
    this.#listener = new RequestListener({
      listener,
      limits,
      log,
      webServerAddrs,
      greeters,
      tempFolder,
      roles: Object.values(ROLE_NUMBERS),
      handler: new ExchangeMaker(options),
    });
  }

  /** The address that the endpoint listens on. */
  get address(): Deno.Addr {
    return this.#listener.address;
  }

  /** Open connections. */
  get connectionCount(): number {
    return this.#listener.connectionCount;
  }

  /** Connections that were accepted so far. */
  get acceptedCount(): number {
    return this.#listener.acceptedCount;
  }

  /** Counts of what came over the endpoint. */
  get counts(): Readonly<Record<"requests" | "overloads" | "strangers", number>> {
    return this.#listener.counts;
  }

  /** Requests without a complete answer. */
  get unansweredCount(): number {
    return this.#listener.unansweredCount;
  }

  /** Requests that were cut off when it was disposed of. */
  get cutOffCount(): number {
    return this.#listener.cutOffCount;
  }

  /**
   * Stops accepting, after the connections that are already queued, and closes each connection as
   * soon as what it carries is answered. Resolves when all are closed.
   */
  drain(): Promise<void> {
    return this.#listener.drain();
  }

  /** Closes everything immediately. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#listener[Symbol.asyncDispose]();
  }
}

/** What counts as the status of a request that is turned away: the web server gets another word. */
const SERVICE_UNAVAILABLE = 503;
const NOT_IMPLEMENTED = 501;
const NO_PARAMS = { bytes: EMPTY, length: 0 };

/** The two peers of a connection: the web server tells the scheme with each request. */
interface Peers {
  readonly http: Peer;
  readonly https: Peer;
}

/** Makes exchanges of requests. */
class ExchangeMaker implements RequestHandler {
  readonly #handler: ExchangeHandler;
  readonly #settings: ExchangeSettings;
  readonly #translator: RequestTranslator;
  readonly #peers = new WeakMap<Deno.Conn, Peers>();
  /** Whether web servers come through proxies: who asks one of them, only it can say. */
  readonly #isRelayed: boolean;

  constructor(
    { handler, limits, faultReports = "errors", greeters, log }: FastCgiEndpointOptions,
  ) {
    this.#handler = handler;
    this.#isRelayed = greeters !== undefined;
    this.#settings = { maxBodyBytes: limits.maxBodyBytes, faultReports, log };
    this.#translator = new RequestTranslator(limits, new BufferPool());
  }

  start(request: ServerRequest, params: Uint8Array, length: number): void {
    const peers = this.#peersOf(request.connection.conn);
    const head = this.#translator.translate(params, length, request.role, peers);
    if (request.stdinIsEmpty) {
      if (head.bodyLength > 0) throw bodyTooShort();
      head.bodyLength = 0;
    }
    this.#handler.handle(new FastCgiExchange(request, head, this.#settings));
  }

  refuse(request: ServerRequest, error: ProtocolError): void {
    if (request.receiver instanceof FastCgiExchange) {
      request.receiver.refuse(error);
      return;
    }
    this.#tell(request.connection.conn, request, error.status, errorBodyBytes(error));
    new FastCgiExchange(request, new RequestHead(), this.#settings).refuse(error);
  }

  onTurnedAway(reason: TurningAway, conn: Deno.Conn, request: ServerRequest | null): void {
    const status = reason === OVERLOADED ? SERVICE_UNAVAILABLE : NOT_IMPLEMENTED;
    this.#tell(conn, request, status, 0);
  }

  /** Tells of a request that reaches no handler, as long as what has come of it is there. */
  #tell(conn: Deno.Conn, request: ServerRequest | null, status: number, bodyBytes: number): void {
    const handler = this.#handler;
    if (handler.onRefused === undefined) return;
    const { bytes, length } = request?.params ?? NO_PARAMS;
    const head = this.#translator.read(bytes, length, this.#peersOf(conn));
    const durationMs = request === null ? 0 : request.connection.host.now - request.startedAt;
    handler.onRefused(head, { status, bodyBytes, durationMs });
  }

  #peersOf(conn: Deno.Conn): Peers {
    let peers = this.#peers.get(conn);
    if (peers === undefined) {
      const remoteAddr = unmapped(conn.remoteAddr);
      const localAddr = unmapped(conn.localAddr);
      const isRelay = this.#isRelayed;
      peers = {
        http: { endpoint: "fastcgi", scheme: "http", remoteAddr, localAddr, isRelay },
        https: { endpoint: "fastcgi", scheme: "https", remoteAddr, localAddr, isRelay },
      };
      this.#peers.set(conn, peers);
    }
    return peers;
  }
}
