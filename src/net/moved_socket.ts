/**
 * Moves a listening socket from one of Deno's listeners to another, with all connections that wait in it.
 * Deno gives a TLS listener its certificates when it makes it, and has no way to change them; a new
 * listener at the same port would need the right to open it, and lose connections. So the new one is
 * made elsewhere, and gets the old one's socket in the place of its own.
 *
 * @module
 */

import { openLibc } from "./libc.ts";
import { openDescriptors } from "./open_descriptors.ts";

const SYMBOLS = {
  close: { parameters: ["i32"], result: "i32" },
  dup3: { parameters: ["i32", "i32", "i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
} as const;
type Libc = Deno.DynamicLibrary<typeof SYMBOLS>;

const SOL_SOCKET = 1;
const SO_ACCEPTCONN = 30;
const O_CLOEXEC = 0o2000000;
const EFD_CLOEXEC = O_CLOEXEC;
const EPOLL_CTL_ADD = 1;
/** `struct epoll_event` is packed on this architecture alone. */
const EVENT_DATA_AT = Deno.build.arch === "x86_64" ? 4 : 8;
const EVENT_BYTES = EVENT_DATA_AT + 8;
const IPV4_ADDRESS_BYTES = 16;
const IPV6_ADDRESS_BYTES = 28;
const MAX_ADDRESS_BYTES = 128;

/** What waits for events of a socket, and for which. */
interface Registration {
  readonly epollFd: number;
  readonly events: number;
  readonly data: bigint;
}

/** A socket cannot be moved: nothing has changed. */
export class MoveError extends Error {
  /** Name of the class. */
  override name = "MoveError";
}

/** Whether sockets can be moved here: on Linux, with FFI, where Deno may look into `/proc`. */
export function canMoveSockets(): boolean {
  if (Deno.build.os !== "linux") return false;
  try {
    const libc = openLibc(SYMBOLS);
    if (libc === null) return false;
    libc.close();
    Deno.readTextFileSync("/proc/self/fdinfo/0");
    return true;
  } catch (error) {
    // Deno requires all permissions for this. Standard input may be closed.
    if (error instanceof Deno.errors.NotFound) return true;
    if (error instanceof Error) return false;
    throw error;
  }
}

/** Moves the socket of one address, again and again. It remembers where things are: it searches once. */
export class SocketMover {
  readonly #addr: Deno.NetAddr;
  #sourceFd: number | null = null;
  #epollFd: number | null = null;

  /** Moves the socket that listens at `addr`. No other of this process may listen there. */
  constructor(addr: Deno.NetAddr) {
    this.#addr = addr;
  }

  /**
   * Gives the listener that `open` opens this socket, in the place of its own, which is closed. It has
   * to be at an address of its own. Connections that wait at this socket, and all that come, are then for
   * both listeners, so that the former one is to be closed. If this throws, nothing has changed.
   *
   * @throws {MoveError} if that cannot be done here, or now
   */
  moveTo(open: () => Deno.Listener): Deno.Listener {
    const libc = Deno.build.os === "linux" ? openLibc(SYMBOLS) : null;
    if (libc === null) throw new MoveError("this requires Linux, and that gatehouse may use FFI");
    try {
      const source = found(libc, this.#sourceFd, this.#addr);
      const expected = lowestFree(libc);
      const next = open();
      try {
        const target = found(libc, expected, next.addr as Deno.NetAddr);
        this.#move(libc, source, target);
        this.#sourceFd = target;
        return next;
      } catch (error) {
        next.close();
        throw error;
      }
    } finally {
      libc.close();
    }
  }

  #move(libc: Libc, source: number, target: number): void {
    const registration = this.#epollFd === null ? null : registrationIn(this.#epollFd, target);
    const { epollFd, events, data } = registration ?? registrationOf(target);
    const event = new Uint8Array(EVENT_BYTES);
    const view = new DataView(event.buffer);
    view.setUint32(0, events, true);
    view.setBigUint64(EVENT_DATA_AT, data, true);
    // This closes the target's own socket, and what waited for its events forgets it.
    if (libc.symbols.dup3(source, target, O_CLOEXEC) !== target) {
      throw new MoveError("the system does not duplicate the socket");
    }
    if (libc.symbols.epoll_ctl(epollFd, EPOLL_CTL_ADD, target, event) !== 0) {
      throw new MoveError("the system does not report connections of the moved socket");
    }
    this.#epollFd = epollFd;
  }
}

/** The descriptor that is opened next, unless another thread is faster; -1 if there is none. */
function lowestFree({ symbols }: Libc): number {
  const fd = symbols.eventfd(0, EFD_CLOEXEC);
  if (fd >= 0) symbols.close(fd);
  return fd;
}

/** The descriptor that listens at `addr`: `expected`, if that is so, since a search looks at all. */
function found(libc: Libc, expected: number | null, addr: Deno.NetAddr): number {
  return expected !== null && isAt(libc, expected, addr) ? expected : listeningAt(libc, addr);
}

function isAt(libc: Libc, fd: number, addr: Deno.NetAddr): boolean {
  const own = addressOf(libc, fd);
  return own !== null && own.port === addr.port && own.hostname === normal(addr.hostname) &&
    isListening(libc, fd);
}

/** The descriptor that listens at `addr`. */
function listeningAt(libc: Libc, addr: Deno.NetAddr): number {
  const all = [...openDescriptors()].filter((fd) => isAt(libc, fd, addr));
  if (all.length === 1) return all[0];
  throw new MoveError(`${all.length} sockets of this process listen at port ${addr.port}`);
}

function isListening({ symbols }: Libc, fd: number): boolean {
  const value = new Uint32Array(1);
  const length = new Uint32Array([4]);
  const [valueBytes, lengthBytes] = [value, length].map(({ buffer }) => new Uint8Array(buffer));
  return symbols.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, valueBytes, lengthBytes) === 0 &&
    value[0] === 1;
}

function addressOf({ symbols }: Libc, fd: number): Omit<Deno.NetAddr, "transport"> | null {
  const bytes = new Uint8Array(MAX_ADDRESS_BYTES);
  const length = new Uint32Array([MAX_ADDRESS_BYTES]);
  if (symbols.getsockname(fd, bytes, new Uint8Array(length.buffer)) !== 0) return null;
  const view = new DataView(bytes.buffer);
  const port = view.getUint16(2);
  if (length[0] === IPV4_ADDRESS_BYTES) return { hostname: bytes.subarray(4, 8).join("."), port };
  if (length[0] !== IPV6_ADDRESS_BYTES) return null;
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(8 + 2 * index));
  return { hostname: normal(groups.map((group) => group.toString(16)).join(":")), port };
}

/** The one form that an address has in URLs. */
function normal(hostname: string): string {
  return hostname.includes(":") ? new URL(`http://[${hostname}]`).hostname : hostname;
}

/** What the runtime waits with for events of `fd`. */
function registrationOf(fd: number): Registration {
  const found = [...openDescriptors()].flatMap((epollFd) => registrationIn(epollFd, fd) ?? []);
  // Several descriptors can be the same epoll instance.
  const [first] = found;
  if (first !== undefined && found.every(({ data }) => data === first.data)) return first;
  throw new MoveError("it is not to be seen how the runtime waits for connections");
}

/** How `epollFd` waits for events of `fd`; `null` if it does not, or is something else. */
function registrationIn(epollFd: number, fd: number): Registration | null {
  const pattern = new RegExp(
    `^tfd:\\s*${fd}\\s+events:\\s*([\\da-f]+)\\s+data:\\s*([\\da-f]+)`,
    "m",
  );
  const [whole, events, data] = pattern.exec(descriptorInfo(epollFd)) ?? [];
  if (whole === undefined) return null;
  return { epollFd, events: parseInt(events, 16), data: BigInt(`0x${data}`) };
}

function descriptorInfo(fd: number): string {
  try {
    return Deno.readTextFileSync(`/proc/self/fdinfo/${fd}`);
  } catch (error) {
    // It was closed since it was listed, or Deno may not look.
    if (error instanceof Error) return "";
    throw error;
  }
}
