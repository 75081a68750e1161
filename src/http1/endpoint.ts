/**
 * An HTTP/1.1 endpoint: a listener and its connections.
 *
 * @module
 */

import { BufferPool } from "../buffers.ts";
import type { ExchangeHandler, Peer } from "../exchange.ts";
import type { Log } from "../log.ts";
import type { ConnectionHost } from "./connection.ts";
import { HttpConnection } from "./connection.ts";
import type { HttpLimits } from "./limits.ts";
import { DateLine } from "./writer.ts";

/** Longest and shortest interval at which deadlines are looked at, in milliseconds. */
const MAX_TICK_MS = 250;
const MIN_TICK_MS = 10;
/** Pause after a connection could not be accepted for want of resources, in milliseconds. */
const ACCEPT_RETRY_MS = 100;

/** Serves HTTP/1.1 on one listener. */
export class HttpEndpoint implements AsyncDisposable {
  readonly #host: { -readonly [Name in keyof ConnectionHost]: ConnectionHost[Name] };
  readonly #listener: Deno.Listener;
  readonly #scheme: "http" | "https";
  readonly #connections = new Set<HttpConnection>();
  readonly #tickMs: number;
  #timer: ReturnType<typeof setInterval> | undefined;
  #dirty: HttpConnection[] = [];
  #roomWaiter: (() => void) | null = null;
  #emptyWaiter: PromiseWithResolvers<void> | null = null;
  #closed = false;
  readonly #accepting: Promise<void>;

  /** Starts to serve what `listener` accepts. The endpoint owns the listener from here on. */
  constructor(
    listener: Deno.Listener,
    scheme: "http" | "https",
    handler: ExchangeHandler,
    limits: HttpLimits,
    log: Log,
  ) {
    this.#listener = listener;
    this.#scheme = scheme;
    this.#host = {
      handler,
      limits,
      log,
      date: new DateLine(),
      buffers: new BufferPool(),
      now: 0,
      draining: false,
      scheduleFlush: (connection) => this.#scheduleFlush(connection),
      onClosed: (connection) => this.#onClosed(connection),
    };
    this.#tickMs = tickOf(limits);
    this.#accepting = this.#accept();
  }

  /** The address that the endpoint listens on. */
  get address(): Deno.Addr {
    return this.#listener.addr;
  }

  /** Open connections. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /**
   * Stops accepting, after the connections that are already queued, and closes each connection as
   * soon as what it carries is answered. Resolves when all are closed.
   */
  async drain(): Promise<void> {
    if (!this.#host.draining) {
      this.#host.draining = true;
      // Connections that the system has accepted for us would be reset: take them first.
      await new Promise((resolve) => setTimeout(resolve, MIN_TICK_MS));
      this.#stopListening();
      for (const connection of [...this.#connections]) connection.drain();
    }
    await this.#accepting;
    if (this.#connections.size > 0) {
      this.#emptyWaiter ??= Promise.withResolvers();
      await this.#emptyWaiter.promise;
    }
  }

  /** Closes everything at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#host.draining = true;
    this.#stopListening();
    for (const connection of [...this.#connections]) connection.abort("shutdown");
    await this.#accepting;
  }

  #scheduleFlush(connection: HttpConnection): void {
    if (this.#dirty.length === 0) queueMicrotask(this.#flushDirty);
    this.#dirty.push(connection);
  }

  #onClosed(connection: HttpConnection): void {
    this.#connections.delete(connection);
    this.#roomWaiter?.();
    if (this.#connections.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#emptyWaiter?.resolve();
  }

  readonly #flushDirty = (): void => {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const connection of dirty) connection.flush();
  };

  async #accept(): Promise<void> {
    for (;;) {
      let conn: Deno.Conn;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        if (this.#closed) return;
        // One client's fault, such as a failed handshake, or too many open files: go on.
        this.#host.log("warning", `${this.#scheme}: cannot accept a connection: ${error}`);
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_RETRY_MS));
        continue;
      }
      if (this.#connections.size >= this.#host.limits.maxConnections) await this.#makeRoom();
      this.#serve(conn);
    }
  }

  #serve(conn: Deno.Conn): void {
    if (this.#timer === undefined) {
      this.#tick();
      this.#timer = setInterval(this.#tick, this.#tickMs);
    }
    disableNagle(conn);
    const peer: Peer = {
      endpoint: "http",
      scheme: this.#scheme,
      remoteAddr: conn.remoteAddr,
      localAddr: conn.localAddr,
    };
    const connection = new HttpConnection(conn, peer, this.#host);
    this.#connections.add(connection);
    connection.serve();
  }

  /** At the limit of connections: closes the oldest that is idle, or else waits for one that is. */
  async #makeRoom(): Promise<void> {
    if (this.#closeOneIdle()) return;
    await new Promise<void>((resolve) => this.#roomWaiter = resolve);
    this.#roomWaiter = null;
  }

  #closeOneIdle(): boolean {
    for (const connection of this.#connections) {
      if (!connection.isSpare(this.#host.now)) continue;
      connection.abort("shutdown");
      return true;
    }
    return false;
  }

  readonly #tick = (): void => {
    const host = this.#host;
    host.now = performance.now();
    host.date.update(Date.now());
    for (const connection of this.#connections) connection.checkDeadlines(host.now);
    if (this.#roomWaiter !== null) this.#closeOneIdle();
  };

  #stopListening(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
    this.#roomWaiter?.();
  }
}

/** An interval fine enough for the shortest time limit. */
function tickOf(limits: HttpLimits): number {
  const timeouts = [
    limits.headerTimeoutMs,
    limits.bodyIdleTimeoutMs,
    limits.idleTimeoutMs,
    limits.requestTimeoutMs,
  ].filter((timeout) => timeout > 0);
  return Math.max(MIN_TICK_MS, Math.min(MAX_TICK_MS, ...timeouts.map((timeout) => timeout / 8)));
}

/** Lets small responses go out at once. */
function disableNagle(conn: Deno.Conn): void {
  if (!("setNoDelay" in conn)) return;
  try {
    (conn as Deno.TcpConn).setNoDelay(true);
  } catch {
    // The client has reset the connection already, on some systems: reading will tell.
  }
}
