/**
 * Clients that hold connections and do next to nothing with them: they say nothing, send their requests byte
 * by byte, or do not read what they asked for.
 *
 * @module
 */

import { ConnectError, ProtocolError } from "../base/errors.ts";
import { timerMs } from "../base/timers.ts";
import { dial } from "../client/dial.ts";
import type { ResolvedTarget } from "../client/dial.ts";
import type { SocketConversation } from "../client/socket_conversation.ts";
import type { StalledBytes, StalledRequest, StallKind } from "../client/stalled_bytes.ts";
import { FILLING_BYTE, stalledBytes } from "../client/stalled_bytes.ts";
import { closeConn, isConnectionError } from "../net/sender.ts";

/** How stalled clients are to be. */
export interface StalledPlan {
  /** Who is asked, and for what. */
  readonly server: ResolvedTarget;
  /** Clients in all. */
  readonly count: number;
  /** How they stall, by turns. */
  readonly kinds: readonly StallKind[];
  /** What they ask. */
  readonly request: StalledRequest;
  /** Certificates to trust besides the usual ones, in PEM. */
  readonly caCerts?: readonly string[] | undefined;
}

/** What became of the stalled clients. */
export interface StallResult {
  /** Kind of client. */
  readonly kind: StallKind;
  /** Clients at a time. */
  readonly clients: number;
  /** Connections that they made, one after another: each client makes a new one when it is cut off. */
  connects: number;
  /** Connections that were not to be had. */
  refused: number;
  /** Connections that the server has ended. */
  cutOff: number;
  /** Clients that are connected at the end. */
  held: number;
  /** The longest that one was held, in milliseconds. */
  longestMs: number;
}

/** Wait between two bytes. */
const BYTE_MS = 1_000;
/** Wait after a connection that was not made. */
const RETRY_MS = 200;
/** Connections that are made at a time: a listener's queue is short. */
const CONNECTING = 64;

/** Holds connections until it is disposed. */
export class StalledClients implements Disposable {
  /** What became of them, kind by kind. */
  readonly results: readonly StallResult[];
  readonly #plan: StalledPlan;
  readonly #over = new AbortController();
  readonly #conns = new Set<Deno.Conn>();
  readonly #running: Promise<void>;
  /** Clients that wait for their turn to connect. */
  #connecting = 0;
  readonly #queue: (() => void)[] = [];

  /** Begins with the clients of `plan`. */
  constructor(plan: StalledPlan) {
    const { server, count, kinds, request } = plan;
    this.#plan = plan;
    this.results = kinds.map((kind, place) => ({
      kind,
      clients: Math.ceil((count - place) / kinds.length),
      connects: 0,
      refused: 0,
      cutOff: 0,
      held: 0,
      longestMs: 0,
    }));
    this.#running = Promise.all(
      this.results.flatMap((result) => {
        const bytes = stalledBytes(server.target, result.kind, request);
        return Array.from({ length: result.clients }, () => this.#client(result, bytes));
      }),
    ).then(() => {});
  }

  /** Clients that are connected. */
  get held(): number {
    return this.results.reduce((sum, { held }) => sum + held, 0);
  }

  /** Clients in all. */
  get clients(): number {
    return this.results.reduce((sum, { clients }) => sum + clients, 0);
  }

  /** Lets go of all connections; resolves when it is done. */
  async end(): Promise<void> {
    this[Symbol.dispose]();
    await this.#running;
  }

  [Symbol.dispose](): void {
    this.#over.abort();
    for (const wake of this.#queue.splice(0)) wake();
    for (const conn of this.#conns) closeConn(conn);
  }

  async #client(result: StallResult, bytes: () => StalledBytes): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      const conn = await this.#connect(result);
      if (conn === null) {
        await pause(RETRY_MS, signal);
        continue;
      }
      const sinceMs = performance.now();
      result.held++;
      await this.#stall(conn, bytes());
      result.longestMs = Math.max(result.longestMs, performance.now() - sinceMs);
      this.#conns.delete(conn);
      closeConn(conn);
      // Those that are held to the end were not cut off.
      if (signal.aborted) return;
      result.held--;
      result.cutOff++;
      await pause(RETRY_MS, signal);
    }
  }

  async #connect(result: StallResult): Promise<Deno.Conn | null> {
    if (this.#connecting >= CONNECTING) {
      await new Promise<void>((wake) => this.#queue.push(wake));
    }
    this.#connecting++;
    try {
      const { server, caCerts } = this.#plan;
      const { conn } = await dial(server, { ...caCerts && { caCerts }, signal: this.#over.signal });
      if (this.#over.signal.aborted) {
        conn.close();
        return null;
      }
      this.#conns.add(conn);
      result.connects++;
      return conn;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (!this.#over.signal.aborted && !(error instanceof ConnectError)) throw error;
      result.refused++;
      return null;
    } finally {
      this.#connecting--;
      this.#queue.shift()?.();
    }
  }

  /** Does next to nothing until the connection ends. */
  async #stall(conn: Deno.Conn, { socket, first, slow, burst }: StalledBytes): Promise<void> {
    try {
      if (socket !== null && !await open(conn, socket)) return;
      await writeAll(conn, first);
      if (burst !== null) {
        await this.#askAndNotRead(conn, burst);
        return;
      }
      const ended = this.#untilClosed(conn);
      if (slow !== null) await this.#sendSlowly(conn, slow(), ended);
      await ended.promise;
    } catch (error) {
      if (!(error instanceof ProtocolError) && !isConnectionError(error)) throw error;
    }
  }

  /** Sends `bytes` one by one, and after them a filling without end. */
  async #sendSlowly(
    conn: Deno.Conn,
    bytes: Uint8Array,
    ended: { readonly isOver: boolean },
  ): Promise<void> {
    const { signal } = this.#over;
    for (let place = 0; !ended.isOver && !signal.aborted; place++) {
      await writeAll(conn, place < bytes.length ? bytes.subarray(place, place + 1) : FILLING);
      await pause(BYTE_MS, signal);
    }
  }

  /** Asks again and again, and reads nothing, until no more is taken or the server ends it. */
  async #askAndNotRead(conn: Deno.Conn, burst: () => Uint8Array): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      await writeAll(conn, burst());
      await pause(BYTE_MS, signal);
    }
  }

  #untilClosed(conn: Deno.Conn): { isOver: boolean; readonly promise: Promise<void> } {
    const ended = { isOver: false, promise: Promise.resolve() };
    const buffer = new Uint8Array(1_024);
    const read = async () => {
      try {
        while (await conn.read(buffer) !== null);
      } catch (error) {
        if (!isConnectionError(error)) throw error;
      } finally {
        ended.isOver = true;
      }
    };
    ended.promise = read();
    return ended;
  }
}

const FILLING = Uint8Array.of(FILLING_BYTE);

/**
 * Opens a WebSocket; whether the connection has lasted until then.
 *
 * @throws {ProtocolError} if the server does not open one
 */
async function open(conn: Deno.Conn, socket: SocketConversation): Promise<boolean> {
  await writeAll(conn, socket.begin(socket.opening));
  const buffer = new Uint8Array(1_024);
  for (;;) {
    const length = await conn.read(buffer);
    if (length === null) return false;
    if (socket.push(buffer, length)) return true;
  }
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** Waits, or less if `signal` fires. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, timerMs(ms));
    signal.addEventListener("abort", done);
  });
}
