/**
 * The system's own sockets (Linux), without the platform's tasks and promises: a load generator has little
 * else to do than to send and receive, and these take a few calls into the C library each time.
 *
 * @module
 */

import { openLibc } from "../../net/libc.ts";
import type { ServerAddress } from "../../client/target.ts";

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  // Never as much as 2 GiB: what they return fits.
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  // Linux 5.11: waits are not rounded to milliseconds.
  epoll_pwait2: {
    parameters: ["i32", "buffer", "i32", "buffer", "pointer"],
    result: "i32",
    optional: true,
  },
  __errno_location: { parameters: [], result: "pointer" },
} as const;

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const EPOLL_CLOEXEC = 0o2000000;
const ADD = 1;
const MODIFY = 3;

/** Something has come, or the connection has ended. */
export const READABLE = 0x1;
/** There is room to send. */
export const WRITABLE = 0x4;
/** The connection is broken. */
export const BROKEN = 0x8 | 0x10;

const EINTR = 4;
/** Nothing has come, or there is no room: the caller is to wait. */
export const AGAIN = -11;
/** A connection is being made. */
const EINPROGRESS = 115;
const EALREADY = 114;

/** Where an event's own number lies: the structure is packed on one architecture alone. */
const EVENT_BYTES = Deno.build.arch === "x86_64" ? 12 : 16;
const DATA_AT = Deno.build.arch === "x86_64" ? 4 : 8;
/** Events of one wait. */
const MAX_EVENTS = 1_024;
const MAX_PATH_BYTES = 107;

const ERRORS: Readonly<Record<number, string>> = {
  2: "No such file or directory",
  11: "its queue of connections is full",
  13: "Permission denied",
  24: "too many files are open (ulimit -n)",
  32: "Broken pipe",
  99: "no local address is left",
  101: "Network is unreachable",
  104: "Connection reset by peer",
  110: "Connection timed out",
  111: "Connection refused",
  113: "No route to host",
};

/** The system's word for an error, a negative number. */
export function errorText(error: number): string {
  return ERRORS[-error] ?? `error ${-error} of the system`;
}

/** Non-blocking sockets, and a set of them to wait for. */
export class PolledSockets implements Disposable {
  readonly #libc: Deno.DynamicLibrary<typeof SYMBOLS>;
  readonly #errno: Deno.UnsafePointerView;
  readonly #poll: number;
  readonly #events = new Uint8Array(EVENT_BYTES * MAX_EVENTS);
  readonly #eventView = new DataView(this.#events.buffer);
  readonly #interest = new Uint8Array(EVENT_BYTES);
  readonly #interestView = new DataView(this.#interest.buffer);
  /** Whether waits are whole milliseconds. */
  #isCoarse = false;
  readonly #wait = new BigInt64Array(2);
  readonly #waitBytes = new Uint8Array(this.#wait.buffer);

  private constructor(libc: Deno.DynamicLibrary<typeof SYMBOLS>, errno: Deno.PointerObject) {
    this.#libc = libc;
    this.#errno = new Deno.UnsafePointerView(errno);
    this.#poll = libc.symbols.epoll_create1(EPOLL_CLOEXEC);
  }

  /** Opens a set; `null` where there is none: on other systems, and without the permission for FFI. */
  static open(): PolledSockets | null {
    const { os, arch } = Deno.build;
    if (os !== "linux" || (arch !== "x86_64" && arch !== "aarch64")) return null;
    const libc = openLibc(SYMBOLS);
    if (libc === null) return null;
    const errno = libc.symbols.__errno_location();
    if (errno === null) return null;
    const sockets = new PolledSockets(libc, errno);
    if (sockets.#poll >= 0) return sockets;
    libc.close();
    return null;
  }

  /** Closes the set; its sockets must be closed before. */
  [Symbol.dispose](): void {
    this.#libc.symbols.close(this.#poll);
    this.#libc.close();
  }

  /** Begins to connect; a socket that becomes writable, as `id`, when it is done, or an error, negative. */
  connect(address: Uint8Array, id: number): number {
    const { symbols } = this.#libc;
    const family = address[0];
    const fd = symbols.socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return this.#error();
    if (family !== AF_UNIX) {
      symbols.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, new Uint8Array([1, 0, 0, 0]), 4);
    }
    if (symbols.connect(fd, address as Uint8Array<ArrayBuffer>, address.length) < 0) {
      const error = this.#error();
      if (error !== -EINPROGRESS && error !== -EALREADY) {
        symbols.close(fd);
        return error;
      }
    }
    this.#setInterest(ADD, fd, id, READABLE | WRITABLE);
    return fd;
  }

  /** Says what is waited for. */
  await(fd: number, id: number, events: number): void {
    this.#setInterest(MODIFY, fd, id, events);
  }

  /** What has become of a connection that was being made: 0, or an error, negative. */
  outcome(fd: number): number {
    const error = new Int32Array(1);
    const bytes = new Uint8Array(error.buffer);
    const length = new Uint8Array([4, 0, 0, 0]);
    const { symbols } = this.#libc;
    if (symbols.getsockopt(fd, SOL_SOCKET, SO_ERROR, bytes, length) < 0) return this.#error();
    return -error[0];
  }

  /** Sends what there is room for; how much that is, or an error, negative. */
  send(fd: number, bytes: Uint8Array): number {
    const sent = this.#libc.symbols.send(
      fd,
      bytes as Uint8Array<ArrayBuffer>,
      BigInt(bytes.length),
      MSG_DONTWAIT | MSG_NOSIGNAL,
    );
    return sent >= 0 ? sent : this.#error();
  }

  /** Receives what has come; how much that is, 0 at the end, or an error, negative. */
  receive(fd: number, buffer: Uint8Array<ArrayBuffer>): number {
    const count = this.#libc.symbols.recv(fd, buffer, BigInt(buffer.length), MSG_DONTWAIT);
    return count >= 0 ? count : this.#error();
  }

  /** Closes a socket. */
  close(fd: number): void {
    this.#libc.symbols.close(fd);
  }

  /** Waits for `ms` at the most, which blocks the thread, and calls `onEvent` for what has happened. */
  wait(ms: number, onEvent: (id: number, events: number) => void): void {
    const count = this.#waitFor(Math.max(0, ms));
    for (let i = 0; i < count; i++) {
      const at = i * EVENT_BYTES;
      onEvent(
        this.#eventView.getUint32(at + DATA_AT, true),
        this.#eventView.getUint32(at, true),
      );
    }
  }

  #waitFor(ms: number): number {
    const { symbols } = this.#libc;
    if (symbols.epoll_pwait2 !== null && !this.#isCoarse && !Number.isInteger(ms)) {
      this.#wait[0] = 0n;
      this.#wait[1] = BigInt(Math.floor(Math.min(ms, 999) * 1e6));
      const count = symbols.epoll_pwait2(
        this.#poll,
        this.#events,
        MAX_EVENTS,
        this.#waitBytes,
        null,
      );
      if (count >= 0 || this.#error() === AGAIN) return count;
      // An older kernel, or one that may not: the library alone has it.
      this.#isCoarse = true;
    }
    return symbols.epoll_wait(this.#poll, this.#events, MAX_EVENTS, Math.ceil(ms));
  }

  #setInterest(operation: number, fd: number, id: number, events: number): void {
    this.#interestView.setUint32(0, events, true);
    this.#interestView.setUint32(DATA_AT, id, true);
    this.#libc.symbols.epoll_ctl(this.#poll, operation, fd, this.#interest);
  }

  /** The error of the call before, negative. */
  #error(): number {
    const error = this.#errno.getInt32(0);
    return error === EINTR ? AGAIN : -error;
  }
}

/** An address as the system takes it; `null` if it is none. */
export function systemAddress(place: ServerAddress): Uint8Array | null {
  if (place.transport === "unix") {
    const path = new TextEncoder().encode(place.path);
    if (path.length > MAX_PATH_BYTES) return null;
    const bytes = new Uint8Array(3 + path.length);
    bytes[0] = AF_UNIX;
    bytes.set(path, 2);
    return bytes;
  }
  const { hostname, port } = place;
  const ipv4 = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(hostname);
  const bytes = new Uint8Array(ipv4 === null ? 28 : 16);
  bytes[0] = ipv4 === null ? AF_INET6 : AF_INET;
  bytes[2] = port >>> 8;
  bytes[3] = port;
  if (ipv4 !== null) {
    bytes.set(ipv4.slice(1).map(Number), 4);
    return bytes;
  }
  const groups = ipv6Groups(hostname);
  if (groups === null) return null;
  for (const [i, group] of groups.entries()) {
    bytes[8 + 2 * i] = group >>> 8;
    bytes[9 + 2 * i] = group;
  }
  return bytes;
}

/** The eight groups of an IPv6 address; `null` if it is none, or has a zone. */
function ipv6Groups(hostname: string): number[] | null {
  if (!URL.canParse(`http://[${hostname}]/`)) return null;
  // The standard writes all forms alike: without dots, and with one gap at the most.
  const text = new URL(`http://[${hostname}]/`).hostname.slice(1, -1);
  const [before, after] = text.split("::");
  const groupsOf = (part: string | undefined) =>
    part === undefined || part === "" ? [] : part.split(":").map((group) => parseInt(group, 16));
  const [first, last] = [groupsOf(before), groupsOf(after)];
  const gap = after === undefined ? 0 : 8 - first.length - last.length;
  const groups = [...first, ...Array(gap).fill(0), ...last];
  return groups.length === 8 ? groups : null;
}
