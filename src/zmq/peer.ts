/**
 * The other end of a connection that libzmq has made, by the connection's descriptor.
 *
 * @module
 */

import { formatIpAddress, IPV4_BYTES, IPV6_BYTES } from "../base/ip_addresses.ts";
import { loadLibc } from "./half_close.ts";

const SHUT_RDWR = 2;
/** Bytes of the largest address of a socket. */
const ADDRESS_BYTES = 128;
const AF_INET = 2;
const AF_INET6: number = ({ darwin: 30, freebsd: 28 } as Record<string, number | undefined>)[
  Deno.build.os
] ?? 10;
/** Where the IP address is in a socket's address: after family, port and, for IPv6, a flow. */
const IPV4_AT = 4;
const IPV6_AT = 8;

const SYMBOLS = {
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
} as const;

let libc: Deno.DynamicLibrary<typeof SYMBOLS> | null | undefined;

/** Opens the system's library, if there is one that has the functions. */
export function openPeerCalls(): void {
  if (libc === undefined) libc = loadLibc(SYMBOLS);
}

/** IP address and port of the other end; `null` if there is none, or it cannot be told here. */
export function peerAddress(fd: number): string | null {
  openPeerCalls();
  const bytes = new Uint8Array(ADDRESS_BYTES);
  const length = new Uint32Array([ADDRESS_BYTES]);
  if (libc == null || libc.symbols.getpeername(fd, bytes, length) !== 0) return null;
  const view = new DataView(bytes.buffer);
  // Systems of BSD's kind have the length there first.
  const isBsd = Deno.build.os === "darwin" || Deno.build.os === "freebsd";
  const family = isBsd ? bytes[1] : view.getUint16(0, true);
  const port = view.getUint16(2);
  if (family === AF_INET) {
    return `${formatIpAddress(bytes.subarray(IPV4_AT, IPV4_AT + IPV4_BYTES))}:${port}`;
  }
  if (family !== AF_INET6) return null;
  const ip = formatIpAddress(bytes.subarray(IPV6_AT, IPV6_AT + IPV6_BYTES));
  // A socket that takes both kinds has peers of IPv4 with addresses of IPv6.
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/** Ends the connection, in both directions; `false` where it cannot be done. libzmq then closes it. */
export function cutConnection(fd: number): boolean {
  openPeerCalls();
  return libc != null && libc.symbols.shutdown(fd, SHUT_RDWR) === 0;
}
