/**
 * Whose request it is: the client's address, whichever protocol tells it.
 *
 * @module
 */

import type { RequestHead } from "./exchange.ts";
import { latin1Text } from "./fields.ts";
import { PairReader } from "./pairs.ts";

const { Number } = globalThis;

/** The client as a front server tells it. */
export interface ToldClient {
  /** Its address as text, which may be none; `undefined` if it is not told. */
  readonly address: string | undefined;
  /** Its port, which may be none. */
  readonly port: string | undefined;
}

/** What the parameters `REMOTE_ADDR` and `REMOTE_PORT` of a request say (RFC 3875 4.1.8). */
export function toldClient({ block, paramsStart, paramsEnd }: RequestHead): ToldClient {
  let address: string | undefined;
  let port: string | undefined;
  const pairs = new PairReader(block, paramsStart, paramsEnd);
  while (pairs.next()) {
    const { nameStart, nameEnd, valueEnd } = pairs;
    const length = nameEnd - nameStart;
    // Most names differ from both in their length.
    if (length !== 11) continue;
    const name = latin1Text(block, nameStart, nameEnd);
    if (name === "REMOTE_ADDR") address = latin1Text(block, nameEnd, valueEnd);
    else if (name === "REMOTE_PORT") port = latin1Text(block, nameEnd, valueEnd);
  }
  return { address, port };
}

/**
 * The client's address: what a trusted proxy says of it, what the front server says over FastCGI and Mongrel2,
 * or else the other side of the connection.
 */
export function clientOf(head: RequestHead): Deno.Addr {
  const { peer } = head;
  if (peer.endpoint === "http" || peer.isForwarded === true) return peer.remoteAddr;
  const { address, port } = toldClient(head);
  if (address === undefined || !/^[\dA-Fa-f:.]+$/.test(address)) return peer.remoteAddr;
  return {
    transport: "tcp",
    hostname: address,
    port: port !== undefined && /^\d{1,5}$/.test(port) ? Number(port) : 0,
  };
}
