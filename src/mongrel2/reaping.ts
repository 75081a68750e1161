/**
 * Which connections of a Mongrel2 have lasted too long, by what its control port says of them. It does no I/O.
 *
 * @module
 */

import { ControlError } from "./control.ts";
import type { ControlTable } from "./control.ts";

/** A connection of a Mongrel2 server that a handler knows. */
export interface ServerConnection {
  /** The server's number for it. */
  readonly id: number;
  /** What is spoken on it. */
  readonly protocol: "http" | "json" | "websocket" | "other";
  /** Seconds since it began, or since its last request or message. */
  readonly requestAgeS: number;
  /** Seconds since the last byte passed, either way. */
  readonly idleS: number;
  /** Bytes that were sent to the client. */
  readonly writtenBytes: number;
}

/** How long connections may last, in milliseconds; 0 for any time. */
export interface ReapLimits {
  /** From the beginning of a request. */
  readonly maxLifetimeMs: number;
  /** Without a byte. */
  readonly maxIdleMs: number;
}

/** How Mongrel2 numbers its protocols. */
const PROTOCOLS: Readonly<Record<string, ServerConnection["protocol"]>> = {
  1: "http",
  2: "json",
  3: "websocket",
};
const COLUMNS = [
  "id",
  "type",
  "last_ping",
  "last_read",
  "last_write",
  "bytes_read",
  "bytes_written",
];

/**
 * The connections in the answer to `status net`, without those that no handler knows: they have no number by
 * which they could be ended.
 *
 * @throws {ControlError} if it is not such an answer
 */
export function connectionsIn({ headers, rows }: ControlTable): ServerConnection[] {
  const places = COLUMNS.map((name) => headers.indexOf(name));
  if (places.includes(-1)) throw malformed(`has no column ${COLUMNS[places.indexOf(-1)]}`);
  const connections: ServerConnection[] = [];
  for (const row of rows) {
    const cells = places.map((place) => row[place] ?? "");
    const values = cells.map((cell) => /^-?\d{1,15}$/.test(cell) ? Number(cell) : NaN);
    if (values.some(Number.isNaN)) throw malformed("has something other than numbers in it");
    const [id, , pingS, readS, writeS, readBytes, writtenBytes] = values;
    if (id < 0) continue;
    // What has not happened yet is 0 seconds ago to Mongrel2.
    const ages = [pingS, ...readBytes > 0 ? [readS] : [], ...writtenBytes > 0 ? [writeS] : []];
    connections.push({
      id,
      protocol: PROTOCOLS[cells[1]] ?? "other",
      requestAgeS: pingS,
      idleS: Math.min(...ages),
      writtenBytes,
    });
  }
  return connections;
}

/** Which limit a connection is over; `null` if it may go on. */
export function limitPassed(
  { requestAgeS, idleS }: ServerConnection,
  { maxLifetimeMs, maxIdleMs }: ReapLimits,
): "lifetime" | "idle time" | null {
  if (maxLifetimeMs > 0 && requestAgeS * 1_000 > maxLifetimeMs) return "lifetime";
  if (maxIdleMs > 0 && idleS * 1_000 > maxIdleMs) return "idle time";
  return null;
}

/** Whether a connection waits for the beginning of a response. */
export function isUnanswered({ protocol, writtenBytes }: ServerConnection): boolean {
  return protocol === "http" && writtenBytes === 0;
}

function malformed(what: string): ControlError {
  return new ControlError(`answers with a table of connections that ${what}`);
}
