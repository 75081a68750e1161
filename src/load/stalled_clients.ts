/**
 * Clients that hold connections and do next to nothing with them: they say nothing, send their requests byte
 * by byte, or do not read what they asked for.
 *
 * @module
 */

import { ConnectError } from "../base/errors.ts";
import { timerMs } from "../base/timers.ts";
import { dial } from "../client/dial.ts";
import type { ResolvedTarget } from "../client/dial.ts";
import type { Target } from "../client/target.ts";
import { closeConn, isConnectionError } from "../net/sender.ts";

/** What a client does not do. */
export type StallKind = "silent" | "slow-head" | "slow-body" | "unread";

/** All kinds. */
export const STALL_KINDS: readonly StallKind[] = ["silent", "slow-head", "slow-body", "unread"];

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
/** Requests that a client which reads nothing sends at once. */
const BURST = 16;
/** Wait after a connection that was not made. */
const RETRY_MS = 200;
/** Connections that are made at a time: a listener's queue is short. */
const CONNECTING = 64;

const encoder = new TextEncoder();

/** Holds connections until it is disposed. */
export class StalledClients implements Disposable {
  /** What became of them, kind by kind. */
  readonly results: readonly StallResult[];
  readonly #server: ResolvedTarget;
  readonly #over = new AbortController();
  readonly #conns = new Set<Deno.Conn>();
  readonly #running: Promise<void>;
  /** Clients that wait for their turn to connect. */
  #connecting = 0;
  readonly #queue: (() => void)[] = [];

  /** Begins with `count` clients, whose kinds are `kinds` in turn. */
  constructor(server: ResolvedTarget, count: number, kinds: readonly StallKind[]) {
    this.#server = server;
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
      this.results.flatMap((result) =>
        Array.from({ length: result.clients }, () => this.#client(result))
      ),
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

  async #client(result: StallResult): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      const conn = await this.#connect(result);
      if (conn === null) {
        await pause(RETRY_MS, signal);
        continue;
      }
      const sinceMs = performance.now();
      result.held++;
      await this.#stall(conn, result.kind);
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
      const { conn } = await dial(this.#server, { signal: this.#over.signal });
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
  async #stall(conn: Deno.Conn, kind: StallKind): Promise<void> {
    try {
      if (kind === "unread") {
        await this.#askAndNotRead(conn);
        return;
      }
      const ended = this.#untilClosed(conn);
      if (kind !== "silent") await this.#sendSlowly(conn, kind, ended);
      await ended.promise;
    } catch (error) {
      if (!isConnectionError(error)) throw error;
    }
  }

  /** Sends a request byte by byte: its head, or a body behind a head that came at once. */
  async #sendSlowly(
    conn: Deno.Conn,
    kind: "slow-head" | "slow-body",
    ended: { readonly isOver: boolean },
  ): Promise<void> {
    const { signal } = this.#over;
    const { target } = this.#server;
    const head = headOf(target, kind === "slow-head" ? "GET" : "POST");
    const at = kind === "slow-head" ? 0 : head.length;
    if (at > 0) await writeAll(conn, head);
    for (let place = at; !ended.isOver && !signal.aborted; place++) {
      // A head has an end, and is not to come to it: a field grows for as long as it may.
      const isHead = place < head.length - 4;
      await writeAll(conn, isHead ? head.subarray(place, place + 1) : FILLING);
      await pause(BYTE_MS, signal);
    }
  }

  /** Asks again and again, and reads nothing, until no more is taken or the server ends it. */
  async #askAndNotRead(conn: Deno.Conn): Promise<void> {
    const { signal } = this.#over;
    const head = headOf(this.#server.target, "GET");
    const burst = new Uint8Array(head.length * BURST);
    for (let i = 0; i < BURST; i++) burst.set(head, i * head.length);
    while (!signal.aborted) {
      await writeAll(conn, burst);
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

const FILLING = encoder.encode("x");

function headOf({ path, authority }: Target, method: "GET" | "POST"): Uint8Array {
  const length = method === "POST" ? "Content-Length: 1000000\r\n" : "";
  return encoder.encode(
    `${method} ${path} HTTP/1.1\r\nHost: ${authority}\r\n${length}X-Slow: x\r\n\r\n`,
  );
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
