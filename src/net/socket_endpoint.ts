/**
 * What all endpoints on sockets do alike: they accept connections, look after their time limits,
 * and close them in good order.
 *
 * @module
 */

import { BufferPool } from "../buffers.ts";
import type { AbortReason } from "../exchange.ts";
import type { Log } from "../log.ts";
import type { RequestLimits } from "../request_limits.ts";
import { FlushQueue } from "./flush_queue.ts";

/** A connection, as its endpoint sees it. */
export interface SocketConnection {
  /** Serves the connection until it is closed. Never rejects. */
  serve(): Promise<void>;
  /** Sends what was written. */
  flush(): void;
  /** Whether the connection can be closed to make room: idle, and not so new that it had no chance yet. */
  isSpare(now: number): boolean;
  /** Ends what has taken too long. */
  checkDeadlines(now: number): void;
  /** Closes the connection if it is idle; else it is closed after what it carries. */
  drain(): void;
  /** Closes the connection at once. */
  abort(reason: AbortReason): void;
}

/** What the connections of an endpoint have in common. */
export interface ConnectionHost<C> {
  /** Memory of the connections. */
  readonly buffers: BufferPool;
  /** Takes messages about faults. */
  readonly log: Log;
  /** A coarse clock in milliseconds, kept up to date while there are connections. */
  readonly now: number;
  /** Whether connections are to be closed as soon as what they carry is answered. */
  readonly draining: boolean;
  /** Calls `connection.flush()` soon, once for all that is written until then. */
  scheduleFlush(connection: C): void;
  /** Is told when a connection is closed. */
  onClosed(connection: C): void;
}

/** What a {@linkcode SocketEndpoint} is made of. */
export interface SocketEndpointOptions<C extends SocketConnection> {
  /** The listener. The endpoint owns it. */
  readonly listener: Deno.Listener;
  /** Name of the protocol for the log. */
  readonly protocol: string;
  /** Open connections at the most; beyond, idle ones are closed, and then new ones wait. */
  readonly maxConnections: number;
  /** Limits: those of time are looked at often enough for the shortest. */
  readonly limits: RequestLimits;
  /** Takes messages about faults. */
  readonly log: Log;
  /** Makes a connection of what was accepted, or returns `null` if it was turned away. */
  open(conn: Deno.Conn, host: ConnectionHost<C>): C | null;
  /** Is called at every look at the time limits. */
  onTick?(): void;
}

/** Longest and shortest interval at which deadlines are looked at, in milliseconds. */
const MAX_TICK_MS = 250;
const MIN_TICK_MS = 10;
/** Pause after a connection could not be accepted for want of resources, in milliseconds. */
const ACCEPT_RETRY_MS = 100;

/** A listener and its connections. */
export class SocketEndpoint<C extends SocketConnection> implements AsyncDisposable {
  readonly #options: SocketEndpointOptions<C>;
  readonly #host: { -readonly [Name in keyof ConnectionHost<C>]: ConnectionHost<C>[Name] };
  readonly #connections = new Set<C>();
  readonly #tickMs: number;
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #flushes = new FlushQueue<C>();
  #roomWaiter: (() => void) | null = null;
  #emptyWaiter: PromiseWithResolvers<void> | null = null;
  #closed = false;
  #aborted = false;
  readonly #accepting: Promise<void>;

  /** Starts to accept. */
  constructor(options: SocketEndpointOptions<C>) {
    this.#options = options;
    this.#host = {
      buffers: new BufferPool(),
      log: options.log,
      now: 0,
      draining: false,
      scheduleFlush: (connection) => this.#flushes.add(connection),
      onClosed: (connection) => this.#onClosed(connection),
    };
    this.#tickMs = tickOf(options.limits);
    this.#accepting = this.#accept();
  }

  /** The address that the endpoint listens on. */
  get address(): Deno.Addr {
    return this.#options.listener.addr;
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
    this.#host.draining = this.#aborted = true;
    this.#stopListening();
    for (const connection of [...this.#connections]) connection.abort("shutdown");
    await this.#accepting;
  }

  #onClosed(connection: C): void {
    this.#connections.delete(connection);
    this.#roomWaiter?.();
    if (this.#connections.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#emptyWaiter?.resolve();
  }

  async #accept(): Promise<void> {
    const { listener, protocol, log, maxConnections } = this.#options;
    for (;;) {
      let conn: Deno.Conn;
      try {
        conn = await listener.accept();
      } catch (error) {
        if (this.#closed) return;
        // One client's fault, such as a failed handshake, or too many open files: go on.
        log("warning", `${protocol}: cannot accept a connection: ${error}`);
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_RETRY_MS));
        continue;
      }
      if (this.#connections.size >= maxConnections) await this.#makeRoom();
      // It has waited for room until everything was closed.
      if (this.#aborted) conn.close();
      else this.#serve(conn);
    }
  }

  #serve(conn: Deno.Conn): void {
    // The clock stands still while there are no connections.
    if (this.#timer === undefined) this.#tick();
    disableNagle(conn);
    const connection = this.#options.open(conn, this.#host);
    if (connection === null) return;
    this.#connections.add(connection);
    this.#timer ??= setInterval(this.#tick, this.#tickMs);
    connection.serve();
  }

  /** At the limit of connections: closes the oldest that is idle, or else waits for one that is. */
  async #makeRoom(): Promise<void> {
    if (this.closeOneSpare()) return;
    await new Promise<void>((resolve) => this.#roomWaiter = resolve);
    this.#roomWaiter = null;
  }

  /** Closes the oldest connection that is idle; `false` if there is none. */
  closeOneSpare(): boolean {
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
    this.#options.onTick?.();
    for (const connection of this.#connections) connection.checkDeadlines(host.now);
    if (this.#roomWaiter !== null) this.closeOneSpare();
  };

  #stopListening(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.listener.close();
    this.#roomWaiter?.();
  }
}

/** Whether a time limit, 0 for none, has run out. */
export function expired(now: number, since: number, timeoutMs: number): boolean {
  return timeoutMs > 0 && now - since > timeoutMs;
}

/** An interval fine enough for the shortest time limit. */
function tickOf(limits: RequestLimits): number {
  const { headerTimeoutMs, bodyIdleTimeoutMs, idleTimeoutMs, requestTimeoutMs } = limits;
  const set = [headerTimeoutMs, bodyIdleTimeoutMs, idleTimeoutMs, requestTimeoutMs]
    .filter((timeout) => timeout > 0);
  return Math.max(MIN_TICK_MS, Math.min(MAX_TICK_MS, ...set.map((timeout) => timeout / 8)));
}

/** Lets small messages go out at once. */
export function disableNagle(conn: Deno.Conn): void {
  if (!("setNoDelay" in conn)) return;
  try {
    (conn as Deno.TcpConn).setNoDelay(true);
  } catch {
    // The client has reset the connection already, on some systems: reading will tell.
  }
}
