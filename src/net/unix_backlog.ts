/**
 * The queue of a unix socket: Deno chooses its length, so the C library sets it afterwards.
 *
 * @module
 */

import { openLibc } from "./libc.ts";
import { canListDescriptors, openDescriptors } from "./open_descriptors.ts";

const SYMBOLS = {
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
} as const;
const AF_UNIX = 1;
/** Where the address family stands: Linux has two bytes for it, and others a length before one. */
const FAMILY_AT = Deno.build.os === "linux" ? 0 : 1;
const PATH_AT = 2;
/** Room for any address. */
const MAX_ADDRESS_BYTES = 128;

/**
 * Lets the system queue `backlog` connections for the socket that this process listens on at `path`.
 * Returns whether that was possible: not without permission to use FFI and to list descriptors.
 */
export function setUnixBacklog(path: string, backlog: number): boolean {
  if (!canListDescriptors()) return false;
  const libc = openLibc(SYMBOLS);
  if (libc === null) return false;
  const { getpeername, getsockname, listen } = libc.symbols;
  const address = new Uint8Array(MAX_ADDRESS_BYTES);
  const length = new Uint32Array(1);
  const lengthBytes = new Uint8Array(length.buffer);
  const decoder = new TextDecoder();
  try {
    for (const fd of openDescriptors()) {
      length[0] = MAX_ADDRESS_BYTES;
      if (getsockname(fd, address, lengthBytes) !== 0 || address[FAMILY_AT] !== AF_UNIX) continue;
      const end = address.indexOf(0, PATH_AT);
      const name = decoder.decode(address.subarray(PATH_AT, end < 0 ? length[0] : end));
      if (name !== path) continue;
      length[0] = MAX_ADDRESS_BYTES;
      // What was accepted has the same name, and a peer.
      if (getpeername(fd, address, lengthBytes) === 0) continue;
      return listen(fd, backlog) === 0;
    }
    return false;
  } finally {
    libc.close();
  }
}
