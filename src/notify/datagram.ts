/**
 * Sends datagrams to a unix socket with the system's own calls: Deno's need a socket file to send from.
 *
 * @module
 */

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
const CLOCK_MONOTONIC = 1;
/** Size of `sun_path` in a `sockaddr_un`. */
const MAX_PATH_BYTES = 108;

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  sendto: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"],
    result: "isize",
  },
  close: { parameters: ["i32"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
} as const;

/** A socket to send datagrams from, on Linux. */
export class DatagramSender implements Disposable {
  readonly #libc: Deno.DynamicLibrary<typeof SYMBOLS>;
  readonly #fd: number;
  readonly #address: Uint8Array<ArrayBuffer>;

  /**
   * Sends to the socket at `path`; an `@` at its start stands for the abstract names.
   *
   * @throws {Error} if there are no such sockets here
   */
  constructor(path: string) {
    this.#address = socketAddress(path);
    this.#libc = Deno.dlopen("libc.so.6", SYMBOLS);
    this.#fd = this.#libc.symbols.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (this.#fd < 0) {
      this.#libc.close();
      throw new Error("no socket can be opened");
    }
  }

  /** Sends a datagram; `false` if there is no receiver. */
  send(text: string): boolean {
    const bytes = new TextEncoder().encode(text);
    const { length } = this.#address;
    const sent = this.#libc.symbols.sendto(
      this.#fd,
      bytes,
      BigInt(bytes.length),
      MSG_NOSIGNAL,
      this.#address,
      length,
    );
    return Number(sent) === bytes.length;
  }

  /** The system's monotonic clock, in microseconds. */
  monotonicMicroseconds(): bigint {
    const time = new BigInt64Array(2);
    this.#libc.symbols.clock_gettime(CLOCK_MONOTONIC, new Uint8Array(time.buffer));
    const [seconds, nanoseconds] = time;
    return seconds * 1_000_000n + nanoseconds / 1_000n;
  }

  [Symbol.dispose](): void {
    this.#libc.symbols.close(this.#fd);
    this.#libc.close();
  }
}

/** A `sockaddr_un`. */
function socketAddress(path: string): Uint8Array<ArrayBuffer> {
  const isAbstract = path.startsWith("@");
  // An abstract name begins with a zero, and ends where the address does; a path ends with a zero.
  const name = new TextEncoder().encode(isAbstract ? `\0${path.slice(1)}` : `${path}\0`);
  if (name.length > MAX_PATH_BYTES) throw new Error(`the name is too long for a socket`);
  const address = new Uint8Array(2 + name.length);
  new Uint16Array(address.buffer, 0, 1)[0] = AF_UNIX;
  address.set(name, 2);
  return address;
}
