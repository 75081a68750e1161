/**
 * How libzmq asks who may connect, and is answered: ZAP, version 1.0 (ZeroMQ RFC 27).
 *
 * @module
 */

import { formatIpAddress, parseIpAddress } from "../base/ip_addresses.ts";
import { formatZ85 } from "../base/z85.ts";

/** Where libzmq asks, in each context. */
export const ZAP_ENDPOINT = "inproc://zeromq.zap.01";

/** A question: whether this peer may connect. */
export interface ZapRequest {
  /** What the answer has to repeat. */
  readonly requestId: Uint8Array;
  /** Name that the asking socket has for it. */
  readonly domain: string;
  /** IP address of the peer. */
  readonly address: string;
  /** Public key that the peer has proved to own, in Z85. */
  readonly publicKey: string;
}

const VERSION = "1.0";
const MECHANISM = "CURVE";
/** Version, request, domain, address, identity, mechanism, and the key. */
const PARTS = 7;
const KEY_BYTES = 32;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Reads a question about a peer with CURVE; `null` if it is about something else. */
export function parseZapRequest(parts: readonly Uint8Array[]): ZapRequest | null {
  if (parts.length !== PARTS || parts[PARTS - 1].length !== KEY_BYTES) return null;
  const [version, , domain, address, , mechanism] = parts.map((part) => decoder.decode(part));
  if (version !== VERSION || mechanism !== MECHANISM) return null;
  // Sockets that take both kinds write addresses of IPv4 as ones of IPv6.
  const ip = parseIpAddress(address);
  return {
    requestId: parts[1],
    domain,
    address: ip === null ? address : formatIpAddress(ip),
    publicKey: formatZ85(parts[PARTS - 1]),
  };
}

/** The answer that lets the peer in. Its messages then have `userId` as their property `User-Id`. */
export function zapPermission(requestId: Uint8Array, userId: string): Uint8Array[] {
  return answer(requestId, "200", "OK", userId);
}

/** The answer that keeps the peer out. */
export function zapRefusal(requestId: Uint8Array): Uint8Array[] {
  return answer(requestId, "400", "this key is not admitted", "");
}

function answer(
  requestId: Uint8Array,
  status: string,
  text: string,
  userId: string,
): Uint8Array[] {
  const [version, ...rest] = [VERSION, status, text, userId, ""].map((each) =>
    encoder.encode(each)
  );
  return [version, requestId, ...rest];
}
