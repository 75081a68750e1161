/**
 * Connections to servers, at addresses that were looked up once, and checked.
 *
 * @module
 */

import { messageOf } from "../base/error_message.ts";
import { ConnectError } from "../base/errors.ts";
import { disableNagle } from "../net/socket_endpoint.ts";
import { addressesOf } from "../net/hosts.ts";
import type { ServerAddress, Target } from "./target.ts";

/** Where a server is, without names: it is connected to as it was looked up. */
export interface ResolvedTarget {
  /** What was looked up. */
  readonly target: Target;
  /** The addresses, the first that takes a connection counts; a path for a unix socket. */
  readonly places: readonly ServerAddress[];
}

/** How connections are made. */
export interface DialOptions {
  /** Certificates to trust besides the usual ones, in PEM. */
  readonly caCerts?: readonly string[];
  /** Ends what is under way. */
  readonly signal?: AbortSignal;
}

/** A connection, and when it was ready in what respect. */
export interface Dialled {
  /** The connection. */
  readonly conn: Deno.Conn;
  /** Where it leads. */
  readonly place: ServerAddress;
  /** When the connection stood, on the clock of `performance.now()`. */
  readonly connectedAtMs: number;
  /** When TLS was ready; the same if there is none. */
  readonly readyAtMs: number;
}

/** Looks up the addresses of a target. */
export async function resolveTarget(target: Target): Promise<ResolvedTarget> {
  const { address } = target;
  if (address.transport === "unix") return { target, places: [address] };
  const { port } = address;
  const hostnames = await addressesOf(address.hostname);
  return {
    target,
    places: hostnames.map((hostname) => ({ transport: "tcp", hostname, port })),
  };
}

/** Addresses that lead to this machine alone, whoever asks. */
const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|::1|::ffff:127(?:\.\d{1,3}){3})$/i;

/** The addresses of a target that do not lead to this machine for certain. */
export function placesElsewhere({ places }: ResolvedTarget): string[] {
  return places.flatMap((place) =>
    place.transport === "unix" || LOOPBACK.test(place.hostname) ? [] : [place.hostname]
  );
}

/**
 * Connects to the first of a target's addresses that takes it; with TLS, the certificate has to be for the
 * target's name.
 *
 * @throws {ConnectError} if none does
 */
export async function dial(
  { target, places }: ResolvedTarget,
  { caCerts, signal }: DialOptions = {},
): Promise<Dialled> {
  let reason = "it has no address";
  for (const place of places) {
    let conn: Deno.Conn;
    try {
      conn = await connect(place, signal);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      reason = messageOf(error);
      continue;
    }
    const connectedAtMs = performance.now();
    if (target.scheme !== "https" && target.scheme !== "wss") {
      return { conn, place, connectedAtMs, readyAtMs: connectedAtMs };
    }
    const secured = await secure(conn as Deno.TcpConn, target, caCerts, signal);
    return { conn: secured, place, connectedAtMs, readyAtMs: performance.now() };
  }
  signal?.throwIfAborted();
  throw new ConnectError(`${target.text} cannot be reached: ${reason}`);
}

async function connect(place: ServerAddress, signal: AbortSignal | undefined): Promise<Deno.Conn> {
  signal?.throwIfAborted();
  if (place.transport === "unix") {
    return await Deno.connect({ transport: "unix", path: place.path });
  }
  const { hostname, port } = place;
  const conn = await Deno.connect({ hostname, port, signal });
  disableNagle(conn);
  return conn;
}

async function secure(
  conn: Deno.TcpConn,
  target: Target,
  caCerts: readonly string[] | undefined,
  signal: AbortSignal | undefined,
): Promise<Deno.Conn> {
  const { address } = target;
  const hostname = address.transport === "tcp" ? address.hostname : "localhost";
  const options = caCerts === undefined ? {} : { caCerts: [...caCerts] };
  const secured = await Deno.startTls(conn, { hostname, ...options });
  const giveUp = () => secured.close();
  signal?.addEventListener("abort", giveUp);
  try {
    await secured.handshake();
    return secured;
  } catch (error) {
    signal?.throwIfAborted();
    secured.close();
    if (!(error instanceof Error)) throw error;
    throw new ConnectError(`no TLS with ${target.text}: ${messageOf(error)}`);
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
}
