/**
 * What all endpoints on sockets do alike: they accept connections, look after their time limits,
 * and close them in good order.
 *
 * @module
 */

import { BufferPool } from "../base/buffers.ts";
import { EMPTY } from "../base/empty.ts";
import type { Log } from "../base/log.ts";
import type { RequestLimits } from "../message/request_limits.ts";
import { timerMs } from "../base/timers.ts";
import type { TrustedProxies } from "../proxies/trusted_proxies.ts";
import { AcceptFaults, isExhaustion } from "./accept_faults.ts";
import { unmapped } from "./address.ts";
import { closer } from "./closing.ts";
import type { RoomMaker } from "./descriptors.ts";
import { descriptors } from "./descriptors.ts";
import { FaultLog } from "./fault_log.ts";
import { FlushQueue } from "./flush_queue.ts";
import { REQUEST_CHANCE_MS } from "./limits.ts";
import { ProxyGreeting } from "./proxy_greeting.ts";
import { closeConn } from "./sender.ts";
import type { ConnectionEnd, ConnectionHost, SocketConnection } from "./socket_connection.ts";
import type { WaitingPlace } from "./waiting_list.ts";
import { WaitingList } from "./waiting_list.ts";

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
  /**
   * Who may begin a connection with a header of the PROXY protocol, and has to. Default: nobody; a connection
   * begins with its protocol.
   */
  readonly greeters?: TrustedProxies;
  /**
   * Whether who connects from `remoteAddr`, or for whom a proxy does, is served at all; if not, says so. Nothing is
   * closed to make room for others. Default: everybody is.
   */
  admits?(remoteAddr: Deno.Addr): boolean;
  /**
   * Makes a connection of what was accepted. `client` is for whom it was opened, as far as that is known: `null`
   * for a proxy that does not name its client.
   */
  open(conn: Deno.Conn, client: Deno.Addr | null, host: ConnectionHost<C>): C;
  /** Is called at every look at the time limits. */
  onTick?(): void;
}

/** Longest and shortest interval at which deadlines are looked at, in milliseconds. */
const MAX_TICK_MS = 250;
const MIN_TICK_MS = 10;
/** Pause after a connection could not be accepted for want of resources, in milliseconds. */
const ACCEPT_RETRY_MS = 100;
/** Pause after room was made for it: a socket is closed in a moment. */
const CLOSED_ONE_MS = 1;

/** What is kept of the buffers of connections, in bytes: those that are not needed are freed little by little. */
const MAX_POOL_BYTES = 67_108_864;
/** What is kept of them without connections, in bytes. */
const MAX_SPARE_BYTES = 1_048_576;

/** A listener and its connections. */
export class SocketEndpoint<C extends SocketConnection> implements AsyncDisposable, RoomMaker {
  readonly #options: SocketEndpointOptions<C>;
  readonly #host: { -readonly [Name in keyof ConnectionHost<C>]: ConnectionHost<C>[Name] };
  readonly #connections = new Set<SocketConnection>();
  /** Connections that have ended, and whose sockets are not closed yet. */
  #lingering = 0;
  readonly #tickMs: number;
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #flushes = new FlushQueue<C>();
  readonly #faults: AcceptFaults;
  readonly #greetingFaults: FaultLog;
  #roomWaiter: (() => void) | null = null;
  #emptyWaiter: PromiseWithResolvers<void> | null = null;
  #closed = false;
  #aborted = false;
  #cutOffCount = 0;
  #acceptedCount = 0;
  readonly #accepting: Promise<void>;

  /** Starts to accept. */
  constructor(options: SocketEndpointOptions<C>) {
    this.#options = options;
    this.#host = {
      buffers: new BufferPool(MAX_POOL_BYTES),
      log: options.log,
      now: 0,
      ending: false,
      draining: false,
      idle: new WaitingList(),
      awaited: new WaitingList(),
      scheduleFlush: (connection) => this.#flushes.add(connection),
      close: (connection, end) => this.#close(connection, end),
    };
    this.#tickMs = tickOf(options.limits);
    this.#faults = new AcceptFaults(options.protocol, options.log);
    this.#greetingFaults = new FaultLog(options.log);
    descriptors.add(this);
    this.#accepting = this.#accept();
  }

  /** The address that the endpoint listens on. */
  get address(): Deno.Addr {
    return this.#options.listener.addr;
  }

  /** Open connections. */
  get connectionCount(): number {
    return this.#connections.size + this.#lingering;
  }

  /** Connections that were accepted so far. */
  get acceptedCount(): number {
    return this.#acceptedCount;
  }

  /** Requests without a complete answer. */
  get unansweredCount(): number {
    return [...this.#connections].reduce((sum, { owedCount }) => sum + owedCount, 0);
  }

  /** Requests that were cut off when everything was closed at once. */
  get cutOffCount(): number {
    return this.#cutOffCount;
  }

  /** Goes on as before, but lets connections end with their next response: clients go elsewhere. */
  announceEnd(): void {
    this.#host.ending = true;
  }

  /**
   * Stops accepting, after the connections that are already queued, and closes each connection as
   * soon as what it carries is answered. Resolves when all are closed.
   */
  async drain(): Promise<void> {
    if (!this.#host.draining) {
      this.#host.ending = this.#host.draining = true;
      // Connections that the system has accepted for us would be reset: take them first.
      await sleep(MIN_TICK_MS);
      this.#stopListening();
      for (const connection of [...this.#connections]) connection.drain();
    }
    await this.#accepting;
    if (this.#connections.size > 0) {
      this.#emptyWaiter ??= Promise.withResolvers();
      await this.#emptyWaiter.promise;
    }
  }

  /** Closes everything immediately. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#host.ending = this.#host.draining = this.#aborted = true;
    this.#stopListening();
    this.#roomWaiter?.();
    const owed = this.unansweredCount;
    this.#cutOffCount += owed;
    for (const connection of [...this.#connections]) connection.abort("shutdown");
    await this.#accepting;
    descriptors.delete(this);
    if (owed === 0) return;
    const { protocol, log } = this.#options;
    log("warning", `${protocol}: requests cut off: ${owed}`);
  }

  get spareSince(): number {
    return this.#spare?.since ?? Infinity;
  }

  /** The place of the connection to close first: the one that has waited longest. */
  get #spare(): WaitingPlace<SocketConnection> | null {
    const { now, idle, awaited } = this.#host;
    const slow = awaited.first;
    // A connection that has just begun is to have its chance.
    if (slow === null || now - slow.since <= REQUEST_CHANCE_MS) return idle.first;
    return idle.first === null || slow.since < idle.first.since ? slow : idle.first;
  }

  /** Closes the connection that has waited longest; `false` if that makes no room, or not yet. */
  closeSpare(): boolean {
    const before = this.connectionCount;
    this.#spare?.owner.abort("shutdown");
    return this.connectionCount < before;
  }

  onRoom(): void {
    this.#roomWaiter?.();
  }

  #close(connection: SocketConnection, { conn, isUnread, writing }: ConnectionEnd): void {
    connection.place.leave();
    this.#connections.delete(connection);
    const closing = closer.close(conn, { isTls: "handshake" in conn, isUnread, writing });
    if (closing === null) {
      descriptors.give();
    } else {
      this.#lingering++;
      closing.then(() => {
        this.#lingering--;
        descriptors.give();
      });
    }
    this.#stopClockIfUnused();
    if (this.#connections.size === 0) this.#emptyWaiter?.resolve();
  }

  async #accept(): Promise<void> {
    const { listener } = this.#options;
    for (;;) {
      let conn: Deno.Conn;
      try {
        conn = await listener.accept();
      } catch (error) {
        // Its owner may have closed the listener, too.
        if (this.#closed || error instanceof Deno.errors.BadResource) break;
        this.#faults.add(error);
        await this.#recoverFrom(error);
        continue;
      }
      this.#faults.clear();
      this.#acceptedCount++;
      closer.onAccepted(conn);
      const peer = unmapped(conn.remoteAddr);
      if (!this.#admits(peer)) {
        closeConn(conn);
        continue;
      }
      if (this.#isFull) await this.#makeRoom();
      // It has waited for room until everything was closed.
      if (this.#aborted) {
        closeConn(conn);
        this.#stopClockIfUnused();
      } else {
        this.#serve(conn, peer);
      }
    }
    this.#faults.end();
  }

  /** Waits as long as `error` makes it necessary: a client that has gone again holds up nobody else. */
  async #recoverFrom(error: unknown): Promise<void> {
    if (isExhaustion(error)) {
      if (descriptors.onExhausted()) await sleep(CLOSED_ONE_MS);
      else await this.#room(ACCEPT_RETRY_MS);
    } else if (this.#faults.pauseMs > 0) {
      await sleep(this.#faults.pauseMs);
    }
  }

  /** Whether who connects from `peer` may: as a proxy where there have to be, or else for itself. */
  #admits(peer: Deno.Addr): boolean {
    const { greeters, admits } = this.#options;
    if (greeters === undefined) return admits === undefined || admits(peer);
    if (greeters.hasPeer(peer)) return true;
    this.#refuseGreeter(peer, "it is not among the trusted proxies (--trusted-proxies)");
    return false;
  }

  #refuseGreeter(peer: Deno.Addr, reason: string): void {
    const from = "hostname" in peer ? peer.hostname : "a unix socket";
    const { protocol } = this.#options;
    this.#greetingFaults.warn(`${protocol}: connection from ${from} refused: ${reason}`);
  }

  #serve(conn: Deno.Conn, peer: Deno.Addr): void {
    this.#startClock();
    disableNagle(conn);
    if (this.#options.greeters === undefined) this.#begin(conn, peer, EMPTY);
    else this.#greet(conn, peer);
  }

  /** Serves a connection for `client`, of which `first` was read already. */
  #begin(conn: Deno.Conn, client: Deno.Addr | null, first: Uint8Array): void {
    this.#add(this.#options.open(conn, client, this.#host), first);
  }

  /** Reads for whom the proxy `peer` has opened a connection, and then serves it. */
  #greet(conn: Deno.Conn, peer: Deno.Addr): void {
    const { limits: { headerTimeoutMs }, admits } = this.#options;
    const greeting = new ProxyGreeting(conn, this.#host, headerTimeoutMs, {
      onGreeted: (client, rest) => {
        greeting.place.leave();
        this.#connections.delete(greeting);
        descriptors.give();
        if (admits === undefined || admits(client ?? peer)) {
          this.#begin(conn, client, rest);
          return;
        }
        closeConn(conn);
        this.#stopClockIfUnused();
        if (this.#connections.size === 0) this.#emptyWaiter?.resolve();
      },
      onRefused: (reason) => this.#refuseGreeter(peer, reason),
    });
    this.#add(greeting, EMPTY);
  }

  #add(connection: SocketConnection, first: Uint8Array): void {
    descriptors.take();
    this.#connections.add(connection);
    this.#host.awaited.add(connection.place, this.#host.now);
    connection.serve(first);
  }

  get #isFull(): boolean {
    return this.connectionCount >= this.#options.maxConnections || descriptors.isFull;
  }

  /** At a limit: closes connections that wait, the one that has waited longest first, or else waits for one. */
  async #makeRoom(): Promise<void> {
    this.#startClock();
    while (this.#isFull && !this.#aborted) {
      const isOwnLimit = this.connectionCount >= this.#options.maxConnections;
      const hasClosedOne = isOwnLimit ? this.closeSpare() : descriptors.closeSpare();
      if (!hasClosedOne) await this.#room();
    }
  }

  /** Waits until there may be room, or for so long. */
  async #room(timeoutMs?: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timerMs(timeoutMs));
    this.#roomWaiter = resolve;
    await promise;
    this.#roomWaiter = null;
    clearTimeout(timer);
  }

  /** The clock stands still while it is not needed. */
  #startClock(): void {
    if (this.#timer !== undefined) return;
    this.#tick();
    this.#timer = setInterval(this.#tick, timerMs(this.#tickMs));
  }

  #stopClockIfUnused(): void {
    if (this.#connections.size > 0 || this.#roomWaiter !== null) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#host.buffers.trimTo(MAX_SPARE_BYTES);
  }

  readonly #tick = (): void => {
    const host = this.#host;
    host.now = performance.now();
    host.buffers.trim();
    this.#options.onTick?.();
    for (const connection of this.#connections) connection.checkDeadlines(host.now);
    // Connections that were busy may be idle by now.
    this.#roomWaiter?.();
  };

  #stopListening(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.listener.close();
    this.#roomWaiter?.();
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, timerMs(ms)));
}

/** An interval fine enough for the shortest time limit. */
function tickOf(limits: RequestLimits): number {
  const { headerTimeoutMs, bodyIdleTimeoutMs, idleTimeoutMs, requestTimeoutMs } = limits;
  const set = [headerTimeoutMs, bodyIdleTimeoutMs, idleTimeoutMs, requestTimeoutMs]
    .filter((timeout) => timeout > 0);
  return Math.max(MIN_TICK_MS, Math.min(MAX_TICK_MS, ...set.map((timeout) => timeout / 8)));
}

/** Sends small messages without delay. */
export function disableNagle(conn: Deno.Conn): void {
  if (!("setNoDelay" in conn)) return;
  try {
    (conn as Deno.TcpConn).setNoDelay(true);
  } catch {
    // The client has reset the connection already, on some systems: reading will tell.
  }
}
