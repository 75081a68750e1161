/** A connection without a socket: what it is to read is given, what it writes is kept. */

/** A connection whose other side has sent all that it will. */
export class MemoryConn implements Deno.Conn {
  readonly localAddr: Deno.NetAddr = { transport: "tcp", hostname: "127.0.0.1", port: 9_000 };
  readonly remoteAddr: Deno.NetAddr = { transport: "tcp", hostname: "127.0.0.1", port: 50_000 };
  readonly rid = -1;
  readonly #pieces: Uint8Array[];
  readonly #written: Uint8Array[] = [];
  #closed = false;

  /** Reads come to `pieces`, one after another, and then to the end. */
  constructor(pieces: readonly Uint8Array[]) {
    this.#pieces = [...pieces];
  }

  /** All that was written. */
  get written(): Uint8Array<ArrayBuffer> {
    const whole = new Uint8Array(this.#written.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of this.#written) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  // deno-lint-ignore require-await
  async read(buffer: Uint8Array): Promise<number | null> {
    if (this.#closed) throw new Deno.errors.BadResource();
    const piece = this.#pieces.shift();
    if (piece === undefined) return null;
    const bytes = Math.min(piece.length, buffer.length);
    buffer.set(piece.subarray(0, bytes));
    if (bytes < piece.length) this.#pieces.unshift(piece.subarray(bytes));
    return bytes;
  }

  // deno-lint-ignore require-await
  async write(bytes: Uint8Array): Promise<number> {
    if (this.#closed) throw new Deno.errors.BadResource();
    this.#written.push(bytes.slice());
    return bytes.length;
  }

  async closeWrite(): Promise<void> {}

  close(): void {
    this.#closed = true;
  }

  ref(): void {}

  unref(): void {}

  readonly readable = new ReadableStream<Uint8Array<ArrayBuffer>>();
  readonly writable = new WritableStream<Uint8Array<ArrayBufferLike>>();

  [Symbol.dispose](): void {
    this.close();
  }
}
