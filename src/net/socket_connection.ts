/**
 * What an endpoint on sockets and its connections know of each other.
 *
 * @module
 */

import type { BufferPool } from "../base/buffers.ts";
import type { Log } from "../base/log.ts";
import type { AbortReason } from "../message/exchange.ts";
import type { WaitingList, WaitingPlace } from "./waiting_list.ts";

/** A connection, as its endpoint sees it. */
export interface SocketConnection {
  /** Its place among those that can be closed to make room. */
  readonly place: WaitingPlace<SocketConnection>;
  /** Requests that have come, and are not answered in full. */
  readonly owedCount: number;
  /** Serves the connection, of which `first` was read already, until it is closed. Never rejects. */
  serve(first?: Uint8Array): Promise<void>;
  /** Sends what was written. */
  flush(): void;
  /** Ends what has taken too long. */
  checkDeadlines(now: number): void;
  /** Closes the connection if it is idle; else it is closed after what it carries. */
  drain(): void;
  /** Closes the connection immediately. */
  abort(reason: AbortReason): void;
}

/** What the connections of an endpoint have in common. */
export interface ConnectionHost<C extends SocketConnection> {
  /** Memory of the connections. */
  readonly buffers: BufferPool;
  /** Takes messages about faults. */
  readonly log: Log;
  /** A coarse clock in milliseconds, kept up to date while there are connections. */
  readonly now: number;
  /** Whether a response says that it is the last of its connection, though idle connections stay. */
  readonly ending: boolean;
  /** Whether connections close as soon as their requests are answered. */
  readonly draining: boolean;
  /** Connections that are idle between requests. */
  readonly idle: WaitingList<SocketConnection>;
  /** Connections whose next request is not here in full: those that have just begun, and slow ones. */
  readonly awaited: WaitingList<SocketConnection>;
  /** Calls `connection.flush()` soon, once for all that is written until then. */
  scheduleFlush(connection: C): void;
  /** Closes the socket of a connection that has ended. */
  close(connection: SocketConnection, end: ConnectionEnd): void;
}

/** How a connection has ended. */
export interface ConnectionEnd {
  /** Its socket. */
  readonly conn: Deno.Conn;
  /** Whether nothing has come over it. */
  readonly isUnread: boolean;
  /** The write that is under way. */
  readonly writing: Promise<void> | null;
}

/** Whether a time limit, 0 for none, has run out. */
export function expired(now: number, since: number, timeoutMs: number): boolean {
  return timeoutMs > 0 && now - since > timeoutMs;
}
