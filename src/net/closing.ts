/**
 * Closes sockets, and sees to it that they are closed. Deno closes a connection over TLS when its other
 * side has done its part of the handshake, and has taken what was sent; older versions close any
 * connection only when a write that is under way has come to its end. A client that does nothing would
 * keep its socket for ever.
 *
 * @module
 */

import { isExhaustion } from "./accept_faults.ts";
import { openLibc } from "./libc.ts";
import { canListDescriptors, openDescriptors } from "./open_descriptors.ts";
import { closeConn } from "./sender.ts";

/** Time that a connection over TLS has to close in good order, in milliseconds. */
const ORDERLY_CLOSE_MS = 2_000;
/** Sockets are looked for this often at the most, in milliseconds. */
const SWEEP_PERIOD_MS = 500;

const SYMBOLS = {
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
} as const;
const SHUT_RDWR = 2;
const AF_UNIX = 1;
/** Where the address family stands: Linux has two bytes for it, and others a length before one. */
const FAMILY_AT = Deno.build.os === "linux" ? 0 : 1;
/** Sizes of the addresses of either version of IP, and what lies where in both. */
const IPV4_ADDRESS_BYTES = 16;
const IPV6_ADDRESS_BYTES = 28;
const PORT_AT = 2;
const IPV4_AT = 4;
const IPV6_AT = 8;
const IPV6_END = 24;
/** Room for any address. */
const MAX_ADDRESS_BYTES = 128;

/** What a connection was about when it was closed. */
export interface LastWords {
  /** Whether it is over TLS. */
  readonly isTls: boolean;
  /** Whether nothing has come over it, so that it may still be about its handshake. */
  readonly isUnread: boolean;
  /** The write that is under way; settled when it has come to its end. */
  readonly writing: Promise<unknown> | null;
}

/** A socket that may still be open. */
interface Closing {
  readonly remotePort: number;
  /** When it is shut down, on the platform's clock. */
  readonly dueAt: number;
  /** Is called when that is done, if somebody waits for it. */
  readonly onGone: (() => void) | null;
}

/** Closes connections. */
class SocketCloser {
  #libc: Deno.DynamicLibrary<typeof SYMBOLS> | null | undefined;
  /** Sockets that may still be open, by their addresses. */
  readonly #closing = new Map<string, Closing>();
  /** How many of them have each port on the other side. */
  readonly #ports = new Map<number, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #address = new Uint8Array(MAX_ADDRESS_BYTES);
  readonly #length = new Uint32Array(1);
  readonly #lengthBytes = new Uint8Array(this.#length.buffer);

  /**
   * Closes `conn`. Returns `null` if its socket is closed at once or can be expected to be soon, else a
   * promise that is resolved when it is.
   */
  close(conn: Deno.Conn, words: LastWords): Promise<void> | null {
    const lingers = words.writing !== null || (words.isTls && words.isUnread);
    if (!lingers && !words.isTls) {
      closeConn(conn);
      return null;
    }
    const key = keyOf(conn);
    if (key === null || this.#library === null) {
      const closing = this.#closePatiently(conn, words);
      return lingers ? closing : null;
    }
    closeConn(conn);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#forget(key);
    const remotePort = (conn.remoteAddr as Deno.NetAddr).port;
    const dueAt = performance.now() + (lingers ? 0 : ORDERLY_CLOSE_MS);
    this.#closing.set(key, { remotePort, dueAt, onGone: lingers ? resolve : null });
    this.#ports.set(remotePort, (this.#ports.get(remotePort) ?? 0) + 1);
    this.#schedule();
    return lingers ? promise : null;
  }

  /** Takes note that a connection was accepted: an older one with the same addresses is gone, then. */
  onAccepted(conn: Deno.Conn): void {
    if (this.#closing.size === 0) return;
    const key = keyOf(conn);
    if (key !== null) this.#forget(key);
  }

  get #library(): Deno.DynamicLibrary<typeof SYMBOLS> | null {
    if (this.#libc !== undefined) return this.#libc;
    try {
      return this.#libc = canListDescriptors() ? openLibc(SYMBOLS) : null;
    } catch (error) {
      // To look takes a descriptor, too: there may be one the next time.
      if (!isExhaustion(error)) throw error;
      return null;
    }
  }

  /** Where sockets cannot be shut down by force, the client has to do its part. */
  async #closePatiently(conn: Deno.Conn, { isTls, isUnread, writing }: LastWords): Promise<void> {
    if (!isTls) closeConn(conn);
    // What becomes of either does not matter: it is over.
    if (isTls && isUnread) await (conn as Deno.TlsConn).handshake().catch(() => {});
    if (writing !== null) await writing.catch(() => {});
    if (isTls) closeConn(conn);
  }

  #forget(key: string): void {
    const closing = this.#closing.get(key);
    if (closing === undefined) return;
    this.#closing.delete(key);
    const { remotePort, onGone } = closing;
    const left = this.#ports.get(remotePort)! - 1;
    if (left === 0) this.#ports.delete(remotePort);
    else this.#ports.set(remotePort, left);
    onGone?.();
  }

  #schedule(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(this.#sweep, SWEEP_PERIOD_MS);
    Deno.unrefTimer(this.#timer as unknown as number);
  }

  readonly #sweep = (): void => {
    this.#timer = undefined;
    const now = performance.now();
    const due = [...this.#closing].filter(([, { dueAt }]) => dueAt <= now);
    if (due.length === 0 || this.#tryShutDown(now)) {
      for (const [key] of due) this.#forget(key);
    }
    if (this.#closing.size > 0) this.#schedule();
  };

  /** Shuts down the sockets whose time is over; `false` if they cannot be looked for now. */
  #tryShutDown(now: number): boolean {
    try {
      this.#shutDownDue(now);
      return true;
    } catch (error) {
      if (!isExhaustion(error)) throw error;
      return false;
    }
  }

  /** Looks for the sockets that are still there. When they are shut down, Deno closes them. */
  #shutDownDue(now: number): void {
    const { shutdown } = this.#library!.symbols;
    for (const fd of openDescriptors()) {
      if (!this.#readAddress("getpeername", fd)) continue;
      const remotePort = this.#port;
      if (!this.#ports.has(remotePort)) continue;
      const remoteHost = this.#host;
      if (!this.#readAddress("getsockname", fd)) continue;
      const closing = this.#closing.get(addressKey(remoteHost, remotePort, this.#port));
      if (closing !== undefined && closing.dueAt <= now) shutdown(fd, SHUT_RDWR);
    }
  }

  /** Reads one of a socket's addresses, if it has one of IP. */
  #readAddress(which: "getpeername" | "getsockname", fd: number): boolean {
    this.#length[0] = MAX_ADDRESS_BYTES;
    if (this.#library!.symbols[which](fd, this.#address, this.#lengthBytes) !== 0) return false;
    const [bytes] = this.#length;
    return (bytes === IPV4_ADDRESS_BYTES || bytes === IPV6_ADDRESS_BYTES) &&
      this.#address[FAMILY_AT] !== AF_UNIX;
  }

  get #port(): number {
    return (this.#address[PORT_AT] << 8) | this.#address[PORT_AT + 1];
  }

  get #host(): string {
    const bytes = this.#address;
    if (this.#length[0] === IPV4_ADDRESS_BYTES) return bytes.subarray(IPV4_AT, IPV6_AT).join(".");
    const groups: string[] = [];
    for (let at = IPV6_AT; at < IPV6_END; at += 2) {
      groups.push(((bytes[at] << 8) | bytes[at + 1]).toString(16));
    }
    return groups.join(":");
  }
}

/** The closer of this process. */
export const closer: SocketCloser = new SocketCloser();

/** What tells a connection over IP from all others that are open at the time; `null` for others. */
function keyOf({ remoteAddr, localAddr }: Deno.Conn): string | null {
  if (remoteAddr.transport !== "tcp" || localAddr.transport !== "tcp") return null;
  return addressKey(remoteAddr.hostname, remoteAddr.port, localAddr.port);
}

function addressKey(remoteHost: string, remotePort: number, localPort: number): string {
  // URLs have one form for each address.
  const host = remoteHost.includes(":") ? new URL(`http://[${remoteHost}]`).hostname : remoteHost;
  return `${host} ${remotePort} ${localPort}`;
}
