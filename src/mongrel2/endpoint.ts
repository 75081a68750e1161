/**
 * A Mongrel2 endpoint: a handler's sockets, and the clients whose requests come over them.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import type { ExchangeHandler, Peer } from "../exchange.ts";
import type { RequestLimits } from "../request_limits.ts";
import { DateLine } from "../http1/writer.ts";
import type { Log } from "../log.ts";
import { FlushQueue } from "../net/flush_queue.ts";
import { Mongrel2Client } from "./client.ts";
import type { ClientHost } from "./client.ts";
import type { Mongrel2Message } from "./message.ts";
import { headerValue, parseMessage } from "./message.ts";
import { Mongrel2Sockets } from "./sockets.ts";
import type { Mongrel2Spec } from "./spec.ts";

/** What a {@linkcode Mongrel2Endpoint} is made of. */
export interface Mongrel2EndpointOptions {
  /** Where Mongrel2 is. */
  readonly spec: Mongrel2Spec;
  /** Takes the requests. */
  readonly handler: ExchangeHandler;
  /** Limits of requests, as far as Mongrel2 leaves any to the handler. */
  readonly limits: RequestLimits;
  /** Takes messages about faults. */
  readonly log: Log;
}

/** Interval at which deadlines are looked at, in milliseconds. */
const TICK_MS = 100;

/**
 * Where Mongrel2 gives no word of what it has delivered, one message of up to 256 KiB is taken for it in
 * this time, and this much longer for each client that is served at a time: up to 10 MiB a second to
 * one, and 100 MiB to all. Clients that are slower are in Mongrel2's hand.
 */
const MIN_ASSUMED_DELIVERY_MS = 25;
const ASSUMED_SHARE_MS = 2.5;

const decoder = new TextDecoder();

/** Makes apps the handler of a Mongrel2 server. */
export class Mongrel2Endpoint implements AsyncDisposable {
  /** Resolves when Mongrel2 was found to listen, or could not be found for a second. */
  readonly connected: Promise<void>;

  readonly #sockets: Mongrel2Sockets;
  readonly #host: { -readonly [Name in keyof ClientHost]: ClientHost[Name] };
  readonly #log: Log;
  /** The clients that something has to be remembered of, and those with a request under way. */
  readonly #clients = new Map<string, Mongrel2Client>();
  readonly #busy = new Set<Mongrel2Client>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #onConnected = Promise.withResolvers<void>();
  readonly #flushes = new FlushQueue<Mongrel2Client>();
  #emptyWaiter: PromiseWithResolvers<void> | null = null;
  #closing: Promise<void> | null = null;

  /**
   * Connects to Mongrel2, now or as soon as it is there.
   *
   * @throws {ZmqLibraryError} if libzmq cannot be loaded
   */
  constructor({ spec, handler, limits, log }: Mongrel2EndpointOptions) {
    this.#log = log;
    this.connected = this.#onConnected.promise;
    const sockets = this.#sockets = new Mongrel2Sockets(spec, {
      onMessage: (bytes) => this.#onMessage(bytes),
      onConnected: () => this.#onConnected.resolve(),
      onRoom: () => {
        for (const client of this.#busy) client.onRoom();
      },
      // When Mongrel2 comes again, its numbers are other clients'.
      onDisconnected: () => {
        for (const client of [...this.#clients.values()]) client.onGone("client-gone");
      },
    });
    const busy = this.#busy;
    const address = addressOf(spec.send);
    const peer = (scheme: "http" | "https"): Peer => ({
      endpoint: "mongrel2",
      scheme,
      remoteAddr: address,
      localAddr: address,
    });
    this.#host = {
      handler,
      limits,
      spec,
      log,
      peers: { http: peer("http"), https: peer("https") },
      date: new DateLine(),
      now: 0,
      get isCongested() {
        return sockets.isCongested;
      },
      get assumedDeliveryMs() {
        return Math.max(MIN_ASSUMED_DELIVERY_MS, busy.size * ASSUMED_SHARE_MS);
      },
      send: (reply) => sockets.send(reply),
      scheduleFlush: (client) => this.#flushes.add(client),
      onIdle: (client) => this.#onIdle(client),
    };
    this.#tick();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Clients with a request under way. */
  get clientCount(): number {
    return this.#busy.size;
  }

  /**
   * Takes leave of Mongrel2, which gives its requests to other handlers from here on, and finishes what
   * has come. Resolves when all is answered.
   */
  async drain(): Promise<void> {
    await this.#sockets.leave();
    if (this.#busy.size > 0) {
      this.#emptyWaiter ??= Promise.withResolvers();
      await this.#emptyWaiter.promise;
    }
    await this.#close();
  }

  /** Ends everything at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of [...this.#clients.values()]) client.onGone("shutdown");
    clearInterval(this.#timer);
    await (this.#closing ??= this.#sockets.abort());
  }

  #close(): Promise<void> {
    clearInterval(this.#timer);
    return this.#closing ??= this.#sockets.close();
  }

  #onMessage(bytes: Uint8Array): void {
    let message: Mongrel2Message;
    try {
      message = parseMessage(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#log("warning", `mongrel2: ${error.message}: skipped`);
      return;
    }
    const key = `${message.senderId} ${message.connId}`;
    const method = headerValue(message, "METHOD");
    if (method === "JSON" || (method === undefined && !this.#clients.has(key))) {
      this.#onNotice(message, this.#clients.get(key));
      return;
    }
    // Its frames follow an answer to the handshake, and no app gives one.
    if (method === "WEBSOCKET") return;
    let client = this.#clients.get(key);
    if (client === undefined) {
      client = new Mongrel2Client(message.senderId, message.connId, this.#host);
      this.#clients.set(key, client);
    }
    this.#busy.add(client);
    client.onRequest(message);
  }

  /** Takes what Mongrel2 says about a client. */
  #onNotice(message: Mongrel2Message, client: Mongrel2Client | undefined): void {
    if (message.path !== "@*" || client === undefined) return;
    let notice: { readonly type?: unknown } | null;
    try {
      notice = JSON.parse(decoder.decode(message.body));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.#log("warning", "mongrel2: a notice that is no JSON: skipped");
      return;
    }
    if (notice?.type === "disconnect") client.onGone("client-gone");
    else if (notice?.type === "credits") {
      client.onDelivered(Number(headerValue(message, "DOWNLOAD_CREDITS")) || 0);
    }
  }

  #onIdle(client: Mongrel2Client): void {
    this.#busy.delete(client);
    const key = `${client.senderId} ${client.connId}`;
    if (!client.isFlowControlled && this.#clients.get(key) === client) this.#clients.delete(key);
    if (this.#busy.size === 0) this.#emptyWaiter?.resolve();
  }

  #tick(): void {
    const host = this.#host;
    host.now = performance.now();
    host.date.update(Date.now());
    for (const client of this.#busy) client.checkDeadlines(host.now);
  }
}

/** A ZeroMQ endpoint as an address, as far as it is one. */
function addressOf(endpoint: string): Deno.Addr {
  const [, host, port] = /^tcp:\/\/(.*):(\d+)$/.exec(endpoint) ?? [];
  if (host === undefined) return { transport: "unix", path: endpoint.replace(/^\w+:\/\//, "") };
  return { transport: "tcp", hostname: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}
